"""The buffer behind Sentinels and in a cluster: real processes, a master that is killed."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.buffer import BufferUnavailable
from edge.buffer.accounts import read_account
from edge.buffer.durability import check_durability, read_memory_ratio
from edge.buffer.keys import ShardKeys
from edge.buffer.opening import (
    Address,
    AddressError,
    is_cluster,
    open_sync,
    parse_address,
)
from edge.buffer.queues import read_queues
from edge.buffer.redis import RedisBuffer
from edge.buffer.scripts import TooFewReplicasError, connect
from edge.event import decode_event, encode_event
from edge.forwarder.asking import holds_events, is_done, send_erasure
from edge.forwarder.erasure import Erasure
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.forwarder.stream import find_news
from edge.health_feed import PREFIX, read_health
from edge.sites import Site, shard_of
from edge.sites_feed import SitesFeed, publish_snapshot
from tests.edge.forwarder.memory_store import MemoryStore
from tests.support.factories import a_site, an_event
from tests.support.redis_cluster import Watched, running_cluster, running_watched

SITES = [a_site(id=number, host=f"s{number}.example") for number in range(1, 13)]

APART = next(n for n in range(1, 999) if shard_of(n) not in {site.shard for site in SITES})
"""A site in a shard of its own."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with running_cluster() as url:
        yield url


@pytest.fixture
def watched() -> Iterator[Watched]:
    with running_watched() as running:
        yield running


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("redis+sentinel://a/m", Address("sentinel", (("a", 26379),), "m", {}, {})),
        (
            "rediss+sentinel://u:p%40@a:1,[::1]:2/m/3?sentinel_password=s&replicas=2",
            Address(
                "sentinel", (("a", 1), ("::1", 2)), "m",
                {"ssl": True, "username": "u", "password": "p@", "db": 3},
                {"ssl": True, "password": "s"}, 2,
            ),
        ),
        (
            "redis+cluster://:p@a:7000,b",
            Address("cluster", (("a", 7000), ("b", 6379)), "", {"password": "p"}, {}),
        ),
    ],
)  # fmt: skip
def test_an_address_is_read(url: str, wanted: Address) -> None:
    assert parse_address(url) == wanted
    assert is_cluster(url) == (wanted.kind == "cluster")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://a", "needs the master's name"),
        ("redis+sentinel://a/m/x", "no number"),
        ("redis+sentinel://a:0/m", "no host and port"),
        ("redis+sentinel://a,/m", "no host and port"),
        ("redis+sentinel://a:b/m", "no host and port"),
        ("redis+cluster://a/1", "no databases"),
        ("redis+cluster://a?replicas=1", "of redis"),
        ("redis+sentinel://a/m?replica=1", "unknown options: replica"),
        ("redis+raft://a", "expected redis"),
    ],
)
def test_a_wrong_address_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        parse_address(url)


