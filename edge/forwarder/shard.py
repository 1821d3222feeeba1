"""The one writer of a shard: read, plan, rows, commit (INGESTION 3.1 to 3.5, 3.7).

A batch: read entries -> record the plan -> ``events`` -> ``signals`` -> ``sessions`` ->
``batches`` -> commit.
Where a writer may die, and what the next one finds:
    before the plan      nothing happened
    after the plan       no marker: the same rows are made again, the token refuses those in
    after the marker     only the states are made again, and committed
    after the commit     no plan
In a new life of the stream the visits of the one before are found first (``recover``).

Poison: where the store refuses rows (and does not just fail), nothing of the batch is stored. Half
of it is planned in its place, and so on, down to the entry that is refused alone: that one becomes
a dead letter in the commit of a plan of its own. Every sub-batch is recorded, written and committed
like any batch, out of the states of the commit before it. So an entry that is left out never was:
it opens, moves and lengthens no visit, and ``sessions`` tell of exactly what ``events`` hold.
An event that it would have shared a visit with keeps or opens the visit that it would have had
without it. Rows of ``signals`` and ``sessions`` cannot be refused for an event's sake once others
are in ``events``: a signal that does not fit its columns is found before anything is written
(``edge.signals``). If they are refused all the same, by a constraint that somebody added, that is
the operator's matter, and the shard waits.

The one invariant: rows are made only from the states of the last commit and the entries of a
recorded plan. So after an error of the store the batch is repeated as it is; after any other error
the writer is thrown away and another is opened, which repeats it.
"""

import asyncio
import logging
import struct
import time
from dataclasses import replace

from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.forwarder.batches import marker_columns
from edge.forwarder.checkpoint import Checkpoint, ShardStopped
from edge.forwarder.entries import RawEntry, decode_entries, parse_ids
from edge.forwarder.erase import Eraser, Phase
from edge.forwarder.latecomers import Latecomers, wait_for_hits
from edge.forwarder.lease import Lease
from edge.forwarder.plan import BATCH_FORMAT, KNOWN_FORMATS, Plan
from edge.forwarder.prepare import Prepared, prepare, prepare_erased
from edge.forwarder.recover import find_open_visits
from edge.forwarder.stream import ShardStream, is_control, read_erasure
from edge.forwarder.visit import StreamId
from edge.forwarder.visits import Visits
from store.client import DataRefused, Store
from store.dirty_days import mark_dirty, touched_days

log = logging.getLogger(__name__)

_MARKER = (
    "select count() from batches where shard = {shard:UInt8} and generation = {generation:UInt64}"
    " and first_ms = {first_ms:UInt64} and first_seq = {first_seq:UInt32}"
    " and last_ms = {last_ms:UInt64} and last_seq = {last_seq:UInt32}"
)
_HELD = (
    "select count() from events where shard = {shard:UInt8} and generation = {generation:UInt64}"
    " and (stream_ms, stream_seq) >= ({first_ms:UInt64}, {first_seq:UInt32})"
    " and (stream_ms, stream_seq) <= ({last_ms:UInt64}, {last_seq:UInt32})"
    " and ts between fromUnixTimestamp64Milli({from_ms:Int64})"
    " and fromUnixTimestamp64Milli({to_ms:Int64})"
)
_MAX_TS_MS = 10_413_791_999_999
"""The end of 2299, and of what ``DateTime64`` holds."""
_BAD_EVENT = (TypeError, ValueError, AttributeError, KeyError, OverflowError, struct.error)
"""What our own rules raise for an event that is readable and still not made of what it should."""


