"""``GET /api/v1/stats/…``: the older form of Plausible's Stats API, still spoken by many clients.

A request is rewritten into the form of ``POST /api/v2/query`` and answered by the same engine.
Periods end today here, not yesterday (NUMBERS 9). Source: Plausible's Stats API v1.
"""

import re
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from portal.api.callers import STATS_READ, caller
from portal.api.views import blueprint as questions
from portal.config import here
from portal.needs import OfToken, needs
from portal.sessions import end_reading
from store.query.dimensions import TIME_DIMENSIONS
from store.query.model import QueryError, QuerySite, Result
from store.query.parse import parse_query
from store.query.run import current_visitors, run_query

blueprint = Blueprint("api_older", __name__, url_prefix="/api/v1/stats")

PERIODS = ("day", "7d", "28d", "30d", "91d", "month", "6mo", "12mo", "year", "custom", "all")
OPERATORS = {"==": "is", "!=": "is_not", "!~": "contains_not", "~": "contains"}
INTERVALS = {"date": "time:day", "day": "time:day", "month": "time:month"}
MAX_ROWS = 1000
_DAYS = {"7d": 7, "28d": 28, "30d": 30, "91d": 91}
_MONTHS = {"6mo": 6, "12mo": 12}
_FILTER = re.compile(r"((?:event|visit):(?:props:)?[^=!~;]+?)(==|!=|!~|~)(.*)", re.DOTALL)
_SPLIT = r"(?<!\\)"

for kind, handler in questions.error_handler_spec[None][None].items():
    blueprint.register_error_handler(kind, handler)


@blueprint.get("/realtime/visitors")
@needs(OfToken(STATS_READ))
def realtime() -> ResponseReturnValue:
    """Count who is there now."""
    site = _site()
    return jsonify(current_visitors(here().questions(), site.id, here().now()))


@blueprint.get("/aggregate")
@needs(OfToken(STATS_READ))
def aggregate() -> ResponseReturnValue:
    """Answer one number for each metric."""
    site = _site()
    metrics = _metrics()
    compare = request.args.get("compare", "")
    if compare not in {"", "previous_period", "year_over_year"}:
        allowed = ("previous_period", "year_over_year")
        raise QueryError("bad_comparison", "There is no such comparison.", "compare", allowed)
    include = {"include": {"comparisons": {"mode": compare}}} if compare else {}
    result = _ask(site, {"metrics": metrics, **include})
    (row,) = result.results
    found: dict[str, dict[str, Any]] = {}
    for index, metric in enumerate(metrics):
        found[metric] = {"value": row["metrics"][index]}
        if compare:
            found[metric]["change"] = row["comparison"]["change"][index]
    return _answer(found, result)


@blueprint.get("/timeseries")
@needs(OfToken(STATS_READ))
def timeseries() -> ResponseReturnValue:
    """Answer the metrics in time."""
    site = _site()
    metrics = _metrics()
    dimension = _interval()
    result = _ask(site, {"metrics": metrics, "dimensions": [dimension]})
    rows = [
        {"date": row["dimensions"][0], **dict(zip(metrics, row["metrics"], strict=True))}
        for row in result.results
    ]
    return _answer(rows, result)


def _interval() -> str:
    period = request.args.get("period", "30d")
    usual = "month" if period in {"6mo", "12mo", "year"} else "date"
    interval = request.args.get("interval", usual)
    if interval not in INTERVALS:
        allowed = tuple(INTERVALS)
        raise QueryError("unknown_word", "There is no such interval.", "interval", allowed)
    return "time:hour" if period == "day" else INTERVALS[interval]


@blueprint.get("/breakdown")
@needs(OfToken(STATS_READ))
def breakdown() -> ResponseReturnValue:
    """Answer the metrics by one property."""
    site = _site()
    metrics = _metrics()
    name = request.args.get("property", "")
    if name in TIME_DIMENSIONS or not name:
        raise QueryError("unknown_dimension", f"There is no property {name!r}.", "property")
    limit = _number("limit", 100, MAX_ROWS)
    page = {"limit": limit, "offset": (_number("page", 1, 10_000) - 1) * limit}
    body = {"metrics": metrics, "dimensions": [name], "pagination": page}
    key = name.removeprefix("event:props:").removeprefix("event:").removeprefix("visit:")
    result = _ask(site, body)
    rows = [
        {key: row["dimensions"][0], **dict(zip(metrics, row["metrics"], strict=True))}
        for row in result.results
    ]
    return _answer(rows, result)


