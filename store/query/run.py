"""Answer a query: resolve its range, ask the store, fill its series, compare, tell what to know.

All reading goes through ``ask_store``, which sets a limit of time and memory and read-only on every
statement. Planning and SQL are ``plan``; numbers are made in the store, never here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from store.query.answers import Asked, Key, Row, notes, present
from store.query.conditions import Imported, Rolled
from store.query.imported import (
    NO_DATA,
    Imports,
    choose_imports,
    find_imports,
    imports_meta,
)
from store.query.metrics import BY_METRIC, Value, change_of
from store.query.model import (
    DateRange,
    Filter,
    Metric,
    NamedRange,
    Operator,
    Pagination,
    Query,
    QueryError,
    QuerySite,
    Result,
)
from store.query.parse_filters import every_leaf
from store.query.plan import Statement, needs_of, plan, plan_count, resolved_dimensions
from store.query.ranges import Period, buckets, label, resolve, resolve_comparison
from store.query.rolled import find_rolled

LIMITS: dict[str, int] = {
    "max_execution_time": 15,
    "max_memory_usage": 2_000_000_000,
    "readonly": 1,
}
"""Settings of every statement: seconds, bytes, and no writing."""


CURRENT_MINUTES = 5
_REGEX_REFUSED = 427
_TOO_EXPENSIVE = frozenset({158, 159, 160, 241, 307, 396})
"""ClickHouse's codes for too many rows, a timeout, too slow, memory, too many bytes read, too large
a result."""


class QueryStore(Protocol):
    """What a query needs of the store."""

    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""


def run_query(store: QueryStore, query: Query, site: QuerySite, now: datetime) -> Result:
    """Answer a query at a moment.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    imports = find_imports(store, site, LIMITS) if query.include.imports else Imports()
    period = resolve_at(store, query.date_range, site, now, imports.first)
    dimensions = resolved_dimensions(query, period)
    added = _added(imports, query, site, period)
    rolled = _find_rolled(store, site, period)
    asked = Asked(query, site, period, dimensions, rolled, _of(added))
    rows = _rows(store, asked)
    results: list[dict[str, Any]] = [
        {"dimensions": _labels(keys, period), "metrics": present(asked, keys, values)}
        for keys, values in rows
    ]
    earlier, chosen = None, [added]
    if query.include.comparisons is not None:
        period = resolve_comparison(query.include.comparisons, period)
        rolled = _find_rolled(store, site, period)
        chosen.append(_added(imports, query, site, period))
        earlier = Asked(query, site, period, asked.dimensions, rolled, _of(chosen[1]))
        for result, comparison in zip(results, _compare(store, asked, earlier, rows), strict=True):
            result["comparison"] = comparison
    meta = _meta(store, asked, earlier)
    if query.include.imports:
        meta |= imports_meta(chosen)
    return Result(results, meta, _echo(asked))


def _added(imports: Imports, query: Query, site: QuerySite, period: Period) -> Imported | str:
    """Choose the imported totals to add, or say why there are none."""
    if not imports.totals:
        return NO_DATA
    return choose_imports(imports, query, period, needs_of(query, site, period))


def _of(added: Imported | str) -> Imported | None:
    return added if isinstance(added, Imported) else None


def current_visitors(store: QueryStore, site_id: int, now: datetime) -> int:
    """Count the visitors with an event, engagement excepted, in the last five minutes."""
    since = now - timedelta(minutes=CURRENT_MINUTES)
    sql = (
        "select uniqExact(visitor) from events where site_id = {site:UInt32} and bot = ''"
        " and name != 'engagement' and ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
        " and ts <= fromUnixTimestamp64Milli({now:Int64}, 'UTC')"
    )
    params = {"site": site_id, "since": _unix_ms(since), "now": _unix_ms(now)}
    return int(store.query(sql, params, settings=LIMITS)[0][0])


