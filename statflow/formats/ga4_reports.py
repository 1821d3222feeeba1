"""Turn daily reports of GA4 (CSV, of the Data API, Looker Studio or an exploration) into totals.

Each file is one report: a column ``date``, at most one dimension (a source may stand beside its
medium and campaign), and numbers. Names of columns are those of the Data API or of the screens; a
file of several dimensions at once is refused, for its rows cannot be added up to either. The one
invariant: as in ``plausible``, a column that is not there is not known. Source: "API Dimensions &
Metrics" of the Google Analytics Data API.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from statflow.formats import words
from statflow.formats.files import NoExportError, members_of, rows_of
from statflow.formats.totals import (
    EVENTS,
    VISITS,
    Row,
    Table,
    Tells,
    Total,
    WrongRowError,
    day_of,
    held,
    number,
    totals_of,
    whole,
)

_ALIASES = {
    "page path": "pagepath",
    "page path and screen class": "pagepath",
    "pagepathplusquerystring": "pagepath",
    "page path + query string": "pagepath",
    "unifiedpagepathscreen": "pagepath",
    "landing page": "landingpage",
    "landing page + query string": "landingpage",
    "landingpageplusquerystring": "landingpage",
    "session source": "sessionsource",
    "session medium": "sessionmedium",
    "session campaign": "sessioncampaignname",
    "country id": "countryid",
    "device category": "devicecategory",
    "operating system": "operatingsystem",
    "event name": "eventname",
    "total users": "totalusers",
    "active users": "activeusers",
    "users": "totalusers",
    "views": "screenpageviews",
    "bounce rate": "bouncerate",
    "average session duration": "averagesessionduration",
    "event count": "eventcount",
}
_NUMBERS = frozenset(
    {"totalusers", "activeusers", "sessions", "screenpageviews", "bouncerate",
     "averagesessionduration", "eventcount"}
)  # fmt: skip
_DERIVED = frozenset({"page_view", "session_start", "first_visit", "user_engagement", "scroll"})
_SUMS = frozenset({"visitors", "visits", "pageviews", "bounces", "duration_ms"})
_OF_EVENTS = frozenset({"visitors", "visits", "pageviews"})


def _value(column: str, read: Callable[[str], str] = words.known) -> Callable[[Row], str]:
    return lambda row: read(row.get(column, ""))


def _source(text: str) -> str:
    found = words.known(text)
    return "" if found == "(direct)" else found


def _path(text: str) -> str:
    return words.known(text).partition("?")[0]


def _visits(column: str, dimension: str, read: Callable[[str], str] = words.known) -> Tells:
    return Tells(VISITS, f"visit:{dimension}", _value(column, read), _SUMS)


_TELLS: dict[str, tuple[Tells, ...]] = {
    "": (Tells(VISITS, "", sums=_SUMS | {"events"}),),
    "sessionsource": (_visits("sessionsource", "source", _source),),
    "sessionmedium": (_visits("sessionmedium", "utm_medium", _source),),
    "sessioncampaignname": (_visits("sessioncampaignname", "utm_campaign", _source),),
    "country": (_visits("country", "country", words.country),),
    "countryid": (_visits("countryid", "country", words.country),),
    "city": (_visits("city", "city"),),
    "devicecategory": (_visits("devicecategory", "device", words.device),),
    "browser": (_visits("browser", "browser", words.browser),),
    "operatingsystem": (_visits("operatingsystem", "os", words.system),),
    "pagepath": (Tells(EVENTS, "event:page", _value("pagepath", _path), _OF_EVENTS),),
    "landingpage": (
        Tells(VISITS, "visit:entry_page", _value("landingpage", _path), _SUMS),
        Tells(VISITS, "event:page", _value("landingpage", _path), _SUMS),
    ),
    "eventname": (
        Tells(EVENTS, "event:name", _value("eventname"), frozenset({"visitors", "events"})),
    ),
}
"""Each dimension's column, and what its rows tell."""
_TOGETHER = frozenset({"sessionsource", "sessionmedium", "sessioncampaignname"})
"""Dimensions of which each visit has one: their rows add up to each alone."""


