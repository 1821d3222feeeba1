"""The navigation of a site: its groups and their pages, in order.

The one place for a page's entry: every page of a site includes ``sites/tabs.html``, which shows
what stands here. Whether somebody may open a page is asked by its view; a page that takes the right
to edit is only not offered to others.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TabPage:
    """One page: ``endpoint`` takes the site's host.

    ``edits`` needs the right to edit the site; ``timed`` pages have a period and filters, which go
    along from one to the next.
    """

    name: str
    label: str
    endpoint: str
    edits: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that belong together; the first one that may be seen is where the group leads."""

    label: str
    pages: tuple[TabPage, ...]

    def seen(self, *, may_edit: bool) -> tuple[TabPage, ...]:
        """Give the pages to offer."""
        return tuple(page for page in self.pages if may_edit or not page.edits)

    def holds(self, name: str) -> bool:
        """Tell whether a page belongs to this group."""
        return any(page.name == name for page in self.pages)


GROUPS: tuple[Group, ...] = (
    Group("Overview", (TabPage("overview", "Overview", "dashboard.overview", timed=True),)),
    Group("Live", (TabPage("live", "Live", "live.page"),)),
    Group(
        "Behaviour",
        (
            TabPage("funnels", "Funnels", "funnels.page", timed=True),
            TabPage("journeys", "Journeys", "journeys.page", timed=True),
            TabPage("retention", "Retention", "retention.page", timed=True),
            TabPage("pages", "Pages", "behaviour.pages", timed=True),
            TabPage("map", "Maps", "behaviour.page_map", timed=True),
            TabPage("clicks", "Rage and dead clicks", "behaviour.clicks", timed=True),
            TabPage("vitals", "Vitals", "behaviour.vitals", timed=True),
            TabPage("errors", "Errors", "behaviour.errors", timed=True),
            TabPage("forms", "Forms", "behaviour.forms", timed=True),
        ),
    ),
    Group(
        "Edge",
        (
            TabPage("edge", "Health", "sites.edge"),
            TabPage("capture", "Capture", "capture.capture", timed=True),
            TabPage("answers", "Answers", "served.answers", timed=True),
            TabPage("crawlers", "Crawlers", "served.crawlers", timed=True),
            TabPage("events", "Events", "sites.events"),
        ),
    ),
    Group(
        "Settings",
        (
            TabPage("settings", "General", "sites.settings", edits=True),
            TabPage("rules", "Rules", "rules.page"),
            TabPage("verify", "Verify", "verify.page", edits=True),
            TabPage("goals", "Goals", "goals.page", edits=True),
            TabPage("properties", "Properties", "properties.page", edits=True),
            TabPage("funnel_settings", "Funnels", "funnel_settings.page", edits=True),
            TabPage("segments", "Segments", "segments.page"),
            TabPage("notes", "Notes", "notes.page"),
            TabPage("sharing", "Sharing", "sharing_settings.page", edits=True),
            TabPage("reports", "Reports", "messages.page", edits=True),
        ),
    ),
)


def label_of(name: str) -> str:
    """Give the label of a page."""
    return next(page.label for group in GROUPS for page in group.pages if page.name == name)
