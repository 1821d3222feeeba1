"""Visits made again out of rows of the tables. Pure; asking for the rows is another's.

``from_events`` builds visits anew from what is left of their events (after an erasure),
``from_sessions`` takes them as they stood (after the loss of Redis, INGESTION 3.6). The one
invariant: a visit made again shows the values that its rows say, so that the -1 written for it
later cancels the +1 that is in the table.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from edge.event import ENGAGEMENT, NO_SCROLL, VISIT_ATTRIBUTES, Event
from edge.forwarder.visit import SESSION_FIELDS, StreamId, Visit

_OWN = (
    *("visit_id", "shard", "generation", "stream_ms", "stream_seq"),
    "toUnixTimestamp64Milli(ts)",
    "toUInt16(local_day)",
    *("visitor", "site_id", "name", "interactive", "hostname", "path", "engaged_ms"),
)
EVENT_COLUMNS = ", ".join((*_OWN, *VISIT_ATTRIBUTES))
"""What ``from_events`` wants of ``events``, ordered by ``EVENT_ORDER``."""
EVENT_ORDER = "visit_id, stream_ms, stream_seq"
"""In one life of a stream the order of truth; of a visit that outlived one, that of the clocks."""
_TIMES = {"anchor", "start_at", "end_at", "last_alive", "entry_at", "exit_at"}
_DERIVED = {"duration_ms", "is_bounce", "last_stream_ms", "last_stream_seq", *VISIT_ATTRIBUTES}


def _column(name: str) -> str:
    if name in _TIMES:
        return f"toUnixTimestamp64Milli({name})"
    return "toUInt16(local_day)" if name == "local_day" else name


SESSION_COLUMNS = ", ".join(map(_column, SESSION_FIELDS))
"""What ``from_sessions`` wants of ``sessions final``."""


class Rebuilt(NamedTuple):
    """A visit and where its last event came from."""

    visit: Visit
    shard: int
    generation: int


def from_events(rows: Iterable[tuple[Any, ...]], kept: Mapping[int, Visit]) -> list[Rebuilt]:
    """Build visits from their events; one of which only engagement is left is none.

    A visit keeps its id, its visitor, its day and its attributes, which stand on every row; all
    else is what these events say. ``kept`` are visits that go on: they keep the hashes they are
    found by and their version, all others begin with 1 (their older rows must be gone).
    """
    found = []
    for visit_id, group in groupby(rows, key=itemgetter(0)):
        entries = [(StreamId(row[3], row[4]), _event(row), row) for row in group]
        opener = next(((at, e) for at, e, _ in entries if e.name != ENGAGEMENT), None)
        if opener is None:
            continue
        visit = Visit(visit_id, *opener)
        for at, event, _ in entries:
            visit.absorb(at, event)
        known = kept.get(visit_id)
        visit.keys = list(known.keys) if known else [visit.visitor]
        visit.version = known.version if known else 1
        last = entries[-1][2]
        found.append(Rebuilt(visit, last[1], last[2]))
    return found


def from_sessions(
    rows: Iterable[tuple[Any, ...]], known: Mapping[int, Visit] | None = None
) -> list[Visit]:
    """Take visits as their rows of ``sessions`` say.

    ``known`` keep the hashes they are found by and the place of their first event. Of others both
    are lost: they are found by the hash they began with, and rank before all events of this life
    of the stream, in the order of their anchors.
    """
    found: list[Visit] = []
    for row in sorted(rows, key=_anchor):
        values = dict(zip(SESSION_FIELDS, row, strict=True))
        visit = Visit.__new__(Visit)
        for name, value in values.items():
            if name not in _DERIVED:
                setattr(visit, _slot(name), value)
        before = (known or {}).get(visit.visit_id)
        visit.keys = list(before.keys) if before else [visit.visitor]
        visit.opened = before.opened if before else StreamId(0, len(found) + 1)
        visit.last = StreamId(values["last_stream_ms"], values["last_stream_seq"])
        visit.attributes = tuple(values[name] for name in VISIT_ATTRIBUTES)
        visit.batch = 0
        found.append(visit)
    return found


def _anchor(row: tuple[Any, ...]) -> tuple[int, int]:
    return row[SESSION_FIELDS.index("anchor")], row[SESSION_FIELDS.index("visit_id")]


def _slot(name: str) -> str:
    """Name the place of a column in a visit."""
    if name in _TIMES:
        return f"{name.removesuffix('_at')}_ms"
    return name


def _event(row: tuple[Any, ...]) -> Event:
    own = _OWN.index
    return Event(
        site_id=row[own("site_id")],
        ts_ms=row[own("toUnixTimestamp64Milli(ts)")],
        local_day=row[own("toUInt16(local_day)")],
        visitor=row[own("visitor")],
        previous=0,
        name=row[own("name")],
        interactive=bool(row[own("interactive")]),
        hostname=row[own("hostname")],
        path=row[own("path")],
        props={},
        revenue_minor=0,
        currency="",
        engaged_ms=row[own("engaged_ms")],
        scroll=NO_SCROLL,
        load_id=0,
        is_first=False,
        **dict(zip(VISIT_ATTRIBUTES, row[len(_OWN) :], strict=True)),
    )
