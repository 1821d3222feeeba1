"""Funnels: who reaches each step in order, and where the others drop off.

A chain of events is followed for each visit or visitor, in the order of INGESTION 4 (time, then
shard and stream id); each step takes an event of its own, and all of them lie within the window
from the first. With nothing allowed between, each step is the very next event that counts. The one
invariant: a step never has more than the one before it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from store.query.bodies import read_list, read_object, read_whole, read_word
from store.query.conditions import Scope, counting, goal_condition, shows_bots
from store.query.dimensions import GOAL
from store.query.fragments import Binder, Fragment, all_of, any_of
from store.query.goals import Between, Funnel, Goal, Within
from store.query.metrics import Value
from store.query.model import DateRange, Filter, Metric, Query, QueryError, QuerySite
from store.query.money import money
from store.query.parse import check_dimension, parse_date_range
from store.query.parse_filters import parse_filters
from store.query.parts import Ask, event_key, event_limits, events_source
from store.query.plan import Statement
from store.query.ranges import Period
from store.query.run import QueryStore, ask_store, moments_of, resolve_at, run_query

KEYS = ("site_id", "funnel", "date_range", "filters", "dimensions", "limit")
FUNNEL_KEYS = ("steps", "between", "within", "window_s")
MIN_STEPS, MAX_STEPS = 2, 10
MAX_WINDOW_S = 31 * 86_400
MAX_ROWS = 1_000
_ORDER = "(ts, shard, generation, stream_ms, stream_seq)"


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """A funnel over a range, perhaps by a dimension: that of the event that entered."""

    funnel: Funnel
    date_range: DateRange
    filters: tuple[Filter, ...] = ()
    dimensions: tuple[str, ...] = ()
    limit: int = 100


def parse_funnel_question(payload: object, site: QuerySite) -> FunnelQuestion:
    """Parse the body of ``POST /api/v2/funnel``.

    Raises:
        QueryError: It is no such question.
    """
    body = read_object(payload, "", KEYS)
    for key in ("funnel", "date_range"):
        if key not in body:
            raise QueryError("missing", f"The query needs {key}.", key)
    dimensions = read_list(body.get("dimensions", []), "dimensions")
    if len(dimensions) > 1:
        raise QueryError("too_many", "A funnel is told by one dimension.", "dimensions")
    for name in dimensions:
        check_dimension(name, "dimensions[0]", of_query=False)
    if GOAL in dimensions:
        message = "A funnel's steps are goals: it is told by another dimension."
        raise QueryError("cannot_combine", message, "dimensions[0]")
    return FunnelQuestion(
        _funnel(body["funnel"], site),
        parse_date_range(body["date_range"], ZoneInfo(site.timezone), "date_range"),
        parse_filters(body.get("filters", []), site),
        tuple(dimensions),
        read_whole(body.get("limit", 100), "limit", 1, MAX_ROWS),
    )


def _funnel(value: object, site: QuerySite) -> Funnel:
    """Find a saved funnel by its id, or read one that is written out."""
    if isinstance(value, dict):
        return parse_funnel(value, site, "funnel")
    for funnel in site.funnels:
        if type(value) is int and funnel.id == value:
            return funnel
    ids = tuple(str(funnel.id) for funnel in site.funnels)
    raise QueryError("unknown_funnel", f"There is no funnel {value!r} here.", "funnel", ids)


def parse_funnel(value: object, site: QuerySite, field: str) -> Funnel:
    """Read a funnel: names of goals as ``steps``, ``between``, ``within`` and ``window_s``.

    Raises:
        QueryError: It is no funnel of this site's goals.
    """
    body = read_object(value, field, FUNNEL_KEYS)
    steps = read_list(body.get("steps", []), f"{field}.steps")
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        message = f"A funnel has from {MIN_STEPS} to {MAX_STEPS} steps."
        raise QueryError("out_of_range", message, f"{field}.steps")
    goals = tuple(_goal(name, site, f"{field}.steps[{i}]") for i, name in enumerate(steps))
    return Funnel(
        goals,
        read_word(body.get("between", Between.ANY), f"{field}.between", Between),
        read_word(body.get("within", Within.VISITOR), f"{field}.within", Within),
        read_whole(body.get("window_s", 86_400), f"{field}.window_s", 1, MAX_WINDOW_S),
    )


def _goal(name: object, site: QuerySite, field: str) -> Goal:
    for goal in site.goals:
        if goal.name == name:
            return goal
    names = tuple(goal.name for goal in site.goals)
    raise QueryError("unknown_goal", f"The goal {name!r} is not configured here.", field, names)


def run_funnel(
    store: QueryStore, question: FunnelQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Follow a funnel at a moment.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    period = resolve_at(store, question.date_range, site, now)
    whole = _rows(store, replace(question, dimensions=()), site, period)
    steps = _steps(question, whole[0][1]) if whole else _steps(question, [])
    found: list[dict[str, Any]] = [{"dimensions": [], "steps": steps}]
    if question.dimensions:
        rows = _rows(store, question, site, period)
        found = [{"dimensions": [key], "steps": _steps(question, values)} for key, values in rows]
    return {
        "results": found,
        "meta": _meta(store, question, site, now) | {"entered": steps[0]["count"]},
        "query": {"site_id": site.host, "date_range": moments_of(period), **_echo(question)},
    }


def _rows(
    store: QueryStore, question: FunnelQuestion, site: QuerySite, period: Period
) -> list[tuple[str, list[int]]]:
    statement = plan_funnel(question, site, period)
    width = len(question.dimensions)
    rows = ask_store(store, statement, question.filters)
    return [(str(row[0]) if width else "", [int(v) for v in row[width:]]) for row in rows]


def plan_funnel(question: FunnelQuestion, site: QuerySite, period: Period) -> Statement:
    """Write the statement: a row of counts and revenue by step, for each value of a dimension."""
    scope = Scope(site, period, Binder(), by_clock=not period.whole_days)
    bots = shows_bots(question.filters, question.dimensions)
    ask = Ask(scope, question.dimensions, question.filters, bots)
    count = len(question.funnel.steps)
    columns = [
        *(f"countIf(level >= {step})" for step in range(1, count + 1)),
        *(f"sumIf(r{step}, level >= {step})" for step in range(1, count + 1)),
    ]
    text = f"from ({_chains(ask, question.funnel)}) where level >= 1"
    if not question.dimensions:
        return Statement(Fragment(f"select {', '.join(columns)} {text}"), scope.binder.params)
    limit = scope.binder.integer(question.limit)
    text += f" group by entered order by countIf(level >= 1) desc, entered limit {limit}"
    return Statement(Fragment(f"select entered, {', '.join(columns)} {text}"), scope.binder.params)


def _chains(ask: Ask, funnel: Funnel) -> Fragment:
    """Select for each visit or visitor how far it came, what it earned, how it entered."""
    scope = ask.scope
    conditions = [goal_condition(goal, scope) for goal in funnel.steps]
    counts = counting(funnel.steps, scope)
    where = [*event_limits(ask), counts]
    if funnel.between is Between.ANY:
        where.append(any_of(conditions))
    matched = ", ".join(conditions)
    nothing = f"{[-1] * len(funnel.steps) + [0]}::Array(Int64)"
    level = f"arrayFold((a, x) -> {_advance(funnel, scope)}, arraySort(steps), {nothing})[-1]"
    columns = [
        "visit_id" if funnel.within is Within.VISIT else "visitor",
        f"groupArray(({_ORDER}, toUnixTimestamp64Milli(ts), [{matched}])) as steps",
        f"{level} as level",
        *(f"{_earned(g, c, scope)} as r{i}" for i, (g, c) in _numbered(funnel, conditions)),
        *(
            f"argMinIf({event_key(ask, name)}, {_ORDER}, {conditions[0]}) as entered"
            for name in ask.dimensions
        ),
    ]
    source = events_source(ask, ask.dimensions, ask.events(*funnel.steps))
    return Fragment(
        f"select {', '.join(columns)} from {source} where {all_of(where)} group by {columns[0]}"
    )


def _numbered(
    funnel: Funnel, conditions: list[Fragment]
) -> list[tuple[int, tuple[Goal, Fragment]]]:
    return list(enumerate(zip(funnel.steps, conditions, strict=True), 1))


def _earned(goal: Goal, condition: Fragment, scope: Scope) -> str:
    if not goal.currency:
        return "toInt64(0)"
    return f"sumIf(revenue_minor, {condition} and currency = {scope.binder.text(goal.currency)})"


def _advance(funnel: Funnel, scope: Scope) -> str:
    """Write what one event makes of a chain.

    ``a`` holds, for each step, when the latest chain that reached it began (-1: none), and at last
    the furthest step ever reached; ``x`` is an event: its place, its milliseconds, what it matches.
    """
    window = scope.binder.integer(funnel.window_s * 1000)
    reached = ["x.3[1]"] + [
        f"(x.3[{step}] and a[{step - 1}] >= greatest(0, x.2 - {window}))"
        for step in range(2, len(funnel.steps) + 1)
    ]
    chain = []
    for index, condition in enumerate(reached, 1):
        began = "x.2" if index == 1 else f"a[{index - 1}]"
        kept = f"a[{index}]" if funnel.between is Between.ANY else "toInt64(-1)"
        chain.append(f"if({condition}, {began}, {kept})")
    furthest = ", ".join(
        f"{condition}, {index}" for index, condition in reversed(list(enumerate(reached, 1)))
    )
    return f"[{', '.join(chain)}, greatest(a[-1], toInt64(multiIf({furthest}, 0)))]"


def _steps(question: FunnelQuestion, values: list[int]) -> list[dict[str, Any]]:
    goals = question.funnel.steps
    counts = values[: len(goals)] or [0] * len(goals)
    earned = values[len(goals) :] or [0] * len(goals)
    found = []
    for index, goal in enumerate(goals):
        count, before = counts[index], counts[index - 1] if index else counts[0]
        found.append(
            {
                "goal": goal.name,
                "count": count,
                "conversion_rate": _percent(count, counts[0]),
                "step_conversion_rate": _percent(count, before),
                "dropoff": before - count,
                "dropoff_rate": _percent(before - count, before),
                "revenue": money(earned[index], goal.currency or None),
            }
        )
    return found


def _percent(part: int, whole: int) -> Value:
    if not whole:
        return 0
    exact = Decimal(100 * part) / whole
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _meta(
    store: QueryStore, question: FunnelQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Say who there was at all, and what is counted."""
    by_visit = question.funnel.within is Within.VISIT
    metric = Metric.VISITS if by_visit else Metric.VISITORS
    everybody = run_query(
        store, Query((metric,), question.date_range, filters=question.filters), site, now
    )
    return {**everybody.meta, "counted": metric, "total": everybody.results[0]["metrics"][0]}


def _echo(question: FunnelQuestion) -> dict[str, Any]:
    funnel = question.funnel
    return {
        "funnel": {
            "steps": [goal.name for goal in funnel.steps],
            "between": funnel.between,
            "within": funnel.within,
            "window_s": funnel.window_s,
        },
        "dimensions": list(question.dimensions),
        "limit": question.limit,
    }
