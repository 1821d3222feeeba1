"""Rows by column, for ``events``, ``signals``, ``sessions`` and ``batches``. Pure.

Times are Unix milliseconds, days are counted from 1970-01-01. The one invariant: the columns are
those of ``store/schema``, and the same batch makes the same rows in the same order.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from edge.event import VISIT_ATTRIBUTES, Event
from edge.forwarder.plan import Plan
from edge.forwarder.visit import SESSION_FIELDS, StreamId, Visit
from edge.forwarder.visits import Batch
from edge.signals import COLUMNS as SIGNAL_COLUMNS
from edge.signals import SIGNALS, as_text, signal_values

type Columns = dict[str, Sequence[Any]]
type _Row = tuple[StreamId, Event, Visit]

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
    rows = [row for row in _rows(batch) if row[1].name not in SIGNALS]
    columns: Columns = {name: [event[i] for _, event, _ in rows] for i, name in _OF_THE_EVENT}
    return columns | _visit_columns(rows, shard, generation)


def signal_columns(batch: Batch, shard: int, generation: int) -> Columns:
    """Make the rows of ``signals``: what was seen, where, and the visit's values.

    Their visits are in ``events`` already, or about to be, so the rest of a row fits for certain.

    Raises:
        TypeError: A signal's text is none. Told before anything is stored, so it can be left out.
    """
    rows = [row for row in _rows(batch) if row[1].name in SIGNALS]
    values = [signal_values(event) for _, event, _ in rows]
    columns: Columns = {name: [value[name] for value in values] for name in SIGNAL_COLUMNS}
    columns |= {
        "site_id": [event.site_id for _, event, _ in rows],
        "kind": [SIGNALS[event.name].kind for _, event, _ in rows],
        "ts": [event.ts_ms for _, event, _ in rows],
        "hostname": [as_text(event.hostname) for _, event, _ in rows],
        "path": [as_text(event.path) for _, event, _ in rows],
        "width_class": [as_text(event.screen) for _, event, _ in rows],
    }
    return columns | _visit_columns(rows, shard, generation)


def _rows(batch: Batch) -> Iterator[_Row]:
    return zip(batch.entries, batch.events, batch.visits, strict=True)


def _visit_columns(rows: Sequence[_Row], shard: int, generation: int) -> Columns:
    """Make the columns that any row has of its visit and of its place in the stream."""
    n = len(rows)
    visits = [visit for _, _, visit in rows]
    columns: Columns = {
        "local_day": [visit.local_day for visit in visits],
        "visit_id": [visit.visit_id for visit in visits],
        "visitor": [visit.visitor for visit in visits],
        "shard": [shard] * n,
        "generation": [generation] * n,
        "stream_ms": [at.ms for at, _, _ in rows],
        "stream_seq": [at.seq for at, _, _ in rows],
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
