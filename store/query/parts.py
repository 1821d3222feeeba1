"""Write the parts of a statement: one select each, over events or over visits.

A part delivers the dimensions as ``d0``, ``d1``, … and the ingredients it is asked for as
``n_<name>``; ``plan`` joins parts and makes metrics of their ingredients. Sums over ``sessions``
are ``sum(sign * x)``; distinct visitors by a column that can change go through a group by visitor
that keeps only what still stands (INGESTION 5.3). Engagement events are read by ENGAGED alone.
"""

from dataclasses import dataclass

from store.query.conditions import (
    ENGAGEMENT,
    Scope,
    asks_for_goals,
    counting,
    event_condition,
    events_table,
    goal_condition,
    goals_in,
    leaves,
    require,
    value_of,
    visit_condition,
)
from store.query.dimensions import GOAL, PROPS_PREFIX, ROLE_COLUMNS, PageRole
from store.query.documents import document_goals
from store.query.fragments import Fragment, all_of, any_of
from store.query.goals import Goal
from store.query.metrics import ENGAGED_VISIT_MS
from store.query.model import Connective, Filter, Junction, Reached
from store.query.ranges import HOUR_S, hour_grid

VISITORS = "visitors"
_VISITOR = "visitor"
"""The hash, which is another in every salt period: over several of them distinct hashes are the sum
of the periods, and within a longer one a visitor counts once (NUMBERS 14)."""

EVENT_INGREDIENTS: dict[str, str] = {
    "visitors": f"uniqExact({_VISITOR})",
    "visits": "uniqExact(visit_id)",
    "pageviews": "countIf(name = 'pageview')",
    "events": "countIf(name != 'engagement')",
}
ENGAGED_INGREDIENTS: dict[str, str] = {
    "engaged_ms": "sum(ms)",
    "engaged_visits": "count()",
    "scroll_sum": "sum(deepest)",
    "scroll_visits": "countIf(measured)",
}
VISIT_INGREDIENTS: dict[str, str] = {
    "visits": "sum(sign)",
    "pageviews": "sum(sign * pageviews)",
    "events": "sum(sign * events)",
    "bounces": "sum(sign * is_bounce)",
    "duration_ms": "sum(sign * duration_ms * (1 - is_bounce))",
    "engaged_ms": "sum(sign * engaged_ms)",
    "entrances": "sum(sign * (entry_page != ''))",
    "exits": "sum(sign * (exit_page != ''))",
}

