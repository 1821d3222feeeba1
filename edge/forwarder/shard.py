"""The one writer of a shard: read, plan, rows, commit (INGESTION 3.1 to 3.5, 3.7).

A batch: read entries -> record the plan -> ``events`` -> ``sessions`` -> ``batches`` -> commit.
Where a writer may die, and what the next one finds:
    before the plan      nothing happened
    after the plan       no marker: the same rows are made again, the token refuses those in
    after the marker     only the states are made again, and committed
    after the commit     no plan

Poison: where the store refuses rows (and does not just fail), nothing of the batch is stored. Half
of it is planned in its place, and so on, down to the entry that is refused alone: that one becomes
a dead letter in the commit of a plan of its own. Every sub-batch is recorded, written and committed
like any batch, out of the states of the commit before it. So an entry that is left out never was:
it opens, moves and lengthens no visit, and ``sessions`` tell of exactly what ``events`` hold.
An event that it would have shared a visit with keeps or opens the visit that it would have had
without it. Rows of ``sessions`` cannot be refused for an event's sake once ``events`` took it; if
they are, that is the operator's matter, and the shard waits.

The one invariant: rows are made only from the states of the last commit and the entries of a
recorded plan. So after an error of the store the batch is repeated as it is; after any other error
the writer is thrown away and another is opened, which repeats it.
"""

import asyncio
import logging
import struct
import time
from dataclasses import dataclass

from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import send_command
from edge.forwarder.batches import Columns, event_columns, marker_columns, session_columns
from edge.forwarder.checkpoint import Checkpoint, Outcome, ShardStopped
from edge.forwarder.entries import RawEntry, decode_entries, make_letter, parse_ids, read_body
from edge.forwarder.lease import Lease
from edge.forwarder.plan import BATCH_FORMAT, KNOWN_FORMATS, Plan
from edge.forwarder.visit import StreamId
from edge.forwarder.visits import Visits
from store.client import DataRefused, Store
from store.dirty_days import mark_dirty, touched_days

log = logging.getLogger(__name__)

READ_ENTRIES = 5_000
"""Entries asked for at once, so that appends are not held up by one long answer."""
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


@dataclass(slots=True)
class Prepared:
    """A batch on its way: its plan as recorded, its rows by table in order of writing."""

    plan: Plan
    recorded: bytes
    rows: dict[str, Columns]
    outcome: Outcome
    is_repeat: bool


def prepare(plan: Plan, recorded: bytes, raw: list[RawEntry], visits: Visits) -> Prepared:
    """Make a plan's rows and the states after it; ``visits`` moves on."""
    events, dead = decode_entries(raw)
    if plan.refused:
        events, dead = [], [make_letter(plan.first, read_body(raw[0][1]), plan.refused)]
    for at, event in events:
        visits.place(at, event)
    batch = visits.end_batch()
    shard, session_rows = visits.shard, len(batch.before) + len(batch.after)
    rows = {
        "events": event_columns(batch, shard, plan.generation),
        "sessions": session_columns(batch, shard, plan.generation),
        "batches": marker_columns(plan, shard, len(batch.events), session_rows),
    }
    outcome = Outcome(plan.last, visits.watermark_ms, batch, dead)
    return Prepared(plan, recorded, rows, outcome, is_repeat=False)


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
        self._store = store
        self._lease = lease
        self._checkpoint = Checkpoint(redis, self._keys, lease)
        self._batch_events = batch_events
        self._generation = 0
        self._visits = Visits(shard, 0)
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
        self._found_plan = loaded.plan
        self._visits = Visits(self.shard, loaded.generation, loaded.watermark_ms, loaded.visits)

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
                raw = await self._read_planned(plan)
            else:
                await self._lease.assure()
                raw = await self._read_next()
                if not raw:
                    return False
                plan = self._plan(raw)
                recorded = plan.render()
                await self._checkpoint.record(recorded)
            try:
                prepared = await asyncio.to_thread(prepare, plan, recorded, raw, self._visits)
            except _BAD_EVENT as error:
                refusal = DataRefused(0, f"no rows can be made of it: {type(error).__name__}")
                await self._narrow(plan, recorded, refusal)
                continue
            prepared.is_repeat = is_repeat
            self._prepared, self._found_plan = prepared, None
            return True

    async def _read_next(self) -> list[RawEntry]:
        """Read what comes after ``done``; of what was refused together, half."""
        if self._suspect is not None:
            raw = await self._read(f"({self.done}", str(self._suspect), self._batch_events)
            return raw[: (len(raw) + 1) // 2]
        return await self._read(f"({self.done}", "+", self._batch_events)

    def _plan(self, raw: list[RawEntry]) -> Plan:
        first, last = StreamId.parse(raw[0][0]), StreamId.parse(raw[-1][0])
        return Plan(
            self._lease.epoch, self._generation, first, last, len(raw), suspect=self._suspect
        )

    async def _narrow(self, plan: Plan, recorded: bytes, refusal: DataRefused) -> None:
        """Plan less in place of a plan that the store refused, and go back to the last commit.

        Raises:
            DataRefused: Some of it is stored after all, or it is no event that is refused.
            LeaseLost: The plan is another's by now.
        """
        await self._lease.renew()
        raw = await self._read_planned(plan)
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

    async def _read_planned(self, plan: Plan) -> list[RawEntry]:
        """Read exactly the entries of a recorded plan.

        Raises:
            ShardStopped: They are not all there.
        """
        raw = await self._read(str(plan.first), str(plan.last), plan.count + 1)
        ends = [StreamId.parse(entry[0]) for entry in (raw[:1] + raw[-1:])]
        if len(raw) != plan.count or ends != [plan.first, plan.last]:
            raise ShardStopped(
                f"{plan.count} entries are planned from {plan.first} to {plan.last},"
                f" {len(raw)} are found"
            )
        return raw

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

    async def _read(self, first: str, last: str, count: int) -> list[RawEntry]:
        raw: list[RawEntry] = []
        while len(raw) < count:
            wanted = min(READ_ENTRIES, count - len(raw))
            piece = await send_command(
                self._redis, "XRANGE", self._keys.events, first, last, "COUNT", wanted
            )
            raw += piece
            if len(piece) < wanted:
                break
            first = f"({piece[-1][0].decode()}"
        return raw
