"""From the entries of a plan to rows and the states after it. Pure.

The one invariant: the same plan, entries and states make the same rows.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.forwarder.batches import (
    Columns,
    event_columns,
    marker_columns,
    session_columns,
    signal_columns,
)
from edge.forwarder.checkpoint import Outcome
from edge.forwarder.entries import RawEntry, decode_entries, make_letter, read_body
from edge.forwarder.erase import erased_columns
from edge.forwarder.erasure import Erasure
from edge.forwarder.latecomers import Latecomers
from edge.forwarder.plan import Plan
from edge.forwarder.visit import Visit
from edge.forwarder.visits import Batch, Visits


@dataclass(slots=True)
class Prepared:
    """A batch on its way: its plan as recorded, its rows by table in order of writing."""

    plan: Plan
    recorded: bytes
    rows: dict[str, Columns]
    outcome: Outcome
    is_repeat: bool


def prepare(
    plan: Plan, recorded: bytes, raw: list[RawEntry], visits: Visits, late: Latecomers
) -> Prepared:
    """Make a plan's rows and the states after it; ``visits`` moves on.

    Events that an erasure meant before they came are none: they only count as erased.
    """
    events, dead = decode_entries(raw)
    if plan.refused:
        events, dead = [], [make_letter(plan.first, read_body(raw[0][1]), plan.refused)]
    erased: Counter[str] = Counter()
    for at, event in events:
        if late.has(event):
            erased[f"{event.site_id}:erased"] += 1
        else:
            visits.place(at, event)
    batch = visits.end_batch()
    shard, session_rows = visits.shard, len(batch.before) + len(batch.after)
    events_of = event_columns(batch, shard, plan.generation)
    rows = {
        "events": events_of,
        "signals": signal_columns(batch, shard, plan.generation),
        "sessions": session_columns(batch, shard, plan.generation),
        "batches": marker_columns(plan, shard, len(events_of["ts"]), session_rows),
    }
    outcome = Outcome(plan.last, visits.watermark_ms, batch, dead, plan.data, erased)
    return Prepared(plan, recorded, rows, outcome, is_repeat=False)


def prepare_erased(  # noqa: PLR0913 - keyword-only past the first three
    plan: Plan,
    erasure: Erasure,
    visits: Visits,
    *,
    changed: list[Visit],
    ended: list[Visit],
    letters: list[str],
    left: Mapping[str, int],
) -> Prepared:
    """Make the end of an erasure whose rows are gone: its records, and the states after it."""
    batch = Batch(changed=changed, evicted=[visit.visit_id for visit in ended])
    site = erasure.site_id
    moved = Counter(
        {f"{site}:control": -1, f"{site}:stored": -plan.erased, f"{site}:erased": plan.erased}
    )
    rows = {
        "erasures": erased_columns(plan, visits.shard, erasure, plan.erased, left),
        "batches": marker_columns(plan, visits.shard, 0, 0),
    }
    outcome = Outcome(plan.last, visits.watermark_ms, batch, [], plan.data + 1)
    outcome = replace(outcome, moved=moved, erased_letters=[(at, site) for at in letters])
    return Prepared(plan, plan.render(), rows, outcome, is_repeat=True)
