"""The account of every event: pure sums, and what a real Redis says."""

import asyncio
import time

from redis import Redis

from edge.buffer.accounts import (
    NOTHING,
    Account,
    AccountKeeper,
    ShardAccount,
    by_minute,
    read_account,
    read_counts,
)
from edge.buffer.keys import ShardKeys
from edge.buffer.redis import RedisBuffer
from edge.event import encode_event
from edge.outcomes import DropReason
from edge.sites import shard_of
from tests.support.factories import a_site, an_event
from tests.support.redis_server import RedisServer

SITE = a_site(id=7)
SHARD = shard_of(7)
COUNTS = {
    "7:received": 10,
    "7:accepted": 7,
    "7:stored": 4,
    "7:dropped:dnt": 3,
    "7:dropped:no_visit": 1,
    "7:dead": 1,
    "8:received": 2,
}


def test_what_waits_is_what_is_nowhere_else() -> None:
    sites = read_counts(COUNTS)
    assert sites[7] == Account(10, 4, {"dnt": 3, "no_visit": 1}, 1)
    assert sites[7].waiting == 1
    assert sites[8].waiting == 2


def test_a_difference_to_the_stream_is_seen() -> None:
    assert ShardAccount(0, COUNTS, 3).difference == 0
    assert ShardAccount(0, COUNTS, 2).difference == 1
    assert ShardAccount.parse(ShardAccount(1, COUNTS, 3).render()) == ShardAccount(1, COUNTS, 3)


def test_minutes_tell_what_came_in_each() -> None:
    kept = [
        ShardAccount(5, {"7:received": 3, "7:stored": 1, "7:dropped:dnt": 1}, 1),
        ShardAccount(3, {}, 0),
        ShardAccount(4, {"7:received": 2, "7:dropped:dnt": 1}, 1),
        ShardAccount(4, {"7:received": 2, "7:dropped:dnt": 1}, 1),
        ShardAccount(6, {"7:received": 3, "7:stored": 1, "7:dropped:dnt": 1, "8:received": 1}, 2),
    ]
    rows = by_minute(kept, 7)
    assert rows == [
        (5, Account(1, 1, {}, 0)),
        (4, Account(2, 0, {"dnt": 1}, 0)),
    ]
    assert by_minute(kept[:1], 7) == []
    assert by_minute([], 7) == []


async def append(url: str, events: int, drops: int) -> None:
    buffer = RedisBuffer(url, producer=f"edge-{time.time_ns()}")
    await buffer.start()
    buffer.count_drop(SITE.id, DropReason.DNT, drops)
    await buffer.append(SITE, [encode_event(an_event(site_id=7))] * events)
    await buffer.stop()


async def test_a_minute_is_kept_once(redis_server: RedisServer) -> None:
    redis_url = redis_server.url
    await append(redis_url, 3, 2)
    keeper = AccountKeeper(redis_url, range(64), lambda shard: shard == SHARD)
    now = int(time.time() // 60)
    for minute in (now - 2, now - 2, now - 1):
        await keeper.look(minute)
    await append(redis_url, 4, 0)
    stopped = asyncio.Event()
    stopped.set()
    await keeper.run(stopped)
    account = read_account(redis_url, SITE.id)
    assert (account["received"], account["waiting"], account["dropped"]) == (9, 7, {"dnt": 2})
    assert account["difference"] == 0
    assert [(row["received"], row["waiting"]) for row in account["minutes"]] == [(4, 4)]
    with Redis.from_url(redis_url) as redis:
        assert redis.llen(ShardKeys.of(SHARD).accounts) == 2
        redis.xtrim(ShardKeys.of(SHARD).events, maxlen=0)
    assert read_account(redis_url, SITE.id)["difference"] == 7


async def test_shards_of_others_are_left_alone(redis_server: RedisServer) -> None:
    redis_url = redis_server.url
    await append(redis_url, 1, 0)
    keeper = AccountKeeper(redis_url, range(64), lambda _: False)
    await keeper.look(1)
    with Redis.from_url(redis_url) as redis:
        assert not redis.exists(ShardKeys.of(SHARD).accounts)
    assert read_account(redis_url, 8)["received"] == NOTHING.received
    stopped = asyncio.Event()
    stopped.set()
    await keeper.run(stopped)
