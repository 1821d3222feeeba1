"""Who looks at a site's numbers, and what of them that shows: a member, or a reader of a link.

A value that every page of the dashboard is given; who may have one is decided before, by
``portal.teams.rights`` for members and by ``portal.sharing`` for readers. The one invariant: what a
look holds back cannot be asked for by any URL, filters and searches included.
"""

from dataclasses import dataclass, replace

from portal.dashboard.cards import CARDS, Card
from portal.dashboard.filters import PROP, Chip
from portal.dashboard.state import State
from portal.models import Site

SECTIONS: dict[str, frozenset[str]] = {
    "sources": frozenset(
        {
            "channel",
            "source",
            "referrer",
            "utm_campaign",
            "utm_source",
            "utm_medium",
            "utm_content",
            "utm_term",
        }
    ),
    "pages": frozenset({"page", "entry_page", "exit_page", "hostname"}),
    "places": frozenset({"country", "region", "city"}),
    "technology": frozenset(
        {"browser", "browser_version", "os", "os_version", "device", "screen", "language"}
    ),
    "events": frozenset({"event", "goal"}),
}
"""Each card, and what may be filtered by where it is shown: a filter tells numbers too."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How an embedded dashboard is painted: a theme, and ``page``, ``transparent`` or a colour."""

    theme: str
    background: str


@dataclass(frozen=True, slots=True)
class Look:
    """One person's view of one site.

    ``home`` is the path of the overview, under which its pieces stand; without ``person_id`` it is
    a reader's. ``segment_id`` is a saved segment that holds for every question. ``is_example``: the
    numbers are of a site that was made up.
    """

    site: Site
    home: str
    sections: frozenset[str] = frozenset(CARDS)
    segment_id: int | None = None
    person_id: int | None = None
    may_edit: bool = False
    frame: Frame | None = None
    title: str = ""
    is_example: bool = False
    unlisted: frozenset[str] = frozenset()
    """Custom properties that the team took off the lists; for a reader they are not there."""

    @property
    def is_member(self) -> bool:
        """Tell whether this is somebody who is signed in and belongs to the site."""
        return self.person_id is not None

    @property
    def cards(self) -> dict[str, Card]:
        """The cards that are shown, in order."""
        return {name: card for name, card in CARDS.items() if name in self.sections}

    def dimensions(self, named: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """Keep of the named dimensions those that may be filtered by."""
        return {name: entry for name, entry in named.items() if self._is_shown(name)}

    def limited(self, state: State) -> State:
        """Take away what a URL asks for and this look does not show."""
        if self.is_member:
            return state
        chips = tuple(chip for chip in state.chips if self.allows(chip))
        tabs = {name: tab for name, tab in state.tabs.items() if name in self.sections}
        return replace(state, chips=chips, tabs=tabs)

    def allows(self, chip: Chip) -> bool:
        """Tell whether a filter asks only for what is shown."""
        return self._is_shown(chip.dimension)

    def _is_shown(self, dimension: str) -> bool:
        if self.is_member:
            return True
        if dimension.startswith(PROP):
            is_listed = dimension.removeprefix(PROP) not in self.unlisted
            return "events" in self.sections and is_listed
        return any(dimension in SECTIONS[name] for name in self.sections)
