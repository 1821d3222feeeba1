"""Parts of a statement over ``signals``: what the tracker's modules saw (docs/adr/0021).

A row carries page, host and its visit's attributes in columns of the same names as ``events``, so
keys and filters on these are those of ``parts``. A filter on what only an event has (its name,
properties, goals) asks whether the visit contains an event that passes all such filters.
"""

from store.query.conditions import (
    asks_for_goals,
    counting,
    event_condition,
    events_table,
    goals_in,
    leaves,
)
from store.query.dimensions import PROPS_PREFIX
from store.query.fragments import Fragment, all_of
from store.query.metrics import VITALS
from store.query.model import Filter
from store.query.parts import Ask, event_key, events_source, no_bots, shown_keys

LAST_TOLD = "(ts, stream_ms, stream_seq)"
"""What is largest of the last of several rows."""
EVENTS_OWN = ("event:name", "event:title", "event:goal")
"""What a signal does not have, beside properties."""


def _vital(label: str, level: float) -> str:
    return f"quantileExactOrNullIf({level})(value, kind = 'vital' and label = '{label}')"


SEEN_INGREDIENTS: dict[str, tuple[str, str]] = {
    "clicks": ("click", "countIf(kind = 'click')"),
    "rage_clicks": ("rage", "countIf(kind = 'rage')"),
    "dead_clicks": ("dead", "countIf(kind = 'dead')"),
    "errors": ("error", "countIf(kind = 'error')"),
    **{
        metric.value: ("vital", _vital(label, level))
        for label, metrics in VITALS.items()
        for metric, level in zip(metrics, (0.5, 0.75, 0.95), strict=True)
    },
}
"""The kind of row that each ingredient is made of, and how."""


def seen_part(ask: Ask, ingredients: set[str]) -> Fragment:
    """Count signals."""
    keys = [event_key(ask, name) for name in ask.dimensions]
    named = [f"{key} as d{index}" for index, key in enumerate(keys)]
    counts = [f"{SEEN_INGREDIENTS[name][1]} as n_{name}" for name in sorted(ingredients)]
    kinds = sorted({SEEN_INGREDIENTS[name][0] for name in ingredients})
    where = [*signal_limits(ask, kinds), *shown_keys(ask.dimensions, keys)]
    source = events_source(ask, ask.dimensions, "signals")
    text = f"select {', '.join([*named, *counts])} from {source} where {all_of(where)}"
    places = ", ".join(f"d{index}" for index in range(len(keys)))
    return Fragment(text + (f" group by {places}" if keys else ""))


def signal_limits(ask: Ask, kinds: list[str]) -> list[Fragment]:
    """Return what limits signals to a question: site, kinds, time, bots, filters."""
    own = [part for part in ask.conjuncts() if not _is_of_events(part)]
    other = [part for part in ask.conjuncts() if _is_of_events(part)]
    return [
        ask.scope.site_condition(),
        Fragment(f"kind in {ask.scope.binder.texts(kinds)}"),
        ask.scope.event_time(),
        *no_bots(ask),
        *(event_condition(part, ask.scope) for part in own),
        *([_has_done(ask, other)] if other else []),
        *([_last_told(ask)] if "vital" in kinds else []),
    ]


def _last_told(ask: Ask) -> Fragment:
    """Keep the last row of each vital of a load: one that grew was told again (docs/modules.md)."""
    where = all_of([ask.scope.site_condition(), ask.scope.event_time()])
    told = "visit_id, label, position"
    return Fragment(
        f"(kind != 'vital' or position = 0 or ({told}, {LAST_TOLD}) in (select {told},"
        f" max({LAST_TOLD}) from signals where {where} and kind = 'vital' and position != 0"
        f" group by {told}))"
    )


def _is_of_events(part: Filter) -> bool:
    """Say whether a filter asks for what an event has and a signal has not."""
    named = [leaf.dimension for leaf in leaves(part)]
    return asks_for_goals(part) or any(
        name in EVENTS_OWN or name.startswith(PROPS_PREFIX) for name in named
    )


def _has_done(ask: Ask, parts: list[Filter]) -> Fragment:
    goals = tuple(goal for part in parts for goal in goals_in(part))
    where = all_of(
        [
            ask.scope.site_condition(),
            ask.scope.visit_days(),
            counting(goals, ask.scope),
            *(event_condition(part, ask.scope) for part in parts),
        ]
    )
    source = events_table(ask.scope, goals, ask.scope.visit_days())
    return Fragment(f"visit_id in (select visit_id from {source} where {where})")
