"""The cards of the overview, in order: which lists they hold and what each list counts."""

from dataclasses import dataclass
from typing import Any

from portal.language import N_


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of a card.

    ``dimension`` is the short name a click filters by; ``metrics`` are its columns, the first one
    drawn as a bar; ``only`` are conditions of the list itself; ``group`` names the menu under which
    it stands with others; ``kind`` names what is special about it.
    """

    name: str
    label: str
    dimension: str
    column: str
    metrics: tuple[str, ...] = ("visitors", "percentage")
    only: tuple[tuple[Any, ...], ...] = ()
    empty: str = N_("Nothing in this period.")
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
"""Lists that need more than their dimension and columns say (``portal.dashboard.lists``)."""
_NO_CAMPAIGNS = N_(
    "No visit came with this campaign tag. Tag your links with utm_campaign to see them."
)
_NO_EVENTS = N_("No custom events yet. Send one from your page: statflow('Signup').")
_NO_PLACES = N_("No places known in this period.")
_NO_GOALS = N_("No goal was reached in this period.")
_NO_PROPERTIES = N_("No custom properties yet. Send them along: {props: {plan: 'pro'}}.")
_NO_MISSING = N_("Nobody asked for a page that is not there.")
_SET = (("is_not", "(not set)"),)


def _campaigns(name: str, label: str, dimension: str) -> Tab:
    return Tab(name, label, dimension, label, only=_SET, empty=_NO_CAMPAIGNS, group=N_("Campaigns"))


def _technology(name: str, label: str, dimension: str, column: str, group: str = "") -> Tab:
    return Tab(name, label, dimension, column, group=group)


_ALL = (
    Card(
        "sources",
        N_("Sources"),
        (
            Tab("sources", N_("Sources"), "source", N_("Source")),
            Tab("channels", N_("Channels"), "channel", N_("Channel")),
            Tab("referrers", N_("Referrers"), "referrer", N_("Referrer")),
            _campaigns("campaigns", N_("Campaign"), "utm_campaign"),
            _campaigns("utm_sources", N_("UTM source"), "utm_source"),
            _campaigns("utm_media", N_("UTM medium"), "utm_medium"),
            _campaigns("utm_contents", N_("UTM content"), "utm_content"),
            _campaigns("utm_terms", N_("UTM term"), "utm_term"),
        ),
    ),
    Card(
        "pages",
        N_("Pages"),
        (
            Tab("top", N_("Top"), "page", N_("Page")),
            Tab("entry", N_("Entry"), "entry_page", N_("Entry page"), ("visits", "bounce_rate")),
            Tab("exit", N_("Exit"), "exit_page", N_("Exit page"), ("visits", "exit_rate")),
            Tab(
                "missing",
                N_("Not found"),
                "page",
                N_("Address"),
                ("hits",),
                empty=_NO_MISSING,
                kind=MISSING,
            ),
        ),
    ),
    Card(
        "places",
        N_("Places"),
        (
            Tab("map", N_("Map"), "country", N_("Country"), empty=_NO_PLACES, kind=MAP),
            Tab("countries", N_("Countries"), "country", N_("Country"), empty=_NO_PLACES),
            Tab("regions", N_("Regions"), "region", N_("Region"), empty=_NO_PLACES),
            Tab("cities", N_("Cities"), "city", N_("City"), empty=_NO_PLACES),
        ),
    ),
    Card(
        "technology",
        N_("Technology"),
        (
            _technology("browsers", N_("Browsers"), "browser", N_("Browser")),
            _technology("systems", N_("Systems"), "os", N_("System")),
            _technology("devices", N_("Devices"), "device", N_("Device")),
            _technology("screens", N_("Screens"), "screen", N_("Window width")),
            _technology(
                "versions", N_("Browser versions"), "browser_version", N_("Version"), N_("More")
            ),
            _technology(
                "system_versions", N_("System versions"), "os_version", N_("Version"), N_("More")
            ),
            _technology("languages", N_("Languages"), "language", N_("Language"), N_("More")),
        ),
    ),
    Card(
        "events",
        N_("Goals and properties"),
        (
            Tab(
                "goals",
                N_("Goals"),
                "goal",
                N_("Goal"),
                ("visitors", "events", "conversion_rate"),
                empty=_NO_GOALS,
                kind=GOALS,
            ),
            Tab(
                "properties",
                N_("Properties"),
                "prop:",
                N_("Value"),
                ("visitors", "events", "percentage"),
                empty=_NO_PROPERTIES,
                kind=PROPERTIES,
            ),
            Tab(
                "events",
                N_("Custom events"),
                "event",
                N_("Event"),
                ("visitors", "events"),
                only=(("is_not", "pageview"), ("is_not", "engagement")),
                empty=_NO_EVENTS,
            ),
        ),
    ),
)
CARDS: dict[str, Card] = {card.name: card for card in _ALL}
