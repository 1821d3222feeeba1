"""The collector over HTTP, by real sockets."""

from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest
from aiohttp import web

from edge.collector.app import build_server
from edge.collector.client_ip import parse_networks
from edge.collector.endpoints import MAX_BODY_BYTES
from edge.sites import Snapshot
from tests.edge.collector.conftest import Edge

BODY = orjson.dumps({"n": "pageview", "u": "https://shop.example/tea"})
HOST = {"Host": "shop.example"}


@pytest.fixture
async def url(edge: Edge) -> AsyncIterator[str]:
    snapshot = Snapshot(1, (edge.site,))
    server = build_server(edge.endpoints, lambda: snapshot, parse_networks("loopback"))
    runner = web.ServerRunner(server, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_a_beacon_is_taken(url: str, edge: Edge) -> None:
    async with aiohttp.ClientSession(url) as http:
        answer = await http.post("/sf/e", data=BODY, headers=HOST | {"Content-Type": "text/plain"})
        assert (answer.status, await answer.read()) == (202, b"{}")
        second = HOST | {"Content-Type": "text/plain", "X-Forwarded-For": "198.51.100.7"}
        await http.post("/sf/e", data=BODY, headers=second)
    one, other = edge.buffer.events
    assert one.visitor != other.visitor


async def test_codings_and_lengths_survive(url: str) -> None:
    async with aiohttp.ClientSession(url, auto_decompress=False) as http:
        answer = await http.get("/sf/tracker.js", headers=HOST | {"Accept-Encoding": "br"})
        assert answer.headers["Content-Encoding"] == "br"
        assert answer.headers["Content-Length"] == str(len(await answer.read()))
        head = await http.head("/sf/tracker.js", headers=HOST | {"Accept-Encoding": "br"})
        assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize(
    ("host", "path", "body", "status"),
    [
        ("shop.example", "/other", BODY, 404),
        ("nobody.example", "/sf/e", BODY, 421),
        ("shop.example", "/sf/e", b" " * (MAX_BODY_BYTES + 1), 413),
        ("shop.example", "/sf/e?x=1", BODY, 202),
    ],
)
async def test_statuses(url: str, host: str, path: str, body: bytes, status: int) -> None:
    headers = {"Host": host, "Content-Type": "text/plain"}
    async with aiohttp.ClientSession(url) as http:
        assert (await http.post(path, data=body, headers=headers)).status == status
