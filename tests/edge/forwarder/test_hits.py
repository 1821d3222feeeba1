"""Hits from the edge's stream to rows: once each, and never in the way of anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from edge.buffer.hits import HitStream
from edge.buffer.keys import ShardKeys
from edge.forwarder.hits import HitForwarder, hit_columns
from edge.hits.hit import Hit
from store.client import Store, StoreError, StoreUnavailable
from store.migrate import migrate
from tests.support.factories import a_site
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

_sites = count(7_000)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        store = Store(process.url)
        migrate(store)
        yield store
        store.close()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    redis: Redis = Redis.from_url(redis_server.url)
    await redis.flushall()
    yield redis
    await redis.aclose()


@pytest.fixture
async def stream(redis_server: RedisServer, redis: Redis) -> AsyncIterator[HitStream]:
    stream = HitStream(redis_server.url, lambda: True)
    yield stream
    await stream.close()


def a_hit(**changes: Any) -> Hit:
    boring = dict.fromkeys(Hit._fields, "") | {
        "ts_ms": time.time_ns() // 1_000_000, "local_day": 20454, "visitor": 2**64 - 1,
        "status": 200,
        "sent_bytes": 5, "ttfb_ms": 1, "duration_ms": 2, "is_complete": True, "load_id": 7,
        "evidence": 0, "kind": "document", "capture": "eligible", "path": "/é",
    }  # fmt: skip
    return Hit(**(boring | changes))


async def forward(redis_server: RedisServer, store: Any, owned: bool = True) -> int:
    forwarder = HitForwarder(redis_server.url, store, range(64), lambda _: owned)
    try:
        return await forwarder.forward()
    finally:
        await forwarder.close()


def count_rows(store: Store, site_id: int) -> int:
    rows = store.query("select count() from hits where site_id = {id:UInt32}", {"id": site_id})
    return int(rows[0][0])


async def test_hits_become_rows_and_leave_the_stream(
    redis_server: RedisServer, redis: Redis, stream: HitStream, store: Store
) -> None:
    site = a_site(id=next(_sites))
    hits = [a_hit(site_id=site.id, status=200 + i) for i in range(250)]
    assert await stream.append(site, hits)
    assert await redis.xlen(ShardKeys.of(site.shard).hits) == 3
    assert await forward(redis_server, store) == 250
    assert await redis.xlen(ShardKeys.of(site.shard).hits) == 0
    rows = store.query(
        "select status, path, visitor, load_id from hits where site_id = {id:UInt32}"
        " order by status limit 1",
        {"id": site.id},
    )
    assert rows == [(200, "/é", 2**64 - 1, 7)]
    assert count_rows(store, site.id) == 250


async def test_a_batch_that_is_repeated_counts_once(
    redis_server: RedisServer, redis: Redis, stream: HitStream, store: Store
) -> None:
    """The writer dies behind the insert; meanwhile more has come."""
    site = a_site(id=next(_sites))
    keys = ShardKeys.of(site.shard)

    class Dying(Store):
        def insert(self, *args: Any, **options: Any) -> int:
            super().insert(*args, **options)
            raise StoreUnavailable("the answer was lost")

    await stream.append(site, [a_hit(site_id=site.id)] * 3)
    dying = Dying.__new__(Dying)
    dying.__dict__.update(store.__dict__)
    with pytest.raises(StoreUnavailable):
        await forward(redis_server, dying)
    assert await redis.exists(keys.hits_plan)
    await stream.append(site, [a_hit(site_id=site.id)] * 2)
    for _ in range(2):
        await forward(redis_server, store)
    assert count_rows(store, site.id) == 5
    assert await redis.xlen(keys.hits) == 0


async def test_who_does_not_own_the_shard_leaves_it(
    redis_server: RedisServer, redis: Redis, stream: HitStream, store: Store
) -> None:
    site = a_site(id=next(_sites))
    await stream.append(site, [a_hit(site_id=site.id)])
    assert await forward(redis_server, store, owned=False) == 0
    assert await redis.xlen(ShardKeys.of(site.shard).hits) == 1


async def test_what_cannot_be_read_or_stored_holds_up_nothing(
    redis_server: RedisServer, redis: Redis, stream: HitStream, store: Store
) -> None:
    site = a_site(id=next(_sites))
    keys = ShardKeys.of(site.shard)
    await redis.xadd(keys.hits, {"d": b"rubbish"})
    await stream.append(site, [a_hit(site_id=site.id)])
    await forward(redis_server, store)
    assert count_rows(store, site.id) == 1

    class Refusing:
        def insert(self, *_: Any, **__: Any) -> int:
            raise StoreError(0, "no")

    await stream.append(site, [a_hit(site_id=site.id)])
    await forward(redis_server, Refusing())
    assert await redis.xlen(keys.hits) == 0


async def test_a_stream_that_nobody_forwards_is_bounded(
    redis: Redis, stream: HitStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.buffer.hits.MOST_ENTRIES", 10)
    site = a_site(id=next(_sites))
    for _ in range(300):
        await stream.append(site, [a_hit(site_id=site.id)])
    assert await redis.xlen(ShardKeys.of(site.shard).hits) < 200


async def test_without_room_or_redis_hits_are_refused(redis_server: RedisServer) -> None:
    full = HitStream(redis_server.url, lambda: False)
    nobody = HitStream("unix:///nonexistent/redis.sock", lambda: True)
    none = HitStream("", lambda: True)
    for stream in (full, nobody, none):
        assert not await stream.append(a_site(), [a_hit(site_id=1)])
        await stream.close()


async def test_it_waits_for_redis_and_store_until_stopped(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.forwarder.hits.PAUSE_S", 0.01)
    away = HitForwarder(f"unix://{tmp_path}/none.sock", store, range(1), lambda _: True)
    stop = asyncio.Event()
    task = asyncio.create_task(away.run(stop))
    await asyncio.sleep(0.05)
    assert not task.done()
    stop.set()
    await task


def test_every_field_is_a_column() -> None:
    columns = hit_columns([a_hit(site_id=1)])
    assert set(columns) == {"ts" if name == "ts_ms" else name for name in Hit._fields}
