"""What edges say of their sites, through a real Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from edge import health_feed
from edge.fronts.breaker import Limits
from edge.fronts.control import Control
from edge.fronts.ledger import Ledger
from edge.health_feed import EXPIRES_S, PREFIX, HealthFeed, Speaker, read_health
from edge.inject.decide import SkipReason
from tests.support.redis_server import RedisServer

AT_MS = 1_767_225_600_000


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_feed, "EVERY_S", 0.02)


@asynccontextmanager
async def running(feed: HealthFeed) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(feed.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - Redis tells nobody.
            await asyncio.sleep(0.01)


def a_feed(
    url: str, name: str = "one", ledger: Ledger | None = None, control: Control | None = None
) -> HealthFeed:
    return HealthFeed(
        url,
        Speaker(name, "direct", "1.2.3"),
        control or Control(),
        ledger=ledger or Ledger(),
        now_ms=lambda: AT_MS,
    )


async def test_every_process_speaks_for_itself_and_falls_silent_when_it_stops(
    redis: RedisServer,
) -> None:
    async with running(a_feed(redis.url, "two")):
        async with running(a_feed(redis.url, "one")):
            await until(lambda: len(read_health(redis.url)) == 2)
            names = [report["name"] for report in read_health(redis.url)]
            assert names == ["one", "two"]
        assert [report["name"] for report in read_health(redis.url)] == ["two"]
    assert read_health(redis.url) == []


async def test_a_report_says_of_each_site_what_became_of_its_pages(redis: RedisServer) -> None:
    ledger, control = Ledger(), Control(limits=Limits(least_failed=1))
    tally = ledger.of(7)
    tally.eligible, tally.cut = 5, 1
    for outcome in ("injected", "injected", "injected", "aborted", SkipReason.FRAGMENT):
        tally.count(outcome)
        tally.added.observe(0.0002)
        tally.ttfb.observe(0.02)
    control.record_tried(7, failed=True, aborted=False, late=None)

    async with running(a_feed(redis.url, ledger=ledger, control=control)):
        await until(lambda: bool(read_health(redis.url)))
        (report,) = read_health(redis.url)

    assert report == {
        "name": "one",
        "at_ms": AT_MS,
        "version": "1.2.3",
        "front": "direct",
        "sites": {
            "7": {
                "eligible": 5,
                "injected": 3,
                "aborted": 1,
                "cut": 1,
                "skipped": {"fragment": 1},
                "breaker": "open",
                "ttfb_ms": {"p50": 17.5, "p95": 24.25},
                "added_ms": {"p50": 0.175, "p95": 0.242},
            }
        },
    }


async def test_what_a_dead_process_said_expires(redis: RedisServer) -> None:
    async with running(a_feed(redis.url)):
        await until(lambda: bool(read_health(redis.url)))
        with Redis.from_url(redis.url) as client:
            assert 0 < client.ttl(PREFIX + "one") <= EXPIRES_S


async def test_it_goes_on_when_redis_is_back(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with running(a_feed(redis.url)):
        await until(lambda: bool(read_health(redis.url)))
        redis.kill()
        await until(lambda: "cannot be reported" in caplog.text)
        redis.start()
        with Redis.from_url(redis.url) as client:
            client.delete(PREFIX + "one")
        await until(lambda: bool(read_health(redis.url)))
    assert caplog.text.count("cannot be reported") == 1


async def test_a_feed_that_is_cancelled_takes_its_report_back(redis: RedisServer) -> None:
    task = asyncio.create_task(a_feed(redis.url).run(asyncio.Event()))
    await until(lambda: bool(read_health(redis.url)))
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert read_health(redis.url) == []


async def test_it_stops_though_redis_is_away(tmp_path: Path) -> None:
    for url in (f"unix://{tmp_path}/none", ""):
        async with running(a_feed(url)) as task:
            await asyncio.sleep(0.05)
        assert task.done()
        assert task.exception() is None


def test_reading_without_redis_finds_nobody(tmp_path: Path) -> None:
    assert read_health(f"unix://{tmp_path}/none") == []
    assert read_health("") == []


@pytest.mark.parametrize("junk", [b"{", b"[]", b'{"sites": 1}', b"null"])
def test_what_is_no_report_is_left_out(redis: RedisServer, junk: bytes) -> None:
    with Redis.from_url(redis.url) as client:
        client.set(PREFIX + "junk", junk)
        client.set("statflow:other", b"{}")
    assert read_health(redis.url) == []