def _unix_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def resolve_at(
    store: QueryStore,
    wanted: DateRange,
    site: QuerySite,
    now: datetime,
    imported: date | None = None,
) -> Period:
    """Resolve a range; ``all`` begins with the first day that holds something.

    ``imported`` is the first day of imported totals, where those count.
    """
    first_data = None
    if wanted == NamedRange("all"):
        first_data = min(filter(None, (_first_day(store, site), imported)), default=None)
    return resolve(wanted, ZoneInfo(site.timezone), now, first_data)


def _first_day(store: QueryStore, site: QuerySite) -> date | None:
    sql = "select minOrNull(local_day) from sessions where site_id = {site:UInt32}"
    found = store.query(sql, {"site": site.id}, settings=LIMITS)[0][0]
    return found if isinstance(found, date) else None


def _rows(store: QueryStore, asked: Asked, among: dict[int, list[str]] | None = None) -> list[Row]:
    page = None if asked.is_series or among is not None else asked.query.pagination
    statement = plan(
        asked.query,
        asked.site,
        asked.period,
        dimensions=asked.dimensions,
        page=page,
        among=among,
        rolled=asked.rolled,
        imported=asked.imported,
    )
    width = len(asked.dimensions)
    found = ask_store(store, statement, asked.query.filters)
    rows: list[Row] = [(row[:width], [_value(v) for v in row[width:]]) for row in found]
    if not asked.is_series or among is not None:
        return rows
    return _page(_sorted(_filled(rows, asked), asked), asked.query.pagination)


def _value(raw: Any) -> Value:
    return None if raw is None else raw if isinstance(raw, float) else int(raw)


def _find_rolled(store: QueryStore, site: QuerySite, period: Period) -> Rolled | None:
    with _costs_told():
        return find_rolled(store, site, period, LIMITS)


def ask_store(
    store: QueryStore, statement: Statement, filters: tuple[Filter, ...]
) -> list[tuple[Any, ...]]:
    """Run a statement within its limits; ``filters`` are looked through for a bad pattern.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    try:
        with _costs_told():
            return store.query(statement.sql, statement.params, settings=LIMITS)
    except Exception as problem:
        if _code_of(problem) == _REGEX_REFUSED:
            raise _bad_pattern(store, filters) from problem
        raise


@contextmanager
def _costs_told() -> Iterator[None]:
    """Turn a limit that was passed into a refusal of the query."""
    try:
        yield
    except Exception as problem:
        if _code_of(problem) in _TOO_EXPENSIVE:
            message = "The query costs too much time or memory: ask for fewer days or dimensions."
            raise QueryError("too_expensive", message, "date_range") from problem
        raise


def _code_of(problem: Exception) -> int | None:
    """Return ClickHouse's code; a passing trouble keeps it in its cause."""
    found = getattr(problem, "code", None) or getattr(problem.__cause__, "code", None)
    return found if isinstance(found, int) else None


def _bad_pattern(store: QueryStore, filters: tuple[Filter, ...]) -> QueryError:
    """Find the pattern that the store's engine (RE2) refuses."""
    for leaf in (leaf for part in filters for leaf in every_leaf(part)):
        patterns = leaf.values if leaf.operator.positive is Operator.MATCHES else ()
        for pattern in patterns:
            if not _compiles(store, pattern):
                message = f"{pattern!r} is not a regular expression that RE2 takes."
                return QueryError("bad_pattern", message, "filters")
    return QueryError("bad_pattern", "A regular expression does not compile.", "filters")


def _compiles(store: QueryStore, pattern: str) -> bool:
    try:
        store.query("select match('', {pattern:String})", {"pattern": pattern}, settings=LIMITS)
    except Exception as problem:
        if _code_of(problem) == _REGEX_REFUSED:
            return False
        raise
    return True


def _filled(rows: Sequence[Row], asked: Asked) -> list[Row]:
    known = {keys[0]: values for keys, values in rows}
    empty = _empty(asked)
    return [
        ((key,), known.get(key, list(empty)))
        for key, _ in buckets(asked.period, asked.dimensions[0])
    ]


def _empty(asked: Asked) -> list[Value]:
    """Return the values of a row that nothing is in."""
    unknown = asked.imported.unknown if asked.imported is not None else frozenset()
    return [
        None if metric in unknown else BY_METRIC[metric].empty for metric in asked.query.metrics
    ]


