from collections.abc import Callable, Iterator

import pytest

from edge.sites import Origin, Site
from tests.support.redis_server import RedisServer

type MakeSite = Callable[..., Site]


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
def a_site() -> MakeSite:
    def make(site_id: int = 7) -> Site:
        host = f"s{site_id}.example"
        return Site(site_id, host, (Origin("http", "127.0.0.1", 80),), f"key{site_id}")

    return make
