"""Every dimension that a query may group or filter by, in one ordered list.

A dimension says which column holds it in each table, whether that column is fixed for the life of a
visit or may change with a late event (INGESTION 5.3), and what a missing value is shown as
(NUMBERS 8). What the planner makes of it is ``plan``; conditions are ``conditions``.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from babel import Locale

PROPS_PREFIX = "event:props:"
GOAL = "event:goal"
OPERATOR = "visit:operator"
HIT_PREFIX = "hit:"
NONE = "(none)"
NOT_SET = "(not set)"
DIRECT_NONE = "Direct / None"
DIRECT = "Direct"
HUMAN = "human"
TOUCHED: dict[str, str] = {
    "source": DIRECT_NONE,
    "channel": DIRECT,
    "utm_source": NOT_SET,
    "utm_medium": NOT_SET,
    "utm_campaign": NOT_SET,
}
"""Attributes of a visit that a touch is told by, and what a missing one is shown as."""
MAX_PROP_KEY_CHARACTERS = 300


class PageRole(StrEnum):
    """As which page of a visit ``event:page`` is read where visits are counted."""

    ENTRY = "entry"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension.

    ``events`` and ``sessions`` name its column, empty where the table has none. ``changing`` marks
    a sessions column that a late event may still move. ``missing`` is what an empty value is shown
    as; where it is empty and ``omit_missing`` is set, such rows are left out of a list. Where an
    expression stands for a column, ``reads`` is the one of ``sessions`` that it reads. With
    ``touch`` it is of another visit of the visitor's, and its column is one of ``touches``.
    """

    name: str
    events: str
    sessions: str
    meaning: str
    changing: bool = False
    missing: str = ""
    omit_missing: bool = False
    reads: str = ""
    touch: str = ""

    @property
    def is_prop(self) -> bool:
        """Say whether this is a custom property; its key is then ``prop_key``."""
        return self.name.startswith(PROPS_PREFIX)

    @property
    def prop_key(self) -> str:
        """Return the custom property's key."""
        return self.name.removeprefix(PROPS_PREFIX)

    @property
    def of_event(self) -> bool:
        """Say whether the dimension tells events of one visit apart."""
        return self.name.startswith("event:")

    @property
    def of_hit(self) -> bool:
        """Say whether only what the edge served (``hits``) knows it."""
        return self.name.startswith(HIT_PREFIX)

    @property
    def sessions_only(self) -> bool:
        """Say whether only the sessions table knows it."""
        return not self.events


def _event(name: str, column: str, meaning: str) -> Dimension:
    return Dimension(f"event:{name}", column, "", meaning)


def _fixed(name: str, missing: str, meaning: str) -> Dimension:
    return Dimension(f"visit:{name}", name, name, meaning, missing=missing)


def _expression(name: str, events: str, sessions: str, meaning: str, reads: str = "") -> Dimension:
    changing = not events
    return Dimension(f"visit:{name}", events, sessions, meaning, changing=changing, reads=reads)


def _touches() -> tuple[Dimension, ...]:
    """Describe what is told of the visitor's first and last touch (NUMBERS, attribution)."""
    meanings = {"first": "of the visitor's first visit", "last": "of the last one not direct"}
    return tuple(
        Dimension(
            f"visit:{touch}_{name}",
            "",
            f"{touch}_{name}",
            f"`visit:{name}` {meaning} in the salt period, up to this visit",
            missing=missing,
            touch=touch,
        )
        for touch, meaning in meanings.items()
        for name, missing in TOUCHED.items()
    )


def _place(name: str, meaning: str) -> Dimension:
    return Dimension(f"visit:{name}", name, name, meaning, omit_missing=True)


def _named(name: str, column: str, meaning: str) -> Dimension:
    return Dimension(f"visit:{name}", column, column, meaning, omit_missing=True)


def _hit(name: str, column: str, meaning: str, missing: str = "") -> Dimension:
    return Dimension(f"{HIT_PREFIX}{name}", column, "", meaning, missing=missing)


def _changing(name: str, column: str, meaning: str) -> Dimension:
    return Dimension(f"visit:{name}", "", column, meaning, changing=True, omit_missing=True)