class Reader:
    """Reads one export; ``holds`` is what it was found to tell, once it is read."""

    def __init__(self) -> None:
        self._found: list[tuple[Table, frozenset[str]]] = []

    @property
    def holds(self) -> frozenset[str]:
        """What the reports that were there can tell."""
        return held(self._found)

    def read(self, file: Path, skipped: Counter[str]) -> Iterator[Total]:
        """Give the totals of a report, or of an archive of reports.

        Raises:
            NoExportError: It is none, or two are of the same dimension.
        """
        seen: set[str] = set()
        with members_of(file) as members:
            for name, stream in members:
                yield from self._rows(name, stream, seen, skipped)
        if not self._found:
            raise NoExportError("it holds no daily report")

    def _rows(
        self, name: str, stream: BinaryIO, seen: set[str], skipped: Counter[str]
    ) -> Iterator[Total]:
        heading, rows = rows_of(stream)
        table = self._table(name, {_named(column) for column in heading}, seen)
        for raw in rows:
            row = {_named(column): value for column, value in raw.items()}
            if row["date"].strip().lower() in {"", "grand total"}:
                continue
            if row.get("eventname") in _DERIVED:
                skipped[f"{row['eventname']}: counted otherwise"] += 1
                continue
            try:
                yield from totals_of(table, row, day_of(row["date"]))
            except WrongRowError as error:
                skipped[f"{name[:80]}: {error}"] += 1

    def _table(self, name: str, columns: set[str], seen: set[str]) -> Table:
        """Tell by its heading what a report is.

        Raises:
            NoExportError: It is no daily report that can be added up.
        """
        named = columns - _NUMBERS - {"date"}
        unknown = sorted(named - set(_TELLS))
        if "date" not in columns or not columns & _NUMBERS:
            raise NoExportError(f"{name} has no column date, or no numbers")
        if unknown:
            raise NoExportError(
                f"{name} has columns that are not known: {', '.join(unknown)[:200]}"
            )
        if len(named) > 1 and not named <= _TOGETHER:
            raise NoExportError(f"{name} tells {' and '.join(sorted(named))} at once: export each")
        dimensions = named or {""}
        if twice := dimensions & seen:
            raise NoExportError(f"two reports tell {', '.join(sorted(twice)) or 'the whole'}")
        seen |= dimensions
        tells = tuple(told for one in sorted(dimensions) for told in _TELLS[one])
        table = Table(tells, _sums)
        self._found.append((table, frozenset(_sums(dict.fromkeys(columns, "0")))))
        return table


def _named(column: str) -> str:
    lowered = column.strip().lower()
    return _ALIASES.get(lowered, lowered)


def _sums(row: Row) -> dict[str, int]:
    """Read the numbers of a row; rates and means become sums by the visits they are of."""
    found: dict[str, int] = {}
    for column, name in (
        ("totalusers", "visitors"),
        ("activeusers", "visitors"),
        ("sessions", "visits"),
        ("screenpageviews", "pageviews"),
        ("eventcount", "events"),
    ):
        if column in row:
            found.setdefault(name, whole(row, column))
    if "visits" in found and "bouncerate" in row:
        found["bounces"] = round(found["visits"] * min(_share(row), 1.0))
    if "visits" in found and "averagesessionduration" in row:
        found["duration_ms"] = round(found["visits"] * number(row, "averagesessionduration") * 1000)
    return found


def _share(row: Row) -> float:
    """Read a rate, as 0.41 or 41%."""
    text = row["bouncerate"].strip()
    if text.endswith("%"):
        return number({"bouncerate": text[:-1]}, "bouncerate") / 100
    return number(row, "bouncerate")
