"""What of the documents served the tracker could confirm: the conditions, and a part of a query.

Two counts, no join (INGESTION 5.6). Both go by the clock: a view belongs to its visit's day and a
document to the day it was asked for, and over midnight these are two. ``capture`` tells the same
numbers in more parts.
"""

from dataclasses import replace

from store.query.fragments import Fragment, all_of
from store.query.parts import Ask, day_bucket, event_key, event_limits, shown_keys

_SIGNS = 0xFFFFFFFF ^ (1 << 12)
"""Every sign of ``rules.evidence`` but that of a confirmed address, which is none."""
MEASURED = Fragment("capture in ('eligible', 'meta_policy')")
"""Documents whose view can be confirmed."""
CONFIRMING = Fragment("is_first and bot = ''")
"""Events that confirm one."""


def shown_to_people(silent: str) -> Fragment:
    """Return what a hit must be to count; ``silent`` are the visitors without the script.

    Who never ran the script and shows another sign of a program is left out.
    """
    return Fragment(
        "kind in ('document', 'activated') and bot = '' and method = 'GET'"
        f" and not (bitAnd(evidence, {_SIGNS}) != 0 and visitor in {silent})"
    )


def silent_visitors(where: Fragment) -> Fragment:
    """Select the visitors whose browsers never fetched the script and sent nothing."""
    return Fragment(
        f"select visitor from hits where {where} and visitor != 0 group by visitor"
        " having countIf(kind = 'script') = 0"
        f" and visitor not in (select visitor from events where {where})"
    )


def captured_part(ask: Ask) -> Fragment:
    """Count documents that could be confirmed and views that confirm one, by the clock."""
    ask = replace(ask, scope=replace(ask.scope, by_clock=True), bots=False)
    keys = [_key(ask, name) for name in ask.dimensions]
    named = [f"{key} as d{index}" for index, key in enumerate(keys)]
    limits = all_of([*event_limits(ask), *shown_keys(ask.dimensions, keys)])
    span = all_of([ask.scope.site_condition(), ask.scope.event_time()])
    people = shown_to_people(f"({silent_visitors(span)})")
    places = ", ".join(f"d{index}" for index in range(len(keys)))
    group = f" group by {places}" if keys else ""
    columns = ", ".join([*named, f"countIf({MEASURED}) as measured, 0 as confirmed"])
    views = ", ".join([*named, "0 as measured, count() as confirmed"])
    rows = (
        f"select {columns} from hits where {limits} and {people}{group}"
        f" union all select {views} from events where {limits} and {CONFIRMING}{group}"
    )
    sums = "sum(measured) as n_measured, sum(confirmed) as n_confirmed"
    listed = f"{places}, {sums}" if keys else sums
    having = " having n_measured > 0" if keys else ""
    return Fragment(f"select {listed} from ({rows}){group}{having}")


def _key(ask: Ask, name: str) -> Fragment:
    if name.startswith("time:") and name != "time:hour":
        zone = ask.scope.binder.text(ask.scope.site.timezone)
        return day_bucket(ask, name, f"toDate(ts, {zone})")
    return event_key(ask, name)