_VIEWED = {"visit:exit_page": "event:page", "visit:exit_page_hostname": "event:hostname"}
"""Exit dimensions, and the event's own that page views are counted by beside them."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What every part of one statement has in common.

    ``dimensions`` have ``time`` resolved; ``bots`` says that bots are not to be left out.
    """

    scope: Scope
    dimensions: tuple[str, ...]
    filters: tuple[Filter, ...]
    bots: bool

    @property
    def by_hour(self) -> bool:
        """Say whether the series is one of hours, which are told by the clock (NUMBERS 13)."""
        return "time:hour" in self.dimensions

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Return the goals that rows of ``event:goal`` are of: those the filters leave over."""
        named = [part.goals for part in self.conjuncts() if isinstance(part, Reached)]
        return tuple(goal for goal in self.scope.site.goals if all(goal in n for n in named))

    @property
    def currency(self) -> str | None:
        """Return the currency of all goals in play; None if they have none or several."""
        found = {goal.currency for goal in self.goals if goal.currency}
        return found.pop() if len(found) == 1 else None

    def conjuncts(self) -> list[Filter]:
        """Return the filters that must all hold, nested ``and`` opened up."""
        return _opened(self.filters)

    def counts(self) -> Fragment:
        """Return what an event must be to count."""
        shown = self.goals if GOAL in self.dimensions else ()
        return counting(tuple(dict.fromkeys((*self.filtered_goals(), *shown))), self.scope)

    def filtered_goals(self) -> tuple[Goal, ...]:
        """Return the goals that filters ask an event itself to reach."""
        return tuple(goal for part in self.filters for goal in goals_in(part))

    def events(self, *goals: Goal) -> Fragment:
        """Return the events that this asks of: with documents, where goals are reached by them."""
        shown = self.goals if GOAL in self.dimensions else ()
        played = (*self.filtered_goals(), *shown, *goals)
        return events_table(self.scope, played, self.scope.event_time())

    def without_goals(self, dimensions: tuple[str, ...]) -> "Ask":
        """Ask for everybody: filters for goals and properties that must hold are left away."""
        kept = tuple(part for part in self.conjuncts() if not _tells_conversions(part))
        return Ask(self.scope, dimensions, kept, self.bots)


def _tells_conversions(part: Filter) -> bool:
    props = any(leaf.dimension.startswith(PROPS_PREFIX) for leaf in leaves(part))
    return props or asks_for_goals(part)


def _opened(filters: tuple[Filter, ...]) -> list[Filter]:
    found: list[Filter] = []
    for part in filters:
        if isinstance(part, Junction) and part.connective is Connective.AND:
            found.extend(_opened(part.parts))
        else:
            found.append(part)
    return found


def events_part(ask: Ask, ingredients: set[str], *, viewed: bool = False) -> Fragment:
    """Count events, their visits and visitors; ``viewed`` reads exit pages as the event's page."""
    names = [_VIEWED.get(name, name) if viewed else name for name in ask.dimensions]
    if _can_go_by_states(names, ingredients):
        return _by_states(ask, ingredients)
    keys = [event_key(ask, name) for name in names]
    where = [*event_limits(ask), ask.counts(), *shown_keys(names, keys)]
    counts = [f"{_event_ingredient(name, ask)} as n_{name}" for name in sorted(ingredients)]
    source = events_source(ask, names)
    return _select([*_named(keys), *counts], source, where, len(keys))


def _can_go_by_states(names: list[str], ingredients: set[str]) -> bool:
    """Say whether only visits are counted, by what they themselves have.

    Then the events need only name the visits, and nothing has to be joined.
    """
    return (
        ingredients <= {VISITORS, "visits"}
        and any(_is_sessions_only(name) for name in names)
        and not any(name.startswith("time:") for name in names)
        and not any(require(name).of_event or require(name).touch for name in names)
    )


def _by_states(ask: Ask, ingredients: set[str]) -> Fragment:
    """Count the visits that had an event which filters let through, as they stand now."""
    keys = [_visit_key(ask, name, PageRole.ENTRY) for name in ask.dimensions]
    where = [
        ask.scope.site_condition(),
        ask.scope.visit_days(),
        Fragment(f"visit_id in ({_touched(ask)})"),
        *shown_keys(ask.dimensions, keys),
    ]
    columns, source = [*_named(keys), "sum(sign) as n_visits"], Fragment("sessions")
    if VISITORS not in ingredients:
        return _select(columns, source, where, len(keys), standing=True)
    summed = sorted(ingredients - {VISITORS})
    return _by_visitor(keys, [*columns, f"{_VISITOR} as who"], summed, (source, where))


def _event_ingredient(name: str, ask: Ask) -> str:
    if name in EVENT_INGREDIENTS:
        return EVENT_INGREDIENTS[name]
    earning = _earning(ask)
    return f"sumIf(revenue_minor, {earning})" if name == "revenue" else f"countIf({earning})"


def _earning(ask: Ask) -> Fragment:
    """Return which events earn: those of a goal with revenue, in the goal's currency."""
    binder = ask.scope.binder
    if GOAL in ask.dimensions:
        names = binder.texts(goal.name for goal in ask.goals)
        currencies = binder.texts(goal.currency for goal in ask.goals)
        reached = Fragment(f"d{ask.dimensions.index(GOAL)}")
        own = f"transform({reached}, {names}, {currencies}, '')"
        return Fragment(f"currency != '' and currency = {own}")
    if ask.currency is None:
        return Fragment("false")
    earners = [goal_condition(goal, ask.scope) for goal in ask.goals if goal.currency]
    return all_of([Fragment(f"currency = {binder.text(ask.currency)}"), any_of(earners)])


