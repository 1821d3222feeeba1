"""Parts of a statement over ``hits``: what the edge served, what crawlers took and gave back.

A row of ``hits`` knows some of what a row of ``events`` does, in columns of the same names, so keys
and filters are those of ``parts``. Whoever asks for what it does not know is refused by
``edge_checks``. The one invariant: crawlers are counted wherever a metric is of them, people
wherever it is of visits, whatever else is asked beside.
"""

from functools import cache

from rules.tables import read_table
from store.query.conditions import event_condition, matching, names_in
from store.query.dimensions import BOT_DIMENSIONS, OPERATOR
from store.query.fragments import Fragment, all_of
from store.query.model import Leaf
from store.query.parts import Ask, event_key, event_limits, shown_keys

DOCUMENT = Fragment("kind = 'document'")
TAKEN = Fragment("bot != '' and method = 'GET' and (intDiv(status, 100) = 2 or status = 304)")
"""A page that a bot was given."""
SERVED_INGREDIENTS: dict[str, str] = {
    "hits": "count()",
    "bytes": "sum(sent_bytes)",
    "ttfb_p50": "quantileExactOrNull(0.5)(ttfb_ms)",
    "ttfb_p95": "quantileExactOrNull(0.95)(ttfb_ms)",
}


@cache
def operators_by_source() -> dict[str, str]:
    """Return who runs the crawlers of the source that a visit may come from."""
    table = read_table("ai_crawlers")["sends_visits_as"]
    return {source: operator for operator, sources in table.items() for source in sources}


def served_part(ask: Ask, ingredients: set[str]) -> Fragment:
    """Count documents served, people's unless bots are asked for."""
    counts = [f"{SERVED_INGREDIENTS[name]} as n_{name}" for name in sorted(ingredients)]
    return _grouped(ask, "hits", [*event_limits(ask), DOCUMENT], counts)


def crawled_part(ask: Ask) -> Fragment:
    """Count pages that bots were given."""
    where = [
        ask.scope.site_condition(),
        ask.scope.event_time(),
        *(event_condition(part, ask.scope) for part in ask.filters),
        DOCUMENT,
        TAKEN,
    ]
    return _grouped(ask, "hits", where, ["count() as n_pages"])


def brought_part(ask: Ask) -> Fragment:
    """Count visits of people; the operator is read as that of the source they came from.

    What filters say of bots is left away, except who their operator is.
    """
    where = [
        ask.scope.site_condition(),
        ask.scope.event_time(),
        Fragment("bot = ''"),
        Fragment("name != 'engagement'"),
    ]
    sender = _sender(ask)
    if OPERATOR in {*ask.dimensions, *names_in(ask.filters)}:
        where.append(Fragment(f"{sender} != ''"))
    for part in ask.conjuncts():
        if names_in((part,)).isdisjoint(BOT_DIMENSIONS):
            where.append(event_condition(part, ask.scope))
        elif isinstance(part, Leaf) and part.dimension == OPERATOR:
            where.append(matching(part, sender, ask.scope))
    keys = [sender if name == OPERATOR else event_key(ask, name) for name in ask.dimensions]
    return _grouped(ask, "events", where, ["uniqExact(visit_id) as n_visits"], keys)


def _sender(ask: Ask) -> Fragment:
    binder, known = ask.scope.binder, operators_by_source()
    sources, operators = binder.texts(known), binder.texts(known.values())
    return Fragment(f"transform(source, {sources}, {operators}, '')")


def _grouped(
    ask: Ask,
    table: str,
    where: list[Fragment],
    counts: list[str],
    keys: list[Fragment] | None = None,
) -> Fragment:
    keys = [event_key(ask, name) for name in ask.dimensions] if keys is None else keys
    named = [f"{key} as d{index}" for index, key in enumerate(keys)]
    where = [*where, *shown_keys(ask.dimensions, keys)]
    text = f"select {', '.join([*named, *counts])} from {table} where {all_of(where)}"
    places = ", ".join(f"d{index}" for index in range(len(keys)))
    return Fragment(text + (f" group by {places}" if keys else ""))
