"""Rows by column, for ``events``, ``sessions`` and ``batches``. Pure.

Times are Unix milliseconds, days are counted from 1970-01-01. The one invariant: the columns are
those of ``store/schema``, and the same batch makes the same rows in the same order.
"""

from collections.abc import Sequence
from typing import Any

from edge.event import VISIT_ATTRIBUTES, Event
from edge.forwarder.plan import Plan
from edge.forwarder.visit import SESSION_FIELDS
from edge.forwarder.visits import Batch

type Columns = dict[str, Sequence[Any]]

_RENAMED = {"ts_ms": "ts"}
_OF_THE_VISIT = {"local_day", "visitor", "previous", *VISIT_ATTRIBUTES}
_OF_THE_EVENT: tuple[tuple[int, str], ...] = tuple(
    (i, _RENAMED.get(name, name))
    for i, name in enumerate(Event._fields)
    if name not in _OF_THE_VISIT
)
"""Where each column that an event brings itself stands in the event."""


def event_columns(batch: Batch, shard: int, generation: int) -> Columns:
    """Make the rows of ``events``: the event's own values and its visit's."""
    n = len(batch.events)
    visits = batch.visits
    columns: Columns = {name: [event[i] for event in batch.events] for i, name in _OF_THE_EVENT}
    columns |= {
        "local_day": [visit.local_day for visit in visits],
        "visit_id": [visit.visit_id for visit in visits],
        "visitor": [visit.visitor for visit in visits],
        "shard": [shard] * n,
        "generation": [generation] * n,
        "stream_ms": [at.ms for at in batch.entries],
        "stream_seq": [at.seq for at in batch.entries],
    }
    attributes = list(zip(*[visit.attributes for visit in visits], strict=True))
    columns |= dict(zip(VISIT_ATTRIBUTES, attributes or [()] * len(VISIT_ATTRIBUTES), strict=True))
    return columns


def session_columns(batch: Batch, shard: int, generation: int) -> Columns:
    """Make the rows of ``sessions``: what was written before with sign -1, what is with +1."""
    rows = [*batch.before, *batch.after]
    by_field = list(zip(*rows, strict=True)) or [()] * len(SESSION_FIELDS)
    columns: Columns = dict(zip(SESSION_FIELDS, by_field, strict=True))
    columns["shard"] = [shard] * len(rows)
    columns["generation"] = [generation] * len(rows)
    columns["sign"] = [-1] * len(batch.before) + [1] * len(batch.after)
    return columns


def marker_columns(plan: Plan, shard: int, event_rows: int, session_rows: int) -> Columns:
    """Make the row of ``batches`` that says that a plan's rows are all in."""
    values = {
        "shard": shard,
        "generation": plan.generation,
        "first_ms": plan.first.ms,
        "first_seq": plan.first.seq,
        "last_ms": plan.last.ms,
        "last_seq": plan.last.seq,
        "event_rows": event_rows,
        "session_rows": session_rows,
    }
    return {name: [value] for name, value in values.items()}
