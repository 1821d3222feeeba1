"""Poison against the real engine: its own refusals, its own encoder, and a crash at every step."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import pytest

from edge.buffer.scripts import connect
from edge.event import Event, encode_event
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.forwarder.visit import StreamId
from store.client import DataRefused, Store, StoreError
from store.migrate import migrate
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.reference import expected_sessions, replay
from tests.edge.forwarder.world import GENERATION, KEYS, SHARD, some_events
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

POISON = "/poison"
TABLES = ("events", "sessions", "batches")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        opened.command(f"alter table events add constraint c check path != '{POISON}'")
        yield opened


class DyingStore(Store):
    """The real store behind a counter of steps, at one of which the process dies."""

    def __init__(self, store: Store, dies_at: int) -> None:
        self._real = store
        self._left = dies_at

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], *, token: str) -> int:
        self._step()
        written = self._real.insert(table, columns, token=token)
        self._step()
        return written

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        self._step()
        return self._real.query(sql, params, settings=settings)

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Crash


class Bench:
    """A shard's stream in front of the real store, emptied."""

    def __init__(self, redis_server: RedisServer, store: Store) -> None:
        self.redis: Any = connect(redis_server.url, timeout_s=10)
        self.store = store
        self.appended: list[tuple[StreamId, Event]] = []

    async def __aenter__(self) -> Self:
        await self.redis.flushall()
        for table in TABLES:
            await asyncio.to_thread(self.store.command, f"truncate table {table}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.redis.aclose()

    async def append(self, *events: Event) -> None:
        for event in events:
            at = await self.redis.xadd(KEYS.events, {"d": encode_event(event)})
            self.appended.append((StreamId.parse(at), event))

    async def forward(self, dies_at: int = 0) -> None:
        lease = Lease(self.redis, KEYS.lease, owner="one", kept_ms=60_000)
        assert await lease.take()
        dying = DyingStore(self.store, dies_at)
        writer = ShardWriter(self.redis, dying, SHARD, lease, batch_events=100)
        await writer.open(GENERATION)
        while await writer.forward():
            pass

    async def check(self, is_taken: Any) -> None:
        taken = [(at, event) for at, event in self.appended if is_taken(event)]
        visits, homeless = replay(taken, SHARD, GENERATION)
        assert homeless == 0
        rows = self.store.query("select stream_ms, stream_seq, visit_id from events")
        found = sorted(((ms, seq), visit_id) for ms, seq, visit_id in rows)
        assert found == sorted((at, v.visit_id) for v in visits for at, _ in v.entries)
        sessions = self.store.query(
            "select visit_id, sum(sign), sum(sign * pageviews), sum(sign * events),"
            " sum(sign * duration_ms) from sessions group by visit_id having sum(sign) != 0"
        )
        wanted = expected_sessions(taken, SHARD, GENERATION)
        figures = ("visit_id", "pageviews", "events", "duration_ms")
        assert sorted((row[0], *row[2:]) for row in sessions) == sorted(
            tuple(row[name] for name in figures) for row in wanted
        )
        assert {row[1] for row in sessions} <= {1}
        counts = {k.decode(): int(v) for k, v in (await self.redis.hgetall(KEYS.counts)).items()}
        assert counts == {
            "1:stored": len(taken),
            "1:dead": len(self.appended) - len(taken),
        }


def no_engagement(seed: int, n: int, *bad: int) -> list[Event]:
    events = [event for event in some_events(3 * n, seed) if event.name != "engagement"][:n]
    return [event._replace(path=POISON) if i in bad else event for i, event in enumerate(events)]


async def test_a_crash_at_any_step_ends_in_the_same_tables(
    redis_server: RedisServer, store: Store
) -> None:
    """Steps are counted until a run has fewer than the one to die at.

    Every third is enough here: ``test_poison`` has them all, with a store in memory.
    """
    crashed, dies_at = True, -1
    while crashed:
        dies_at += 3
        async with Bench(redis_server, store) as bench:
            await bench.append(*no_engagement(1, 4, 2))
            crashed = False
            try:
                await bench.forward(dies_at)
            except Crash:
                crashed = True
            await bench.append(*no_engagement(2, 1))
            await bench.forward()
            await bench.check(lambda event: event.path != POISON)
    assert dies_at > 20


@pytest.mark.parametrize(
    "changes",
    [
        {"engaged_ms": 2**40},
        {"scroll": 256},
        {"scroll": -1},
        {"revenue_minor": 2**63},
        {"name": ["a"]},
        {"props": 3},
        {"path": 7},
        {"path": None},
        {"evidence": -1},
        {"source": 5},
        {"local_day": 2**20},
    ],
)
async def test_whatever_the_tables_do_not_hold_is_left_out_alone(
    redis_server: RedisServer, store: Store, changes: dict[str, Any]
) -> None:
    async with Bench(redis_server, store) as bench:
        bad = an_event(visitor=99, hostname="bad.example")._replace(**changes)
        await bench.append(*no_engagement(1, 3), bad, *no_engagement(2, 4))
        await bench.forward()
        await bench.check(lambda event: event.hostname != "bad.example")


def test_refusals_of_rows_are_told_from_trouble_of_the_server(store: Store) -> None:
    columns: dict[str, list[Any]] = {"site_id": [1, 1], "path": ["/", POISON]}
    with pytest.raises(DataRefused) as refused:
        store.insert("events", columns, token="t-1")
    assert refused.value.code == 469
    with pytest.raises(StoreError) as missing:
        store.insert("nowhere", columns, token="t-2")
    assert not isinstance(missing.value, DataRefused)
    with pytest.raises(StoreError) as unknown:
        store.insert("events", {"nothing": [1]}, token="t-3")
    assert not isinstance(unknown.value, DataRefused)
    assert store.query("select count() from events where site_id = 1 and path = '/'")[0][0] == 0