DIMENSIONS: tuple[Dimension, ...] = (
    _event("page", "path", "Path of the page; for bounces and durations the entry page"),
    _event("name", "name", "Name of the event, `pageview` for page views"),
    _event("hostname", "hostname", "Host name of the page"),
    Dimension("event:title", "props['title']", "", "Its property `title`", missing=NOT_SET),
    _event("goal", "name", "Goals that the event reaches; it stands with each of them"),
    _changing("entry_page", "entry_page", "Path of the visit's first page view"),
    _changing("exit_page", "exit_page", "Path of the visit's last page view"),
    _changing("entry_page_hostname", "entry_hostname", "Host name of the first page view"),
    _changing("exit_page_hostname", "exit_hostname", "Host name of the last page view"),
    _fixed("source", DIRECT_NONE, "Where the visit came from, by name"),
    _fixed("referrer", DIRECT_NONE, "Address of the page that linked here"),
    _fixed("channel", DIRECT, "Kind of source"),
    _fixed("utm_source", NOT_SET, "Campaign tag `utm_source`"),
    _fixed("utm_medium", NOT_SET, "Campaign tag `utm_medium`"),
    _fixed("utm_campaign", NOT_SET, "Campaign tag `utm_campaign`"),
    _fixed("utm_content", NOT_SET, "Campaign tag `utm_content`"),
    _fixed("utm_term", NOT_SET, "Campaign tag `utm_term`"),
    *_touches(),
    _fixed("device", NOT_SET, "Class of device"),
    _fixed("browser", NOT_SET, "Browser"),
    _fixed("browser_version", NOT_SET, "Version of the browser"),
    _fixed("os", NOT_SET, "Operating system"),
    _fixed("os_version", NOT_SET, "Version of the operating system"),
    _fixed("screen", NOT_SET, "Class of the window's width"),
    _fixed("language", NOT_SET, "Language of the browser"),
    _expression(
        "hour",
        "",
        "leftPad(toString(toHour(start_at, {zone})), 2, '0')",
        "Local hour in which the visit began, `00` to `23`",
        reads="start_at",
    ),
    _expression(
        "weekday",
        "toString(toDayOfWeek(local_day))",
        "toString(toDayOfWeek(local_day))",
        "Day of the week of the visit, `1` (Monday) to `7`",
    ),
    _place("country", "Country code"),
    _place("region", "Region"),
    _place("city", "City"),
    _named("country_name", "transform(country, {codes}, {names}, country)", "Country by its name"),
    _named("region_name", "region", "The same as `visit:region`: names of regions are not kept"),
    _named("city_name", "city", "The same as `visit:city`"),
    _fixed("bot", HUMAN, "Class of bot; to filter or group by it makes bots visible"),
    _fixed("operator", NOT_SET, "Who runs the bot; to filter or group by it makes bots visible"),
    _hit("status", "toString(status)", "Status of the answer, such as `404`"),
    _hit("status_class", "concat(toString(intDiv(status, 100)), 'xx')", "Its class, such as `4xx`"),
    _hit("method", "method", "Method of the request"),
    _hit("outcome", "outcome", "`injected`, or why the document has no script"),
    _hit(
        "linked_from",
        "if(from_path = '', referrer_host, from_path)",
        "Path of the site's own page, or the other host, that linked to the document",
        DIRECT_NONE,
    ),
    _hit("redirect", "redirect", "Where a redirect leads to", NONE),
)

TIME_DIMENSIONS: tuple[str, ...] = ("time", "time:hour", "time:day", "time:week", "time:month")
"""``time`` stands for the finest of the others that suits the range."""

BY_NAME: dict[str, Dimension] = {dimension.name: dimension for dimension in DIMENSIONS}

ROLE_COLUMNS: dict[tuple[str, PageRole], str] = {
    ("event:page", PageRole.ENTRY): "entry_page",
    ("event:page", PageRole.EXIT): "exit_page",
    ("event:hostname", PageRole.ENTRY): "entry_hostname",
    ("event:hostname", PageRole.EXIT): "exit_hostname",
}
"""Columns of a visit that stand for an event's page where the visit itself is counted."""

BOT_DIMENSIONS: frozenset[str] = frozenset({"visit:bot", OPERATOR})
"""Who names one of these asks for bots as well."""

_ALIKE = (
    "event:page", "event:hostname", "visit:country", "visit:country_name", "visit:device",
    "visit:browser", "visit:browser_version", "visit:os", "visit:weekday", "visit:bot", OPERATOR,
)  # fmt: skip
SERVED_DIMENSIONS: frozenset[str] = frozenset(
    {*_ALIKE, *(name for name in BY_NAME if name.startswith(HIT_PREFIX))}
)
"""What rows of ``hits`` know; where events know it too, both have a column of the same name."""

CAPTURE_DIMENSIONS: frozenset[str] = frozenset(_ALIKE) - BOT_DIMENSIONS - {"visit:weekday"}
"""What hits and the views that confirm them know alike."""


@cache
def country_names() -> dict[str, str]:
    """Return countries' names in English by their ISO codes; the names are CLDR's (Babel)."""
    territories = Locale.parse("en").territories
    return {code: str(name) for code, name in sorted(territories.items()) if code.isalpha()}


def find_dimension(name: str) -> Dimension | None:
    """Return the dimension of that name, or None; times are not among them."""
    if name.startswith(PROPS_PREFIX):
        key = name.removeprefix(PROPS_PREFIX)
        known = 0 < len(key) <= MAX_PROP_KEY_CHARACTERS
        return Dimension(name, "props", "", "Custom property", missing=NONE) if known else None
    return BY_NAME.get(name)


def allowed_names(*, hits: bool = True) -> tuple[str, ...]:
    """Return every name that may stand in ``dimensions``, for an error to list."""
    names = (name for name in BY_NAME if hits or not name.startswith(HIT_PREFIX))
    return (*names, f"{PROPS_PREFIX}<key>", *TIME_DIMENSIONS)
