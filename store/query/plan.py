"""Plan a query: which tables its metrics are read from, and the one statement that does it.

Visits alone answer what speaks of visits only; whatever names an event, an hour or a moment counts
visitors, visits and events in ``events``; what the edge served is in ``hits``, what the tracker's
modules saw in ``signals``. Metrics of several are parts of one statement, joined by their
dimensions. The one invariant: a metric's value never depends on which other metrics or
dimensions are asked beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from store.query.captured import captured_part
from store.query.conditions import Imported, Rolled, Scope, names_in, require, shows_bots
from store.query.dimensions import GOAL, PROPS_PREFIX, ROLE_COLUMNS, PageRole
from store.query.fragments import Binder, Fragment
from store.query.imported import Need, Needs, with_imported
from store.query.metrics import BY_METRIC, OUTER_SOURCES, MetricDefinition, Source
from store.query.model import Metric, Pagination, Query, QuerySite
from store.query.parts import Ask, engaged_part, events_part, reached_part, visits_part
from store.query.ranges import Period, time_dimension
from store.query.rolled import can_roll, rolled_part
from store.query.seen import seen_part
from store.query.served import brought_part, crawled_part, served_part

_TOTAL = "total_visitors"
_EVERYBODY = "everybody"
_WHOLES: dict[str, Callable[[Ask], Ask]] = {
    _TOTAL: lambda ask: Ask(ask.scope, (), ask.filters, ask.bots),
    _EVERYBODY: lambda ask: ask.without_goals(()),
}
"""Of whom the numbers of a whole are that an expression may name."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its bound parameters; columns are the dimensions, then the metrics."""

    sql: Fragment
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a part is read; sources that read alike share one part."""

    table: str
    role: PageRole = PageRole.ENTRY

    @property
    def key(self) -> str:
        """Name the reading, as rollups do."""
        return f"{self.table}:{self.role}" if self.table == "visits" else self.table


_EVENTS = Reading("events")
_VIEWED = Reading("viewed")
_ENGAGED = Reading("engaged")
_VISITS = Reading("visits")
_REACHED = Reading("reached")
_GROUP = Reading("group")
_KEYS = Reading("keys")


def resolved_dimensions(query: Query, period: Period) -> tuple[str, ...]:
    """Return the dimensions with ``time`` made a bucket size."""
    return tuple(time_dimension(name, period) for name in query.dimensions)


def plan(  # noqa: PLR0913 - keyword-only past the first three
    query: Query,
    site: QuerySite,
    period: Period,
    *,
    dimensions: tuple[str, ...] = (),
    page: Pagination | None = None,
    among: dict[int, list[str]] | None = None,
    rolled: Rolled | None = None,
    imported: Imported | None = None,
) -> Statement:
    """Write the statement of a query.

    ``dimensions`` are the query's with ``time`` resolved elsewhere; ``page`` limits the rows;
    ``among`` limits a dimension, by its place, to some values; ``rolled`` are days rolled up,
    ``imported`` totals to add.
    """
    dimensions = dimensions or resolved_dimensions(query, period)
    by_clock = "time:hour" in dimensions or not period.whole_days
    scope = Scope(site, period, Binder(), by_clock, rolled, imported)
    bots = shows_bots(query.filters, query.dimensions)
    ask = Ask(scope, dimensions, query.filters, bots)
    body = _joined(ask, query, among or {})
    if page is not None and (dimensions or page.offset):
        body += _ordered(ask, query)
        body += (
            f" limit {scope.binder.integer(page.limit)} offset {scope.binder.integer(page.offset)}"
        )
    return Statement(Fragment(body), scope.binder.params)


def currencies_in_play(query: Query, site: QuerySite, period: Period) -> set[str]:
    """Return the currencies of the goals that a query's revenue is of."""
    ask = Ask(
        Scope(site, period, Binder(), by_clock=not period.whole_days),
        query.dimensions,
        query.filters,
        bots=False,
    )
    return {goal.currency for goal in ask.goals if goal.currency}


def plan_count(
    query: Query,
    site: QuerySite,
    period: Period,
    rolled: Rolled | None = None,
    imported: Imported | None = None,
) -> Statement:
    """Write the statement that counts the rows of a query without its limit."""
    whole = plan(query, site, period, rolled=rolled, imported=imported)
    return Statement(Fragment(f"select count() from ({whole.sql})"), whole.params)


