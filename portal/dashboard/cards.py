"""The cards of the overview, in order: which lists they hold and what each list counts."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of a card.

    ``dimension`` is the short name a click filters by; ``metrics`` are its columns, the first one
    drawn as a bar; ``only`` are conditions of the list itself.
    """

    name: str
    label: str
    dimension: str
    column: str
    metrics: tuple[str, ...] = ("visitors", "percentage")
    only: tuple[tuple[Any, ...], ...] = ()
    empty: str = "Nothing in this period."


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

    def tab(self, name: str) -> Tab | None:
        """Find a list by name."""
        return next((tab for tab in self.tabs if tab.name == name), None)


_NO_CAMPAIGNS = (
    "No visit came with this campaign tag. Tag your links with utm_campaign to see them."
)
_NO_EVENTS = "No custom events yet. Send one from your page: statflow('Signup')."
_NO_PLACES = "No places known in this period."
_SET = (("is_not", "(not set)"),)

_ALL = (
    Card(
        "sources",
        "Sources",
        (
            Tab("sources", "Sources", "source", "Source"),
            Tab("channels", "Channels", "channel", "Channel"),
            Tab("referrers", "Referrers", "referrer", "Referrer"),
            Tab(
                "campaigns", "Campaigns", "utm_campaign", "Campaign", only=_SET, empty=_NO_CAMPAIGNS
            ),
        ),
    ),
    Card(
        "pages",
        "Pages",
        (
            Tab("top", "Top", "page", "Page"),
            Tab("entry", "Entry", "entry_page", "Entry page", ("visits", "bounce_rate")),
            Tab("exit", "Exit", "exit_page", "Exit page", ("visits", "exit_rate")),
        ),
    ),
    Card(
        "places",
        "Places",
        (
            Tab("countries", "Countries", "country", "Country", empty=_NO_PLACES),
            Tab("regions", "Regions", "region", "Region", empty=_NO_PLACES),
            Tab("cities", "Cities", "city", "City", empty=_NO_PLACES),
        ),
    ),
    Card(
        "technology",
        "Technology",
        (
            Tab("browsers", "Browsers", "browser", "Browser"),
            Tab("systems", "Systems", "os", "System"),
            Tab("devices", "Devices", "device", "Device"),
            Tab("screens", "Screens", "screen", "Window width"),
        ),
    ),
    Card(
        "events",
        "Events",
        (
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