def reached_part(ask: Ask) -> Fragment:
    """Count goals reached, each once a visit."""
    goals = ask.scope.site.goals
    conditions = [goal_condition(goal, ask.scope) for goal in goals]
    keys = [event_key(ask, name) for name in ask.dimensions]
    where = [*event_limits(ask), any_of(conditions), *shown_keys(ask.dimensions, keys)]
    sums = " + ".join(f"uniqExactIf(visit_id, {condition})" for condition in conditions) or "0"
    source = events_source(ask, ask.dimensions, ask.events(*goals))
    return _select([*_named(keys), f"{sums} as n_reached"], source, where, len(keys))


def engaged_part(ask: Ask, ingredients: set[str]) -> Fragment:
    """Sum engagement events by visit, so that a visit counts once with its deepest scroll."""
    keys = [event_key(ask, name) for name in ask.dimensions]
    inner = [
        *_named(keys),
        "sum(engaged_ms) as ms",
        "maxIf(least(scroll, 100), scroll != 255) as deepest",
        "countIf(scroll != 255) > 0 as measured",
    ]
    where = all_of([*event_limits(ask), engagement(ask), *shown_keys(ask.dimensions, keys)])
    group = ", ".join(["visit_id", *_places(len(keys))])
    source = events_source(ask, ask.dimensions)
    by_visit = f"(select {', '.join(inner)} from {source} where {where} group by {group})"
    counts = [f"{ENGAGED_INGREDIENTS[name]} as n_{name}" for name in sorted(ingredients)]
    return _select([*_places(len(keys)), *counts], by_visit, [], len(keys))


def engagement(ask: Ask) -> Fragment:
    """Return what engagement is; documents stand beside it as the same, where goals need them."""
    shown = ask.goals if GOAL in ask.dimensions else ()
    own = not document_goals((*ask.filtered_goals(), *shown))
    return ENGAGEMENT if own else Fragment(f"{ENGAGEMENT} and document_status = 0")


def visits_part(ask: Ask, ingredients: set[str], role: PageRole) -> Fragment:
    """Sum visits; a page is the visit's entry or exit page."""
    keys = [_visit_key(ask, name, role) for name in ask.dimensions]
    where = [
        ask.scope.site_condition(),
        ask.scope.visit_days(),
        *no_bots(ask),
        *(
            visit_condition(part, ask.scope, role)
            for part in ask.conjuncts()
            if _speaks_of_visits(part)
        ),
        *shown_keys(ask.dimensions, keys, role),
    ]
    source = Fragment("sessions")
    if ask.by_hour:
        source = Fragment(f"sessions inner join ({_touched(ask)}) as touched using (visit_id)")
    elif not ask.scope.period.whole_days or not all(map(_speaks_of_visits, ask.conjuncts())):
        where.append(Fragment(f"visit_id in ({_touched(ask)})"))
    if _names_touch(ask.dimensions):
        source = Fragment(
            f"{source} inner join ({ask.scope.touches()}) as earlier using (visit_id)"
        )
    counts = [
        f"{_visit_ingredient(name, ask)} as n_{name}" for name in sorted(ingredients - {VISITORS})
    ]
    if VISITORS not in ingredients:
        return _select([*_named(keys), *counts], source, where, len(keys), standing=bool(keys))
    if not _changes(ask, role):
        counts.append(f"{EVENT_INGREDIENTS[VISITORS]} as n_{VISITORS}")
        return _select([*_named(keys), *counts], source, where, len(keys), standing=bool(keys))
    summed = sorted(ingredients - {VISITORS})
    return _by_visitor(
        keys, [*_named(keys), f"{_VISITOR} as who", *counts], summed, (source, where)
    )


def _visit_ingredient(name: str, ask: Ask) -> str:
    return VISIT_INGREDIENTS.get(name) or f"sum(sign * ({_engaged(ask)}))"


