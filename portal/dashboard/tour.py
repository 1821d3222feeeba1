"""The stops of the tour over the example: where each points, and what is to know there."""

from dataclasses import dataclass

from portal.language import N_


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop; ``at`` is a CSS selector of the page."""

    at: str
    title: str
    text: str


TOUR: tuple[Stop, ...] = (
    Stop(
        ".figures",
        N_("What matters first"),
        N_("Each figure beside the days before. Choose one, and the graph shows it."),
    ),
    Stop(
        ".stepper",
        N_("Any days"),
        N_("A day, a month, days of your own; the arrows step on. D, W, M and Y do it by key."),
    ),
    Stop(
        "#card-sources",
        N_("A row is a filter"),
        N_("Click Google, and everything on the page is of visitors from there."),
    ),
    Stop(
        "#card-pages",
        N_("What they read"),
        N_("Pages by views, where visits begin and end, and links that lead nowhere."),
    ),
    Stop(
        "#card-events",
        N_("What they came for"),
        N_("Goals and their rate. You define them in the settings, and they count the past too."),
    ),
    Stop(
        ".site-nav .tabs",
        N_("And deeper"),
        N_("Live visits, funnels, heatmaps over your pages, and what crawlers take: all in here."),
    ),
)
