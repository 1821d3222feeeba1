"""Add imported totals of the days before a site's own to an answer (NUMBERS, docs/adr/0025).

Totals stand in the columns of rollups, so a part of a statement is its own rows and theirs, summed.
They are read on days before the site's first own day alone, and by nobody on any other: that is the
one invariant, and why nothing is counted twice. What totals cannot tell is said, never guessed:
an answer without them and a reason, or a single metric that is null.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, Protocol

from store.query.conditions import Imported, matching
from store.query.dimensions import find_dimension
from store.query.fragments import Fragment, all_of
from store.query.model import Filter, Leaf, Metric, Operator, Query, QuerySite
from store.query.parts import Ask, day_bucket
from store.query.ranges import Period, time_dimension

NO_DATA = "no_imported_data"
OUT_OF_RANGE = "out_of_range"
INTERVAL = "unsupported_interval"
QUERY = "unsupported_query"
WARNINGS: dict[str, str] = {
    INTERVAL: "Imported stats are not included because the time dimension (i.e. the interval) is "
    "too short.",
    QUERY: "Imported stats are not included in the results because query parameters are not "
    "supported.",
}
"""What is said beside a reason that the asker can do something about."""

_OF_EVENTS = frozenset({"event:page", "event:name"})
"""Dimensions of which one visit may have several values."""

_TOTALS = """
select import_id, max(first_day), max(last_day), groupUniqArrayArray(holds) from imports
where site_id = {site:UInt32} and kind = 'totals' group by import_id
having countIf(act = 'added') > 0 and countIf(act = 'removed') = 0
"""
_FIRST_OWN = "select minOrNull(local_day) from sessions where site_id = {site:UInt32}"


class _Asks(Protocol):
    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""


class Need(NamedTuple):
    """What a metric is made of: an ingredient of a reading, perhaps that of the whole query."""

    reading: str
    ingredient: str
    of_whole: bool = False


type Needs = frozenset[Need]


@dataclass(frozen=True, slots=True)
class _Totals:
    """One import: its days, and what it can tell, as ``reading dimension ingredient``."""

    id: int
    first: date
    last: date
    holds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of totals of a site, and its first own day."""

    totals: tuple[_Totals, ...] = ()
    own: date | None = None

    @property
    def first(self) -> date | None:
        """Return the first day of any of them that is read."""
        firsts = (found.first for found in self.totals)
        return min((day for day in firsts if self.own is None or day < self.own), default=None)


def find_imports(store: _Asks, site: QuerySite, settings: dict[str, int]) -> Imports:
    """Find what there is to add to the answers about a site."""
    params = {"site": site.id}
    rows = store.query(_TOTALS, params, settings=settings)
    if not rows:
        return Imports()
    own = store.query(_FIRST_OWN, params, settings=settings)[0][0]
    totals = (_Totals(int(i), first, last, frozenset(holds)) for i, first, last, holds in rows)
    return Imports(tuple(totals), own if isinstance(own, date) else None)


def choose_imports(
    imports: Imports, query: Query, period: Period, needs: dict[Metric, Needs]
) -> Imported | str:
    """Choose what to add to an answer; where that is nothing, say why.

    ``needs`` are what each metric is made of; the empty set stands for what no total can tell.
    """
    if not imports.totals:
        return NO_DATA
    last = period.last
    if imports.own is not None:
        last = min(last, imports.own - timedelta(days=1))
    used = [t for t in imports.totals if t.first <= last and t.last >= period.first]
    if not used or last < period.first:
        return OUT_OF_RANGE
    if not period.whole_days or "time:hour" in _resolved(query, period):
        return INTERVAL
    dimension = _dimension(query, period)
    if dimension is None:
        return QUERY
    holds = frozenset.intersection(*(found.holds for found in used))
    whole = dimension if query.filters else ""
    unknown = {
        metric
        for metric in query.metrics
        if not needs[metric]
        or any(
            f"{need.reading} {whole if need.of_whole else dimension} {need.ingredient}" not in holds
            for need in needs[metric]
        )
    }
    ordered = {order.key for order in query.order_by}
    if len(unknown) == len(query.metrics) or ordered & {metric.value for metric in unknown}:
        return QUERY
    return Imported(tuple(found.id for found in used), last, dimension, frozenset(unknown))


