"""Turn filters into conditions on rows of ``events`` or of ``sessions`` (NUMBERS 8).

A condition on a column the table does not have becomes ``visit_id in (select …)``. The states of a
visit that were cancelled (-1/+1 pairs) never match: such a subquery keeps a visit only if its
matching rows sum to more than zero, which is what FINAL would say (INGESTION 5.3).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from store.query.dimensions import (
    BOT_DIMENSIONS,
    GOAL,
    ROLE_COLUMNS,
    Dimension,
    PageRole,
    country_names,
    find_dimension,
)
from store.query.documents import document_goals, reached_by_document, with_documents
from store.query.fragments import Binder, Fragment, all_of, any_of
from store.query.goals import NO_SCROLL, Goal, GoalKind, counted
from store.query.model import (
    Behaviour,
    Filter,
    Junction,
    Leaf,
    Metric,
    Negation,
    Operator,
    QuerySite,
    Reached,
)
from store.query.ranges import Period
from store.query.touches import salt_start, touches

ENGAGEMENT = Fragment("name = 'engagement'")
_DAY_MS = 86_400_000
_MARGIN_DAYS = 2
"""How far a row's ts may lie before the UTC day of its visit's local day: an event that came late,
by 90 minutes at most, and a zone's offset; two days are ample. It only spares reading: whole months
by their partitions, for which no column has to be read, and days by the index of ``local_day``."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """Which days of a period are rolled up: builds to read, and the days that have none."""

    builds: tuple[int, ...]
    raw_days: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """Imported totals to add: of which imports, up to which day, by which dimension.

    ``unknown`` are the metrics that they cannot tell.
    """

    ids: tuple[int, ...]
    last: date
    dimension: str
    unknown: frozenset[Metric]


@dataclass(frozen=True, slots=True)
class Scope:
    """What every part of a statement is limited to: one site, one period.

    ``by_clock`` says that events are taken by their own time rather than by their visit's day, as
    a series of hours and a range of moments need (NUMBERS 13).
    """

    site: QuerySite
    period: Period
    binder: Binder
    by_clock: bool
    rolled: Rolled | None = None
    imported: Imported | None = None
    only_days: tuple[str, ...] = ()
    """The days that are read, where that is not all of the period."""

    def site_condition(self) -> Fragment:
        """Limit to the caller's site."""
        return Fragment(f"site_id = {self.binder.identity(self.site.id)}")

    def event_time(self) -> Fragment:
        """Limit events to the period: by their visit's day, or by the clock."""
        if self.by_clock:
            return self._clock()
        earliest = self._first() - timedelta(days=_MARGIN_DAYS)
        months = Fragment(f"_partition_id >= {self.binder.text(earliest.strftime('%Y%m'))}")
        return all_of((self._days(), months))

    def visit_days(self) -> Fragment:
        """Limit rows of either table to the days of all visits that have an event in the period.

        By the clock these are not the period's: a visit over midnight has hours in the day after.
        """
        if not self.by_clock:
            return self._days()
        inner = f"from events where {all_of((self.site_condition(), self._clock()))}"
        return Fragment(
            f"local_day >= (select minOrNull(local_day) {inner})"
            f" and local_day <= (select maxOrNull(local_day) {inner})"
        )

    def around(self) -> Fragment:
        """Limit documents to the period, with room for visits over its ends."""
        start, end = (
            round(moment.timestamp() * 1000) for moment in (self.period.start, self.period.end)
        )
        early, late = start - _MARGIN_DAYS * _DAY_MS, end + _MARGIN_DAYS * _DAY_MS
        return Fragment(f"ts >= {self._moment(early)} and ts < {self._moment(late)}")

    def salt_days(self) -> Fragment:
        """Limit visits to the salt periods of all that have an event in the period, whole so far.

        By the clock a visit may have begun the day before.
        """
        first = salt_start(self.period.first - timedelta(days=1), self.site.salt_period)
        last = self.binder.day(self.period.last.isoformat())
        return Fragment(
            f"local_day >= {self.binder.day(first.isoformat())} and local_day <= {last}"
        )

    def touches(self) -> Fragment:
        """Select the visits of the period with their first and last touches."""
        return touches(all_of((self.site_condition(), self.salt_days())))

    def _first(self) -> date:
        return date.fromisoformat(min(self.only_days)) if self.only_days else self.period.first

    def _days(self) -> Fragment:
        first = self.binder.day(self._first().isoformat())
        last = self.binder.day(self.period.last.isoformat())
        days = Fragment(f"local_day >= {first} and local_day <= {last}")
        if not self.only_days:
            return days
        return Fragment(f"{days} and local_day in {self.binder.days(self.only_days)}")

    def _clock(self) -> Fragment:
        start = self._moment(round(self.period.start.timestamp() * 1000))
        end = self._moment(round(self.period.end.timestamp() * 1000))
        return Fragment(f"ts >= {start} and ts < {end}")

    def _moment(self, unix_ms: int) -> Fragment:
        return Fragment(f"fromUnixTimestamp64Milli({self.binder.integer(unix_ms)}, 'UTC')")


