"""Time limits of a client's connection, what it may not get twice, and who is believed."""

import socket
import time

import pytest

from edge.fronts.direct.client_state import State
from edge.fronts.operating import Operating
from tests.conformance.asking import get, post, wait_until
from tests.edge.fronts.direct.conftest import Direct, Start
from tests.support.origin import Pause, chunked, ok
from tests.support.raw_client import RawClient, ask


def test_half_a_head_may_take_ten_seconds(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHo")
        wait_until(lambda: any(each._buffer for each in direct.front._clients))
        direct.move_on(9)
        assert not client.is_closed(0.1)
        client.send(b"st: shop")
        direct.move_on(12)
        assert client.is_closed()


def test_a_kept_alive_client_has_75_seconds(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.ask(get("/echo"))
        direct.move_on(73)
        assert not client.is_closed(0.1)
        direct.move_on(78)
        assert client.is_closed()


def test_an_endpoints_body_may_not_stall_for_ever(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.send(post("/sf/e", 100) + b"{")
        wait_until(lambda: any(each._exchange for each in direct.front._clients))
        direct.move_on(62)
        assert client.read(b"POST").status == 400
    assert direct.stack.endpoints.asked == []


def test_an_event_that_came_whole_is_kept_when_its_sender_leaves(direct: Direct) -> None:
    direct.stack.endpoints.delay_s = 0.2
    done: list[int] = []
    respond = direct.stack.endpoints.respond

    async def noting(request: object) -> object:
        answer = await respond(request)  # type: ignore[arg-type]
        done.append(answer.status)
        return answer

    direct.stack.endpoints.respond = noting  # type: ignore[method-assign,assignment]
    with RawClient(direct.stack.port) as client:
        client.send(post("/sf/e", 2) + b"{}")
        wait_until(lambda: len(direct.stack.endpoints.asked) == 1)
    wait_until(lambda: done == [202])


def test_broken_chunks_after_the_answer_began_are_no_second_answer(direct: Direct) -> None:
    head = b"POST /early HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawClient(direct.stack.port) as client:
        client.send(head + chunked(b"x"))
        first = client.read(b"POST")
        client.send(b"zz\r\n")
        assert client.is_closed()

    assert first.status == 413
    assert client.buffer == b""


def test_a_body_above_the_limit_is_dropped_once_it_is_answered(direct: Direct) -> None:
    head = b"POST /early HTTP/1.1\r\nHost: small.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawClient(direct.stack.port) as client:
        client.send(head + chunked(b"x"))
        assert client.read(b"POST").status == 413
        client.send(chunked(b"y" * 200_000) + b"0\r\n\r\n" + get("/echo"))
        assert client.read().status == 200


def test_a_slow_reader_gets_the_end_of_an_answer_that_closes(direct: Direct) -> None:
    direct.stack.origin.script("/some", ok(b"z" * 60_000))
    with RawClient(direct.stack.port) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.ask(get("/sf/tracker.js"))
        (side,) = direct.front._clients
        transport = side._transport
        assert transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.send(get("/some", "Connection: close") + b"\r\n")
        wait_until(lambda: side._state in {State.CLOSING, State.LINGER})
        assert transport.get_write_buffer_size()
        direct.move_on(100)
        assert client.read().complete


def test_a_reader_that_stopped_is_given_up(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.send(get("/big?1024", "Connection: close"))
        wait_until(lambda: any(each._is_choked for each in direct.front._clients))
        direct.move_on(310)
        wait_until(lambda: not direct.front._clients)


def test_a_drain_closes_what_became_idle_meanwhile(direct: Direct) -> None:
    direct.stack.origin.script(
        "/long", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", Pause(0.6), b"cd"
    )
    with RawClient(direct.stack.port) as client:
        client.send(get("/long"))
        assert client._until(b"\r\n\r\n")
        began = time.monotonic()
        draining = direct.stack.submit(direct.front.drain(20))
        assert client._exactly(4) == b"abcd"
        assert client.is_closed(8)
        draining.result(5)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n",
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
        + bytes([192, 0, 2, 7, 10, 0, 0, 1])
        + b"\x1f\x90\x00\x50",
    ],
)
def test_the_proxy_protocol_names_the_client(start_direct: Start, header: bytes) -> None:
    direct = start_direct(Operating(proxy_protocol=True), trusted="loopback")
    with RawClient(direct.stack.port) as client:
        client.send(header[:9])
        time.sleep(0.05)
        client.send(header[9:] + get("/echo", "X-Forwarded-For: 6.6.6.6"))
        first, second = client.read(), client.ask(get("/echo"))

    assert b"X-Forwarded-For: 192.0.2.7\r\n" in first.body
    assert b"X-Forwarded-For: 192.0.2.7\r\n" in second.body
    assert b"6.6.6.6" not in first.body


def test_the_proxy_protocol_of_a_stranger_is_not_heard(start_direct: Start) -> None:
    direct = start_direct(Operating(proxy_protocol=True))
    with RawClient(direct.stack.port) as client:
        assert client.is_closed()


def test_without_the_header_nothing_is_served(start_direct: Start) -> None:
    direct = start_direct(Operating(proxy_protocol=True), trusted="loopback")
    with RawClient(direct.stack.port) as client:
        client.send(get("/echo"))
        assert client.is_closed()
    assert direct.stack.origin.seen == []


def test_a_header_is_not_read_where_none_is_expected(direct: Direct) -> None:
    reply = ask(direct.stack.port, b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n" + get("/echo"))
    assert reply.status == 400
