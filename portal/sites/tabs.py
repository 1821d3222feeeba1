"""The navigation of a site: its groups and their pages, in order.

The one place for a page's entry: every page of a site includes ``sites/tabs.html``, which shows
what stands here. Whether somebody may open a page is asked by its view; a page that takes the right
to edit is only not offered to others.
"""

from dataclasses import dataclass

from portal.language import N_


@dataclass(frozen=True, slots=True)
class TabPage:
    """One page: ``endpoint`` takes the site's host.

    ``edits`` needs the right to edit the site; ``timed`` pages have a period and filters, which go
    along from one to the next; ``under`` is the heading in a group that has headings.
    """

    name: str
    label: str
    endpoint: str
    edits: bool = False
    timed: bool = False
    under: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that belong together; the first one that may be seen is where the group leads."""

    label: str
    pages: tuple[TabPage, ...]

    def seen(self, *, may_edit: bool) -> tuple[TabPage, ...]:
        """Give the pages to offer."""
        return tuple(page for page in self.pages if may_edit or not page.edits)

    @property
    def has_headings(self) -> bool:
        """Tell whether its pages stand under headings, at the side of the page."""
        return any(page.under for page in self.pages)

    def holds(self, name: str) -> bool:
        """Tell whether a page belongs to this group."""
        return any(page.name == name for page in self.pages)


_TRACKING, _COUNTED, _SHARED, _DATA = (
    N_("Tracking"),
    N_("What counts"),
    N_("Share"),
    N_("Data and privacy"),
)
GROUPS: tuple[Group, ...] = (
    Group(N_("Overview"), (TabPage("overview", N_("Overview"), "dashboard.overview", timed=True),)),
    Group(N_("Live"), (TabPage("live", N_("Live"), "live.page"),)),
    Group(
        N_("Behaviour"),
        (
            TabPage("funnels", N_("Funnels"), "funnels.page", timed=True),
            TabPage("journeys", N_("Journeys"), "journeys.page", timed=True),
            TabPage("retention", N_("Retention"), "retention.page", timed=True),
            TabPage("pages", N_("Pages"), "behaviour.pages", timed=True),
            TabPage("map", N_("Maps"), "behaviour.page_map", timed=True),
            TabPage("clicks", N_("Rage and dead clicks"), "behaviour.clicks", timed=True),
            TabPage("vitals", N_("Vitals"), "behaviour.vitals", timed=True),
            TabPage("errors", N_("Errors"), "behaviour.errors", timed=True),
            TabPage("forms", N_("Forms"), "behaviour.forms", timed=True),
        ),
    ),
    Group(
        N_("Edge"),
        (
            TabPage("capture", N_("Capture"), "capture.capture", timed=True),
            TabPage("crawlers", N_("Crawlers"), "served.crawlers", timed=True),
            TabPage("answers", N_("Responses"), "served.answers", timed=True),
            TabPage("events", N_("Events"), "sites.events"),
            TabPage("edge", N_("Health"), "sites.edge"),
        ),
    ),
    Group(
        N_("Settings"),
        (
            TabPage("settings", N_("General"), "sites.settings", edits=True, under=_TRACKING),
            TabPage("rules", N_("Rules"), "rules.page", under=_TRACKING),
            TabPage("verify", N_("Verify"), "verify.page", edits=True, under=_TRACKING),
            TabPage("goals", N_("Goals"), "goals.page", edits=True, under=_COUNTED),
            TabPage("properties", N_("Properties"), "properties.page", edits=True, under=_COUNTED),
            TabPage(
                "funnel_settings", N_("Funnels"), "funnel_settings.page", edits=True, under=_COUNTED
            ),
            TabPage("segments", N_("Segments"), "segments.page", under=_COUNTED),
            TabPage("notes", N_("Notes"), "notes.page", under=_COUNTED),
            TabPage("sharing", N_("Sharing"), "sharing_settings.page", edits=True, under=_SHARED),
            TabPage("reports", N_("Reports"), "messages.page", edits=True, under=_SHARED),
            TabPage("imports", N_("Imports"), "imports.page", edits=True, under=_DATA),
            TabPage("data", N_("Data"), "data.page", edits=True, under=_DATA),
            TabPage("privacy", N_("Privacy page"), "privacy.settings", edits=True, under=_DATA),
        ),
    ),
)


def label_of(name: str) -> str:
    """Give the label of a page."""
    return next(page.label for group in GROUPS for page in group.pages if page.name == name)