def leaves(condition: Filter) -> list[Leaf]:
    """Return the leaves of a filter that speak of the row itself, behaviours left out."""
    match condition:
        case Leaf():
            return [condition]
        case Junction():
            return [leaf for part in condition.parts for leaf in leaves(part)]
        case Negation():
            return leaves(condition.part)
        case Behaviour() | Reached():
            return []


def goals_in(condition: Filter) -> tuple[Goal, ...]:
    """Return the goals that a filter asks the event itself to reach, behaviours left out."""
    match condition:
        case Reached():
            return condition.goals
        case Junction():
            return tuple(goal for part in condition.parts for goal in goals_in(part))
        case Negation():
            return goals_in(condition.part)
        case _:
            return ()


def asks_for_goals(condition: Filter) -> bool:
    """Say whether a filter asks the event itself for goals, be they none."""
    match condition:
        case Reached():
            return True
        case Junction():
            return any(map(asks_for_goals, condition.parts))
        case Negation():
            return asks_for_goals(condition.part)
        case _:
            return False


def names_in(filters: tuple[Filter, ...]) -> set[str]:
    """Return the dimensions that filters name, behaviours left out."""
    named = {leaf.dimension for condition in filters for leaf in leaves(condition)}
    return named | ({GOAL} if any(map(asks_for_goals, filters)) else set())


def counting(goals: tuple[Goal, ...], scope: Scope) -> Fragment:
    """Return what an event must be to count where ``goals`` are in play (``goals.counted``)."""
    return counted(goals, [goal_condition(goal, scope) for goal in goals])


def goal_condition(goal: Goal, scope: Scope) -> Fragment:
    """Compile what an event must be to reach a goal."""
    binder = scope.binder
    if goal.kind is GoalKind.EVENT:
        parts = [Fragment(f"name = {binder.text(goal.target)}")]
        for key, value in goal.props:
            leaf = Leaf(Operator.IS, f"event:props:{key}", (value,))
            parts.append(_event_leaf(leaf, scope))
        return Fragment(f"({all_of(parts)})")
    page = _path_condition(goal.target, scope)
    if goal.kind is GoalKind.HTTP:
        return reached_by_document(goal, page, binder)
    if goal.kind is GoalKind.PAGE:
        return Fragment(f"(name = 'pageview' and {page})")
    deep = f"scroll != {NO_SCROLL} and scroll >= {binder.integer(goal.scroll)}"
    return Fragment(f"(name = 'engagement' and {deep} and {page})")


def events_table(scope: Scope, goals: tuple[Goal, ...], times: Fragment) -> Fragment:
    """Return the events that goals are asked of: with documents, where one is reached by them.

    ``times`` is how events are limited in time.
    """
    served = document_goals(goals)
    if not served:
        return Fragment("events")
    conditions = [goal_condition(goal, scope) for goal in served]
    return with_documents(
        conditions, scope.site_condition(), (times, scope.around()), scope.visit_days()
    )


def _path_condition(pattern: str, scope: Scope) -> Fragment:
    if "*" not in pattern:
        return Fragment(f"path = {scope.binder.text(pattern)}")
    return Fragment(f"like(path, {scope.binder.text(like_pattern(pattern))})")


def shows_bots(filters: tuple[Filter, ...], dimensions: tuple[str, ...]) -> bool:
    """Say whether a query speaks of bots itself, so that they are not left out."""
    return not BOT_DIMENSIONS.isdisjoint((*dimensions, *names_in(filters)))


def event_condition(condition: Filter, scope: Scope) -> Fragment:
    """Compile a filter for rows of ``events``."""
    match condition:
        case Leaf():
            return _event_leaf(condition, scope)
        case Junction():
            parts = [event_condition(part, scope) for part in condition.parts]
            return _junction(condition, parts)
        case Negation():
            return Fragment(f"not ({event_condition(condition.part, scope)})")
        case Behaviour():
            return _behaviour(condition, scope)
        case Reached():
            return any_of(goal_condition(goal, scope) for goal in condition.goals)


def visit_condition(condition: Filter, scope: Scope, role: PageRole) -> Fragment:
    """Compile a filter for rows of ``sessions``; pages are the visit's entry or exit pages."""
    match condition:
        case Leaf():
            dimension = require(condition.dimension)
            if dimension.touch:
                return _by_visit_state(condition, dimension, scope)
            column = ROLE_COLUMNS.get((dimension.name, role), dimension.sessions)
            return matching(condition, value_of(dimension, column, scope), scope)
        case Junction():
            parts = [visit_condition(part, scope, role) for part in condition.parts]
            return _junction(condition, parts)
        case Negation():
            return Fragment(f"not ({visit_condition(condition.part, scope, role)})")
        case Behaviour():
            return _behaviour(condition, scope)
        case Reached():
            return _behaviour(Behaviour(done=True, condition=condition), scope)


def require(name: str) -> Dimension:
    """Return a dimension that the parser has let through."""
    dimension = find_dimension(name)
    if dimension is None:
        raise ValueError(f"not a dimension: {name}")
    return dimension


