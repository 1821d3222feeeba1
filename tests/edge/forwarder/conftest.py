from collections.abc import Iterator

import pytest
from redis import Redis

from tests.support.redis_server import RedisServer


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """An empty server; a test that kills it starts it again."""
    with Redis.from_url(shared_redis.url) as redis:
        redis.flushall()
    return shared_redis
