"""The buffer with a spool: real Redis, away or frozen or full, and nothing acknowledged is lost."""

import asyncio
import errno
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from edge.buffer.keys import ShardKeys
from edge.buffer.protocol import BufferUnavailable
from edge.buffer.redis import RedisBuffer
from edge.buffer.scripts import DRAIN, connect, run_script
from edge.buffer.spool import Spool, SpooledGroup
from edge.sites import Site
from tests.edge.buffer.conftest import MakeSite
from tests.support.redis_server import RedisServer

LIMIT = 64 * 1024 * 1024


async def started(server: RedisServer, folder: Path, producer: str = "p1") -> RedisBuffer:
    spool = Spool(folder, producer, LIMIT)
    buffer = RedisBuffer(server.url, producer=producer, spool=spool, deadline_s=0.5)
    await buffer.start()
    return buffer


def entries(server: RedisServer, site: Site) -> list[bytes]:
    with Redis.from_url(server.url) as redis:
        return [fields[b"d"] for _, fields in redis.xrange(ShardKeys.of(site.shard).events)]


def counts(server: RedisServer, site: Site) -> dict[bytes, bytes]:
    with Redis.from_url(server.url) as redis:
        found: dict[bytes, bytes] = redis.hgetall(ShardKeys.of(site.shard).counts)
    return found


def list_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.spool"))


async def until_in(server: RedisServer, site: Site, n: int) -> list[bytes]:
    async with asyncio.timeout(20):
        while len(found := entries(server, site)) < n:  # noqa: ASYNC110 - Redis tells nobody.
            await asyncio.sleep(0.02)
    return found


async def test_events_are_acknowledged_while_redis_is_away_and_arrive_once_in_order(
    redis_server: RedisServer, a_site: MakeSite, tmp_path: Path
) -> None:
    site = a_site()
    buffer = await started(redis_server, tmp_path)
    await buffer.append(site, [b"0"])
    redis_server.kill()
    for i in range(1, 40):
        await buffer.append(site, [b"%d" % i])
    assert "spooled" in buffer.check()
    redis_server.start()
    await until_in(redis_server, site, 40)
    await buffer.append(site, [b"40"])
    await until_in(redis_server, site, 41)  # It may have gone by the disk as well.
    await buffer.stop()
    assert entries(redis_server, site) == [b"%d" % i for i in range(41)]
    assert counts(redis_server, site) == {b"7:accepted": b"41", b"7:received": b"41"}
    assert not list_files(tmp_path)


async def test_a_group_whose_answer_was_lost_is_not_stored_twice(
    redis_server: RedisServer, a_site: MakeSite, tmp_path: Path
) -> None:
    site = a_site()
    buffer = await started(redis_server, tmp_path)
    await buffer.append(site, [b"before"])
    redis_server.pause()
    await buffer.append(site, [b"hung"])
    await buffer.append(site, [b"behind it"])
    redis_server.resume()
    assert await until_in(redis_server, site, 3) == [b"before", b"hung", b"behind it"]
    await buffer.append(site, [b"after"])
    await buffer.stop()
    assert entries(redis_server, site)[3:] == [b"after"]
    assert counts(redis_server, site)[b"7:accepted"] == b"4"


async def test_a_long_spool_of_one_site_is_sent_in_few_calls(
    redis_server: RedisServer, a_site: MakeSite, tmp_path: Path
) -> None:
    """Else a busy site could fill it as fast as it is emptied, and it would never end."""
    site = a_site()
    spool = Spool(tmp_path, "dead", LIMIT)
    spool.open()
    counts_of_one = {f"{site.id}:accepted": 1, f"{site.id}:received": 1}
    groups = [
        SpooledGroup(site.shard, "dead", i + 1, counts_of_one, [b"%d" % i]) for i in range(2_000)
    ]
    spool.write(groups)
    spool.close()
    buffer = await started(redis_server, tmp_path)
    assert await until_in(redis_server, site, 2_000) == [b"%d" % i for i in range(2_000)]
    with Redis.from_url(redis_server.url) as redis:
        calls = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert calls <= 8
    assert counts(redis_server, site)[b"7:accepted"] == b"2000"
    await buffer.stop()


async def test_groups_are_drained_once_and_none_behind_one_that_is_refused(
    redis_server: RedisServer, a_site: MakeSite
) -> None:
    site = a_site()
    keys = ShardKeys.of(site.shard)
    names = [keys.events, keys.producer("p"), keys.counts]
    first = SpooledGroup(site.shard, "p", 1, {"7:accepted": 2}, [b"a", b"b"]).arguments()
    second = SpooledGroup(site.shard, "p", 2, {}, [b"c"]).arguments()
    only_counts = SpooledGroup(site.shard, "p", 3, {"7:dropped:dnt": 4}, []).arguments()
    redis = connect(redis_server.url, timeout_s=5)
    assert await run_script(redis, DRAIN, names, [60, *first]) == 1
    await redis.config_set("maxmemory", 1)
    with pytest.raises(RedisError):
        await run_script(redis, DRAIN, names, [60, *first, *second, *only_counts])
    await redis.config_set("maxmemory", 0)
    for _ in range(2):
        assert await run_script(redis, DRAIN, names, [60, *first, *second, *only_counts]) == 3
    assert entries(redis_server, site) == [b"a", b"b", b"c"]
    assert counts(redis_server, site) == {b"7:accepted": b"2", b"7:dropped:dnt": b"4"}
    await redis.aclose()


async def test_the_next_process_sends_what_a_stopped_one_left(
    redis_server: RedisServer, a_site: MakeSite, tmp_path: Path
) -> None:
    site = a_site()
    first = await started(redis_server, tmp_path, "first")
    redis_server.kill()
    for i in range(5):
        await first.append(site, [b"%d" % i])
    await first.stop()
    redis_server.start()
    second = await started(redis_server, tmp_path, "second")
    assert await until_in(redis_server, site, 5) == [b"%d" % i for i in range(5)]
    await second.stop()


async def test_a_nearly_full_redis_is_spared(
    redis_server: RedisServer, a_site: MakeSite, tmp_path: Path
) -> None:
    site = a_site()
    buffer = await started(redis_server, tmp_path)
    with Redis.from_url(redis_server.url) as redis:
        used = redis.info("memory")["used_memory"]
        redis.config_set("maxmemory", int(used * 1.2))
        async with asyncio.timeout(10):
            while buffer.memory_ratio < 0.7:  # noqa: ASYNC110 - nobody tells that it was seen.
                await asyncio.sleep(0.02)
        await buffer.append(site, [b"e"])
        assert entries(redis_server, site) == []
        redis.config_set("maxmemory", 0)
    await until_in(redis_server, site, 1)
    await buffer.stop()


async def test_a_disk_that_is_full_too_is_said_and_ends_when_redis_is_back(
    redis_server: RedisServer, a_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = a_site()
    buffer = await started(redis_server, tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge.buffer.spool.os.fsync", full)
    redis_server.kill()
    with pytest.raises(BufferUnavailable):
        await buffer.append(site, [b"refused"])
    with pytest.raises(BufferUnavailable, match="No space left"):
        await buffer.append(site, [b"refused at once"])
    redis_server.start()
    async with asyncio.timeout(10):
        while buffer.check():  # noqa: ASYNC110 - nobody tells that Redis is back.
            await asyncio.sleep(0.02)
    await buffer.append(site, [b"after"])
    await buffer.stop()
    assert entries(redis_server, site) == [b"after"]
