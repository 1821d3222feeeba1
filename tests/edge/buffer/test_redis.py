import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import Redis

from edge.buffer import BufferUnavailable
from edge.buffer.keys import ShardKeys
from edge.buffer.redis import RedisBuffer
from edge.buffer.scripts import APPEND, connect, run_script
from edge.outcomes import DropReason
from edge.sites import Site
from tests.support.redis_server import RedisServer

type MakeSite = Callable[..., Site]


@asynccontextmanager
async def a_buffer(server: RedisServer, **options: Any) -> AsyncIterator[RedisBuffer]:
    buffer = RedisBuffer(server.url, producer=options.pop("producer", "p1"), **options)
    await buffer.start()
    try:
        yield buffer
    finally:
        await buffer.stop()


def entries(server: RedisServer, site: Site) -> list[bytes]:
    with Redis.from_url(server.url) as redis:
        return [fields[b"d"] for _, fields in redis.xrange(ShardKeys.of(site.shard).events)]


def counts(server: RedisServer, site: Site) -> dict[bytes, bytes]:
    with Redis.from_url(server.url) as redis:
        found: dict[bytes, bytes] = redis.hgetall(ShardKeys.of(site.shard).counts)
    return found


async def test_what_is_acknowledged_is_in_the_stream_in_order(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    async with a_buffer(redis_server) as buffer:
        await asyncio.gather(*(buffer.append(site, [b"%d" % i]) for i in range(1200)))
        assert buffer.waiting_events == 0
    assert entries(redis_server, site) == [b"%d" % i for i in range(1200)]
    assert counts(redis_server, site) == {b"7:accepted": b"1200", b"7:received": b"1200"}


async def test_each_site_goes_to_its_shard(redis_server: RedisServer, a_site: MakeSite) -> None:
    sites = [a_site(i) for i in range(1, 20)]
    async with a_buffer(redis_server) as buffer:
        await asyncio.gather(*(buffer.append(site, [b"%d" % site.id]) for site in sites))
    for site in sites:
        assert b"%d" % site.id in entries(redis_server, site)


async def test_drop_counts_travel_with_the_next_group(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    async with a_buffer(redis_server) as buffer:
        buffer.count_drop(7, DropReason.DNT, 3)
        await buffer.append(site, [b"e"])
    expected = {b"7:dropped:dnt": b"3", b"7:received": b"4", b"7:accepted": b"1"}
    assert counts(redis_server, site) == expected


async def test_drop_counts_go_alone_when_nothing_is_appended(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    async with a_buffer(redis_server) as buffer:
        buffer.count_drop(7, DropReason.GPC)
    assert counts(redis_server, a_site()) == {b"7:dropped:gpc": b"1", b"7:received": b"1"}


async def test_a_group_sent_twice_is_in_once(redis_server: RedisServer) -> None:
    redis: Any = connect(redis_server.url, timeout_s=5)
    keys = ["{s01}:events", "{s01}:producers:p", "{s01}:counts"]
    args = [1, 60, 1, "7:accepted", 2, b"a", b"b"]
    assert [await run_script(redis, APPEND, keys, args) for _ in range(3)] == [1, 0, 0]
    assert await redis.xlen("{s01}:events") == 2
    assert await redis.hget("{s01}:counts", "7:accepted") == b"2"
    await redis.aclose()


async def test_a_number_below_the_last_is_refused(redis_server: RedisServer) -> None:
    redis: Any = connect(redis_server.url, timeout_s=5)
    keys = ["{s01}:events", "{s01}:producers:p", "{s01}:counts"]
    assert await run_script(redis, APPEND, keys, [5, 60, 0, b"new"]) == 1
    assert await run_script(redis, APPEND, keys, [4, 60, 0, b"late"]) == 0
    assert [fields for _, fields in await redis.xrange("{s01}:events")] == [[b"d", b"new"]]
    await redis.aclose()


async def test_a_producer_that_is_no_longer_seen_is_forgotten(redis_server: RedisServer) -> None:
    redis: Any = connect(redis_server.url, timeout_s=5)
    keys = ["{s01}:events", "{s01}:producers:p", "{s01}:counts"]
    await run_script(redis, APPEND, keys, [1, 3600, 0, b"a"])
    assert 3590 < await redis.ttl("{s01}:producers:p") <= 3600
    await redis.aclose()


async def test_a_full_memory_leaves_no_trace_of_a_group(redis_server: RedisServer) -> None:
    redis: Any = connect(redis_server.url, timeout_s=5)
    await redis.config_set("maxmemory", 1)
    keys = ["{s01}:events", "{s01}:producers:p", "{s01}:counts"]
    with pytest.raises(Exception, match="maxmemory"):
        await run_script(redis, APPEND, keys, [1, 3600, 1, "7:accepted", 1, b"a"])
    assert await redis.keys("{s01}*") == []
    await redis.aclose()


async def test_every_acknowledged_event_outlives_a_killed_redis_once(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    acknowledged: list[bytes] = []

    async def send(i: int) -> None:
        raw = b"%d" % i
        await buffer.append(site, [raw])
        acknowledged.append(raw)

    def crash() -> None:
        redis_server.kill()
        redis_server.start()

    async with a_buffer(redis_server, deadline_s=20.0) as buffer:
        sending = [asyncio.create_task(send(i)) for i in range(400)]
        crashing = threading.Thread(target=crash)
        crashing.start()
        for i in range(400, 2000):
            sending.append(asyncio.create_task(send(i)))
            if i % 10 == 0:
                await asyncio.sleep(0.001)
        await asyncio.gather(*sending)
        crashing.join()
    assert sorted(entries(redis_server, site)) == sorted(acknowledged)
    assert len(acknowledged) == 2000


async def test_a_redis_that_hangs_is_answered_unavailable_and_nothing_is_appended_later(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    async with a_buffer(redis_server, deadline_s=0.2) as buffer:
        await buffer.append(site, [b"before"])
        redis_server.pause()
        with pytest.raises(BufferUnavailable) as refusal:
            await buffer.append(site, [b"lost"])
        assert refusal.value.retry_after_s > 0
        assert buffer.check() == "Redis does not answer"
        await asyncio.sleep(0.3)
        with pytest.raises(BufferUnavailable, match="away"):
            await buffer.append(site, [b"refused at once"])
        redis_server.resume()
        while not buffer.reachable:  # noqa: ASYNC110 - the buffer tells nobody when Redis is back.
            await asyncio.sleep(0.02)
        await buffer.append(site, [b"after"])
        assert buffer.waiting_events == 0
    found = entries(redis_server, site)
    # The attempt that hung may be carried out on waking; then its number stands for it.
    assert found in ([b"before", b"after"], [b"before", b"lost", b"after"])
    accepted = counts(redis_server, site)[b"7:accepted"]
    assert int(accepted) == len(found)


async def test_too_many_waiting_events_are_refused(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    async with a_buffer(redis_server, max_waiting=10) as buffer:
        held = asyncio.create_task(buffer.append(site, [b"e"] * 8))
        await asyncio.sleep(0)
        with pytest.raises(BufferUnavailable, match="wait"):
            await buffer.append(site, [b"e"] * 3)
        await held


async def test_a_nearly_full_redis_is_unavailable(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    with Redis.from_url(redis_server.url) as redis:
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] * 4 // 3)
    async with a_buffer(redis_server) as buffer:
        with pytest.raises(BufferUnavailable, match="70 %"):
            await buffer.append(a_site(), [b"e"])
        assert "70 %" in buffer.check()


async def test_a_caller_that_goes_away_harms_nobody(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    async with a_buffer(redis_server) as buffer:
        gone = asyncio.create_task(buffer.append(site, [b"gone"]))
        await asyncio.sleep(0)
        gone.cancel()
        await buffer.append(site, [b"stays"])
        assert buffer.waiting_events == 0
    assert entries(redis_server, site) == [b"gone", b"stays"]


async def test_stopping_sends_what_waits_and_refuses_more(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    buffer = RedisBuffer(redis_server.url, producer="p1", linger_ms=10_000)
    await buffer.start()
    waiting = asyncio.create_task(buffer.append(site, [b"e"]))
    await asyncio.sleep(0)
    await buffer.stop()
    await waiting
    with pytest.raises(BufferUnavailable, match="stopping"):
        await buffer.append(site, [b"e"])
    assert entries(redis_server, site) == [b"e"]


async def test_stopping_ends_while_redis_is_away(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    buffer = RedisBuffer(redis_server.url, producer="p1", deadline_s=0.1)
    await buffer.start()
    redis_server.kill()
    waiting = asyncio.create_task(buffer.append(a_site(), [b"e"]))
    buffer.count_drop(7, DropReason.DNT)
    await asyncio.sleep(0)
    await buffer.stop()
    with pytest.raises(BufferUnavailable):
        await waiting


async def test_a_buffer_starts_without_redis_and_finds_it_later(a_site: MakeSite) -> None:
    server = RedisServer()
    try:
        async with a_buffer(server) as buffer:
            assert not buffer.reachable
            await asyncio.to_thread(server.start)
            await buffer.append(a_site(), [b"e"])
        assert entries(server, a_site()) == [b"e"]
    finally:
        server.remove()
