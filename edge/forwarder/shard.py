"""The one writer of a shard: read, plan, rows, commit (INGESTION 3.1 to 3.5).

A batch: read entries -> record the plan -> ``events`` -> ``signals`` -> ``sessions`` ->
``batches`` -> commit.
Where a writer may die, and what the next one finds:
    before the plan      nothing happened
    after the plan       no marker: the same rows are made again, the token refuses those in
    after the marker     only the states are made again, and committed
    after the commit     no plan

The one invariant: rows are made only from the states of the last commit and the entries of a
recorded plan. So after an error of the store the batch is repeated as it is; after any other error
the writer is thrown away and another is opened, which repeats it.
"""

import asyncio
from dataclasses import dataclass

from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import send_command
from edge.forwarder.batches import (
    Columns,
    event_columns,
    marker_columns,
    session_columns,
    signal_columns,
)
from edge.forwarder.checkpoint import Checkpoint, Outcome, ShardStopped
from edge.forwarder.entries import RawEntry, decode_entries
from edge.forwarder.lease import Lease
from edge.forwarder.plan import BATCH_FORMAT, KNOWN_FORMATS, Plan
from edge.forwarder.visit import StreamId
from edge.forwarder.visits import Visits
from store.client import Store

READ_ENTRIES = 5_000
"""Entries asked for at once, so that appends are not held up by one long answer."""
_MARKER = (
    "select count() from batches where shard = {shard:UInt8} and generation = {generation:UInt64}"
    " and first_ms = {first_ms:UInt64} and first_seq = {first_seq:UInt32}"
    " and last_ms = {last_ms:UInt64} and last_seq = {last_seq:UInt32}"
)


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
    for at, event in events:
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
        if self._prepared is None:
            self._prepared = await self._prepare()
        prepared = self._prepared
        if prepared is None:
            return None
        if not (prepared.is_repeat and await self._is_stored(prepared.plan)):
            for table, columns in prepared.rows.items():
                if not len(next(iter(columns.values()))):
                    continue
                await self._lease.assure()
                token = prepared.plan.token(self.shard, table)
                await asyncio.to_thread(self._store.insert, table, columns, token=token)
        await self._checkpoint.commit(prepared.recorded, prepared.outcome)
        self.done = prepared.plan.last
        self._prepared = None
        return prepared

    async def _prepare(self) -> Prepared | None:
        if self._found_plan is not None:
            return await self._repeat(self._found_plan)
        await self._lease.assure()
        raw = await self._read(f"({self.done}", "+", self._batch_events)
        if not raw:
            return None
        first, last = StreamId.parse(raw[0][0]), StreamId.parse(raw[-1][0])
        plan = Plan(self._lease.epoch, self._generation, first, last, len(raw))
        recorded = plan.render()
        await self._checkpoint.record(recorded)
        return await asyncio.to_thread(prepare, plan, recorded, raw, self._visits)

    async def _repeat(self, recorded: bytes) -> Prepared:
        """Make a recorded plan's batch again, out of exactly its entries."""
        plan = self._parse_plan(recorded)
        raw = await self._read(str(plan.first), str(plan.last), plan.count + 1)
        ends = [StreamId.parse(entry[0]) for entry in (raw[:1] + raw[-1:])]
        if len(raw) != plan.count or ends != [plan.first, plan.last]:
            raise ShardStopped(
                f"{plan.count} entries are planned from {plan.first} to {plan.last},"
                f" {len(raw)} are found"
            )
        prepared = await asyncio.to_thread(prepare, plan, recorded, raw, self._visits)
        prepared.is_repeat = True
        self._found_plan = None
        return prepared

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
        marker = marker_columns(plan, self.shard, 0, 0)
        params = {name: values[0] for name, values in marker.items()}
        rows = await asyncio.to_thread(self._store.query, _MARKER, params)
        return bool(rows[0][0])

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
