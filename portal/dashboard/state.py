"""What the URL of a dashboard says, and every URL that differs from it by one choice.

Pure: today is an argument. The one invariant: whatever changes the view is in here, and reading
what ``args`` wrote gives the same state; anything unreadable falls back to its default.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol
from urllib.parse import urlencode

from portal.dashboard.cards import CARDS, Card
from portal.dashboard.figures import FIGURES, GOAL_FIGURES, GRAPHS, Figure
from portal.dashboard.filters import GOAL, SEGMENT, Chip, read_chips
from portal.dashboard.periods import (
    CUSTOM,
    DEFAULT,
    LABELS,
    Days,
    after,
    before,
    days_of,
    intervals_for,
    read_days,
)
from portal.language import N_, _

COMPARISONS = {
    "previous": N_("Previous period"),
    "year": N_("Same days a year before"),
    "off": N_("No comparison"),
}
_MODES = {"previous": "previous_period", "year": "year_over_year", CUSTOM: "custom"}
_WEEKDAYS = "weekday"
_DEFAULT_METRIC = "visitors"
_METRICS = GRAPHS | GOAL_FIGURES


class Args(Protocol):
    """The query part of a URL, as werkzeug reads it."""

    def get(self, key: str, default: str) -> str:
        """Give the first value."""

    def getlist(self, key: str) -> list[str]:
        """Give all values."""


@dataclass(frozen=True, slots=True)
class State:
    """One view of one site's dashboard."""

    period: str
    days: Days
    today: date
    comparison: str
    metric: str
    interval: str
    chips: tuple[Chip, ...]
    tabs: Mapping[str, str]
    prop: str = ""
    """The custom property by which the list of properties is told."""
    extra: tuple[tuple[str, str], ...] = ()
    """Parameters of the page's own, kept as they are."""
    imports: bool = True
    against: Days | None = None
    """The days of a custom comparison."""
    weekdays: bool = False
    """The comparison begins on the same day of the week."""

    def args(self) -> list[tuple[str, str]]:
        """Write the state as URL parameters, defaults left out."""
        pairs: list[tuple[str, str]] = []
        if self.period == CUSTOM:
            pairs += [
                ("period", CUSTOM),
                ("from", self.days.first.isoformat()),
                ("to", self.days.last.isoformat()),
            ]
        elif self.period != DEFAULT:
            pairs.append(("period", self.period))
        if self.comparison != "previous":
            pairs.append(("compare", self.comparison))
        if self.against is not None:
            pairs.append(("cfrom", self.against.first.isoformat()))
            pairs.append(("cto", self.against.last.isoformat()))
        if self.weekdays:
            pairs.append(("match", _WEEKDAYS))
        if self.interval != intervals_for(self.days)[0]:
            pairs.append(("interval", self.interval))
        if self.metric != _DEFAULT_METRIC:
            pairs.append(("metric", self.metric))
        if not self.imports:
            pairs.append(("imports", "off"))
        pairs += [("f", entry) for chip in self.chips for entry in chip.args()]
        pairs += [(card, tab) for card, tab in self.tabs.items()]
        return pairs + ([("prop", self.prop)] if self.prop else []) + list(self.extra)

    def query(self) -> str:
        """Write the state as a URL's query part, with its question mark."""
        pairs = self.args()
        return "?" + urlencode(pairs) if pairs else "?"

    def with_period(self, name: str) -> str:
        """Write the URL of another named period."""
        days = days_of(name, self.today)
        return self._with_days(name, days)

    def _with_days(self, name: str, days: Days) -> str:
        interval = self.interval if self.interval in intervals_for(days) else ""
        fitting = interval or intervals_for(days)[0]
        if self.interval == intervals_for(self.days)[0]:
            fitting = intervals_for(days)[0]
        return replace(self, period=name, days=days, interval=fitting).query()

    def earlier(self) -> str | None:
        """Write the URL one period back."""
        days = before(self.days)
        return self._with_days(CUSTOM, days) if days else None

    def later(self) -> str | None:
        """Write the URL one period on, if that is not in the future."""
        days = after(self.days, self.today)
        return self._with_days(CUSTOM, days) if days else None

    def unperioded(self) -> str:
        """Write the URL without its period and bucket size, for a script to put another in."""
        days = days_of(DEFAULT, self.today)
        interval = intervals_for(days)[0]
        return replace(self, period=DEFAULT, days=days, interval=interval).query()

    def with_comparison(self, name: str) -> str:
        """Write the URL of another comparison."""
        return replace(self, comparison=name, against=None).query()

    def with_weekdays(self, *, on: bool) -> str:
        """Write the URL whose comparison begins on the same day of the week, or not."""
        return replace(self, weekdays=on).query()

    def with_imports(self, *, on: bool) -> str:
        """Write the URL with imported totals, or without."""
        return replace(self, imports=on).query()

    def with_metric(self, name: str) -> str:
        """Write the URL that graphs another metric."""
        return replace(self, metric=name).query()

    def with_interval(self, name: str) -> str:
        """Write the URL of another bucket size."""
        return replace(self, interval=name).query()

    def with_tab(self, card: str, tab: str) -> str:
        """Write the URL in which a card shows another tab."""
        return replace(self, tabs={**self.tabs, card: tab}).query()

    def with_prop(self, key: str) -> str:
        """Write the URL in which properties are told by another one."""
        return replace(self, prop=key).query()

    def filtered(self, dimension: str, value: str, operator: str = "is") -> str:
        """Write the URL with one filter more; one of the same dimension is replaced."""
        kept = tuple(chip for chip in self.chips if chip.dimension != dimension)
        return replace(self, chips=(*kept, Chip(operator, dimension, (value,)))).query()

    def without(self, chip: Chip) -> str:
        """Write the URL without a filter."""
        return replace(self, chips=tuple(c for c in self.chips if c != chip)).query()

    def with_extra(self, name: str, value: str) -> str:
        """Write the URL with another value of the page's own parameter; none if it is empty."""
        kept = tuple(pair for pair in self.extra if pair[0] != name)
        return replace(self, extra=(*kept, (name, value)) if value else kept).query()

    def elsewhere(self, **own: str) -> str:
        """Write the URL of another page about the same: period and filters, and its own choices."""
        return replace(
            self,
            interval=intervals_for(self.days)[0],
            metric=_DEFAULT_METRIC,
            tabs={},
            prop="",
            extra=tuple((name, value) for name, value in own.items() if value),
        ).query()

    def has(self, dimension: str, value: str) -> bool:
        """Tell whether a filter names a value."""
        return any(chip.dimension == dimension and value in chip.values for chip in self.chips)

    @property
    def savable(self) -> bool:
        """Tell whether the filters can be a segment, which is not made of segments."""
        return bool(self.chips) and all(chip.dimension != SEGMENT for chip in self.chips)

    def chips_query(self) -> str:
        """Write only the filters as a URL's query part."""
        return "?" + urlencode([("f", entry) for chip in self.chips for entry in chip.args()])

    def unfiltered(self) -> str:
        """Write the URL without any filter."""
        return replace(self, chips=()).query()

    def turned(self, chip: Chip) -> str:
        """Write the URL in which a filter says the opposite."""
        chips = tuple(c.turned() if c == chip else c for c in self.chips)
        return replace(self, chips=chips).query()

    @property
    def has_goal(self) -> bool:
        """Say whether a filter leaves only those who reached a goal."""
        return any(c.dimension == GOAL and not c.is_negative for c in self.chips)

    @property
    def figures(self) -> dict[str, Figure]:
        """The headline figures: of conversions where a filter leaves only those."""
        return GOAL_FIGURES if self.has_goal else FIGURES

    @property
    def graphs(self) -> dict[str, Figure]:
        """Everything the graph can show."""
        return self.figures if self.figures is GOAL_FIGURES else GRAPHS

    @property
    def metric_shown(self) -> str:
        """The metric of the graph, if this view has it."""
        return self.metric if self.metric in self.graphs else _DEFAULT_METRIC

    @property
    def graphed(self) -> tuple[str, ...]:
        """The metrics to ask for in time: the headline's, and what the graph shows."""
        return tuple(dict.fromkeys((*self.figures, self.metric_shown)))

    def tab_of(self, card: Card) -> str:
        """Give the tab that a card shows."""
        return self.tabs.get(card.name, card.tabs[0].name)

    @property
    def period_label(self) -> str:
        """The period in words."""
        return _(LABELS.get(self.period, "")) or self.days.label()

    @property
    def days_before(self) -> Days:
        """The days before the period, as long."""
        return before(self.days) or self.days

    @property
    def comparison_label(self) -> str:
        """The comparison in words, as they stand in a sentence."""
        if self.against is not None:
            return self.against.label()
        return _(COMPARISONS[self.comparison]).lower()

    @property
    def compared(self) -> dict[str, Any] | None:
        """The comparison as the query model has it; None for none."""
        mode = _MODES.get(self.comparison)
        if mode is None:
            return None
        asked: dict[str, Any] = {"mode": mode}
        if self.against is not None:
            asked["date_range"] = [self.against.first.isoformat(), self.against.last.isoformat()]
        return asked | ({"match_day_of_week": True} if self.weekdays else {})