def _sorted(rows: list[Row], asked: Asked) -> list[Row]:
    for order in reversed(asked.query.order_by):
        if order.key in asked.query.dimensions:
            rows.sort(key=lambda row: row[0], reverse=order.descending)
            continue
        place = asked.query.metrics.index(Metric(order.key))
        present = [row for row in rows if row[1][place] is not None]
        absent = [row for row in rows if row[1][place] is None]
        present.sort(key=lambda row: row[1][place] or 0, reverse=order.descending)
        rows = present + absent
    return rows


def _page(rows: list[Row], page: Pagination) -> list[Row]:
    return rows[page.offset : page.offset + page.limit]


def _labels(keys: Sequence[Key], period: Period) -> list[str]:
    return [key if isinstance(key, str) else label(key, period) for key in keys]


def _compare(
    store: QueryStore, asked: Asked, earlier: Asked, rows: list[Row]
) -> list[dict[str, Any]]:
    """Find for each row the same row of an earlier time, buckets matched by their order."""
    found = dict(_rows(store, earlier, _among(asked, rows)))
    twin = _twins(asked, earlier)
    empty = _empty(earlier)
    compared = []
    for keys, values in rows:
        then = tuple(key if isinstance(key, str) else twin.get(key, "") for key in keys)
        before = found.get(then, empty)
        change = map(change_of, asked.query.metrics, before, values)
        labels = _labels(then, earlier.period)
        shown = present(earlier, then, before)
        compared.append({"dimensions": labels, "metrics": shown, "change": list(change)})
    return compared


def _among(asked: Asked, rows: list[Row]) -> dict[int, list[str]]:
    return {
        place: sorted({str(keys[place]) for keys, _ in rows})
        for place in range(len(asked.dimensions))
        if place != asked.time_place
    }


def _twins(asked: Asked, earlier: Asked) -> dict[Key, Key]:
    if asked.time_place is None:
        return {}
    name = asked.dimensions[asked.time_place]
    pairs = zip(buckets(asked.period, name), buckets(earlier.period, name), strict=False)
    return {now: then for (now, _), (then, _) in pairs}


def _meta(store: QueryStore, asked: Asked, earlier: Asked | None) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    include, place = asked.query.include, asked.time_place
    if include.time_labels and place is not None:
        meta["time_labels"] = [text for _, text in buckets(asked.period, asked.dimensions[place])]
    if include.total_rows:
        meta["total_rows"] = _total_rows(store, asked)
    if include.totals:
        one = replace(asked.query, dimensions=(), order_by=(), pagination=Pagination())
        whole = replace(asked, query=one, dimensions=())
        ((keys, values),) = _rows(store, whole)
        meta["totals"] = present(whole, keys, values)
    if earlier is not None:
        meta["comparison_date_range"] = moments_of(earlier.period)
    return meta | notes(asked)


def _total_rows(store: QueryStore, asked: Asked) -> int:
    if asked.is_series:
        return len(buckets(asked.period, asked.dimensions[0]))
    statement = plan_count(asked.query, asked.site, asked.period, asked.rolled, asked.imported)
    return int(ask_store(store, statement, asked.query.filters)[0][0])


def _echo(asked: Asked) -> dict[str, Any]:
    """Repeat the query in its own form, with what was left open made plain."""
    query = asked.query
    return {
        "site_id": asked.site.host,
        "metrics": [metric.value for metric in query.metrics],
        "date_range": moments_of(asked.period),
        "dimensions": list(asked.dimensions),
        "filters": query.echo.get("filters", []),
        "order_by": [[str(o.key), "desc" if o.descending else "asc"] for o in query.order_by],
        "include": query.echo.get("include", {}),
        "pagination": {"limit": query.pagination.limit, "offset": query.pagination.offset},
    }


def moments_of(period: Period) -> list[str]:
    """Write a period as its first and last moment."""
    last = period.end - (timedelta(seconds=1) if period.whole_days else timedelta(milliseconds=1))
    return [m.astimezone(period.zone).isoformat(timespec="seconds") for m in (period.start, last)]
