"""Events in, visits out: the rules of what a visit is (NUMBERS 1-4 and 16, INGESTION 1.5, 3.4, 4).

Pure and deterministic: the same entries in the same order give the same visits, whatever the
batches, and no clock is read. Each event is placed at once; ``end_batch`` hands out what changed
since the last call, as the ``sessions`` table wants it. Reading entries, storing rows and keeping
state is the work of ``edge.forwarder.shard``; the importer uses this module too.

Rules, in the order they are asked:
    1. The watermark is the latest time of any event of the shard, this one included.
    2. An event more than 90 minutes behind it joins nothing: it opens a visit of its own.
    3. Else it joins the kept visit, of the same visitor by today's or yesterday's hash, to whose
       span from start to last sign of life it is nearest, at most 30 minutes away; of two as near
       the earlier. If there is none it opens a visit.
    4. Engagement and signals never open a visit; without one to join they are dropped.

The one invariant: forgetting a visit whose last sign of life is more than 120 minutes behind the
watermark (90 of lateness and 30 of gap) changes no outcome, so memory is bounded by open visits.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import Struct
from typing import Any

from edge.event import Event
from edge.forwarder.visit import NEVER_ALONE, StreamId, Visit

GAP_MS = 30 * 60 * 1000
LATENESS_MS = 90 * 60 * 1000
KEPT_MS = LATENESS_MS + GAP_MS

_IDENTITY = Struct(">QQQQQQ")


@dataclass(slots=True)
class Batch:
    """What a run of entries did: rows to write and states to keep.

    ``entries``, ``events`` and ``visits`` run in parallel. ``before`` holds the session last
    written of every changed visit that had one, ``after`` what it is now. ``changed`` are visits to
    keep, ``evicted`` ids to forget. ``no_visit`` counts, by site, what was dropped
    for want of a visit.
    """

    entries: list[StreamId] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    before: list[tuple[Any, ...]] = field(default_factory=list)
    after: list[tuple[Any, ...]] = field(default_factory=list)
    changed: list[Visit] = field(default_factory=list)
    evicted: list[int] = field(default_factory=list)
    no_visit: Counter[int] = field(default_factory=Counter)


class Visits:
    """The open visits of one shard.

    Args:
        shard: Logical shard; 255 for imports.
        generation: Which life of the shard's stream the entries are of.
        watermark_ms: Latest event time so far.
        kept: Visits as they stood after the last batch.
    """

    def __init__(
        self, shard: int, generation: int, watermark_ms: int = 0, kept: Iterable[Visit] = ()
    ) -> None:
        self.shard = shard
        self.generation = generation
        self.watermark_ms = watermark_ms
        self._batch = Batch()
        self._batch_number = 1
        self._stored: set[int] = set()
        self._by_visitor: dict[tuple[int, int], list[Visit]] = {}
        self._by_age: list[tuple[int, int, Visit]] = []
        for visit in sorted(kept, key=lambda visit: visit.opened):
            visit.batch = 0
            self._stored.add(visit.visit_id)
            self._by_age.append((visit.last_alive_ms, visit.visit_id, visit))
            for key in visit.keys:
                self._by_visitor.setdefault((visit.site_id, key), []).append(visit)
        heapq.heapify(self._by_age)

    def __len__(self) -> int:
        """Count the visits kept in memory."""
        return len(self._by_age)

    def kept(self) -> list[Visit]:
        """List the visits kept in memory."""
        return [visit for _, _, visit in self._by_age]

    def without(self, site_id: int, kept: Iterable[Visit]) -> "Visits":
        """Return these visits with those of a site replaced; no batch may be open."""
        others = [visit for visit in self.kept() if visit.site_id != site_id]
        return Visits(self.shard, self.generation, self.watermark_ms, [*others, *kept])

    def place(self, at: StreamId, event: Event) -> Visit | None:
        """Give an event to its visit; None if it has none and may not open one."""
        if event.ts_ms > self.watermark_ms:  # noqa: PLR1730 - max() costs three times as much.
            self.watermark_ms = event.ts_ms
        is_late = event.ts_ms < self.watermark_ms - LATENESS_MS
        visit = None if is_late else self._nearest(event)
        batch = self._batch
        if visit is None:
            if event.name in NEVER_ALONE:
                batch.no_visit[event.site_id] += 1
                return None
            visit = self._open(at, event)
        if visit.batch != self._batch_number:
            visit.batch = self._batch_number
            batch.changed.append(visit)
            if visit.version:
                batch.before.append(visit.session())
        if event.previous or event.visitor not in visit.keys:
            self._learn_keys(visit, event)
        visit.absorb(at, event)
        batch.entries.append(at)
        batch.events.append(event)
        batch.visits.append(visit)
        return visit

    def end_batch(self) -> Batch:
        """Close the batch: number the states of its visits, forget the old, hand it out."""
        batch = self._batch
        for visit in batch.changed:
            visit.version += 1
            batch.after.append(visit.session())
        evicted = self._evict()
        batch.changed = [visit for visit in batch.changed if visit.visit_id not in evicted]
        batch.evicted = [visit_id for visit_id in evicted if visit_id in self._stored]
        self._stored.difference_update(evicted)
        self._stored.update(visit.visit_id for visit in batch.changed)
        self._batch = Batch()
        self._batch_number += 1
        return batch

    def _nearest(self, event: Event) -> Visit | None:
        found = self._by_visitor.get((event.site_id, event.visitor), ())
        if event.previous:
            found = [*found, *self._by_visitor.get((event.site_id, event.previous), ())]
        ts = event.ts_ms
        near = [
            visit
            for visit in found
            if visit.start_ms - GAP_MS <= ts <= visit.last_alive_ms + GAP_MS
        ]
        if len(near) > 1:
            near.sort(key=lambda visit: (visit.distance_ms(ts), visit.start_ms, visit.opened))
        return near[0] if near else None

    def _open(self, at: StreamId, event: Event) -> Visit:
        identity = _IDENTITY.pack(
            event.site_id, event.visitor, self.shard, self.generation, at.ms, at.seq
        )
        visit_id = int.from_bytes(blake2b(identity, digest_size=8).digest())
        visit = Visit(visit_id, at, event)
        heapq.heappush(self._by_age, (visit.last_alive_ms, visit_id, visit))
        return visit

    def _learn_keys(self, visit: Visit, event: Event) -> None:
        """Make the visit found by both hashes of the event from now on."""
        for key in (event.visitor, event.previous or event.visitor):
            if key not in visit.keys:
                visit.keys.append(key)
                self._by_visitor.setdefault((visit.site_id, key), []).append(visit)

    def _evict(self) -> dict[int, None]:
        """Forget visits that no event can reach any more; return their ids in order."""
        limit = self.watermark_ms - KEPT_MS
        evicted: dict[int, None] = {}
        by_age = self._by_age
        while by_age and by_age[0][0] < limit:
            _, visit_id, visit = by_age[0]
            if visit.last_alive_ms >= limit:
                heapq.heapreplace(by_age, (visit.last_alive_ms, visit_id, visit))
                continue
            heapq.heappop(by_age)
            evicted[visit_id] = None
            for key in visit.keys:
                mates = self._by_visitor[visit.site_id, key]
                mates.remove(visit)
                if not mates:
                    del self._by_visitor[visit.site_id, key]
        return evicted
