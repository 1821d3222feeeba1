"""Which connections are kept, shared, repeated and closed, and what they upgrade to."""

import threading
import time
from dataclasses import replace

import pytest

from tests.conformance.asking import MARKUP, MIB, get, post, wait_until
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack
from tests.support.origin import Close, Pause, masked, ok
from tests.support.raw_client import RawClient

WEBSOCKET = (
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: x-odd",
)


def frame(first: int, payload: bytes) -> bytes:
    """Write one frame as a client must: masked."""
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = bytes([first, 0x80 | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, 0x80 | 127]) + size.to_bytes(8)
    return head + b"abcd" + masked(payload, b"abcd")


def test_a_kept_alive_client_keeps_one_upstream_connection(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        for _ in range(3):
            assert client.ask(get("/echo")).complete

    assert len({seen.connection for seen in stack.origin.take()}) == 1


def test_pipelined_requests_are_answered_in_order(stack: FrontStack) -> None:
    stack.origin.script("/page", ok(PAGE, HTML))
    with RawClient(stack.port) as client:
        client.send((get("/page") + get("/sf/tracker.js") + get("/echo?2")) * 3)
        bodies = [client.read().body for _ in range(9)]

    assert [MARKUP in body for body in bodies] == [True, False, False] * 3
    assert bodies[1] == b"/* tracker */"
    assert bodies[2].startswith(b"GET /echo?2 ")


def test_one_connection_may_ask_for_two_sites(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.ask(get("/echo"))
        client.ask(get("/echo", host="blog.localhost"))

    assert [len(stack.origin.take()), len(stack.other.take())] == [1, 1]


def test_a_dead_kept_alive_connection_is_tried_once_more(stack: FrontStack) -> None:
    stack.origin.script("/first", ok(), Pause(0.1), Close())
    with RawClient(stack.port) as client:
        client.ask(get("/first"))
        stack.origin.script("/second", Close())
        assert client.ask(get("/second")).status == 502

    with RawClient(stack.port) as client:
        client.ask(get("/echo"))
        stack.origin.script("/third", Close())
        client.send(get("/third"))
        time.sleep(0.2)
        assert client.read().status == 502
    assert [seen.line for seen in stack.origin.take()].count(b"GET /third HTTP/1.1") == 2


def test_a_request_with_a_body_is_never_repeated(stack: FrontStack) -> None:
    stack.origin.script("/once", Close())
    with RawClient(stack.port) as client:
        client.ask(get("/echo"))
        assert client.ask(post("/once", 2) + b"hi").status == 502

    assert [seen.line for seen in stack.origin.take()].count(b"POST /once HTTP/1.1") == 1


def test_a_client_that_leaves_takes_its_upstream_connection_along(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.send(get("/hang"))
        wait_until(lambda: len(stack.origin.seen) == 1)
    wait_until(lambda: stack.origin.seen[0].left)


def test_a_port_that_is_taken_is_an_error(stack: FrontStack) -> None:
    with pytest.raises(OSError, match="address already in use"):
        stack.run(stack.start_front(replace(stack.parts, port=stack.port)))


def test_websocket_frames_pass_as_they_are(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        reply = client.ask(get("/ws", *WEBSOCKET))
        echoes = []
        for _ in range(3):
            client.send(frame(0xC1, b"hello"))
            echoes.append(client.read_some())
        client.send(bytes([0x88, 0x80]) + b"abcd")
        goodbye = client.read_some()
        closed = client.is_closed()

    assert reply.status == 101
    assert reply.value("sec-websocket-accept") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert reply.value("sec-websocket-extensions") == b"x-odd"
    assert echoes == [b"\xc1\x05hello"] * 3
    assert goodbye == b"\x88\x00"
    assert closed


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 2 * MIB])
def test_websocket_frames_of_any_size_pass(stack: FrontStack, size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with RawClient(stack.port) as client:
        reply = client.ask(get("/ws", *WEBSOCKET, "Sec-WebSocket-Protocol: chat"))
        sender = threading.Thread(target=client.send, args=(frame(0x82, payload),))
        sender.start()
        echo = client._exactly(len(frame(0x82, payload)) - 4)
        sender.join()

    assert reply.status == 101
    assert echo.endswith(payload)
    assert stack.origin.take()[-1].values(b"sec-websocket-protocol") == [b"chat"]


def test_websocket_extensions_are_negotiated_by_the_two_ends(stack: FrontStack) -> None:
    offer = "permessage-deflate; client_max_window_bits, x-odd; a=1"
    fields = [*WEBSOCKET[:-1], f"Sec-WebSocket-Extensions: {offer}"]
    with RawClient(stack.port) as client:
        reply = client.ask(get("/ws", *fields))

    assert reply.values("sec-websocket-extensions") == [offer.encode()]
    assert stack.origin.take()[-1].values(b"sec-websocket-extensions") == [offer.encode()]


def test_a_websocket_that_its_origin_drops_ends_at_the_client(stack: FrontStack) -> None:
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )
    stack.origin.script("/dropped", answer, b"\x81\x02hi", Close())
    with RawClient(stack.port) as client:
        assert client.ask(get("/dropped", *WEBSOCKET)).status == 101
        assert client._exactly(4) == b"\x81\x02hi"
        assert client.is_closed()


def test_a_websocket_whose_client_leaves_ends_at_the_origin(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        assert client.ask(get("/ws", *WEBSOCKET)).status == 101
        during = stack.origin.open
    wait_until(lambda: stack.origin.open < during)


def test_a_refused_upgrade_is_an_ordinary_answer(stack: FrontStack) -> None:
    upgrade = get("/ws", "Upgrade: websocket", "Connection: Upgrade")
    with RawClient(stack.port) as client:
        assert client.ask(upgrade).status == 426
        assert client.ask(get("/echo")).status == 200
