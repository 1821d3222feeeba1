"""A quiet site behind ``statflow edge`` as an operator runs it: real processes, Redis, sockets."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.names import list_paths
from tests.support.edge_process import SHOP, EdgeProcess
from tests.support.factories import a_site
from tests.support.raw_client import RawClient, Reply
from tests.support.redis_server import RedisServer
from tests.support.steady_origin import SteadyOrigin

SEED = "a seed of the shop"
BODY = b'{"n":"pageview","u":"http://shop.localhost/"}'
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0\r\n"
    "Accept-Language: fr\r\nSec-Fetch-Site: same-origin\r\n"
)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


@pytest.fixture
def origin() -> Iterator[SteadyOrigin]:
    with SteadyOrigin() as started:
        yield started


def ask(edge: EdgeProcess, method: str, path: str, body: bytes = b"") -> Reply:
    head = f"{method} {path} HTTP/1.1\r\nHost: {SHOP}\r\n{BROWSER}Content-Length: {len(body)}\r\n"
    with RawClient(edge.port) as client:
        return client.ask(f"{head}\r\n".encode() + body, method=method.encode())


def test_every_worker_gives_and_knows_the_same_names(
    tmp_path: Path, origin: SteadyOrigin, redis: RedisServer
) -> None:
    edge = EdgeProcess(tmp_path, "--workers", "2", DRAIN_S="2", REDIS_URL=redis.url)
    edge.write_sites(origin.url, quiet_seed=SEED)
    edge.start()
    try:
        scripts = {
            re.search(rb'<script async="async" src="([^"]+)">', ask(edge, "GET", "/").body)
            for _ in range(12)
        }
        (script,) = {match[1].decode() for match in scripts if match}
        assert script in list_paths(a_site(quiet_seed=SEED), time.time())
        source = ask(edge, "GET", script).body.decode()
        named = re.search(r'=\["(/[^"]+)","(/[^"]+)"', source)
        assert named is not None
        beacon, pixel = named.groups()
        for _ in range(6):
            assert ask(edge, "POST", beacon, BODY).status == 202
            assert ask(edge, "GET", pixel).value("content-type") == b"image/gif"
            assert b"Your visits are counted." in ask(edge, "GET", "/sf/opt-out").body
        assert {head.split(b" ")[1] for head in origin.heads} == {b"/"}
    finally:
        edge.stop()
