"""Documents that the edge served, as events of the visits they belong to: for goals of that kind.

Such a goal is reached by a request that ``hits`` tells of, not by an event. Where one is in play,
``events`` is read together with its documents, each as an event that counts as nothing (like
engagement) and carries the method and status. A document belongs to the visit of its visitor that
began at most a minute after it, or lasted until at most 30 minutes before it. The one invariant: a
document of who has no visit is no event, so nobody converts who is not counted.
"""

from store.query.fragments import Binder, Fragment, all_of, any_of
from store.query.goals import Goal, GoalKind

AHEAD_S = 60
"""How long after its document a visit's first event may come."""
GAP_S = 1_800
_OF_VISITS = (
    "referrer", "source", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_content",
    "utm_term", "click_id", "country", "region", "city", "browser", "browser_version", "os",
    "os_version", "device", "screen", "language", "bot", "operator",
)  # fmt: skip
_OF_BOTH = ("site_id", "ts", "visitor", "hostname", "path")
_MONTH = "_partition_id"
"""No column: what each table tells of a row's part, by which questions are limited to months."""
_OF_NEITHER = {
    "name": "'engagement'",
    "interactive": "false",
    "props": "map()::Map(LowCardinality(String), String)",
    "revenue_minor": "toInt64(0)",
    "currency": "''",
    "engaged_ms": "toUInt32(0)",
    "scroll": "toUInt8(255)",
    "is_first": "false",
    "shard": "toUInt8(0)",
    "generation": "toUInt64(0)",
    "stream_ms": "toUInt64(0)",
    "stream_seq": "toUInt32(0)",
}
_ANY = "document_status > 0"


def document_goals(goals: tuple[Goal, ...]) -> tuple[Goal, ...]:
    """Return the goals that documents reach."""
    return tuple(goal for goal in goals if goal.kind is GoalKind.HTTP)


def reached_by_document(goal: Goal, page: Fragment, binder: Binder) -> Fragment:
    """Compile what a document must be to reach a goal; ``page`` is the condition on its path."""
    parts = [Fragment(_ANY), page]
    if goal.method:
        parts.append(Fragment(f"document_method = {binder.text(goal.method)}"))
    if goal.status.endswith("xx"):
        hundred = binder.integer(int(goal.status[0]))
        parts.append(Fragment(f"intDiv(document_status, 100) = {hundred}"))
    elif goal.status:
        parts.append(Fragment(f"document_status = {binder.integer(int(goal.status))}"))
    return Fragment(f"({all_of(parts)})")


def with_documents(
    goals: list[Fragment], site: Fragment, times: tuple[Fragment, Fragment], days: Fragment
) -> Fragment:
    """Write the source of events together with documents that reach one of ``goals``.

    ``times`` limits events, and documents; ``days`` limits visits.
    """
    both = (*_OF_BOTH, _MONTH)
    columns = (*both, *_OF_VISITS, *_OF_NEITHER)
    own = ", ".join(["visit_id", "local_day", *columns])
    made = ", ".join([
        "visits.visit_id as visit_id", "visits.local_day as local_day",
        *(f"documents.{name} as {name}" for name in both),
        *(f"visits.{name} as {name}" for name in _OF_VISITS),
        *(f"{value} as {name}" for name, value in _OF_NEITHER.items()),
    ])  # fmt: skip
    state = ", ".join(("visit_id", "visitor", "local_day", "start_at", "end_at", *_OF_VISITS))
    return Fragment(f"""(
select {own}, '' as document_method, toUInt16(0) as document_status
from events where {all_of((site, times[0]))}
union all
select {made}, documents.document_method as document_method,
    documents.document_status as document_status
from (
    select {", ".join(both)}, method as document_method, status as document_status
    from hits
    where {all_of((site, times[1]))} and kind = 'document' and bot = '' and visitor != 0
        and {any_of(goals)}
) as documents
asof inner join (
    select {state}, start_at - interval {AHEAD_S} second as began
    from sessions where {all_of((site, days))}
    group by {state} having sum(sign) > 0
) as visits on documents.visitor = visits.visitor and documents.ts >= visits.began
where documents.ts <= visits.end_at + interval {GAP_S} second
) as events""")