def reading_of(source: Source, ask: Ask) -> Reading:
    """Decide how a source is read for what is asked."""
    pages = _names(ask) & {name for name, _ in ROLE_COLUMNS}
    exits = {"visit:exit_page", "visit:exit_page_hostname"} & set(ask.dimensions)
    match source:
        case Source.ENTERED:
            return _VISITS
        case Source.LEFT:
            return Reading("visits", PageRole.EXIT) if pages else _VISITS
        case Source.ENGAGED:
            return _ENGAGED
        case Source.VIEWED if exits:
            return _VIEWED
        case Source.EARNED:
            return _EVENTS
        case Source.REACHED:
            return _REACHED
        case Source.GROUP:
            return _GROUP
        case _ if source in OUTER_SOURCES:
            return Reading(source)
        case _:
            return _EVENTS if ask.scope.by_clock or _names_events(ask) else _VISITS


def _names(ask: Ask) -> set[str]:
    named = names_in(ask.filters) | set(ask.dimensions)
    return {name for name in named if not name.startswith("time:")}


def _names_events(ask: Ask) -> bool:
    return any(require(name).of_event for name in _names(ask))


def needs_of(query: Query, site: QuerySite, period: Period) -> dict[Metric, Needs]:
    """Tell what each metric of a query of whole days is made of; empty where that needs goals."""
    scope = Scope(site, period, Binder(), by_clock=False)
    dimensions = resolved_dimensions(query, period)
    ask = Ask(scope, dimensions, query.filters, shows_bots(query.filters, dimensions))
    found: dict[Metric, Needs] = {}
    for metric in query.metrics:
        definition = BY_METRIC[metric]
        needs = {
            Need(reading_of(source, ask).key, ingredient)
            for _, source, ingredient in definition.needs
        }
        if f"{{{_TOTAL}}}" in definition.expression:
            whole = Ask(scope, (), query.filters, ask.bots)
            needs.add(Need(reading_of(Source.MAIN, whole).key, "visitors", of_whole=True))
        of_goals = f"{{{_EVERYBODY}}}" in definition.expression
        found[metric] = frozenset() if of_goals or ask.bots else frozenset(needs)
    return found


def _part(reading: Reading, ask: Ask, ingredients: set[str]) -> Fragment:
    own = _own_part(reading, ask, ingredients)
    if ask.scope.imported is None:
        return own
    return with_imported(reading.key, ask, ingredients, own)


def _own_part(reading: Reading, ask: Ask, ingredients: set[str]) -> Fragment:
    if can_roll(reading.key, ask, ingredients):
        return rolled_part(
            reading.key, ask, ingredients, lambda days: raw_part(reading, days, ingredients)
        )
    return raw_part(reading, ask, ingredients)


def raw_part(reading: Reading, ask: Ask, ingredients: set[str]) -> Fragment:
    """Write a part that reads events and visits themselves."""
    match reading.table:
        case "events":
            return events_part(ask, ingredients)
        case "viewed":
            return events_part(ask, ingredients, viewed=True)
        case "engaged":
            return engaged_part(ask, ingredients)
        case "reached":
            return reached_part(ask)
        case "visits":
            return visits_part(ask, ingredients, reading.role)
        case "group":
            group = ask.without_goals(_group_dimensions(ask))
            return _part(reading_of(Source.MAIN, group), group, ingredients)
        case _:
            return _outer_part(reading, ask, ingredients)


def _outer_part(reading: Reading, ask: Ask, ingredients: set[str]) -> Fragment:
    match reading.table:
        case "served":
            return served_part(ask, ingredients)
        case "crawled":
            return crawled_part(ask)
        case "captured":
            return captured_part(ask)
        case "brought":
            return brought_part(ask)
        case _:
            return seen_part(ask, ingredients)


def _needed(ask: Ask, metrics: tuple[Metric, ...]) -> dict[Reading, set[str]]:
    """Collect the ingredients by reading; the first reading decides which rows there are.

    Where there were visits there are rows; beside what is counted in tables of its own, wherever
    any part has something.
    """
    needed: dict[Reading, set[str]] = {}
    if ask.dimensions and any(_is_outer(metric) for metric in metrics):
        needed[_KEYS] = set()
    elif ask.dimensions:
        main = reading_of(Source.MAIN, ask)
        # Rows of visits are cancelled, so the group must still stand; an event's group does.
        needed[main] = {"visits"} if main == _VISITS else set()
    for metric in metrics:
        for _, source, ingredient in BY_METRIC[metric].needs:
            needed.setdefault(reading_of(source, ask), set()).add(ingredient)
    return needed


