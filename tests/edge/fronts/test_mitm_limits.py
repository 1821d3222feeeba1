"""Time limits, memory of closed connections, and what a crash leaves."""

import logging
import socket
import time

import pytest

from edge.fronts import mitm_handler
from edge.fronts.mitm_layers import EdgeHttpLayer
from edge.fronts.page import Page
from edge.sites import Origin as SiteOrigin
from edge.sites import Site, Snapshot
from tests.conformance.asking import get, h2, post, wait_until
from tests.conformance.cases import HTML, PAGE
from tests.edge.fronts.conftest import Movable
from tests.support.origin import Pause, ok
from tests.support.raw_client import RawClient, ask


def test_half_a_head_may_take_ten_seconds(movable: Movable) -> None:
    with RawClient(movable.stack.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHo")
        wait_until(lambda: len(movable.front._handlers) == 1)
        movable.offset_s = 9
        assert not client.is_closed(0.3)
        client.send(b"st: shop")
        movable.offset_s = 11
        assert client.is_closed()


def test_a_silent_stranger_has_ten_seconds(movable: Movable) -> None:
    with RawClient(movable.stack.port) as plain, RawClient(movable.stack.tls_port) as secure:
        wait_until(lambda: len(movable.front._handlers) == 2)
        movable.offset_s = 11
        assert plain.is_closed()
        assert secure.is_closed()


def test_a_kept_alive_client_has_75_seconds(movable: Movable) -> None:
    with RawClient(movable.stack.port) as client, h2(movable.stack) as second:
        client.ask(get("/echo"))
        second.wait(second.request("/echo"))
        movable.offset_s = 70
        assert not client.is_closed(0.3)
        # What the clients sent last may have been read at 70.
        movable.offset_s = 150
        assert client.is_closed()
        while not second.raw.ended:
            second.raw.read_some()


def test_an_origin_has_60_seconds_for_its_first_byte(movable: Movable) -> None:
    with RawClient(movable.stack.port) as client, h2(movable.stack) as second:
        client.send(get("/hang"))
        stream = second.request("/hang")
        wait_until(lambda: len(movable.stack.origin.seen) == 2)
        movable.offset_s = 59
        time.sleep(0.2)
        assert not any(seen.left for seen in movable.stack.origin.seen)
        movable.offset_s = 61
        reply = client.read()
        second.wait(stream)

    assert reply.status == second.streams[stream].status == 504


def test_a_body_may_be_silent_for_300_seconds_and_events_for_ever(movable: Movable) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\ndata: 1\n\n"
    movable.stack.origin.script("/stalled", head % b"text/plain", Pause(30))
    movable.stack.origin.script("/events-forever", head % b"text/event-stream", Pause(30))
    with RawClient(movable.stack.port) as client, RawClient(movable.stack.port) as listener:
        for each, path in ((client, "/stalled"), (listener, "/events-forever")):
            each.send(get(path))
            received = b""
            while b"data: 1" not in received:
                received += each.read_some()
            each.buffer = b""
        movable.offset_s = 310
        assert client.is_closed()
        assert not listener.is_closed(0.3)


def test_connecting_takes_five_seconds_at_most(
    movable: Movable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mitm_handler, "CONNECT_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        origin = SiteOrigin("https", "127.0.0.1", mute.getsockname()[1])
        movable.stack.snapshot = Snapshot(2, (Site(1, "shop.localhost", (origin,), "k"),))
        assert ask(movable.stack.port, get("/")).status == 502


def test_closed_upstream_connections_are_forgotten(movable: Movable) -> None:
    movable.stack.origin.script("/old", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with RawClient(movable.stack.port) as client, h2(movable.stack) as second:
        for _ in range(5):
            client.ask(get("/old"))
            client.ask(get("/echo", host="second.localhost"))
            second.wait(second.request("/echo"))
        layers = [handler.http for handler in movable.front._handlers]
        assert all(isinstance(each, EdgeHttpLayer) for each in layers)
        wait_until(lambda: all(len(each.connections) <= 2 for each in layers))
        assert all(len(handler.transports) <= 2 for handler in movable.front._handlers)
        assert all(not each.streams for each in layers)


def test_a_crash_closes_the_connection_and_tells_only_where(
    movable: Movable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("secret of 127.0.0.1")

    monkeypatch.setattr(Page, "close", crash)
    with caplog.at_level(logging.DEBUG), RawClient(movable.stack.port) as client:
        client.send(get("/echo", "User-Agent: secret"))
        client.read()
        assert client.is_closed()

    assert "RuntimeError at test_mitm_limits.py" in caplog.text
    assert "127.0.0.1" not in caplog.text
    assert "secret" not in caplog.text


def test_no_log_line_holds_an_address_or_an_agent(
    movable: Movable, caplog: pytest.LogCaptureFixture
) -> None:
    movable.stack.origin.script("/page", ok(PAGE, HTML))
    with caplog.at_level(logging.DEBUG):
        with RawClient(movable.stack.port) as client:
            client.ask(get("/page", "User-Agent: agent-x"))
            client.ask(post("/sf/e", 2) + b"{}")
        for bad in (b"nonsense\r\n\r\n", get("/", host="dead.localhost"), get("/", host="nobody")):
            ask(movable.stack.port, bad)
        with h2(movable.stack) as second:
            second.wait(second.request("/page", ("user-agent", "agent-x")))
        with RawClient(movable.stack.tls_port) as stranger:
            stranger.send(b"not tls at all\r\n\r\n")
            assert stranger.is_closed()
        own = [record for record in caplog.records if record.name != "asyncio"]

    text = "\n".join(record.getMessage() for record in own)
    assert "127.0.0.1" not in text
    assert "agent-x" not in text
