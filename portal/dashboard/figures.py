"""The headline figures, in order, and how numbers are written.

Definitions are NUMBERS'; the hints here say them in a sentence. Pure.
"""

from dataclasses import dataclass
from typing import Any

from portal import writing
from portal.language import N_, _

_SHORTENED_FROM = 1_000_000
"""A column is written with all digits until its largest number reaches this."""
type Value = int | float | dict[str, Any] | None
"""What the query engine answers; an amount of money is a dict with ``value, short, long``."""


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
        N_("Visitors"),
        "count",
        "good",
        N_(
            "People, told apart within a day without cookies. Over several days it is the sum of "
            "the days: who comes on three days counts three times."
        ),
    ),
    Figure(
        "visits",
        N_("Visits"),
        "count",
        "good",
        N_("What one visitor does with pauses of at most 30 minutes."),
    ),
    Figure(
        "pageviews",
        N_("Page views"),
        "count",
        "good",
        N_("Pages shown, also those a single-page site shows without loading."),
    ),
    Figure(
        "views_per_visit",
        N_("Views per visit"),
        "ratio",
        "good",
        N_("Page views divided by visits."),
    ),
    Figure(
        "bounce_rate",
        N_("Bounce rate"),
        "percent",
        "bad",
        N_("Share of visits with one page view and no interaction that you measure."),
    ),
    Figure(
        "visit_duration",
        N_("Visit duration"),
        "seconds",
        "good",
        N_("From the first to the last event of a visit, on average; bounces count as 0."),
    ),
    Figure(
        "engaged_time",
        N_("Engaged time"),
        "seconds",
        "good",
        N_(
            "How long a page was visible and in focus, on average per visit. A reader of one long "
            "page counts here."
        ),
    ),
)
_MORE = (
    Figure("events", N_("Events"), "count", "good", N_("Page views and custom events together.")),
    Figure(
        "engagement_rate",
        N_("Engagement rate"),
        "percent",
        "good",
        N_("Share of visits with 10 seconds of engaged time, two page views, or a goal."),
    ),
)
_OF_GOALS = (
    Figure(
        "visitors",
        N_("Unique conversions"),
        "count",
        "good",
        N_("Visitors who reached the goal, each once a day."),
    ),
    Figure(
        "events",
        N_("Total conversions"),
        "count",
        "good",
        N_("How often the goal was reached in all."),
    ),
    Figure(
        "conversion_rate",
        N_("Conversion rate"),
        "percent",
        "good",
        N_("Visitors who reached the goal, of all visitors under the same other filters."),
    ),
    Figure(
        "total_revenue",
        N_("Revenue"),
        "money",
        "good",
        N_("What the goal's events brought, in the goal's own currency."),
    ),
    Figure(
        "average_revenue",
        N_("Average revenue"),
        "money",
        "good",
        N_("Revenue divided by the events that brought it."),
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
    "events": Column(N_("Total"), "count", N_("How often it happened in all.")),
    "percentage": Column(N_("Share"), "percent", N_("Visitors of the row, of all visitors shown.")),
    "exit_rate": Column(
        N_("Exit rate"), "percent", N_("Visits that ended here, of the views of the page.")
    ),
    "entrances": Column(N_("Entrances"), "count", N_("Visits that began here.")),
    "exits": Column(N_("Exits"), "count", N_("Visits that ended here.")),
    "engagement_rate": Column(N_("Engaged"), "percent", _MORE[1].hint),
    "time_on_page": Column(
        N_("Time on page"),
        "seconds",
        N_("Engaged seconds on the page, on average of the visits that were seen reading it."),
    ),
    "scroll_depth": Column(
        N_("Scroll depth"), "percent", N_("The deepest part of the page that was seen, on average.")
    ),
    "conversion_rate": Column(N_("Rate"), "percent", _OF_GOALS[2].hint),
    "total_revenue": Column(N_("Revenue"), "money", _OF_GOALS[3].hint),
    "average_revenue": Column(N_("Average"), "money", _OF_GOALS[4].hint),
    "hits": Column(N_("Requests"), "count", N_("Documents that were answered with 404 or 410.")),
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
        return writing.money(value, short=True)
    if unit == "seconds":
        return writing.duration(round(value))
    if unit == "percent":
        return writing.percent(round(value, 1) if value < 10 else int(value + 0.5))  # noqa: PLR2004 - two digits are enough
    if unit == "ratio":
        return writing.decimals(value, 2)
    return writing.short_number(value)


def listed(value: Value, unit: str, most: Value = None) -> str:
    """Write a number of a column whose largest is ``most``: all of them with the same precision."""
    if value is None or isinstance(value, dict):
        return short(value, unit)
    if unit == "percent":
        return writing.percent(value, 1)
    if unit == "count" and isinstance(most, int | float) and most < _SHORTENED_FROM:
        return writing.number(value)
    return short(value, unit)


def full(value: Value, unit: str = "count") -> str:
    """Write a number with all its digits."""
    if value is None:
        return _("not known")
    if isinstance(value, dict):
        return writing.money(value, short=False)
    if unit == "percent":
        return writing.percent(value)
    return writing.number(value) if unit == "count" else short(value, unit)


def plain(value: Value) -> int | float | None:
    """Give a value as a number, to draw it."""
    if not isinstance(value, dict):
        return value
    amount: float = value["value"]
    return amount


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
    points = figure.unit == "percent"
    size = writing.number(abs(moved))
    was = _("before it was %(value)s", value=full(before, figure.unit))
    if not moved:
        return Change(_("unchanged"), "", "even", was)
    up = moved > 0
    tone = "good" if up == (figure.up_is == "good") else "bad"
    by = _("%(number)s points", number=size) if points else writing.percent(abs(moved))
    words = (
        _("up by %(size)s; %(was)s", size=by, was=was)
        if up
        else _("down by %(size)s; %(was)s", size=by, was=was)
    )
    text = _("%(number)s pt", number=size) if points else by
    return Change(text, "up" if up else "down", tone, words)