async def until(is_so: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for tells nobody.
            await asyncio.sleep(0.02)


async def append(url: str, sites: list[Site], *, each: int = 3) -> None:
    buffer = RedisBuffer(url, producer="p", linger_ms=2, deadline_s=30)
    await buffer.start()
    assert buffer.check() == ""
    events = {s.id: [encode_event(an_event(site_id=s.id, visitor=n)) for n in range(each)]
              for s in sites}  # fmt: skip
    await asyncio.gather(*(buffer.append(site, events[site.id]) for site in sites))
    await buffer.stop()


async def test_a_cluster_takes_forwards_and_tells(cluster: str) -> None:
    """Every way in which a part of ours talks to the buffer, over slots of three nodes."""
    await append(cluster, SITES)
    shards = sorted({site.shard for site in SITES})
    redis = connect(cluster, timeout_s=10)
    assert await check_durability(redis) == []
    assert await read_memory_ratio(redis) == 0.0
    assert sorted(await find_news(redis, dict.fromkeys(shards, "0-0"), 10)) == shards
    store = MemoryStore()
    for shard in shards:
        lease = Lease(redis, ShardKeys.of(shard).lease, owner="one", kept_ms=60_000)
        assert await lease.take()
        writer = ShardWriter(redis, store, shard, lease, batch_events=100)
        await writer.open(1)
        while await writer.forward():
            pass
    assert len(store.tables["events"]) == 3 * len(SITES)
    done = dict.fromkeys(shards, f"{2**52}-0")
    assert await find_news(redis, done, 10) == []
    await redis.aclose()
    account = await asyncio.to_thread(read_account, cluster, SITES[0].id)
    assert (account["received"], account["stored"], account["difference"]) == (3, 3, 0)


async def test_what_stands_beside_the_streams_works_in_a_cluster(
    cluster: str, tmp_path: Path
) -> None:
    raw = [{"id": 1, "host": "a.example", "upstreams": ["http://a:1"], "public_key": "k",
            "timezone": "UTC"}]  # fmt: skip
    number = await asyncio.to_thread(publish_snapshot, cluster, raw, 5)
    assert await asyncio.to_thread(publish_snapshot, cluster, raw, 6) == number
    feed, stop = SitesFeed(tmp_path / "sites.json", cluster), asyncio.Event()
    following = asyncio.create_task(feed.run(stop))
    await until(lambda: feed.current().number == number)
    stop.set()
    await following
    with open_sync(cluster, timeout_s=5) as redis:
        for name in "abcdef":
            redis.set(f"{PREFIX}{name}", b'{"sites": {}}')
        ticket = send_erasure(redis, Erasure(APART, 0))
        assert ticket.shard == shard_of(APART)
        assert ticket.shard in {queue.shard for queue in read_queues(redis) if queue.waiting}
        assert not is_done(redis, ticket)
        assert holds_events(redis)
    assert len(await asyncio.to_thread(read_health, cluster)) == 6


async def append_until(url: str, stop: asyncio.Event, acknowledged: list[int]) -> None:
    """Append one event after the other; note the number of each that was acknowledged."""
    buffer = RedisBuffer(url, producer="p", linger_ms=2, deadline_s=60)
    await buffer.start()
    number = 0
    while not stop.is_set():
        number += 1
        await buffer.append(SITES[0], [encode_event(an_event(site_id=1, visitor=number))])
        acknowledged.append(number)
    await buffer.stop()


async def stored(url: str) -> list[int]:
    redis = connect(url, timeout_s=10)
    entries: Any = await redis.xrange(ShardKeys.of(SITES[0].shard).events)
    await redis.aclose()
    return [decode_event(fields[1]).visitor for _, fields in entries]


@pytest.mark.timeout(120)
async def test_what_was_acknowledged_survives_a_failover_and_stands_once(watched: Watched) -> None:
    acknowledged: list[int] = []
    stop = asyncio.Event()
    sending = asyncio.create_task(append_until(f"{watched.url}?replicas=1", stop, acknowledged))
    await until(lambda: len(acknowledged) >= 20)
    await asyncio.to_thread(watched.fail_over)
    reached = len(acknowledged)
    await until(lambda: sending.done() or len(acknowledged) >= reached + 20)
    stop.set()
    await sending
    found = await stored(watched.url)
    assert len(found) == len(set(found)), "nothing twice"
    assert set(acknowledged) <= set(found), "nothing lost"


@pytest.mark.timeout(60)
async def test_without_the_replicas_that_were_asked_for_nothing_is_acknowledged(
    watched: Watched,
) -> None:
    url = f"{watched.url}?replicas=1"
    await append(url, SITES[:1])
    for replica in watched.replicas:
        replica.kill()
    buffer = RedisBuffer(url, producer="q", linger_ms=2, deadline_s=1)
    await buffer.start()
    with pytest.raises(BufferUnavailable):
        await buffer.append(SITES[0], [encode_event(an_event(site_id=1))])
    await buffer.stop()
    redis = connect(url, timeout_s=5)
    lease = Lease(redis, ShardKeys.of(SITES[0].shard).lease, owner="one", kept_ms=60_000)
    with pytest.raises(TooFewReplicasError):
        await lease.take()
    await redis.aclose()
    alone = connect(watched.url, timeout_s=5)
    assert await alone.ping()
    await alone.aclose()
