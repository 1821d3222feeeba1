import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.event import encode_event
from edge.forwarder.run import Forwarder, ForwarderConfig
from edge.sites import shard_of
from store.client import StoreError, StoreUnavailable
from tests.edge.forwarder.memory_store import MemoryStore
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer

SHARDS = range(64)
SITE = 1
SHARD = shard_of(SITE)


@asynccontextmanager
async def running(
    server: RedisServer, store: MemoryStore, **options: Any
) -> AsyncIterator[Forwarder]:
    defaults: dict[str, Any] = {"shards": range(SHARD, SHARD + 1), "owner": "one", "linger_s": 0.01}
    forwarder = Forwarder(ForwarderConfig(server.url, store, **(defaults | options)))
    stop = asyncio.Event()
    task = asyncio.create_task(forwarder.run(stop))
    try:
        yield forwarder
    finally:
        stop.set()
        await task


def append(server: RedisServer, n: int, *, site_id: int = SITE, first: int = 0) -> None:
    with Redis.from_url(server.url) as redis:
        for i in range(first, first + n):
            raw = encode_event(an_event(site_id=site_id, path=f"/{i}", visitor=i % 7 + 1))
            redis.xadd(ShardKeys.of(shard_of(site_id)).events, {"d": raw})


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - the store in memory tells nobody.
            await asyncio.sleep(0.01)


def paths(store: MemoryStore) -> list[str]:
    return [row["path"] for row in store.tables["events"]]


def expected(n: int) -> list[str]:
    return [f"/{i}" for i in range(n)]


async def test_what_is_appended_is_stored_and_goes_on_being(redis_server: RedisServer) -> None:
    store = MemoryStore()
    append(redis_server, 5)
    async with running(redis_server, store) as forwarder:
        await until(lambda: len(paths(store)) == 5)
        append(redis_server, 5, first=5)
        await until(lambda: len(paths(store)) == 10)
        assert forwarder.check() == {"shards": "", "lag": ""}
    assert paths(store) == expected(10)


async def test_every_shard_of_the_range_is_forwarded(redis_server: RedisServer) -> None:
    store = MemoryStore()
    async with running(redis_server, store, shards=SHARDS):
        for site_id in range(1, 30):
            append(redis_server, 2, site_id=site_id)
        await until(lambda: len(paths(store)) == 58)
    assert {row["shard"] for row in store.tables["events"]} == {shard_of(i) for i in range(1, 30)}


async def test_full_batches_follow_at_once(redis_server: RedisServer) -> None:
    store = MemoryStore()
    append(redis_server, 25)
    async with running(redis_server, store, batch_events=10):
        await until(lambda: len(paths(store)) == 25)
    assert [row["event_rows"] for row in store.tables["batches"]] == [10, 10, 5]


