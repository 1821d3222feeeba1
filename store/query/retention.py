"""Retention and cohorts: of those who came first in one day, week or month, who came again when.

A visitor is known again only within a salt period (NUMBERS 14), so a cohort is followed to the end
of the salt period in which it began and no further: what lies beyond, or in the future, is left out
and not 0, and the answer says why. The one invariant: no row joins two salt periods.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from store.query.bodies import read_object, read_word
from store.query.conditions import Scope, counting, goal_condition, shows_bots
from store.query.fragments import Binder, Fragment, all_of
from store.query.goals import Goal
from store.query.model import DateRange, Filter, QueryError, QuerySite
from store.query.parse import parse_date_range
from store.query.parse_filters import parse_filters
from store.query.parts import Ask, event_limits
from store.query.plan import Statement
from store.query.ranges import Period
from store.query.run import QueryStore, ask_store, moments_of, resolve_at

KEYS = ("site_id", "date_range", "filters", "unit", "first", "again")
MAX_DAYS = 400


class Unit(StrEnum):
    """What a cohort is of, and what its returns are counted by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class RetentionQuestion:
    """Who came back; ``first`` and ``again`` are goals, or None for any event that counts."""

    date_range: DateRange
    unit: Unit = Unit.DAY
    filters: tuple[Filter, ...] = ()
    first: Goal | None = None
    again: Goal | None = None


def parse_retention_question(payload: object, site: QuerySite) -> RetentionQuestion:
    """Parse the body of ``POST /api/v2/retention``.

    Raises:
        QueryError: It is no such question.
    """
    body = read_object(payload, "", KEYS)
    if "date_range" not in body:
        raise QueryError("missing", "The query needs date_range.", "date_range")
    return RetentionQuestion(
        parse_date_range(body["date_range"], ZoneInfo(site.timezone), "date_range"),
        read_word(body.get("unit", Unit.DAY), "unit", Unit),
        parse_filters(body.get("filters", []), site),
        _goal(body.get("first"), site, "first"),
        _goal(body.get("again"), site, "again"),
    )


def _goal(name: object, site: QuerySite, field: str) -> Goal | None:
    if name is None:
        return None
    for goal in site.goals:
        if goal.name == name:
            return goal
    names = tuple(goal.name for goal in site.goals)
    raise QueryError("unknown_goal", f"The goal {name!r} is not configured here.", field, names)


def run_retention(
    store: QueryStore, question: RetentionQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Follow cohorts at a moment.

    Raises:
        QueryError: The range is not of days or too long, or the query costs too much.
    """
    period = resolve_at(store, question.date_range, site, now)
    if not period.whole_days or (period.last - period.first).days >= MAX_DAYS:
        message = f"Retention is told by days, at most {MAX_DAYS}."
        raise QueryError("bad_date_range", message, "date_range")
    rows = ask_store(store, plan_retention(question, site, period), question.filters)
    cohorts: dict[date, dict[int, int]] = {}
    for cohort, offset, visitors in rows:
        cohorts.setdefault(cohort, {})[int(offset)] = int(visitors)
    furthest = min(period.last, now.astimezone(period.zone).date())
    results = [
        _row(cohort, found, _known(cohort, furthest, question.unit, site.salt_period))
        for cohort, found in sorted(cohorts.items())
    ]
    return {
        "results": results,
        "meta": {"visitors": {"salt_period": site.salt_period}, "note": _note(site.salt_period)},
        "query": {
            "site_id": site.host,
            "date_range": moments_of(period),
            "unit": question.unit,
            "first": question.first.name if question.first else None,
            "again": question.again.name if question.again else None,
        },
    }


def plan_retention(question: RetentionQuestion, site: QuerySite, period: Period) -> Statement:
    """Write the statement: visitors by the beginning of their cohort and how much later they came.

    An offset of -1 stands for the whole cohort.
    """
    scope = Scope(site, period, Binder(), by_clock=not period.whole_days)
    ask = Ask(scope, (), question.filters, shows_bots(question.filters, ()))
    goals = tuple(goal for goal in (question.first, question.again) if goal)
    counts = counting((*goals, *ask.filtered_goals()), scope)
    first, again = (_is(goal, scope) for goal in (question.first, question.again))
    where = all_of([*event_limits(ask), counts, Fragment(f"({first} or {again})")])
    unit = _UNITS[question.unit]
    return Statement(
        Fragment(
            f"""
select cohort, arrayJoin(arrayConcat([toInt64(-1)], offsets)) as offset, count() as visitors
from (
    select
        minIf(local_day, {first}) as began,
        {_cohort(question.unit, site.salt_period)} as cohort,
        arrayFilter(x -> x >= 0, arrayDistinct(arrayMap(
            day -> toInt64(dateDiff('{unit}', began, day)),
            arrayFilter(day -> day >= began, groupUniqArrayIf(local_day, {again}))
        ))) as offsets
    from {ask.events(*goals)} where {where}
    group by visitor
    having countIf({first}) > 0
)
group by cohort, offset
order by cohort, offset"""
        ),
        scope.binder.params,
    )


_UNITS = {Unit.DAY: "day", Unit.WEEK: "week", Unit.MONTH: "month"}


def _is(goal: Goal | None, scope: Scope) -> Fragment:
    return goal_condition(goal, scope) if goal else Fragment("(name != 'engagement')")


def _cohort(unit: Unit, salt_period: str) -> str:
    """Return the beginning of a cohort; one does not begin before its salt period."""
    begins = {Unit.DAY: "began", Unit.WEEK: "toMonday(began)", Unit.MONTH: "toStartOfMonth(began)"}
    salted = {"day": "began", "week": "toMonday(began)", "month": "toStartOfMonth(began)"}
    return f"greatest({begins[unit]}, {salted[salt_period]})"


def _known(cohort: date, furthest: date, unit: Unit, salt_period: str) -> int:
    """Return how many units later at most a cohort's visitors can be known, and have been."""
    last = min(furthest, _salt_end(cohort, salt_period))
    if unit is Unit.DAY:
        return (last - cohort).days
    if unit is Unit.WEEK:
        mondays = [day - timedelta(days=day.weekday()) for day in (cohort, last)]
        return (mondays[1] - mondays[0]).days // 7
    return (last.year - cohort.year) * 12 + last.month - cohort.month


def _salt_end(day: date, salt_period: str) -> date:
    if salt_period == "day":
        return day
    if salt_period == "week":
        return day + timedelta(days=6 - day.weekday())
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _row(cohort: date, found: dict[int, int], known: int) -> dict[str, Any]:
    size = found[-1]
    counts = [found.get(offset, 0) for offset in range(known + 1)]
    return {
        "cohort": cohort.isoformat(),
        "visitors": size,
        "returned": counts,
        "rates": list(_percents(counts, size)),
    }


def _percents(counts: Iterable[int], size: int) -> Iterable[float]:
    for count in counts:
        exact = Decimal(100 * count) / size
        yield float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _note(salt_period: str) -> str:
    if salt_period == "day":
        return (
            "This site knows a visitor again for one day only, so nobody can be seen to come back "
            "on another. A salt of a week or a month (salt_period) would tell more."
        )
    return f"Visitors are known again within one {salt_period}; what lies beyond cannot be told."
