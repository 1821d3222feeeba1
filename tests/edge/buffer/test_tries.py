"""Tries that portals count together, on a real Redis."""

import logging
from collections.abc import Iterator

import pytest
from redis import Redis

from edge.buffer.tries import PREFIX, SharedTries
from tests.support.redis_server import RedisServer


@pytest.fixture
def tries(redis_server: RedisServer) -> Iterator[SharedTries]:
    found = SharedTries(redis_server.url, "secret")
    yield found
    found.close()


def test_a_burst_passes_and_then_the_rate(tries: SharedTries) -> None:
    assert [tries("login a@b.c", 3, 0.001) for _ in range(4)] == [0, 0, 0, 1000]
    assert tries("login x@y.z", 3, 0.001) == 0
    assert tries("code a@b.c", 3, 0.001) == 0


def test_what_was_taken_comes_back_with_time(tries: SharedTries, redis_server: RedisServer) -> None:
    assert [tries("a", 2, 0.01) for _ in range(3)] == [0, 0, 100]
    with Redis.from_url(redis_server.url) as redis:
        (name,) = redis.keys(PREFIX + "*")
        redis.hincrbyfloat(name, "at", -100)
    assert [tries("a", 2, 0.01) for _ in range(2)] == [0, 100]


def test_a_key_says_nothing_and_goes_once_it_is_full(
    tries: SharedTries, redis_server: RedisServer
) -> None:
    tries("login a@b.c", 8, 1 / 60)
    with Redis.from_url(redis_server.url) as redis:
        (name,) = redis.keys(PREFIX + "*")
        assert b"a@b.c" not in name
        assert 0 < redis.ttl(name) <= 60
        assert redis.dbsize() == 1


def test_other_installations_name_it_otherwise(
    tries: SharedTries, redis_server: RedisServer
) -> None:
    tries("a", 1, 0.001)
    other = SharedTries(redis_server.url, "another secret")
    assert other("a", 1, 0.001) == 0
    other.close()


def test_a_refusal_writes_nothing(tries: SharedTries, redis_server: RedisServer) -> None:
    """Who goes on trying costs no disk."""
    tries("a", 1, 0.001)
    with Redis.from_url(redis_server.url) as redis:
        before = redis.info("persistence")["aof_current_size"]
        assert [tries("a", 1, 0.001) > 0 for _ in range(20)] == [True] * 20  # type: ignore[operator]
        assert redis.info("persistence")["aof_current_size"] == before


def test_a_redis_that_is_away_is_said_once_and_not_waited_for(
    tries: SharedTries, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    redis_server.stop()
    assert [tries("a", 1, 0.001) for _ in range(20)] == [None] * 20
    assert caplog.text.count("Redis is away") == 1
