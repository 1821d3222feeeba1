"""Certificates by name, origins by name, and HTTP/2."""

import socket
import ssl
import time
import tracemalloc

import pytest

from tests.conformance.asking import MARKUP, MIB, get, h2
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack
from tests.support.origin import Close, chunked, ok
from tests.support.raw_client import RawClient


def test_https_answers_with_the_sites_certificate(stack: FrontStack) -> None:
    with RawClient(stack.tls_port, context=stack.client_context()) as client:
        reply = client.ask(get("/echo"))

    assert b"X-Forwarded-Proto: https\r\n" in reply.body
    assert b'Forwarded: for=127.0.0.1;host="shop.localhost";proto=https\r\n' in reply.body


def test_a_wildcard_certificate_is_next(stack: FrontStack) -> None:
    with RawClient(
        stack.tls_port, context=stack.client_context(), name="www.wild.localhost"
    ) as client:
        assert client.ask(get("/echo", host="www.wild.localhost")).status == 200


@pytest.mark.parametrize("name", ["nobody.localhost", "a.b.wild.localhost"])
def test_an_unknown_name_gets_an_alert_and_no_certificate(stack: FrontStack, name: str) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        RawClient(stack.tls_port, context=stack.client_context(), name=name)


def test_no_name_gets_an_alert_too(stack: FrontStack) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = socket.create_connection(("127.0.0.1", stack.tls_port), timeout=3)
    with raw, pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        context.wrap_socket(raw)


def test_a_body_that_ends_with_the_connection_ends_with_a_goodbye(stack: FrontStack) -> None:
    stack.origin.script("/old", b"HTTP/1.0 200 OK\r\n\r\n" + PAGE, Close())
    with RawClient(stack.tls_port, context=stack.client_context()) as client:
        reply = client.ask(get("/old").replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert (reply.frame, reply.body, reply.complete) == ("close", PAGE, True)


def test_two_sites_at_one_address_are_asked_by_their_own_names(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        for host in ("one.localhost", "two.localhost", "one.localhost"):
            assert client.ask(get("/echo", host=host)).status == 200
    seen = stack.tls_origin.take()

    assert [request.sni for request in seen] == ["one.localhost", "two.localhost", "one.localhost"]
    assert seen[0].connection == seen[2].connection != seen[1].connection


def test_http2_streams_run_beside_each_other(stack: FrontStack) -> None:
    stack.origin.script("/page", ok(PAGE, HTML))
    with h2(stack) as client:
        slow = client.request("/slow")
        page = client.request("/page", ("cookie", "a=1"), ("cookie", "sf_out=1"), ("cookie", "b=2"))
        own = client.request("/sf/tracker.js")
        client.wait(page, own)
        assert not client.streams[slow].ended
        client.wait(slow)
        body = client.streams[page].body

    assert body.count(MARKUP) == 1
    assert body.replace(MARKUP, b"") == PAGE
    assert client.streams[own].body == b"/* tracker */"
    seen = {request.line.split(b" ")[1]: request for request in stack.origin.take()}
    assert seen[b"/page"].values(b"host") == [b"shop.localhost"]
    assert seen[b"/page"].values(b"cookie") == [b"a=1; b=2"]
    assert seen[b"/page"].value(b"x-forwarded-proto") == b"https"


def test_http2_uploads_without_a_length_are_framed(stack: FrontStack) -> None:
    with h2(stack) as client:
        with_length = client.request(
            "/digest", ("content-length", "5"), method="POST", body=b"hello"
        )
        without = client.request("/digest", method="POST", body=b"hello, world")
        client.wait(with_length, without)

    assert client.streams[with_length].body.startswith(b"5 ")
    assert client.streams[without].body.startswith(b"12 ")
    codings = {seen.value(b"transfer-encoding") for seen in stack.origin.take()}
    assert codings == {b"", b"chunked"}


def test_http2_gets_interim_answers_and_trailers(stack: FrontStack) -> None:
    stack.origin.script(
        "/hints",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(b"abc")
        + b"0\r\nX-Sum: abc\r\n\r\n",
    )
    with h2(stack) as client:
        stream = client.request("/hints")
        client.wait(stream)
        reply = client.streams[stream]

    assert reply.interim == [[(b":status", b"103"), (b"link", b"</a.css>")]]
    assert (reply.status, bytes(reply.body), reply.trailers) == (200, b"abc", [(b"x-sum", b"abc")])
    assert {b"connection", b"x-hop", b"transfer-encoding"}.isdisjoint(dict(reply.headers))


@pytest.mark.parametrize(
    ("host", "status"), [("nobody.localhost", 421), ("dead.localhost", 502), ("a@b", 400)]
)
def test_http2_errors_end_one_stream_only(stack: FrontStack, host: str, status: int) -> None:
    with h2(stack) as client:
        bad = client.request("/echo", host=host)
        upload = client.request("/echo", method="POST", host=host, body=b"x" * 1000)
        good = client.request("/echo")
        client.wait(bad, good, upload)
        reply = client.streams[bad]

    assert reply.status == client.streams[upload].status == status
    assert dict(reply.headers)[b"cache-control"] == b"no-store"
    assert b"server" not in dict(reply.headers)
    assert b"127.0.0.1" not in reply.body
    assert client.streams[good].status == 200


def test_http2_download_waits_for_the_clients_window(stack: FrontStack) -> None:
    tracemalloc.start()
    with h2(stack) as client:
        client.reads_on = False
        client.h2.increment_flow_control_window(MIB)
        stream = client.request("/big?256")
        other = client.request("/echo")
        client.wait(other)
        time.sleep(0.7)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        client.reads_on = True
        client.h2.increment_flow_control_window(40 * MIB)
        client.h2.increment_flow_control_window(40 * MIB, stream)
        client.flush()
        client.wait(stream)

    assert held < 8 * MIB
    assert len(client.streams[stream].body) == 16 * MIB


def test_an_origin_that_resets_resets_the_http2_stream(stack: FrontStack) -> None:
    stack.origin.script("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Close())
    with h2(stack) as client:
        cut, good = client.request("/cut"), client.request("/echo")
        client.wait(cut, good)

    assert client.streams[cut].reset is not None
    assert client.streams[good].status == 200


def test_drain_finishes_http2_streams_and_says_goodbye(own_stack: FrontStack) -> None:
    with h2(own_stack) as client:
        stream = client.request("/slow")
        time.sleep(0.2)
        draining = own_stack.submit(own_stack.running.drain(5))
        client.wait(stream)
        draining.result(3)

    assert client.streams[stream].body == b"slow"
    assert client.goaway