def _engaged(ask: Ask) -> Fragment:
    """Return what makes a visit an engaged one (NUMBERS 12)."""
    parts = [Fragment(f"engaged_ms >= {ENGAGED_VISIT_MS}"), Fragment("pageviews >= 2")]
    if ask.scope.site.goals:
        reached = Reached(ask.scope.site.goals)
        parts.append(visit_condition(reached, ask.scope, PageRole.ENTRY))
    return any_of(parts)


def _by_visitor(
    keys: list[Fragment],
    columns: list[str],
    summed: list[str],
    read: tuple[Fragment, list[Fragment]],
) -> Fragment:
    """Count visitors that still stand under their key; ``read`` is a source and its conditions."""
    source, where = read
    group = ", ".join([*_places(len(keys)), "who"])
    standing = (
        f"(select {', '.join(columns)} from {source}"
        f" where {all_of(where)} group by {group} having sum(sign) > 0)"
    )
    sums = [f"sum(n_{name}) as n_{name}" for name in summed]
    return _select(
        [*_places(len(keys)), f"count() as n_{VISITORS}", *sums], Fragment(standing), [], len(keys)
    )


def _select(
    columns: list[str], source: str, where: list[Fragment], keys: int, *, standing: bool = False
) -> Fragment:
    text = f"select {', '.join(columns)} from {source}"
    if where:
        text += f" where {all_of(where)}"
    if keys:
        text += f" group by {', '.join(_places(keys))}"
    if standing:
        text += " having sum(sign) > 0"
    return Fragment(text)


def _named(keys: list[Fragment]) -> list[str]:
    return [f"{key} as d{index}" for index, key in enumerate(keys)]


def _places(count: int) -> list[str]:
    return [f"d{index}" for index in range(count)]


def event_limits(ask: Ask) -> list[Fragment]:
    """Return what limits events to a question: site, time, bots, filters."""
    return [
        ask.scope.site_condition(),
        ask.scope.event_time(),
        *no_bots(ask),
        *(event_condition(part, ask.scope) for part in ask.filters),
    ]


def no_bots(ask: Ask) -> list[Fragment]:
    """Leave bots out, unless they are asked for."""
    return [] if ask.bots else [Fragment("bot = ''")]


def shown_keys(
    names: tuple[str, ...] | list[str], keys: list[Fragment], role: PageRole | None = None
) -> list[Fragment]:
    """Leave out rows whose place, or entry or exit page, is not known (NUMBERS 1 and 8)."""
    return [
        Fragment(f"{key} != ''")
        for name, key in zip(names, keys, strict=True)
        if not name.startswith("time:")
        and (require(name).omit_missing or (role and (name, role) in ROLE_COLUMNS))
    ]


def event_key(ask: Ask, name: str) -> Fragment:
    """Return the value of a dimension for a row of events."""
    if name == "time:hour":
        return _hour(ask)
    if name.startswith("time:"):
        return day_bucket(ask, name)
    if name == GOAL:
        return _goals_reached(ask)
    dimension = require(name)
    return value_of(dimension, dimension.events or dimension.sessions, ask.scope)


def _goals_reached(ask: Ask) -> Fragment:
    """Return each goal that an event reaches: its row is there once for each, and else not."""
    binder = ask.scope.binder
    names = [
        f"if({goal_condition(goal, ask.scope)}, [{binder.text(goal.name)}], [])"
        for goal in ask.goals
    ]
    return Fragment(f"arrayJoin(arrayConcat({', '.join(['emptyArrayString()', *names])}))")


def _visit_key(ask: Ask, name: str, role: PageRole) -> Fragment:
    if name == "time:hour":
        return Fragment("touched.hour")
    if name.startswith("time:"):
        return day_bucket(ask, name)
    dimension = require(name)
    column = ROLE_COLUMNS.get((name, role), dimension.sessions)
    return value_of(dimension, column, ask.scope)


