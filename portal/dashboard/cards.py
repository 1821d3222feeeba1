"""The cards of the overview, in order: which lists they hold and what each list counts."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of a card.

    ``dimension`` is the short name a click filters by; ``metrics`` are its columns, the first one
    drawn as a bar; ``only`` are conditions of the list itself; ``group`` names the menu under which
    it stands with others; ``kind`` is another source of rows than the query engine.
    """

    name: str
    label: str
    dimension: str
    column: str
    metrics: tuple[str, ...] = ("visitors", "percentage")
    only: tuple[tuple[Any, ...], ...] = ()
    empty: str = "Nothing in this period."
    group: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One card: a title and its lists."""

    name: str
    title: str
    tabs: tuple[Tab, ...]

    @property
    def tab_names(self) -> tuple[str, ...]:
        """The names of its lists."""
        return tuple(tab.name for tab in self.tabs)

    @property
    def groups(self) -> dict[str, list[Tab]]:
        """Its lists that stand in menus, by the menu's name."""
        found: dict[str, list[Tab]] = {}
        for tab in self.tabs:
            if tab.group:
                found.setdefault(tab.group, []).append(tab)
        return found

    def tab(self, name: str) -> Tab | None:
        """Find a list by name."""
        return next((tab for tab in self.tabs if tab.name == name), None)


GOALS, PROPERTIES, MAP, MISSING = "goals", "properties", "map", "missing"
"""Lists that are made in a way of their own (``portal.dashboard.lists``)."""
_NO_CAMPAIGNS = (
    "No visit came with this campaign tag. Tag your links with utm_campaign to see them."
)
_NO_EVENTS = "No custom events yet. Send one from your page: statflow('Signup')."
_NO_PLACES = "No places known in this period."
_NO_GOALS = "No goal was reached in this period."
_NO_PROPERTIES = "No custom properties yet. Send them along: {props: {plan: 'pro'}}."
_NO_MISSING = "Nobody asked for a page that is not there."
_SET = (("is_not", "(not set)"),)


def _campaigns(name: str, label: str, dimension: str) -> Tab:
    return Tab(name, label, dimension, label, only=_SET, empty=_NO_CAMPAIGNS, group="Campaigns")


def _technology(name: str, label: str, dimension: str, column: str, group: str = "") -> Tab:
    return Tab(name, label, dimension, column, group=group)


_ALL = (
    Card(
        "sources",
        "Sources",
        (
            Tab("sources", "Sources", "source", "Source"),
            Tab("channels", "Channels", "channel", "Channel"),
            Tab("referrers", "Referrers", "referrer", "Referrer"),
            _campaigns("campaigns", "Campaign", "utm_campaign"),
            _campaigns("utm_sources", "UTM source", "utm_source"),
            _campaigns("utm_media", "UTM medium", "utm_medium"),
            _campaigns("utm_contents", "UTM content", "utm_content"),
            _campaigns("utm_terms", "UTM term", "utm_term"),
        ),
    ),
    Card(
        "pages",
        "Pages",
        (
            Tab("top", "Top", "page", "Page"),
            Tab("entry", "Entry", "entry_page", "Entry page", ("visits", "bounce_rate")),
            Tab("exit", "Exit", "exit_page", "Exit page", ("visits", "exit_rate")),
            Tab(
                "missing",
                "Not found",
                "page",
                "Address",
                ("requests", "percentage"),
                empty=_NO_MISSING,
                kind=MISSING,
            ),
        ),
    ),
    Card(
        "places",
        "Places",
        (
            Tab("map", "Map", "country", "Country", empty=_NO_PLACES, kind=MAP),
            Tab("countries", "Countries", "country", "Country", empty=_NO_PLACES),
            Tab("regions", "Regions", "region", "Region", empty=_NO_PLACES),
            Tab("cities", "Cities", "city", "City", empty=_NO_PLACES),
        ),
    ),
    Card(
        "technology",
        "Technology",
        (
            _technology("browsers", "Browsers", "browser", "Browser"),
            _technology("systems", "Systems", "os", "System"),
            _technology("devices", "Devices", "device", "Device"),
            _technology("screens", "Screens", "screen", "Window width"),
            _technology("versions", "Browser versions", "browser_version", "Version", "More"),
            _technology("system_versions", "System versions", "os_version", "Version", "More"),
            _technology("languages", "Languages", "language", "Language", "More"),
        ),
    ),
    Card(
        "events",
        "Goals and properties",
        (
            Tab(
                "goals",
                "Goals",
                "goal",
                "Goal",
                ("visitors", "events", "conversion_rate"),
                empty=_NO_GOALS,
                kind=GOALS,
            ),
            Tab(
                "properties",
                "Properties",
                "prop:",
                "Value",
                ("visitors", "events", "percentage"),
                empty=_NO_PROPERTIES,
                kind=PROPERTIES,
            ),
            Tab(
                "events",
                "Custom events",
                "event",
                "Event",
                ("visitors", "events"),
                only=(("is_not", "pageview"), ("is_not", "engagement")),
                empty=_NO_EVENTS,
            ),
        ),
    ),
)
CARDS: dict[str, Card] = {card.name: card for card in _ALL}
