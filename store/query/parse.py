"""Parse the body of ``POST /api/v2/query`` into a Query, or say what is wrong with it.

The form is that of Plausible's Stats API v2. What is refused, and where, is told by QueryError;
filters are read by ``parse_filters``, ranges become days only in ``ranges``. The one invariant:
``site_id`` in the body is never read here.
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from store.query.bodies import read_list, read_object, read_whole
from store.query.conditions import names_in
from store.query.dimensions import (
    GOAL,
    ROLE_COLUMNS,
    TIME_DIMENSIONS,
    allowed_names,
    find_dimension,
)
from store.query.edge_checks import check_outer
from store.query.metrics import BY_METRIC, CONVERSION_METRICS, PAGE_METRICS, VISIT_SOURCES
from store.query.model import (
    Comparison,
    ComparisonMode,
    DateRange,
    DayRange,
    Filter,
    Include,
    Metric,
    NamedRange,
    Order,
    Pagination,
    Query,
    QueryError,
    QuerySite,
    TimeRange,
)
from store.query.parse_filters import parse_filters
from store.query.ranges import NAMED_RANGES

KEYS: tuple[str, ...] = (
    "site_id",
    "metrics",
    "date_range",
    "dimensions",
    "filters",
    "order_by",
    "include",
    "pagination",
)
MAX_LIMIT = 10_000
MAX_OFFSET = 10_000_000
MAX_DIMENSIONS = 8
_INCLUDES = (
    "time_labels", "total_rows", "totals", "comparisons", "imports", "trim_relative_date_range",
)  # fmt: skip
_EARLIEST, _LATEST = date(2000, 1, 1), date(2099, 12, 31)


def parse_query(payload: object, site: QuerySite) -> Query:
    """Parse a request's body; ``site`` lends its time zone to moments that name none.

    Raises:
        QueryError: The body is no query, or asks for what cannot be answered.
    """
    body = read_object(payload, "", KEYS)
    for key in ("metrics", "date_range"):
        if key not in body:
            raise QueryError("missing", f"The query needs {key}.", key)
    metrics = _parse_metrics(body["metrics"])
    dimensions = _parse_dimensions(body.get("dimensions", []))
    _check_goals(dimensions, site)
    filters = parse_filters(body.get("filters", []), site, hits=True)
    check_outer(metrics, dimensions, filters)
    _check_together(metrics, dimensions, filters)
    zone = ZoneInfo(site.timezone)
    echo: dict[str, Any] = {key: body[key] for key in ("filters", "include") if key in body}
    return Query(
        metrics=metrics,
        date_range=parse_date_range(body["date_range"], zone, "date_range"),
        dimensions=dimensions,
        filters=filters,
        order_by=_parse_order(body.get("order_by"), metrics, dimensions),
        include=_parse_include(body.get("include", {}), zone),
        pagination=_parse_pagination(body.get("pagination", {})),
        echo=echo,
    )


def _parse_metrics(value: object) -> tuple[Metric, ...]:
    entries = read_list(value, "metrics")
    if not entries:
        raise QueryError("empty", "metrics must name at least one metric.", "metrics", _metrics())
    found = tuple(_metric(entry, f"metrics[{index}]") for index, entry in enumerate(entries))
    if len(set(found)) < len(found):
        raise QueryError("duplicate", "metrics names a metric twice.", "metrics")
    return found


def _metrics() -> tuple[str, ...]:
    return tuple(metric.value for metric in Metric)


def _metric(value: object, field: str) -> Metric:
    if not isinstance(value, str) or value not in _metrics():
        raise QueryError("unknown_metric", f"There is no metric {value!r}.", field, _metrics())
    return Metric(value)


def _parse_dimensions(value: object) -> tuple[str, ...]:
    entries = read_list(value, "dimensions")
    if len(entries) > MAX_DIMENSIONS:
        message = f"A query has at most {MAX_DIMENSIONS} dimensions."
        raise QueryError("too_many", message, "dimensions")
    for index, entry in enumerate(entries):
        check_dimension(entry, f"dimensions[{index}]")
    if len(set(entries)) < len(entries):
        raise QueryError("duplicate", "dimensions names a dimension twice.", "dimensions")
    if sum(entry in TIME_DIMENSIONS for entry in entries) > 1:
        raise QueryError("too_many", "A query has at most one dimension of time.", "dimensions")
    return tuple(entries)


def check_dimension(entry: object, field: str, *, of_query: bool = True) -> None:
    """Refuse what is no dimension; where it is not that of a query also times and hits.

    Raises:
        QueryError: With every name that may stand there.
    """
    found = find_dimension(entry) if isinstance(entry, str) else None
    if (found and (of_query or not found.of_hit)) or (of_query and entry in TIME_DIMENSIONS):
        return
    message = f"There is no dimension {entry!r}."
    raise QueryError("unknown_dimension", message, field, allowed_names(hits=of_query))


def _check_goals(dimensions: tuple[str, ...], site: QuerySite) -> None:
    if GOAL in dimensions and not site.goals:
        message = "event:goal needs a goal, and this site has none."
        raise QueryError("needs_goal", message, f"dimensions[{dimensions.index(GOAL)}]")


def _check_together(
    metrics: tuple[Metric, ...], dimensions: tuple[str, ...], filters: tuple[Filter, ...]
) -> None:
    pages = {name for name, _ in ROLE_COLUMNS}
    tell_events = [n for n in dimensions if n.startswith("event:") and n not in pages]
    named = set(dimensions) | names_in(filters)
    names_page = "event:page" in named
    for index, metric in enumerate(metrics):
        field = f"metrics[{index}]"
        if metric in PAGE_METRICS and not names_page:
            message = f"{metric} needs event:page as a dimension or in a filter."
            raise QueryError("needs_page", message, field)
        if metric is Metric.GOALS_PER_VISIT and GOAL in dimensions:
            message = f"{metric} counts all goals together and cannot be told by event:goal."
            raise QueryError("cannot_combine", message, field)
        if metric in CONVERSION_METRICS and GOAL not in named:
            message = f"{metric} needs event:goal as a dimension or in a filter."
            raise QueryError("needs_goal", message, field)
        sources = {source for _, source, _ in BY_METRIC[metric].needs}
        if tell_events and sources & VISIT_SOURCES:
            message = f"{metric} is of whole visits and cannot be told by {tell_events[0]}."
            raise QueryError("cannot_combine", message, field, _of_events())


def _of_events() -> tuple[str, ...]:
    return tuple(
        metric.value
        for metric, definition in BY_METRIC.items()
        if not {source for _, source, _ in definition.needs} & VISIT_SOURCES
    )


def parse_date_range(value: object, zone: ZoneInfo, field: str) -> DateRange:
    """Parse a range: a name, two days, or two moments in ISO 8601.

    Raises:
        QueryError: It is none of these, or ends before it begins.
    """
    if isinstance(value, str) and value in NAMED_RANGES:
        return NamedRange(value)
    allowed = (*NAMED_RANGES, '["2026-01-01", "2026-01-31"]', '["…T00:00:00Z", "…T12:00:00Z"]')
    if not isinstance(value, list) or len(value) != 2 or not all(type(v) is str for v in value):  # noqa: PLR2004 - a range is a pair.
        raise QueryError("bad_date_range", f"{field} is none of the known forms.", field, allowed)
    first, last = (_moment(part, f"{field}[{index}]") for index, part in enumerate(value))
    if isinstance(first, datetime) and isinstance(last, datetime):
        found: DayRange | TimeRange = _time_range(first, last, zone)
        backwards = found.start >= found.end if isinstance(found, TimeRange) else False
    elif not isinstance(first, datetime) and not isinstance(last, datetime):
        found, backwards = DayRange(first, last), first > last
    else:
        raise QueryError("bad_date_range", "A range is two days or two moments.", field, allowed)
    if backwards:
        raise QueryError("bad_date_range", "The range ends before it begins.", field)
    return found


def _time_range(first: datetime, last: datetime, zone: ZoneInfo) -> TimeRange:
    """Make a range of moments; an end without a fraction includes its whole second."""
    start, end = (
        moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in (first, last)
    )
    unit = timedelta(milliseconds=1) if end.microsecond else timedelta(seconds=1)
    return TimeRange(start, end + unit)


def _moment(text: str, field: str) -> date | datetime:
    try:
        found = date.fromisoformat(text) if len(text) <= len("2026-01-01") else _datetime(text)
    except ValueError:
        message = f"{text!r} is neither a date nor a moment in ISO 8601."
        raise QueryError("bad_date", message, field) from None
    day = found.date() if isinstance(found, datetime) else found
    if not _EARLIEST <= day <= _LATEST:
        message = f"Dates lie between {_EARLIEST} and {_LATEST}."
        raise QueryError("bad_date", message, field)
    return found


def _datetime(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _parse_order(
    value: object, metrics: tuple[Metric, ...], dimensions: tuple[str, ...]
) -> tuple[Order, ...]:
    if value is None:
        times = tuple(
            Order(name, descending=False) for name in dimensions if name in TIME_DIMENSIONS
        )
        return (*times, Order(metrics[0], descending=True))
    allowed = (*metrics, *dimensions)
    found = []
    for index, entry in enumerate(read_list(value, "order_by")):
        field = f"order_by[{index}]"
        if not isinstance(entry, list) or len(entry) != 2:  # noqa: PLR2004 - a key and a direction.
            raise QueryError(
                "wrong_type", f'{field} must be a pair such as ["visitors", "desc"].', field
            )
        key, direction = entry
        if key not in allowed:
            message = "An order names a metric or a dimension of the query."
            raise QueryError("bad_order", message, f"{field}[0]", allowed)
        if direction not in {"asc", "desc"}:
            raise QueryError(
                "bad_order", "A direction is asc or desc.", f"{field}[1]", ("asc", "desc")
            )
        found.append(Order(str(key), descending=direction == "desc"))
    return tuple(found)


def _parse_include(value: object, zone: ZoneInfo) -> Include:
    body = read_object(value, "include", _INCLUDES)
    for key in _INCLUDES:
        if key != "comparisons" and not isinstance(body.get(key, False), bool):
            raise QueryError("wrong_type", f"include.{key} is true or false.", f"include.{key}")
    return Include(
        time_labels=body.get("time_labels", False),
        total_rows=body.get("total_rows", False),
        totals=body.get("totals", False),
        imports=body.get("imports", False),
        comparisons=_parse_comparison(body.get("comparisons"), zone),
    )


def _parse_comparison(value: object, zone: ZoneInfo) -> Comparison | None:
    if value is None:
        return None
    field = "include.comparisons"
    body = read_object(value, field, ("mode", "date_range", "match_day_of_week"))
    match = body.get("match_day_of_week", False)
    if not isinstance(match, bool):
        raise QueryError(
            "wrong_type", "match_day_of_week is true or false.", f"{field}.match_day_of_week"
        )
    modes = tuple(mode.value for mode in ComparisonMode)
    if body.get("mode") not in modes:
        message = f"{field}.mode is none of the known ones."
        raise QueryError("bad_comparison", message, f"{field}.mode", modes)
    mode = ComparisonMode(body["mode"])
    if (mode is ComparisonMode.CUSTOM) != ("date_range" in body):
        message = "A custom comparison, and no other, has a date_range."
        raise QueryError("bad_comparison", message, f"{field}.date_range")
    if mode is not ComparisonMode.CUSTOM:
        return Comparison(mode, match_weekdays=match)
    wanted = parse_date_range(body["date_range"], zone, f"{field}.date_range")
    return Comparison(mode, wanted, match)


def _parse_pagination(value: object) -> Pagination:
    body = read_object(value, "pagination", ("limit", "offset"))
    limit = read_whole(body.get("limit", MAX_LIMIT), "pagination.limit", 1, MAX_LIMIT)
    return Pagination(limit, read_whole(body.get("offset", 0), "pagination.offset", 0, MAX_OFFSET))
