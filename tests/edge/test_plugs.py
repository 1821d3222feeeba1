"""Pull the plug on everything an edge leans on: what its visitors see does not change by a byte."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.health_feed import read_health
from tests.conformance.asking import post, wait_until
from tests.support.edge_process import SHOP, EdgeProcess
from tests.support.raw_client import RawClient, Reply
from tests.support.redis_server import RedisServer
from tests.support.steady_origin import PAGE, SteadyOrigin

ASK = f"GET /page HTTP/1.1\r\nHost: {SHOP}\r\nSec-Fetch-Dest: document\r\n\r\n".encode()
START = b"<!doctype html><html><head>"


class Plugged:
    """An edge with its origin, two servers of Redis and a folder of files."""

    def __init__(self, folder: Path, front: str) -> None:
        self.redis, self.salts = RedisServer(), RedisServer(appendonly="no")
        self.geo = folder / "geo.mmdb"
        self.geo.write_bytes(b"no database")
        self.edge = EdgeProcess(
            folder,
            "--front",
            front,
            REDIS_URL=self.redis.url,
            SALT_URL=self.salts.url,
            SALT_ASSURED="1",
            GEOIP_DB=str(self.geo),
        )

    def beacon(self, client: RawClient) -> Reply:
        body = b'{"n":"pageview","u":"http://shop.localhost/page"}'
        head = post("/sf/e", len(body)).replace(
            b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n"
        )
        client.send(head + body)
        return client.read(b"POST")


@pytest.fixture(params=["direct", "mitmproxy"])
def plugged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plugged]:
    with SteadyOrigin() as origin:
        plugged = Plugged(tmp_path, request.param)
        plugged.edge.write_sites(origin.url, debug=True)
        try:
            yield plugged
        finally:
            if plugged.edge.process is not None:
                plugged.edge.stop()
            plugged.redis.remove()
            plugged.salts.remove()


def test_pages_do_not_notice_what_is_gone(plugged: Plugged) -> None:
    plugged.redis.start()
    plugged.salts.start()
    plugged.edge.start()
    troubles: list[Callable[[], object]] = [
        plugged.salts.kill,
        plugged.redis.pause,
        plugged.redis.resume,
        plugged.redis.kill,
        plugged.geo.unlink,
        lambda: plugged.edge.data.joinpath("sites.json").write_text("{"),
    ]
    with RawClient(plugged.edge.port) as client:
        first = client.ask(ASK)
        tag = first.body.replace(START, b"").partition(b"<title>")[0]
        assert first.body.replace(tag, b"") == PAGE
        assert first.value("x-statflow") == b"injected"
        for trouble in troubles:
            trouble()
            for _ in range(3):
                reply = client.ask(ASK)
                assert (reply.head, reply.body) == (first.head, first.body)
        assert plugged.beacon(client).status == 503
        assert client.ask(ASK).body == first.body


def test_pages_do_not_wait_for_what_never_was_there(plugged: Plugged) -> None:
    """Both servers of Redis are away from the start, and the database of places is rubbish."""
    plugged.edge.start()
    with RawClient(plugged.edge.port) as client:
        reply = client.ask(ASK)
        assert reply.body.startswith(START + b"<script async")
        assert plugged.beacon(client).status == 503
    plugged.redis.start()
    wait_until(lambda: bool(read_health(plugged.redis.url)), 10)
    (report,) = read_health(plugged.redis.url)
    assert report["sites"]["1"]["injected"] == 1
    assert 'statflow_eligible_total{site="1"} 1.0' in plugged.edge.metrics()
