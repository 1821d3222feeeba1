"""The feed of sites: Redis is the news, the file is what is served from."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from edge.sites import render_snapshot
from edge.sites_feed import KEY, PublishError, SitesFeed, publish_snapshot
from tests.support.redis_server import RedisServer


def a_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "host": f"site{number}.example",
        "upstreams": ["http://127.0.0.1:9000"],
        "public_key": "stk",
    }
    return row | changes


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@asynccontextmanager
async def running(feed: SitesFeed) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(feed.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - waits for the feed
        await asyncio.sleep(0.01)


async def test_an_edge_goes_on_with_what_it_knows_of_a_newer_release(
    redis: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "sites.json"
    publish_snapshot(redis.url, [a_row()], now_ms=10, release="9.0.0")
    with Redis.from_url(redis.url) as client:
        client.set(KEY, _raw(client.get(KEY)).replace(b'"host"', b'"flavour":"mint","host"'))
    feed = SitesFeed(file, redis.url)
    async with running(feed):
        await until(lambda: feed.current().find("site1.example") is not None)
        await until(file.exists)
    assert feed.problem == ""
    (said,) = [row.getMessage() for row in caplog.records if "newer release" in row.getMessage()]
    assert said.endswith("flavour")
    again = SitesFeed(file)
    again.load_file()
    assert again.current().find("site1.example") is not None


def _raw(answer: Any) -> bytes:
    return bytes(answer)


async def test_a_published_site_is_served_and_written_down(
    redis: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "sites.json"
    feed = SitesFeed(file, redis.url)
    async with running(feed):
        publish_snapshot(redis.url, [a_row()], now_ms=10)
        await until(lambda: feed.current().find("site1.example") is not None)
        await until(file.exists)
        publish_snapshot(redis.url, [a_row(), a_row(2)], now_ms=11)
        await until(lambda: feed.current().find("site2.example") is not None)
    later = SitesFeed(file, "")
    later.load_file()
    assert later.current().number == 11


async def test_a_bad_snapshot_is_refused_and_the_last_good_one_stays(
    redis: RedisServer, tmp_path: Path
) -> None:
    feed = SitesFeed(tmp_path / "sites.json", redis.url)
    async with running(feed):
        publish_snapshot(redis.url, [a_row()], now_ms=10)
        await until(lambda: feed.current().number == 10)
        with Redis.from_url(redis.url) as client:
            client.set(KEY, b'{"schema":1,"number":12,"sites":[{}]}')
            client.set(f"{KEY}:number", 12)
            client.publish(KEY, "12")
        await until(lambda: bool(feed.problem))
        assert feed.current().find("site1.example") is not None
        publish_snapshot(redis.url, [a_row(3)], now_ms=13)
        await until(lambda: feed.current().number == 13)
        assert feed.problem == ""


async def test_without_redis_the_file_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "sites.json"
    feed = SitesFeed(file, "")
    async with running(feed):
        file.write_bytes(render_snapshot(1, [a_row()]))
        await until(lambda: feed.current().number == 1)
        file.write_bytes(b"{")
        await until(lambda: bool(feed.problem))
    assert feed.current().number == 1


async def test_redis_may_come_later_and_go_away(redis: RedisServer, tmp_path: Path) -> None:
    redis.stop()
    file = tmp_path / "sites.json"
    file.write_bytes(render_snapshot(5, [a_row()]))
    feed = SitesFeed(file, redis.url)
    async with running(feed):
        await until(lambda: feed.current().number == 5)
        redis.start()
        publish_snapshot(redis.url, [a_row(2)], now_ms=6)
        await until(lambda: feed.current().number == 6)
        redis.kill()
    assert feed.current().find("site2.example") is not None


def test_publishing_the_same_again_changes_nothing(redis: RedisServer) -> None:
    assert publish_snapshot(redis.url, [a_row()], now_ms=10) == 10
    assert publish_snapshot(redis.url, [a_row()], now_ms=20) == 10
    assert publish_snapshot(redis.url, [a_row(2)], now_ms=3) == 11


def test_publishing_without_redis_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="Redis is away"):
        publish_snapshot(f"unix://{tmp_path}/none", [a_row()], now_ms=1)
