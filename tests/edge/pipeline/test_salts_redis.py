"""Salts in a Redis that writes nothing: one for all edges, given back after its restart."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from redis.asyncio import Redis

from edge.pipeline.days import day_start_ms, local_day, period_start, salt_end_ms
from edge.pipeline.salts import SaltsUnavailable
from edge.pipeline.salts_redis import RedisSalts, check_salt_store
from edge.sites import SaltPeriod
from tests.support.redis_server import RedisServer

UTC = ZoneInfo("UTC")
HOUR_MS = 3_600_000
FORGETFUL = {"appendonly": "no", "save": "", "slowlog-max-len": "0"}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer(**FORGETFUL).start()
    yield server
    server.remove()


@asynccontextmanager
async def an_edge(server: RedisServer, give_back_s: int = 0) -> AsyncIterator[RedisSalts]:
    salts = RedisSalts(server.url, give_back_s=give_back_s)
    try:
        yield salts
    finally:
        await salts.stop()


async def _now_ms(server: RedisServer) -> int:
    async with Redis.from_url(server.url) as redis:
        seconds, micros = await redis.time()
    return int(seconds) * 1_000 + int(micros) // 1_000


async def test_edges_agree_and_the_store_forgets_in_time(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with (
        an_edge(server) as one,
        an_edge(server) as other,
        Redis.from_url(server.url) as redis,
    ):
        found = await asyncio.gather(*(edge.for_day(1, day, UTC, now_ms) for edge in (one, other)))
        assert found[0] == found[1]
        assert len(found[0] or b"") == 32
        key = f"salt:1:{day.isoformat()}"
        assert await redis.expiretime(key) == salt_end_ms(day, UTC) // 1_000
        assert await other.for_day(2, day, UTC, now_ms) != found[0]


async def test_only_days_that_are_due_have_a_salt(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as salts:
        tomorrow = date.fromordinal(day.toordinal() + 1)
        assert await salts.for_day(1, tomorrow, UTC, now_ms) is None
        assert await salts.for_day(1, date(2020, 1, 1), UTC, now_ms) is None
        assert await salts.for_day(1, tomorrow, UTC, day_start_ms(tomorrow, UTC)) is not None


async def test_a_longer_period_has_one_salt_to_its_end(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as salts, Redis.from_url(server.url) as redis:
        of_period = {
            period: await salts.for_day(1, day, UTC, now_ms, period) for period in SaltPeriod
        }
        assert len(set(of_period.values()) - {None}) == len(SaltPeriod)
        first = period_start(day, SaltPeriod.WEEK)
        assert await salts.for_day(1, first, UTC, now_ms, SaltPeriod.WEEK) == of_period["week"]
        key = f"salt:1:{first.isoformat()}:week"
        assert await redis.expiretime(key) == salt_end_ms(day, UTC, SaltPeriod.WEEK) // 1_000


async def test_the_day_is_that_of_the_stores_clock(server: RedisServer) -> None:
    """An edge whose clock is a day behind still gets the salt of the store's day."""
    behind_ms = 24 * HOUR_MS
    now_ms = await _now_ms(server)
    salts = RedisSalts(server.url, give_back_s=0, now_ms=lambda: now_ms - behind_ms)
    await salts.observe()
    assert abs(salts.offset_ms - behind_ms) < 2_000
    assert "differs" in salts.problem()
    day = local_day(now_ms, UTC)
    assert await salts.for_day(1, day, UTC, now_ms - behind_ms) is not None
    await salts.stop()


async def test_memory_answers_while_the_store_is_away(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as salts:
        salt = await salts.for_day(1, day, UTC, now_ms)
        server.kill()
        assert await salts.for_day(1, day, UTC, now_ms) == salt
        with pytest.raises(SaltsUnavailable):
            await salts.for_day(2, day, UTC, now_ms)


async def test_a_store_that_was_never_there(server: RedisServer) -> None:
    server.kill()
    async with an_edge(server) as salts:
        assert "not answered" in salts.problem()
        with pytest.raises(SaltsUnavailable):
            await salts.for_day(1, date(2026, 1, 1), UTC, 0)


async def test_a_restarted_store_is_given_back_what_edges_hold(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as one, an_edge(server) as other:
        salt = await one.for_day(1, day, UTC, now_ms)
        server.kill()
        server.start()
        await one.observe()
        assert await other.for_day(1, day, UTC, now_ms) == salt


async def test_two_edges_that_give_back_agree(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as one, an_edge(server) as other:
        salt = await one.for_day(1, day, UTC, now_ms)
        await other.for_day(1, day, UTC, now_ms)
        key = f"salt:1:{day.isoformat()}"
        other._cache[key] = (b"x" * 32, other._cache[key][1])
        server.kill()
        server.start()
        await one.observe()
        await other.observe()
        assert await other.for_day(1, day, UTC, now_ms) == salt


async def test_nobody_mints_right_after_the_stores_start(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    async with an_edge(server, give_back_s=3600) as salts:
        with pytest.raises(SaltsUnavailable) as unavailable:
            await salts.for_day(1, local_day(now_ms, UTC), UTC, now_ms)
    assert 3590 <= unavailable.value.opens_in_s == unavailable.value.retry_after_s <= 3600


async def test_a_store_is_asked_once_for_all_that_wait(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as salts, Redis.from_url(server.url) as redis:
        await salts.observe()
        found = await asyncio.gather(*(salts.for_day(1, day, UTC, now_ms) for _ in range(50)))
        asked = await redis.info("commandstats")
    assert len(set(found)) == 1
    assert asked["cmdstat_eval"]["calls"] == 1


async def test_the_heartbeat_starts_and_stops(server: RedisServer) -> None:
    salts = RedisSalts(server.url, give_back_s=0)
    await salts.start()
    assert salts.problem() == ""
    await salts.stop()


async def test_ended_salts_are_forgotten(server: RedisServer) -> None:
    now_ms = await _now_ms(server)
    day = local_day(now_ms, UTC)
    async with an_edge(server) as salts:
        await salts.for_day(1, day, UTC, now_ms)
        assert salts.expire(now_ms) == 0
        assert salts.expire(salt_end_ms(day, UTC) + 1_000) == 1
        assert not salts._cache


async def _forbid(redis: Redis, rules: str) -> None:
    await redis.execute_command("ACL", "SETUSER", "default", *rules.split())  # type: ignore[no-untyped-call]


async def test_a_store_that_could_write_is_told(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as redis:
        problems = await check_salt_store(redis)
        assert {problem.rpartition(" ")[2] for problem in problems} >= {"SAVE", "BGSAVE", "MONITOR"}
        await redis.config_set("save", "60 1")
        assert any("'60 1'" in problem for problem in await check_salt_store(redis))
        await redis.config_set("save", "")
        forbidden = "-save -bgsave -bgrewriteaof -replicaof -sync -psync -monitor -debug"
        await _forbid(redis, forbidden)
        assert await check_salt_store(redis) == []


async def test_a_store_that_may_not_be_asked_is_told(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as redis:
        await _forbid(redis, "-config")
        assert "could not be checked" in (await check_salt_store(redis))[0]
