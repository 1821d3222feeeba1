"""The stops of the tour over the example: where each points, and what is to know there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop; ``at`` is a CSS selector of the page."""

    at: str
    title: str
    text: str


TOUR: tuple[Stop, ...] = (
    Stop(
        ".figures",
        "What matters first",
        "Each figure beside the days before. Choose one, and the graph shows it.",
    ),
    Stop(
        ".stepper",
        "Any days",
        "A day, a month, days of your own; the arrows step on. D, W, M and Y do it by key.",
    ),
    Stop(
        "#card-sources",
        "A row is a filter",
        "Click Google, and everything on the page is of visitors from there.",
    ),
    Stop(
        "#card-pages",
        "What they read",
        "Pages by views, where visits begin and end, and links that lead nowhere.",
    ),
    Stop(
        "#card-events",
        "What they came for",
        "Goals and their rate. You define them in the settings, and they count the past too.",
    ),
    Stop(
        ".site-nav",
        "And deeper",
        "Live visits, funnels, heatmaps over your pages, and what crawlers take: all in here.",
    ),
)