def value_of(dimension: Dimension, column: str, scope: Scope) -> Fragment:
    """Return the value of a dimension as it is shown, a missing one by its name."""
    binder = scope.binder
    if dimension.is_prop:
        key = binder.text(dimension.prop_key)
        shown = f"if(mapContains(props, {key}), props[{key}], {binder.text(dimension.missing)})"
        return Fragment(shown)
    if dimension.missing:
        return Fragment(f"if({column} = '', {binder.text(dimension.missing)}, toString({column}))")
    return _filled_in(column, scope)


def _filled_in(expression: str, scope: Scope) -> Fragment:
    """Bind what an expression of ``dimensions`` leaves open."""
    binder = scope.binder
    if "{zone}" in expression:
        return Fragment(expression.replace("{zone}", binder.text(scope.site.timezone)))
    if "{codes}" in expression:
        codes, names = binder.texts(country_names()), binder.texts(country_names().values())
        return Fragment(expression.replace("{codes}", codes).replace("{names}", names))
    return Fragment(expression)


def _junction(junction: Junction, parts: list[Fragment]) -> Fragment:
    if junction.connective.value == "or":
        return any_of(parts)
    return Fragment(f"({all_of(parts)})")


def _event_leaf(leaf: Leaf, scope: Scope) -> Fragment:
    dimension = require(leaf.dimension)
    if dimension.sessions_only:
        return _by_visit_state(leaf, dimension, scope)
    return matching(leaf, value_of(dimension, dimension.events, scope), scope)


def _by_visit_state(leaf: Leaf, dimension: Dimension, scope: Scope) -> Fragment:
    found = matching(leaf, value_of(dimension, dimension.sessions, scope), scope)
    if dimension.touch:
        return Fragment(f"visit_id in (select visit_id from ({scope.touches()}) where {found})")
    where = all_of((scope.site_condition(), scope.visit_days(), found))
    return Fragment(
        f"visit_id in (select visit_id from sessions where {where}"
        " group by visit_id having sum(sign) > 0)"
    )


def _behaviour(behaviour: Behaviour, scope: Scope) -> Fragment:
    condition = event_condition(behaviour.condition, scope)
    counts = counting(goals_in(behaviour.condition), scope)
    days = scope.visit_days()
    where = all_of((scope.site_condition(), days, counts, condition))
    belongs = "in" if behaviour.done else "not in"
    source = events_table(scope, goals_in(behaviour.condition), days)
    return Fragment(f"visit_id {belongs} (select visit_id from {source} where {where})")


def matching(leaf: Leaf, shown: Fragment, scope: Scope) -> Fragment:
    """Compile one leaf against the SQL of its value.

    A missing custom property equals "(none)" for is and is_not; every other operator, denied or
    not, needs the property to be there. Other missing values equal the name they are shown by, and
    are empty for the other operators.
    """
    binder = scope.binder
    equality = leaf.operator.positive is Operator.IS
    dimension = require(leaf.dimension)
    value = shown if equality else _stored(dimension, shown, binder)
    found = _any_value(leaf, value, binder)
    result = Fragment(f"not {found}" if leaf.operator.negative else found)
    if dimension.is_prop and not equality:
        return Fragment(f"(mapContains(props, {binder.text(dimension.prop_key)}) and {result})")
    return result


def _stored(dimension: Dimension, shown: Fragment, binder: Binder) -> Fragment:
    if dimension.is_prop:
        return Fragment(f"props[{binder.text(dimension.prop_key)}]")
    return Fragment(dimension.sessions or dimension.events) if dimension.missing else shown


def _any_value(leaf: Leaf, value: Fragment, binder: Binder) -> Fragment:
    folded = Fragment(value if leaf.case_sensitive else f"lowerUTF8({value})")
    match leaf.operator.positive:
        case Operator.IS:
            return _equals_any(leaf, folded, binder)
        case Operator.CONTAINS:
            return any_of(
                Fragment(f"position({folded}, {_fold(leaf, binder.text(text))}) > 0")
                for text in leaf.values
            )
        case Operator.MATCHES:
            flag = "" if leaf.case_sensitive else "(?i)"
            return any_of(
                Fragment(f"match({value}, {binder.text(flag + text)})") for text in leaf.values
            )
        case _:
            return any_of(
                Fragment(f"like({folded}, {_fold(leaf, binder.text(like_pattern(text)))})")
                for text in leaf.values
            )


def _equals_any(leaf: Leaf, folded: Fragment, binder: Binder) -> Fragment:
    values = binder.texts(leaf.values)
    if leaf.case_sensitive:
        return Fragment(f"({folded} in {values})")
    return Fragment(f"has(arrayMap(x -> lowerUTF8(x), {values}), {folded})")


def _fold(leaf: Leaf, bound: Fragment) -> Fragment:
    return bound if leaf.case_sensitive else Fragment(f"lowerUTF8({bound})")


def like_pattern(wildcard: str) -> str:
    """Turn a wildcard into a ``like`` pattern: ``*`` and ``**`` both stand for any characters."""
    escaped = wildcard.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("**", "*").replace("*", "%")