async def test_stopping_finishes_what_is_at_hand_and_gives_the_lease_back(
    redis_server: RedisServer,
) -> None:
    store = MemoryStore()
    async with running(redis_server, store, linger_s=60.0) as forwarder:
        await until(lambda: forwarder.states[SHARD].lease.epoch > 0)
        append(redis_server, 5)
    assert paths(store) == expected(5)
    async with running(redis_server, store, owner="two") as second:
        await until(lambda: second.states[SHARD].lease.epoch > 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [(StoreUnavailable("away"), "answer"), (StoreError(27, "bad row"), "bad row")],
)
async def test_trouble_of_the_store_is_said_waited_out_and_forgotten(
    redis_server: RedisServer, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.forwarder.run.PAUSE_MIN_S", 0.3)
    store = MemoryStore()
    store.failures["after events"] = error
    append(redis_server, 5)
    async with running(redis_server, store) as forwarder:
        await until(lambda: said in forwarder.check()["shards"])
        await until(lambda: len(store.tables["batches"]) == 1)
        await until(lambda: not forwarder.check()["shards"])
    assert paths(store) == expected(5)
    assert store.repeats == 1


async def test_a_killed_redis_is_waited_for(redis_server: RedisServer) -> None:
    store = MemoryStore()
    append(redis_server, 5)
    async with running(redis_server, store):
        await until(lambda: len(paths(store)) == 5)
        redis_server.kill()
        await asyncio.sleep(0.05)
        redis_server.start()
        append(redis_server, 5, first=5)
        await until(lambda: len(paths(store)) == 10)
    assert paths(store) == expected(10)


async def test_a_redis_that_came_back_empty_starts_a_new_generation(
    redis_server: RedisServer,
) -> None:
    store = MemoryStore()
    append(redis_server, 5)
    async with running(redis_server, store):
        await until(lambda: len(store.tables["batches"]) == 1)
        with Redis.from_url(redis_server.url) as redis:
            redis.flushall()
        append(redis_server, 5, first=5)
        await until(lambda: len(paths(store)) == 10)
    assert len({row["generation"] for row in store.tables["events"]}) == 2


async def test_two_forwarders_share_a_shard_one_after_the_other(redis_server: RedisServer) -> None:
    store = MemoryStore()
    async with running(redis_server, store, owner="one") as first:
        await until(lambda: first.states[SHARD].lease.epoch == 1)
        async with running(redis_server, store, owner="two", lease_s=0.3) as waiting:
            for i in range(10):
                append(redis_server, 10, first=10 * i)
                await asyncio.sleep(0.02)
            await until(lambda: len(paths(store)) == 100)
            assert waiting.states[SHARD].lease.epoch == 0
            assert waiting.check() == {"shards": "", "lag": ""}
    async with running(redis_server, store, owner="two"):
        append(redis_server, 10, first=100)
        await until(lambda: len(paths(store)) == 110)
    assert paths(store) == expected(110)


async def test_another_forwarder_takes_over_a_lease_that_ended(redis_server: RedisServer) -> None:
    store = MemoryStore()
    with Redis.from_url(redis_server.url) as redis:
        gone = {"owner": "gone", "epoch": 7, "until": redis.time()[0] * 1000 + 300}
        redis.hset(ShardKeys.of(SHARD).lease, mapping=gone)
    append(redis_server, 5)
    async with running(redis_server, store, lease_s=0.3) as forwarder:
        await until(lambda: len(paths(store)) == 5)
        assert forwarder.states[SHARD].lease.epoch >= 8


class SleepyStore(MemoryStore):
    """Holds one insert until it is woken, as a machine does that was suspended."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps = threading.Event()
        self.woken = threading.Event()

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], *, token: str) -> int:
        if table == "sessions" and not self.sleeps.is_set():
            self.sleeps.set()
            assert self.woken.wait(20)
        return super().insert(table, columns, token=token)


async def test_a_forwarder_that_slept_through_its_lease_changes_nothing(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another takes over in the middle of its batch; then it wakes up and goes on with it."""
    store = SleepyStore()
    append(redis_server, 5)
    async with running(redis_server, store, owner="sleeper", lease_s=0.3) as sleeper:
        await until(store.sleeps.is_set)
        # While it sleeps nobody renews its lease, nor says that it lives.
        monkeypatch.setattr(sleeper.states[SHARD].lease, "renew", _never)
        monkeypatch.setattr(sleeper.sharing, "show", _never)
        async with running(redis_server, store, owner="heir", lease_s=0.3) as heir:
            await until(lambda: heir.states[SHARD].lease.epoch == 2)
            append(redis_server, 5, first=5)
            await until(lambda: len(paths(store)) == 10)
            monkeypatch.undo()
            store.woken.set()
            append(redis_server, 5, first=10)
            await until(lambda: len(paths(store)) == 15)
            await until(lambda: sleeper.states[SHARD].problem == "")
    assert paths(store) == expected(15)
    assert len(store.sessions_left()) == 7


async def _never() -> None:
    await asyncio.sleep(0)


async def test_a_name_used_twice_changes_no_number(redis_server: RedisServer) -> None:
    store = MemoryStore()
    async with (
        running(redis_server, store, lease_s=0.2),
        running(redis_server, store, lease_s=0.2),
    ):
        for i in range(20):
            append(redis_server, 10, first=10 * i)
            await asyncio.sleep(0.02)
        await until(lambda: len(paths(store)) == 200)
    assert paths(store) == expected(200)


async def test_a_stopped_shard_is_said_and_holds_up_no_other(redis_server: RedisServer) -> None:
    store = MemoryStore()
    other = next(i for i in range(2, 99) if shard_of(i) != SHARD)
    with Redis.from_url(redis_server.url) as redis:
        redis.set(ShardKeys.of(SHARD).plan, "not a plan")
    append(redis_server, 5)
    append(redis_server, 5, site_id=other)
    async with running(redis_server, store, shards=SHARDS) as forwarder:
        await until(lambda: len(paths(store)) == 5)
        await until(lambda: f"{SHARD}: the recorded plan" in forwarder.check()["shards"])
        assert len(paths(store)) == 5


async def test_a_shard_that_falls_behind_is_said(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.forwarder.run.BEHIND_S", 0.0)
    monkeypatch.setattr("edge.forwarder.run.HEARTBEAT_S", 0.01)
    append(redis_server, 5)
    async with running(redis_server, MemoryStore(), linger_s=5.0) as forwarder:
        await until(lambda: str(SHARD) in forwarder.check()["lag"])
        assert forwarder.states[SHARD].waiting_events == 5
