"""The navigation of a site: its groups and their pages, in order.

The one place for a page's entry: every page of a site includes ``sites/tabs.html``, which shows
what stands here. Whether somebody may open a page is asked by its view; a page that takes the right
to edit is only not offered to others.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TabPage:
    """One page: ``endpoint`` takes the site's host; ``edits`` needs the right to edit the site."""

    name: str
    label: str
    endpoint: str
    edits: bool = False


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
    Group("Overview", (TabPage("overview", "Overview", "dashboard.overview"),)),
    Group("Live", (TabPage("live", "Live", "live.page"),)),
    Group(
        "Behaviour",
        (
            TabPage("funnels", "Funnels", "funnels.page"),
            TabPage("journeys", "Journeys", "journeys.page"),
            TabPage("retention", "Retention", "retention.page"),
            TabPage("pages", "Pages", "behaviour.pages"),
            TabPage("map", "Maps", "behaviour.page_map"),
            TabPage("clicks", "Rage and dead clicks", "behaviour.clicks"),
            TabPage("vitals", "Vitals", "behaviour.vitals"),
            TabPage("errors", "Errors", "behaviour.errors"),
            TabPage("forms", "Forms", "behaviour.forms"),
        ),
    ),
    Group(
        "Edge",
        (
            TabPage("edge", "Health", "sites.edge"),
            TabPage("capture", "Capture", "capture.capture"),
            TabPage("answers", "Answers", "served.answers"),
            TabPage("crawlers", "Crawlers", "served.crawlers"),
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
            TabPage("imports", "Imports", "imports.page", edits=True),
        ),
    ),
)
