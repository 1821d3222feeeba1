"""Read whole days from their rollups, and only the rest from the raw tables (INGESTION 5.4).

All that a rollup holds adds up over days: a visit belongs to one day, and where the salt lives for
a day a visitor does too. So a part of a statement is the sum of the days that have a clean build
and of the same part over the days that have none. The one invariant: whether days are rolled up
changes no number, and whatever a rollup cannot tell is read raw.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from store.query.conditions import Rolled, matching, require
from store.query.dimensions import GOAL, ROLE_COLUMNS
from store.query.fragments import Fragment, all_of
from store.query.model import Filter, Leaf, Operator, QuerySite
from store.query.parts import (
    ENGAGED_INGREDIENTS,
    EVENT_INGREDIENTS,
    VISIT_INGREDIENTS,
    Ask,
    day_bucket,
)
from store.query.ranges import Period

INGREDIENTS: dict[str, tuple[str, ...]] = {
    "events": tuple(EVENT_INGREDIENTS),
    "viewed": ("pageviews",),
    "engaged": tuple(ENGAGED_INGREDIENTS),
    "visits:entry": ("visitors", "engaged_visits", *VISIT_INGREDIENTS),
    "visits:exit": ("exits",),
}
"""What rollups hold of each reading."""

CLEAN = """
select built.local_day, built.newest from (
    select local_day, argMax(build, started_at) as newest, max(started_at) as started
    from rollup_builds
    where site_id = {site:UInt32} and local_day >= {first:Date} and local_day <= {last:Date}
        and n_visits >= 0
    group by local_day
) as built
left join (
    select local_day, max(dirty_at) as marked from dirty_days
    where site_id = {site:UInt32} and local_day >= {first:Date} and local_day <= {last:Date}
    group by local_day
) as dirty using local_day
where built.started > dirty.marked
"""
"""Finds the newest build of each day, where nothing marked the day since it began."""


class _Asks(Protocol):
    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""


def find_rolled(
    store: _Asks, site: QuerySite, period: Period, settings: dict[str, int]
) -> Rolled | None:
    """Find the days of a period with a clean build; None if there are none to use."""
    if site.salt_period != "day" or not period.whole_days or period.first == period.last:
        return None
    params = {"site": site.id, "first": str(period.first), "last": str(period.last)}
    builds = {str(day): int(build) for day, build in store.query(CLEAN, params, settings=settings)}
    if not builds:
        return None
    days = (period.last - period.first).days + 1
    every = [str(period.first + timedelta(days=place)) for place in range(days)]
    return Rolled(tuple(builds.values()), tuple(day for day in every if day not in builds))


def can_roll(reading: str, ask: Ask, ingredients: set[str]) -> bool:
    """Say whether rollups hold what a part is asked for."""
    if ask.scope.rolled is None or ask.scope.by_clock or ask.bots:
        return False
    if "engaged_visits" in ingredients and ask.scope.site.goals and reading.startswith("visits"):
        return False
    if not ingredients <= set(INGREDIENTS.get(reading, ())):
        return False
    name = _told_by(ask)
    if name is None or not (reading == "events" or tells_visits(name)):
        return False
    if reading == "engaged" and name != "event:page":
        return False
    return all(_is_of_value(part, name, reading) for part in ask.conjuncts())


def _told_by(ask: Ask) -> str | None:
    """Return the dimension whose rows are summed, empty for those of whole days; None if none can.

    Where nothing is listed, the one value that is filtered for is read as a list of it alone would
    be.
    """
    named, parts = named_dimensions(ask), ask.conjuncts()
    if not named and len(parts) == 1 and isinstance(parts[0], Leaf) and _is_one_value(parts[0]):
        named = [parts[0].dimension]
    if len(named) > 1 or not all(map(is_rolled, named)):
        return None
    return named[0] if named else ""


def _is_one_value(leaf: Leaf) -> bool:
    """Say whether a filter leaves one value over, which lists do not leave out (NUMBERS 8)."""
    exact = leaf.operator is Operator.IS and leaf.case_sensitive
    return exact and len(leaf.values) == 1 and leaf.values != ("",)


def tells_visits(dimension: str) -> bool:
    """Say whether visits are ever read by a dimension: not by what only tells events apart."""
    pages = {name for name, _ in ROLE_COLUMNS}
    return not dimension.startswith("event:") or dimension in pages


def is_rolled(dimension: str) -> bool:
    """Say whether there are rollups by a dimension: not by what one day's rows cannot tell."""
    found = require(dimension)
    of_rows = found.is_prop or found.touch or found.of_hit or dimension == "event:title"
    return not (dimension == GOAL or of_rows or "{zone}" in found.sessions)


def named_dimensions(ask: Ask) -> list[str]:
    """Return the dimensions but that of time."""
    return [name for name in ask.dimensions if not name.startswith("time:")]


def _is_of_value(part: Filter, name: str, reading: str) -> bool:
    """Say whether a filter can be decided by the value that a rollup's row is of."""
    if not isinstance(part, Leaf) or part.dimension != name or reading == "viewed":
        return False
    return part.operator.positive is Operator.IS or not require(part.dimension).missing


def rolled_part(
    reading: str, ask: Ask, ingredients: set[str], raw: Callable[[Ask], Fragment]
) -> Fragment:
    """Sum rollups and, over the days that have none, the raw part."""
    rolled = ask.scope.rolled
    if rolled is None:
        raise ValueError("there are no rollups to read")
    columns = [f"n_{name}" for name in sorted(ingredients)]
    places = [f"d{index}" for index in range(len(ask.dimensions))]
    keys = [
        f"{day_bucket(ask, name) if name.startswith('time:') else 'value'} as {place}"
        for name, place in zip(ask.dimensions, places, strict=True)
    ]
    rows = _rows(_told_by(ask) or "", reading, ask, rolled.builds)
    sums = [f"sum({name}) as {name}" for name in columns]
    group = f" group by {', '.join(places)}" if places else ""
    standing = " having n_visits > 0" if places and "visits" in ingredients else ""
    if not rolled.raw_days:  # One level less for the engine to understand.
        return Fragment(f"select {', '.join([*keys, *sums])} {rows}{group}{standing}")
    scope = replace(ask.scope, rolled=None, only_days=rolled.raw_days)
    own = ", ".join([*places, *(f"toInt64({name}) as {name}" for name in columns)])
    both = (
        f"select {', '.join([*keys, *columns])} {rows}"
        f" union all select {own} from ({raw(replace(ask, scope=scope))})"
    )
    return Fragment(f"select {', '.join([*places, *sums])} from ({both}){group}{standing}")


def _rows(name: str, reading: str, ask: Ask, builds: tuple[int, ...]) -> str:
    """Write which rows are summed: of whole days they stand beside the builds, and are few.

    All conditions are of columns that are read anyway, so the engine need not choose among them.
    """
    binder = ask.scope.binder
    where = [
        ask.scope.site_condition(),
        ask.scope.visit_days(),
        Fragment(f"build in {binder.numbers(builds)}"),
    ]
    if not name:
        return f"from rollup_builds prewhere {all_of(where)}"
    of_value = [
        Fragment(f"dimension = {binder.text(name)}"),
        Fragment(f"reading = {binder.text(reading)}"),
        *(_on_value(part, ask) for part in ask.conjuncts()),
    ]
    return f"from rollups prewhere {all_of([*where, *of_value])}"


def _on_value(part: Filter, ask: Ask) -> Fragment:
    if not isinstance(part, Leaf):
        raise TypeError("only a leaf can be decided by a rollup's value")
    return matching(part, Fragment("value"), ask.scope)