def day_bucket(ask: Ask, name: str, day: str = "local_day") -> Fragment:
    """Return the bucket of a visit's day, or of another one, as ``ranges.day_bucket`` has it."""
    binder, period = ask.scope.binder, ask.scope.period
    first = binder.day(period.first.isoformat())
    if not period.whole_days:
        day = f"least(greatest({day}, {first}), {binder.day(period.last.isoformat())})"
    if name == "time:month":
        return Fragment(f"toStartOfMonth({day})")
    return Fragment(f"greatest(toMonday({day}), {first})" if name == "time:week" else day)


def _hour(ask: Ask) -> Fragment:
    """Return the bucket of an event's hour, as ``ranges.HourGrid.bucket`` has it."""
    binder = ask.scope.binder
    moment = "toInt64(toUnixTimestamp(ts))"
    result = ""
    for index, (begin, phase) in enumerate(hour_grid(ask.scope.period).segments):
        at = binder.integer(phase)
        floor = f"intDiv({moment} - {at}, {HOUR_S}) * {HOUR_S} + {at}"
        if index == 0:
            result = floor
        else:
            since = binder.integer(begin)
            result = f"if({moment} < {since}, {result}, greatest({floor}, {since}))"
    return Fragment(result)


def events_source(ask: Ask, names: tuple[str, ...] | list[str], table: str = "") -> Fragment:
    """Return events, beside them the entry and exit pages of their visits where they are asked."""
    columns = [
        require(name).reads or require(name).sessions
        for name in names
        if _is_sessions_only(name) and not require(name).touch
    ]
    table = table or ask.events()
    source = _with_states(ask, columns, table) if columns else Fragment(table)
    if not _names_touch(names):
        return source
    return Fragment(f"{source} inner join ({ask.scope.touches()}) as earlier using (visit_id)")


def _names_touch(names: tuple[str, ...] | list[str]) -> bool:
    return any(not name.startswith("time:") and require(name).touch for name in names)


def _with_states(ask: Ask, columns: list[str], table: str) -> Fragment:
    listed = ", ".join(["visit_id", *dict.fromkeys(columns)])
    where = all_of((ask.scope.site_condition(), ask.scope.visit_days(), *_let_through(ask, table)))
    states = f"select {listed} from sessions where {where} group by {listed} having sum(sign) > 0"
    return Fragment(f"{table} inner join ({states}) as states using (visit_id)")


def _let_through(ask: Ask, table: str) -> list[Fragment]:
    """Leave out visits that filters let no event through of: it only spares reading."""
    if not ask.filters or table != "events":
        return []
    limits = all_of(event_limits(ask))
    return [Fragment(f"visit_id in (select visit_id from events where {limits})")]


def _is_sessions_only(name: str) -> bool:
    return not name.startswith("time:") and require(name).sessions_only


def _touched(ask: Ask) -> Fragment:
    """Select the visits that had an event in the period which the filters let through."""
    where = all_of([*event_limits(ask), ask.counts()])
    if not ask.by_hour:
        return Fragment(f"select visit_id from {ask.events()} where {where}")
    return Fragment(
        f"select visit_id, {_hour(ask)} as hour from {ask.events()} where {where}"
        " group by visit_id, hour"
    )


def _speaks_of_visits(condition: Filter) -> bool:
    """Say whether a filter can be decided by a visit alone, pages read as entry or exit pages."""
    return not asks_for_goals(condition) and all(
        not require(leaf.dimension).of_event or (leaf.dimension, PageRole.ENTRY) in ROLE_COLUMNS
        for leaf in leaves(condition)
    )


def _changes(ask: Ask, role: PageRole) -> bool:
    """Say whether a visit may have stood under another value of what is asked before."""
    named = {name for name in ask.dimensions if not name.startswith("time:")}
    for part in ask.conjuncts():
        if _speaks_of_visits(part):
            named |= {leaf.dimension for leaf in leaves(part)}
    return any(require(name).changing or (name, role) in ROLE_COLUMNS for name in named)