def _is_outer(metric: Metric) -> bool:
    return any(source in OUTER_SOURCES for _, source, _ in BY_METRIC[metric].needs)


def _keys(ask: Ask, needed: dict[Reading, set[str]]) -> Fragment:
    """Select every row that any part has."""
    places = ", ".join(f"d{index}" for index in range(len(ask.dimensions)))
    parts = (
        f"select {places} from ({_part(reading, ask, ingredients)})"
        for reading, ingredients in needed.items()
        if reading not in {_KEYS, _GROUP}
    )
    return Fragment(" union distinct ".join(parts))


def _joined(ask: Ask, query: Query, among: dict[int, list[str]]) -> str:
    imported = ask.scope.imported
    unknown = imported.unknown if imported is not None else frozenset()
    needed = _needed(ask, tuple(metric for metric in query.metrics if metric not in unknown))
    places = {reading: f"p{index}" for index, reading in enumerate(needed)}
    columns = [f"p0.d{index} as d{index}" for index in range(len(ask.dimensions))]
    for index, metric in enumerate(query.metrics):
        known = metric not in unknown
        value = _expression(BY_METRIC[metric], ask, places) if known else "null"
        columns.append(f"{value} as m{index}")
    text = f"{_wholes(ask, query)}select {', '.join(columns)} from"
    for reading, place in places.items():
        part = _keys(ask, needed) if reading == _KEYS else _part(reading, ask, needed[reading])
        text += _join(f"({part}) as {place}", place, _shared(reading, ask))
    limits = [f"p0.d{index} in {ask.scope.binder.texts(values)}" for index, values in among.items()]
    return text + (f" where {' and '.join(limits)}" if limits else "")


def _group_dimensions(ask: Ask) -> tuple[str, ...]:
    """Return the dimensions that do not tell conversions apart."""
    return tuple(n for n in ask.dimensions if n != GOAL and not n.startswith(PROPS_PREFIX))


def _shared(reading: Reading, ask: Ask) -> list[int]:
    """Return by which of the first part's dimensions a part is joined, in the part's own order."""
    kept = _group_dimensions(ask) if reading == _GROUP else ask.dimensions
    return [index for index, name in enumerate(ask.dimensions) if name in kept]


def _join(part: str, place: str, shared: list[int]) -> str:
    if place == "p0":
        return f" {part}"
    if not shared:
        return f" cross join {part}"
    equal = " and ".join(f"p0.d{index} = {place}.d{own}" for own, index in enumerate(shared))
    return f" left join {part} on {equal}"


def _expression(definition: MetricDefinition, ask: Ask, places: dict[Reading, str]) -> str:
    known = {
        name: f"{places[reading_of(source, ask)]}.n_{ingredient}"
        for name, source, ingredient in definition.needs
    }
    return definition.expression.format_map(known | {name: name for name in _WHOLES})


def _wholes(ask: Ask, query: Query) -> str:
    """Write the numbers of a whole that metrics are shares of, each once."""
    text = "".join(BY_METRIC[metric].expression for metric in query.metrics)
    named = [
        f"{_total(of(ask))} as {name}" for name, of in _WHOLES.items() if f"{{{name}}}" in text
    ]
    return f"with {', '.join(named)} " if named else ""


def _total(whole: Ask) -> str:
    """Return the visitors of a whole, rows or not, as a number within the statement."""
    by_clock = not whole.scope.period.whole_days
    whole = replace(whole, scope=replace(whole.scope, by_clock=by_clock))
    return f"({_part(reading_of(Source.MAIN, whole), whole, {'visitors'})})"


def _ordered(ask: Ask, query: Query) -> str:
    keys: dict[str, str] = {}
    for order in query.order_by:
        direction = "desc" if order.descending else "asc"
        column = _column(order.key, query)
        keys.setdefault(column, f"{column} {direction} nulls last")
    for index in range(len(ask.dimensions)):
        keys.setdefault(f"d{index}", f"d{index} asc")
    return f" order by {', '.join(keys.values())}" if keys else ""


def _column(key: str, query: Query) -> str:
    if key in query.dimensions:
        return f"d{query.dimensions.index(key)}"
    return f"m{query.metrics.index(Metric(key))}"