def _answer(results: Any, result: Result) -> ResponseReturnValue:
    """Answer, and say why imports that were asked for are not in it."""
    warning = result.meta.get("imports_warning")
    return jsonify({"results": results} | ({"warning": warning} if warning else {}))


def _site() -> QuerySite:
    site = caller(STATS_READ, request.args.get("site_id", "")).query_site()
    end_reading()
    return site


def _ask(site: QuerySite, body: dict[str, Any]) -> Result:
    body = {**body, "date_range": _range(site), "filters": read_filters(_text("filters"))}
    imported = _text("with_imported")
    if imported not in {"", "true", "false"}:
        allowed = ("true", "false")
        raise QueryError("wrong_type", "with_imported is true or false.", "with_imported", allowed)
    body["include"] = body.get("include", {}) | {"imports": imported == "true"}
    return run_query(here().questions(), parse_query(body, site), site, here().now())


def _text(name: str) -> str:
    return request.args.get(name, "")


def _metrics() -> list[str]:
    return [name.strip() for name in request.args.get("metrics", "visitors").split(",")]


def _number(name: str, usual: int, most: int) -> int:
    text = request.args.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= most):  # noqa: PLR2004 - fits an int
        raise QueryError("out_of_range", f"{name} is a whole number from 1 to {most}.", name)
    return int(text)


def _range(site: QuerySite) -> Any:
    period = request.args.get("period", "30d")
    if period not in PERIODS:
        raise QueryError("bad_date_range", "There is no such period.", "period", PERIODS)
    if period == "custom":
        return _text("date").split(",")
    if period == "all":
        return "all"
    today = here().now().astimezone(ZoneInfo(site.timezone)).date()
    first, last = read_period(period, _day("date", today))
    return [first.isoformat(), last.isoformat()]


def _day(name: str, usual: date) -> date:
    text = _text(name)
    if not text:
        return usual
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise QueryError("bad_date", f"{text!r} is not a date.", name) from None
    if not 2000 <= found.year <= 2099:  # noqa: PLR2004 - as store.query.parse
        raise QueryError("bad_date", "Dates lie between 2000 and 2099.", name)
    return found


def read_period(period: str, day: date) -> tuple[date, date]:
    """Return the first and last day of a period that ends with ``day``, or holds it."""
    if period in _DAYS:
        return day - timedelta(days=_DAYS[period] - 1), day
    if period in _MONTHS:
        index = day.year * 12 + day.month - _MONTHS[period]
        return date(index // 12, index % 12 + 1, 1), _month_end(day)
    if period == "year":
        return day.replace(month=1, day=1), day.replace(month=12, day=31)
    if period == "month":
        return day.replace(day=1), _month_end(day)
    return day, day


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def read_filters(text: str) -> list[Any]:
    """Read ``event:page==/blog**;visit:browser==Firefox|Chrome`` as filters of the newer form.

    Raises:
        QueryError: A part is no filter.
    """
    found = []
    for index, part in enumerate(re.split(f"{_SPLIT};", text) if text else []):
        match = _FILTER.fullmatch(part.strip())
        if match is None:
            message = "A filter is a property, an operator and values: visit:os==Linux|Mac."
            raise QueryError("bad_filter", message, f"filters[{index}]", tuple(OPERATORS))
        name, sign, values = match.groups()
        operator = OPERATORS[sign]
        listed = [_unescaped(value.strip()) for value in re.split(rf"{_SPLIT}\|", values)]
        if "*" in values and sign in {"==", "!="} and name != "event:goal":
            operator = "matches_wildcard" if sign == "==" else "matches_wildcard_not"
        clause = [operator, name.strip(), listed]
        if name == "event:goal" and sign in {"!=", "!~"}:
            clause = ["has_not_done", [OPERATORS[sign].removesuffix("_not"), name, listed]]
        found.append(clause)
    return found


def _unescaped(value: str) -> str:
    return value.replace("\\|", "|").replace("\\;", ";")