def read_state(args: Args, today: date, extra: Iterable[str] = ()) -> State:
    """Read the URL; what it does not say, or says wrongly, is the default."""
    period, days = _period(args, today)
    comparison, against = _comparison(args, today)
    metric = args.get("metric", "")
    interval = args.get("interval", "")
    return State(
        period=period,
        days=days,
        today=today,
        comparison=comparison,
        against=against,
        weekdays=args.get("match", "") == _WEEKDAYS,
        metric=metric if metric in _METRICS else _DEFAULT_METRIC,
        interval=interval if interval in intervals_for(days) else intervals_for(days)[0],
        chips=read_chips(args.getlist("f")),
        tabs=_tabs(args),
        prop=args.get("prop", "")[:300],
        extra=tuple((name, args.get(name, "")[:500]) for name in extra if args.get(name, "")),
        imports=args.get("imports", "") != "off",
    )


def _period(args: Args, today: date) -> tuple[str, Days]:
    name = args.get("period", DEFAULT)
    if name == CUSTOM:
        days = read_days(args.get("from", ""), args.get("to", ""), today)
        if days is not None:
            return CUSTOM, days
    name = name if name in LABELS else DEFAULT
    return name, days_of(name, today)


def _comparison(args: Args, today: date) -> tuple[str, Days | None]:
    name = args.get("compare", "")
    if name == CUSTOM:
        days = read_days(args.get("cfrom", ""), args.get("cto", ""), today)
        return ("previous", None) if days is None else (CUSTOM, days)
    return (name if name in COMPARISONS else "previous"), None


def _tabs(args: Args) -> dict[str, str]:
    chosen = {card.name: args.get(card.name, "") for card in CARDS.values()}
    return {
        name: tab
        for name, tab in chosen.items()
        if tab in CARDS[name].tab_names and tab != CARDS[name].tabs[0].name
    }