class ShardWriter:
    """Writes one shard under one lease. One task uses it."""

    def __init__(
        self, redis: Redis, store: Store, shard: int, lease: Lease, *, batch_events: int
    ) -> None:
        self.shard = shard
        self.done = StreamId(0, 0)
        """The last entry that is stored."""
        self._keys = ShardKeys.of(shard)
        self._redis = redis
        self._stream = ShardStream(redis, self._keys)
        self._store = store
        self._lease = lease
        self._checkpoint = Checkpoint(redis, self._keys, lease)
        self._batch_events = batch_events
        self._generation = 0
        self._data_epoch = 0
        self._is_new = False
        self._visits = Visits(shard, 0)
        self._late = Latecomers()
        self._found_plan: bytes | None = None
        self._prepared: Prepared | None = None
        self._suspect: StreamId | None = None

    @property
    def has_plan(self) -> bool:
        """Whether a recorded plan waits to be finished."""
        return self._found_plan is not None or self._prepared is not None

    async def open(self, new_generation: int) -> None:
        """Load the states of the last commit; the lease must be held.

        Raises:
            ShardStopped: What is stored does not fit together.
            RedisError: Redis is away.
        """
        loaded = await self._checkpoint.load(new_generation)
        self.done = loaded.done
        self._generation = loaded.generation
        self._data_epoch = loaded.data_epoch
        self._is_new = loaded.is_new
        self._found_plan = loaded.plan
        self._visits = Visits(self.shard, loaded.generation, loaded.watermark_ms, loaded.visits)
        self._late = await Latecomers.read(self._redis, self._keys)

    async def forward(self) -> Prepared | None:
        """Write one batch and return it; None if there is nothing to write.

        Raises:
            StoreUnavailable, StoreError: The batch is not in yet; call again.
            LeaseLost: Another owns the shard and repeats the plan, if there is one.
            ShardStopped: The recorded plan cannot be repeated.
            RedisError: Redis is away; opening anew finds out how far it went.
        """
        while True:
            if self._prepared is None and not await self._prepare():
                return None
            prepared = self._prepared
            assert prepared is not None
            try:
                await self._write(prepared)
            except DataRefused as error:
                await self._narrow(prepared.plan, prepared.recorded, error)
            else:
                break
        await self._checkpoint.commit(prepared.recorded, prepared.outcome)
        self.done = prepared.plan.last
        self._data_epoch = prepared.outcome.data_epoch
        self._suspect = prepared.plan.still_suspect
        self._prepared = None
        return prepared

    async def _write(self, prepared: Prepared) -> None:
        """Put a batch's rows into the tables, unless they are known to be in."""
        if prepared.is_repeat and await self._is_stored(prepared.plan):
            return
        days = touched_days(prepared.rows.values(), time.time())
        await asyncio.to_thread(mark_dirty, self._store, days)
        for table, columns in prepared.rows.items():
            if not len(next(iter(columns.values()))):
                continue
            await self._lease.assure()
            if table == "batches":  # The marker says that all is done, so it comes last.
                late = touched_days(prepared.rows.values(), time.time())
                await asyncio.to_thread(mark_dirty, self._store, days | late)
            token = prepared.plan.token(self.shard, table)
            await asyncio.to_thread(self._store.insert, table, columns, token=token)

    async def _prepare(self) -> bool:
        """Make the next batch, or the recorded one again; False if there is none."""
        is_repeat = self._found_plan is not None
        while True:
            if self._found_plan is not None:
                plan, recorded = self._parse_plan(self._found_plan), self._found_plan
                raw = await self._stream.read_planned(plan)
            else:
                await self._lease.assure()
                raw = await self._stream.read_next(self.done, self._suspect, self._batch_events)
                if not raw:
                    return False
                if self._is_new:
                    await self._recover(raw)
                plan = await self._plan(raw)
                recorded = plan.render()
                await self._checkpoint.record(recorded)
            if plan.phase:
                self._found_plan = recorded
                self._prepared = await self._erase(plan, raw[0])
                self._found_plan = None
                return True
            try:
                prepared = await asyncio.to_thread(
                    prepare, plan, recorded, raw, self._visits, self._late
                )
            except _BAD_EVENT as error:
                refusal = DataRefused(0, f"no rows can be made of it: {type(error).__name__}")
                await self._narrow(plan, recorded, refusal)
                continue
            prepared.is_repeat = is_repeat
            self._prepared, self._found_plan = prepared, None
            return True

    async def _recover(self, raw: list[RawEntry]) -> None:
        """Take up the visits of an earlier life of the stream, before the first plan of this."""
        times = [event.ts_ms for _, event in decode_entries(raw)[0]]
        oldest_ms = min(times, default=StreamId.parse(raw[0][0]).ms)
        watermark_ms, visits = await find_open_visits(self._store, self.shard, oldest_ms)
        await self._checkpoint.restore(watermark_ms, visits)
        if visits:
            log.warning(
                "shard %d: goes on with %d visits found in ClickHouse", self.shard, len(visits)
            )
        self._visits = Visits(self.shard, self._generation, watermark_ms, visits)
        self._is_new = False

    async def _plan(self, raw: list[RawEntry]) -> Plan:
        first, last = StreamId.parse(raw[0][0]), StreamId.parse(raw[-1][0])
        plan = Plan(
            self._lease.epoch,
            self._generation,
            first,
            last,
            len(raw),
            suspect=self._suspect,
            data=self._data_epoch,
        )
        if is_control(raw[0]):
            eraser = self._eraser(raw[0])
            erased, rows = await eraser.count(self._generation), await eraser.counts.before()
            plan = replace(plan, phase=Phase.COUNTED, erased=erased, rows=tuple(rows.items()))
        return plan

    def _eraser(self, entry: RawEntry) -> Eraser:
        return Eraser(self._store, self._lease, self.shard, read_erasure(entry))

    async def _erase(self, plan: Plan, entry: RawEntry) -> Prepared:
        """Carry an erasure out as far as it is not; what is left to do is its commit."""
        eraser = self._eraser(entry)
        site_id = eraser.erasure.site_id
        self._late = await Latecomers.with_one_more(
            self._redis, self._keys, plan.first, eraser.erasure
        )
        await wait_for_hits(self._redis, self._keys, self._lease.assure)
        kept = [visit for visit in self._visits.kept() if visit.site_id == site_id]
        if not await self._is_stored(plan):
            if plan.phase == Phase.COUNTED:
                await eraser.mark_days()
                await eraser.delete_sessions()
                plan = await self._go_on(plan, Phase.SESSIONS_DELETED)
            if plan.phase == Phase.SESSIONS_DELETED:
                await eraser.rewrite_sessions(plan, {visit.visit_id: visit for visit in kept})
                plan = await self._go_on(plan, Phase.SESSIONS_REWRITTEN)
            await eraser.delete_events()
            await eraser.delete_totals()
            await eraser.delete_rollups()
        changed, ended = await eraser.renew(kept)
        left = {visit.visit_id: visit for visit in kept} | {v.visit_id: v for v in changed}
        for visit in ended:
            del left[visit.visit_id]
        self._visits = self._visits.without(site_id, left.values())
        letters = await self._stream.find_letters(eraser.erasure)
        return prepare_erased(
            plan,
            eraser.erasure,
            self._visits,
            changed=changed,
            ended=ended,
            letters=letters,
            left=await eraser.counts.after(),
        )

    async def _go_on(self, plan: Plan, phase: Phase) -> Plan:
        """Record how far an erasure is."""
        further = plan.at_phase(phase)
        await self._checkpoint.record(further.render(), instead_of=plan.render())
        self._found_plan = further.render()
        return further

    async def _narrow(self, plan: Plan, recorded: bytes, refusal: DataRefused) -> None:
        """Plan less in place of a plan that the store refused, and go back to the last commit.

        Raises:
            DataRefused: Some of it is stored after all, or it is no event that is refused.
            LeaseLost: The plan is another's by now.
        """
        await self._lease.renew()
        raw = await self._stream.read_planned(plan)
        if plan.refused or await self._holds_any(plan, raw):
            raise refusal
        if plan.count > 1:
            smaller = plan.halved(self._lease.epoch, parse_ids([entry[0] for entry in raw]))
        else:
            smaller = plan.without(self._lease.epoch, f"refused {refusal.code}")
            log.warning("shard %d: %s is set aside: %s", self.shard, plan.first, smaller.refused)
        await self._checkpoint.record(smaller.render(), instead_of=recorded)
        self._prepared = None
        await self.open(self._generation)

    async def _holds_any(self, plan: Plan, raw: list[RawEntry]) -> bool:
        """Ask whether ``events`` holds a row of the plan, as after a refusal it must not."""
        times = [event.ts_ms for _, event in decode_entries(raw)[0]]
        times = [ts_ms for ts_ms in times if 0 <= ts_ms <= _MAX_TS_MS]
        if not times:
            return False
        params = self._identity(plan) | {"from_ms": min(times), "to_ms": max(times)}
        rows = await asyncio.to_thread(self._store.query, _HELD, params)
        return bool(rows[0][0])

    def _parse_plan(self, recorded: bytes) -> Plan:
        try:
            plan = Plan.parse(recorded)
        except ValueError as error:
            raise ShardStopped(f"the recorded plan cannot be read: {error}") from error
        if plan.format not in KNOWN_FORMATS:
            raise ShardStopped(f"the recorded plan is of format {plan.format}, not {BATCH_FORMAT}")
        if plan.generation != self._generation:
            raise ShardStopped("the recorded plan is of another life of the stream")
        return plan

    async def _is_stored(self, plan: Plan) -> bool:
        rows = await asyncio.to_thread(self._store.query, _MARKER, self._identity(plan))
        return bool(rows[0][0])

    def _identity(self, plan: Plan) -> dict[str, int]:
        return {name: values[0] for name, values in marker_columns(plan, self.shard, 0, 0).items()}