def _resolved(query: Query, period: Period) -> list[str]:
    return [time_dimension(name, period) for name in query.dimensions]


def _dimension(query: Query, period: Period) -> str | None:
    """Return the one dimension that a query speaks of, empty if none; None if totals cannot."""
    named = [name for name in _resolved(query, period) if not name.startswith("time:")]
    asked = named[0] if named else ""
    if len(named) > 1:
        return None
    for part in query.filters:
        if not isinstance(part, Leaf) or (asked and part.dimension != asked):
            return None
        asked = part.dimension
        if not _tells(part, listed=bool(named)):
            return None
    return asked


def _tells(leaf: Leaf, *, listed: bool) -> bool:
    """Say whether a filter can be decided by the value that a total is of.

    A value that is missing stands under its name, so only equality means the same here. Pages of
    one visit add up to more than the visit, unless they are listed or there is only one.
    """
    dimension = find_dimension(leaf.dimension)
    if dimension is None or dimension.is_prop:
        return False
    equal = leaf.operator.positive is Operator.IS
    if not equal and dimension.missing:
        return False
    return (
        listed
        or leaf.dimension not in _OF_EVENTS
        or (leaf.operator is Operator.IS and len(leaf.values) == 1)
    )


def with_imported(reading: str, ask: Ask, ingredients: set[str], own: Fragment) -> Fragment:
    """Sum a part's own rows and the totals."""
    imported, binder = ask.scope.imported, ask.scope.binder
    if imported is None:
        raise ValueError("there are no imported totals to read")
    columns = [f"n_{name}" for name in sorted(ingredients)]
    places = [f"d{index}" for index in range(len(ask.dimensions))]
    keys = [
        f"{day_bucket(ask, name) if name.startswith('time:') else 'value'} as {place}"
        for name, place in zip(ask.dimensions, places, strict=True)
    ]
    where = [
        ask.scope.site_condition(),
        Fragment(f"import_id in {binder.numbers(imported.ids)}"),
        Fragment(f"dimension = {binder.text(imported.dimension if _speaks(ask) else '')}"),
        Fragment(f"reading = {binder.text(reading)}"),
        Fragment(f"local_day >= {binder.day(ask.scope.period.first.isoformat())}"),
        Fragment(f"local_day <= {binder.day(imported.last.isoformat())}"),
        *(matching(part, Fragment("value"), ask.scope) for part in _leaves(ask.filters)),
    ]
    totals = f"select {', '.join([*keys, *columns])} from imported_totals where {all_of(where)}"
    shown = ", ".join([*places, *(f"toInt64({name}) as {name}" for name in columns)])
    sums = ", ".join([*places, *(f"sum({name}) as {name}" for name in columns)])
    group = f" group by {', '.join(places)}" if places else ""
    return Fragment(f"select {sums} from ({totals} union all select {shown} from ({own})){group}")


def _speaks(ask: Ask) -> bool:
    """Say whether a part speaks of the dimension: the whole of a query may not."""
    return bool(ask.filters) or any(not name.startswith("time:") for name in ask.dimensions)


def _leaves(filters: Iterable[Filter]) -> list[Leaf]:
    return [part for part in filters if isinstance(part, Leaf)]


def imports_meta(chosen: Iterable[Imported | str]) -> dict[str, Any]:
    """Say whether totals are part of an answer, or of what it is compared with; if not, why."""
    each = list(chosen)
    if any(isinstance(one, Imported) for one in each):
        return {"imports_included": True}
    reason = str(each[0])
    meta: dict[str, Any] = {"imports_included": False, "imports_skip_reason": reason}
    return meta | ({"imports_warning": WARNINGS[reason]} if reason in WARNINGS else {})
