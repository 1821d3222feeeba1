"""The headline figures, in order, and how numbers are written.

Definitions are NUMBERS'; the hints here say them in a sentence. Pure.
"""

from dataclasses import dataclass
from typing import Any

type Value = int | float | dict[str, Any] | None
"""What the query engine answers; an amount of money is a dict with ``value, short, long``."""

_THOUSAND = 1000
_UNITS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_SHORT_FROM = 10_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline number; ``up_is`` says what more of it means: good, bad, or just more."""

    metric: str
    label: str
    unit: str
    up_is: str
    hint: str


_ALL = (
    Figure(
        "visitors",
        "Visitors",
        "count",
        "good",
        "People, told apart within a day without cookies. Over several days it is the sum of the "
        "days: who comes on three days counts three times.",
    ),
    Figure(
        "visits",
        "Visits",
        "count",
        "good",
        "What one visitor does with pauses of at most 30 minutes.",
    ),
    Figure(
        "pageviews",
        "Page views",
        "count",
        "good",
        "Pages shown, also those a single-page site shows without loading.",
    ),
    Figure("views_per_visit", "Views per visit", "ratio", "good", "Page views divided by visits."),
    Figure(
        "bounce_rate",
        "Bounce rate",
        "percent",
        "bad",
        "Share of visits with one page view and no interaction that you measure.",
    ),
    Figure(
        "visit_duration",
        "Visit duration",
        "seconds",
        "good",
        "From the first to the last event of a visit, on average; bounces count as 0.",
    ),
    Figure(
        "engaged_time",
        "Engaged time",
        "seconds",
        "good",
        "How long a page was visible and in focus, on average per visit. A reader of one long page "
        "counts here.",
    ),
)
_MORE = (
    Figure("events", "Events", "count", "good", "Page views and custom events together."),
    Figure(
        "engagement_rate",
        "Engagement rate",
        "percent",
        "good",
        "Share of visits with 10 seconds of engaged time, two page views, or a goal.",
    ),
)
_OF_GOALS = (
    Figure(
        "visitors",
        "Unique conversions",
        "count",
        "good",
        "Visitors who reached the goal, each once a day.",
    ),
    Figure(
        "events", "Total conversions", "count", "good", "How often the goal was reached in all."
    ),
    Figure(
        "conversion_rate",
        "Conversion rate",
        "percent",
        "good",
        "Visitors who reached the goal, of all visitors under the same other filters.",
    ),
    Figure(
        "total_revenue",
        "Revenue",
        "money",
        "good",
        "What the goal's events brought, in the goal's own currency.",
    ),
    Figure(
        "average_revenue",
        "Average revenue",
        "money",
        "good",
        "Revenue divided by the events that brought it.",
    ),
)
FIGURES: dict[str, Figure] = {figure.metric: figure for figure in _ALL}
"""The headline."""
GOAL_FIGURES: dict[str, Figure] = {figure.metric: figure for figure in _OF_GOALS}
"""The headline where only those are shown who reached a goal."""
GRAPHS: dict[str, Figure] = FIGURES | {figure.metric: figure for figure in _MORE}
"""What the graph can show besides."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the lists that is no headline figure."""

    label: str
    unit: str
    hint: str


_COLUMNS: dict[str, Column] = {
    "events": Column("Total", "count", "How often it happened in all."),
    "percentage": Column("Share", "percent", "Visitors of the row, of all visitors shown."),
    "exit_rate": Column(
        "Exit rate", "percent", "Visits that ended here, of the views of the page."
    ),
    "entrances": Column("Entrances", "count", "Visits that began here."),
    "exits": Column("Exits", "count", "Visits that ended here."),
    "engagement_rate": Column("Engaged", "percent", _MORE[1].hint),
    "time_on_page": Column(
        "Time on page",
        "seconds",
        "Engaged seconds on the page, on average of the visits that were seen reading it.",
    ),
    "scroll_depth": Column(
        "Scroll depth", "percent", "The deepest part of the page that was seen, on average."
    ),
    "conversion_rate": Column("Rate", "percent", _OF_GOALS[2].hint),
    "total_revenue": Column("Revenue", "money", _OF_GOALS[3].hint),
    "average_revenue": Column("Average", "money", _OF_GOALS[4].hint),
    "requests": Column("Requests", "count", "Documents that were answered with 404 or 410."),
}
UNITS: dict[str, str] = {
    **{name: column.unit for name, column in _COLUMNS.items()},
    **{figure.metric: figure.unit for figure in _ALL},
}
COLUMNS: dict[str, str] = {
    **{name: column.label for name, column in _COLUMNS.items()},
    **{figure.metric: figure.label for figure in _ALL},
}
HINTS: dict[str, str] = {
    **{name: column.hint for name, column in _COLUMNS.items()},
    **{figure.metric: figure.hint for figure in _ALL},
}


def short(value: Value, unit: str = "count") -> str:
    """Write a number to be read at a glance: ``12.4k``, ``2m 05s``, ``41%``."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, dict):
        return str(value["short"])
    if unit == "seconds":
        return _duration(round(value))
    if unit == "percent":
        return f"{round(value, 1):g}%" if value < 10 else f"{int(value + 0.5)}%"  # noqa: PLR2004 - two digits are enough
    if unit == "ratio":
        return f"{value:.2f}"
    if abs(value) < _SHORT_FROM:
        return full(value)
    size, letter = next(unit for unit in _UNITS if abs(value) + unit[0] // 2000 >= unit[0])
    tenths = (int(abs(value)) * 10 + size // 2) // size
    whole = f"{tenths / 10:g}" if tenths < _THOUSAND else str((int(abs(value)) + size // 2) // size)
    return f"{'-' if value < 0 else ''}{whole}{letter}"


def full(value: Value, unit: str = "count") -> str:
    """Write a number with all its digits."""
    if value is None:
        return "not known"
    if isinstance(value, dict):
        return str(value["long"])
    if unit == "percent":
        return f"{value:g}%"
    if unit != "count":
        return short(value, unit)
    return f"{value:,}"


def plain(value: Value) -> int | float | None:
    """Give a value as a number, to draw it."""
    if not isinstance(value, dict):
        return value
    amount: float = value["value"]
    return amount


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {seconds:02d}s" if minutes else f"{seconds}s"


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure moved: ``tone`` is good, bad or even; ``words`` are for screen readers."""

    text: str
    arrow: str
    tone: str
    words: str


def change(figure: Figure, moved: Value, before: Value) -> Change | None:
    """Write a change against the comparison; None where there is nothing to compare."""
    if moved is None or before is None or isinstance(moved, dict):
        return None
    unit = " points" if figure.unit == "percent" else "%"
    size = f"{abs(moved):,}{unit if unit == '%' else ' pt'}"
    was = f"before it was {full(before, figure.unit)}"
    if not moved:
        return Change("unchanged", "", "even", was)
    up = moved > 0
    tone = "good" if up == (figure.up_is == "good") else "bad"
    direction = "up" if up else "down"
    words = f"{direction} by {abs(moved):,}{unit}; {was}"
    return Change(size, direction, tone, words)
