"""Write the parts of a statement: one select each, over events or over visits.

A part delivers the dimensions as ``d0``, ``d1``, … and the ingredients it is asked for as
``n_<name>``; ``plan`` joins parts and makes metrics of their ingredients. Sums over ``sessions``
are ``sum(sign * x)``; distinct visitors by a column that can change go through a group by visitor
that keeps only what still stands (INGESTION 5.3). Engagement events are read by ENGAGED alone.
"""

from dataclasses import dataclass

from store.query.conditions import (
    ENGAGEMENT,
    NOT_ENGAGEMENT,
    Scope,
    event_condition,
    leaves,
    require,
    value_of,
    visit_condition,
)
from store.query.dimensions import ROLE_COLUMNS, PageRole
from store.query.fragments import Fragment, all_of
from store.query.metrics import ENGAGED_VISIT_MS
from store.query.model import Connective, Filter, Junction
from store.query.ranges import HOUR_S, hour_grid

VISITORS = "visitors"
_VISITOR = "visitor"
"""The hash, which is another in every salt period: over several of them distinct hashes are the sum
of the periods, and within a longer one a visitor counts once (NUMBERS 14)."""

EVENT_INGREDIENTS: dict[str, str] = {
    "visitors": f"uniqExact({_VISITOR})",
    "visits": "uniqExact(visit_id)",
    "pageviews": "countIf(name = 'pageview')",
    "events": "count()",
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
    "engaged_visits": f"sum(sign * (engaged_ms >= {ENGAGED_VISIT_MS} or pageviews >= 2))",
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

    def conjuncts(self) -> list[Filter]:
        """Return the filters that must all hold, nested ``and`` opened up."""
        return _opened(self.filters)


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
    keys = [_event_key(ask, name) for name in names]
    where = [*_event_limits(ask), NOT_ENGAGEMENT, *_shown(names, keys)]
    counts = [f"{EVENT_INGREDIENTS[name]} as n_{name}" for name in sorted(ingredients)]
    source = _events_source(ask, names)
    return _select([*_named(keys), *counts], source, where, len(keys))


def engaged_part(ask: Ask, ingredients: set[str]) -> Fragment:
    """Sum engagement events by visit, so that a visit counts once with its deepest scroll."""
    keys = [_event_key(ask, name) for name in ask.dimensions]
    inner = [
        *_named(keys),
        "sum(engaged_ms) as ms",
        "maxIf(least(scroll, 100), scroll != 255) as deepest",
        "countIf(scroll != 255) > 0 as measured",
    ]
    where = all_of([*_event_limits(ask), ENGAGEMENT, *_shown(ask.dimensions, keys)])
    group = ", ".join(["visit_id", *_places(len(keys))])
    source = _events_source(ask, ask.dimensions)
    by_visit = f"(select {', '.join(inner)} from {source} where {where} group by {group})"
    counts = [f"{ENGAGED_INGREDIENTS[name]} as n_{name}" for name in sorted(ingredients)]
    return _select([*_places(len(keys)), *counts], by_visit, [], len(keys))


def visits_part(ask: Ask, ingredients: set[str], role: PageRole) -> Fragment:
    """Sum visits; a page is the visit's entry or exit page."""
    keys = [_visit_key(ask, name, role) for name in ask.dimensions]
    where = [
        ask.scope.site_condition(),
        ask.scope.visit_days(),
        *_no_bots(ask),
        *(
            visit_condition(part, ask.scope, role)
            for part in ask.conjuncts()
            if _speaks_of_visits(part)
        ),
        *_shown(ask.dimensions, keys, role),
    ]
    source = Fragment("sessions")
    if ask.by_hour:
        source = Fragment(f"sessions inner join ({_touched(ask)}) as touched using (visit_id)")
    elif not ask.scope.period.whole_days or not all(map(_speaks_of_visits, ask.conjuncts())):
        where.append(Fragment(f"visit_id in ({_touched(ask)})"))
    counts = [f"{VISIT_INGREDIENTS[name]} as n_{name}" for name in sorted(ingredients - {VISITORS})]
    if VISITORS not in ingredients:
        return _select([*_named(keys), *counts], source, where, len(keys), standing=bool(keys))
    if not _changes(ask, role):
        counts.append(f"{EVENT_INGREDIENTS[VISITORS]} as n_{VISITORS}")
        return _select([*_named(keys), *counts], source, where, len(keys), standing=bool(keys))
    return _by_visitor(keys, ingredients - {VISITORS}, source, where)


def _by_visitor(
    keys: list[Fragment], ingredients: set[str], source: Fragment, where: list[Fragment]
) -> Fragment:
    counts = [f"{VISIT_INGREDIENTS[name]} as n_{name}" for name in sorted(ingredients)]
    group = ", ".join([*_places(len(keys)), "who"])
    standing = (
        f"(select {', '.join([*_named(keys), f'{_VISITOR} as who', *counts])} from {source}"
        f" where {all_of(where)} group by {group} having sum(sign) > 0)"
    )
    sums = [f"sum(n_{name}) as n_{name}" for name in sorted(ingredients)]
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


def _event_limits(ask: Ask) -> list[Fragment]:
    return [
        ask.scope.site_condition(),
        ask.scope.event_time(),
        *_no_bots(ask),
        *(event_condition(part, ask.scope) for part in ask.filters),
    ]


def _no_bots(ask: Ask) -> list[Fragment]:
    return [] if ask.bots else [Fragment("bot = ''")]


def _shown(
    names: tuple[str, ...] | list[str], keys: list[Fragment], role: PageRole | None = None
) -> list[Fragment]:
    """Leave out rows whose place, or entry or exit page, is not known (NUMBERS 1 and 8)."""
    return [
        Fragment(f"{key} != ''")
        for name, key in zip(names, keys, strict=True)
        if not name.startswith("time:")
        and (require(name).omit_missing or (role and (name, role) in ROLE_COLUMNS))
    ]


def _event_key(ask: Ask, name: str) -> Fragment:
    if name == "time:hour":
        return _hour(ask)
    if name.startswith("time:"):
        return _day(ask, name)
    dimension = require(name)
    return value_of(dimension, dimension.events or dimension.sessions, ask.scope.binder)


def _visit_key(ask: Ask, name: str, role: PageRole) -> Fragment:
    if name == "time:hour":
        return Fragment("touched.hour")
    if name.startswith("time:"):
        return _day(ask, name)
    dimension = require(name)
    column = ROLE_COLUMNS.get((name, role), dimension.sessions)
    return value_of(dimension, column, ask.scope.binder)


def _day(ask: Ask, name: str) -> Fragment:
    """Return the bucket of a visit's day, as ``ranges.day_bucket`` has it."""
    binder, period = ask.scope.binder, ask.scope.period
    first = binder.day(period.first.isoformat())
    day = "local_day"
    if not period.whole_days:
        day = f"least(greatest(local_day, {first}), {binder.day(period.last.isoformat())})"
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


def _events_source(ask: Ask, names: tuple[str, ...] | list[str]) -> Fragment:
    """Return events, beside them the entry and exit pages of their visits where they are asked."""
    columns = [require(name).sessions for name in names if _is_sessions_only(name)]
    if not columns:
        return Fragment("events")
    listed = ", ".join(["visit_id", *columns])
    where = all_of((ask.scope.site_condition(), ask.scope.visit_days()))
    states = f"select {listed} from sessions where {where} group by {listed} having sum(sign) > 0"
    return Fragment(f"events inner join ({states}) as states using (visit_id)")


def _is_sessions_only(name: str) -> bool:
    return not name.startswith("time:") and require(name).sessions_only


def _touched(ask: Ask) -> Fragment:
    """Select the visits that had an event in the period which the filters let through."""
    where = all_of([*_event_limits(ask), NOT_ENGAGEMENT])
    if not ask.by_hour:
        return Fragment(f"select visit_id from events where {where}")
    return Fragment(
        f"select visit_id, {_hour(ask)} as hour from events where {where} group by visit_id, hour"
    )


def _speaks_of_visits(condition: Filter) -> bool:
    """Say whether a filter can be decided by a visit alone, pages read as entry or exit pages."""
    return all(
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
