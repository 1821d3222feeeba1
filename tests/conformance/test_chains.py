"""Two edges in a row, and many clients at once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.sites import Origin, Snapshot
from tests.conformance.asking import MARKUP, get
from tests.conformance.cases import PAGE, page
from tests.support.front_stack import FrontStack
from tests.support.origin import Pause
from tests.support.raw_client import RawClient, ask

CLIENTS = 100
ROUNDS = 4


@pytest.fixture
def outer_port(stack: FrontStack) -> Iterator[int]:
    """A second front of the same kind, whose origin is the first."""
    inner = (Origin("http", "127.0.0.1", stack.port),)
    sites = tuple(replace(site, origins=inner) for site in stack.snapshot.sites if site.id == 1)
    parts = replace(stack.parts, sites=lambda: Snapshot(1, sites), port=0)
    outer = stack.run(stack.start_front(parts))
    yield outer.port
    stack.run(outer.drain(0.2))


def test_two_edges_put_in_one_tag(stack: FrontStack, outer_port: int) -> None:
    stack.origin.script("/page", page(b'ETag: "v1"'))
    reply = ask(outer_port, get("/page"))

    assert reply.body.count(MARKUP) == 1
    assert reply.body.replace(MARKUP, b"") == PAGE


def test_two_edges_know_their_copy_again(stack: FrontStack, outer_port: int) -> None:
    stack.origin.script("/page", page(b'ETag: "v1"'))
    tag = ask(outer_port, get("/page")).value("etag").decode()
    stack.origin.script("/page", b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
    second = ask(outer_port, get("/page", "Sec-Fetch-Dest: document", f"If-None-Match: {tag}"))

    assert (second.status, second.value("etag").decode()) == (304, tag)
    assert stack.origin.take()[-1].values(b"if-none-match") == [b'"v1"']


def test_a_hundred_kept_alive_clients_get_their_own_answers(stack: FrontStack) -> None:
    stack.origin.script("/page", page())
    bodies = asyncio.run(_crowd(stack.port))

    assert len(bodies) == CLIENTS
    for number, (pages, echoes) in enumerate(bodies):
        assert pages == [True] * ROUNDS
        assert echoes == [f"GET /echo?{number}-{i} HTTP/1.1" for i in range(ROUNDS)]


async def _crowd(port: int) -> list[tuple[list[bool], list[str]]]:
    return await asyncio.gather(*(_client(port, number) for number in range(CLIENTS)))


async def _client(port: int, number: int) -> tuple[list[bool], list[str]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    pages: list[bool] = []
    echoes: list[str] = []
    for turn in range(ROUNDS):
        writer.write(get("/page"))
        pages.append((await _body(reader)).replace(MARKUP, b"", 1) == PAGE)
        writer.write(get(f"/echo?{number}-{turn}"))
        echoes.append((await _body(reader)).partition(b"\r\n")[0].decode())
    writer.close()
    await writer.wait_closed()
    return pages, echoes


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"content-length: " in head:
        length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
        return await reader.readexactly(int(length))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def test_a_slow_client_does_not_hold_up_the_others(stack: FrontStack) -> None:
    stack.origin.script("/page", page(body=PAGE * 200))
    with RawClient(stack.port, timeout_s=20) as slow:
        slow.send(get("/page"))
        received = bytearray()
        while len(received) < 100_000:
            received += slow.socket.recv(1024)
            if len(received) % 20 == 0:
                assert ask(stack.port, get("/echo")).status == 200
        slow.buffer = bytes(received)
        reply = slow.read()

    assert reply.complete
    assert reply.body.count(MARKUP) == 1
    assert reply.body.replace(MARKUP, b"") == PAGE * 200


def test_a_slow_origin_does_not_hold_up_the_others(stack: FrontStack) -> None:
    head, _, body = page().partition(b"\r\n\r\n")
    stack.origin.script(
        "/slow-page", head + b"\r\n\r\n" + body[:500], *[Pause(0.02)] * 20, body[500:]
    )
    with RawClient(stack.port) as client:
        client.send(get("/slow-page"))
        for _ in range(5):
            assert ask(stack.port, get("/echo")).status == 200
        reply = client.read()

    assert reply.body.replace(MARKUP, b"", 1) == PAGE
