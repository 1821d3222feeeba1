"""Which connections go back to the pool, and whose bytes nobody may ever get."""

import pytest

from tests.conformance.asking import get, post, wait_until
from tests.edge.fronts.direct.conftest import Direct
from tests.support.origin import Close, Pause, ok
from tests.support.raw_client import RawClient, ask

EVIL = ok(b"evil")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + EVIL),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n" + EVIL),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL),
        ("GET", ok(b"") + EVIL),
        ("GET", ok(b"good") + EVIL),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf a he"),
    ],
)
def test_what_follows_an_answer_is_nobodys(direct: Direct, method: str, answer: bytes) -> None:
    direct.stack.origin.script("/first", answer)
    with RawClient(direct.stack.port) as client:
        first = client.ask(get("/first").replace(b"GET", method.encode()))
        second = client.ask(get("/echo"))

    assert b"evil" not in first.body
    assert second.body.startswith(b"GET /echo ")
    connections = [seen.connection for seen in direct.stack.origin.take()]
    assert len(connections) == len(set(connections)) == 2


def test_what_comes_unasked_ends_the_connection(direct: Direct) -> None:
    direct.stack.origin.script("/first", ok(b"good"), Pause(0.1), EVIL)
    with RawClient(direct.stack.port) as client:
        client.ask(get("/first"))
        wait_until(lambda: not any(direct.front._desk.pool._idle.values()))
        assert client.ask(get("/echo")).body.startswith(b"GET /echo ")


def test_an_answer_before_the_end_of_an_upload_frees_no_connection(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.send(post("/early", 200_000) + b"x" * 1000)
        assert client.read(b"POST").status == 413
        client.send(b"x" * 199_000)
        assert client.ask(get("/echo")).status == 200

    connections = [seen.connection for seen in direct.stack.origin.take()]
    assert len(set(connections)) == 2


@pytest.mark.parametrize(
    "last", ["Connection: close\r\n", "Connection: x, Close\r\n", "Transfer-Encoding: chunked\r\n"]
)
def test_a_last_answer_ends_its_connection(direct: Direct, last: str) -> None:
    framing = "" if "chunked" in last else "Content-Length: 0\r\n"
    tail = b"0\r\n\r\n" if "chunked" in last else b""
    direct.stack.origin.script(
        "/last", f"HTTP/1.1 200 OK\r\n{framing}{last}\r\n".encode() + tail, Close()
    )
    with RawClient(direct.stack.port) as client:
        assert client.ask(get("/last")).status == 200
        assert client.ask(get("/echo")).status == 200


def test_an_answer_that_stops_for_300_seconds_is_cut(direct: Direct) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\ndata: 1\n\n"
    direct.stack.origin.script("/stalled", head % b"text/plain", Pause(30))
    direct.stack.origin.script("/events-forever", head % b"text/event-stream", Pause(30))
    with RawClient(direct.stack.port) as client, RawClient(direct.stack.port) as listener:
        for each, path in ((client, "/stalled"), (listener, "/events-forever")):
            each.send(get(path))
            received = b""
            while b"data: 1" not in received:
                received += each.read_some()
            each.buffer = b""
        direct.move_on(310)
        client.is_closed()
        assert client.ended
        assert b"0\r\n\r\n" not in client.buffer
        assert not listener.is_closed(0.2)


def test_an_origin_has_60_seconds_for_its_first_byte(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.send(get("/hang"))
        wait_until(lambda: len(direct.stack.origin.seen) == 1)
        direct.move_on(58)
        assert not direct.stack.origin.seen[0].left
        direct.move_on(62)
        reply = client.read()

    assert (reply.status, reply.value("connection")) == (504, b"close")
    wait_until(lambda: direct.stack.origin.seen[0].left)


def test_a_websocket_may_be_silent_for_ever(direct: Direct) -> None:
    upgrade = get(
        "/ws",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with RawClient(direct.stack.port) as client:
        # The first frame comes with the request: it belongs to the tunnel.
        client.send(upgrade + bytes([0x81, 0x81]) + b"abcd" + b"\0")
        assert client.read().status == 101
        assert client.read_some() == b"\x81\x01a"
        direct.move_on(4000)
        client.send(bytes([0x81, 0x81]) + b"abcd" + b"\0")
        assert client.read_some() == b"\x81\x01a"
    wait_until(lambda: direct.stack.origin.open == 0)


@pytest.mark.parametrize("asked", ["h2c", "TLS/1.0", "websocket, h2c"])
def test_other_upgrades_are_not_passed_on(direct: Direct, asked: str) -> None:
    reply = ask(direct.stack.port, get("/echo", f"Upgrade: {asked}", "Connection: Upgrade"))
    assert reply.status == 200
    assert b"pgrade" not in reply.body
