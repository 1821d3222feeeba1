"""What takes more than one request, time, or volume: the same for every front."""

import gzip
import hashlib
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from dataclasses import replace

import brotli
import pytest
import zstandard

from tests.conformance.cases import HTML, PAGE
from tests.conformance.test_cases import MARKUP
from tests.support.front_stack import FrontStack
from tests.support.h2_client import H2Client
from tests.support.origin import CHUNK, Close, Pause, chunked, ok
from tests.support.raw_client import RawClient, ask

MIB = 2**20


def get(path: str, *fields: str, host: str = "shop.localhost") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


def post(path: str, length: int, host: str = "shop.localhost", method: str = "POST") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode()


# --- connections ---------------------------------------------------------------------------------


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
    stack.origin.script("/hang", Pause(30))
    with RawClient(stack.port) as client:
        client.send(get("/hang"))
        time.sleep(0.2)
    deadline = time.monotonic() + 3
    while stack.origin.open and time.monotonic() < deadline:
        time.sleep(0.05)

    # The origin's handler sleeps on; its socket has been closed by the front.
    assert [seen.line for seen in stack.origin.take()] == [b"GET /hang HTTP/1.1"]


def test_a_port_that_is_taken_is_an_error(stack: FrontStack) -> None:
    async def again() -> None:
        from edge.fronts.mitm import MitmFront

        front = MitmFront(
            sites=lambda: stack.snapshot,
            endpoints=stack.endpoints,  # type: ignore[arg-type]
            tag_for=stack._tag,
            trusted=(),  # type: ignore[arg-type]
        )
        await front.start("127.0.0.1", stack.port)

    with pytest.raises(OSError, match="address already in use"):
        stack.run(again())


# --- streaming -----------------------------------------------------------------------------------


def test_the_first_event_of_a_stream_comes_at_once(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        began = time.monotonic()
        client.send(get("/events"))
        received = b""
        while b"data: 1" not in received:
            received += client.read_some()
        first = time.monotonic() - began
        while b"data: 2" not in received:
            received += client.read_some()

    assert first < 0.5 < time.monotonic() - began


def test_the_tag_goes_out_before_the_page_is_complete(stack: FrontStack) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    stack.origin.script(
        "/trickle", head + chunked(PAGE[:200]), Pause(0.6), chunked(PAGE[200:]) + b"0\r\n\r\n"
    )
    with RawClient(stack.port) as client:
        began = time.monotonic()
        client.send(get("/trickle"))
        received = b""
        while MARKUP not in received:
            received += client.read_some()
        assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("size", [1, 7, 61, 4096])
def test_a_coded_page_gets_exactly_one_tag(stack: FrontStack, coding: str, size: int) -> None:
    packed = {
        "gzip": gzip.compress,
        "br": brotli.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }[coding](PAGE)
    parts = [packed[i : i + size] for i in range(0, len(packed), size)]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %s\r\n" % coding.encode()
    )
    stack.origin.script(
        "/coded", head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*parts) + b"0\r\n\r\n"
    )
    reply = ask(stack.port, get("/coded", f"Accept-Encoding: {coding}"))

    unpack = {
        b"gzip": gzip.decompress,
        b"br": brotli.decompress,
        b"zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        b"": bytes,
    }[reply.value("content-encoding")]
    plain = unpack(reply.body)
    assert plain.count(MARKUP) == 1
    assert plain.replace(MARKUP, b"") == PAGE


def test_a_download_of_64_mib_is_not_held(stack: FrontStack) -> None:
    tracemalloc.start()
    with RawClient(stack.port) as client:
        client.send(get("/big?1024"))
        time.sleep(0.5)  # Nobody reads: the front must not read either.
        received = 0
        digest = hashlib.sha256()
        head = client._until(b"\r\n\r\n")
        while received < 64 * MIB:
            data = client.read_some()
            received += len(data)
            digest.update(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert b"Content-Length: %d" % (64 * MIB) in head
    assert digest.digest() == hashlib.sha256(CHUNK * 1024).digest()
    assert peak < 12 * MIB


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_an_upload_of_64_mib_is_not_held(stack: FrontStack, coding: str) -> None:
    tracemalloc.start()
    with RawClient(stack.port, timeout_s=20) as client:
        if coding == "length":
            client.send(post("/digest", 64 * MIB))
        else:
            client.send(
                b"POST /digest HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
        piece = CHUNK if coding == "length" else chunked(CHUNK)
        for _ in range(1024):
            client.send(piece)
        if coding == "chunked":
            client.send(b"0\r\n\r\n")
        reply = client.read(b"POST")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    digest = hashlib.sha256(CHUNK * 1024).hexdigest()
    assert reply.body.decode() == f"{64 * MIB} {digest}"
    assert peak < 12 * MIB


def test_a_client_that_pipelines_without_reading_is_not_read(stack: FrontStack) -> None:
    with RawClient(stack.port, timeout_s=1.0) as client:
        client.send(get("/slow"))
        sent = 0
        filler = get("/echo", "X-Pad: " + "y" * 30_000) * 8
        with pytest.raises(TimeoutError):
            while sent < 64 * MIB:
                client.send(filler)
                sent += len(filler)
    assert sent < 32 * MIB


def test_an_upload_and_its_answer_flow_at_once(stack: FrontStack) -> None:
    total = 8 * MIB
    with RawClient(stack.port, timeout_s=20) as client:
        sender = threading.Thread(target=client.send, args=(post("/mirror", total) + b"m" * total,))
        sender.start()
        reply = client.read(b"POST")
        sender.join()

    assert reply.complete
    assert len(reply.body) == total


def test_an_answer_before_the_end_of_an_upload_arrives(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.send(post("/early", 200_000) + b"x" * 1000)
        reply = client.read(b"POST")
        client.send(b"x" * 199_000)
        again = client.ask(get("/echo"))

    assert (reply.status, reply.body) == (413, b"no")
    assert again.status == 200


def test_a_chunked_body_above_the_sites_limit_is_stopped(stack: FrontStack) -> None:
    head = b"POST /digest HTTP/1.1\r\nHost: small.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = ask(stack.port, head + chunked(b"x" * 60_000, b"x" * 60_000) + b"0\r\n\r\n")

    assert reply.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"-1\r\n\r\n",
    ],
)
def test_broken_chunks_never_become_a_whole_request(stack: FrontStack, body: bytes) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = ask(stack.port, head + body)

    assert reply.status == 400
    assert b"body=" not in reply.body


def test_endless_chunk_extensions_are_cut(stack: FrontStack) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;"
    reply = ask(stack.port, head + b"x" * 70_000)

    assert reply.status == 400


# --- websocket -----------------------------------------------------------------------------------


def test_websocket_frames_pass_as_they_are(stack: FrontStack) -> None:
    upgrade = get(
        "/ws", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions: x-odd",
    )  # fmt: skip
    with RawClient(stack.port) as client:
        reply = client.ask(upgrade)
        frame = (
            bytes([0xC1, 0x85])
            + b"abcd"
            + bytes(x ^ y for x, y in zip(b"hello", b"abcda", strict=True))
        )
        echoes = []
        for _ in range(3):
            client.send(frame)
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


def test_a_refused_upgrade_is_an_ordinary_answer(stack: FrontStack) -> None:
    upgrade = get("/ws", "Upgrade: websocket", "Connection: Upgrade")
    with RawClient(stack.port) as client:
        assert client.ask(upgrade).status == 426
        assert client.ask(get("/echo")).status == 200


# --- our endpoints -------------------------------------------------------------------------------


def test_our_endpoints_are_answered_without_the_origin(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        beacon = client.ask(post("/sf/e", 5) + b"hello")
        script = client.ask(get("/sf/tracker.js?x=1", "Cookie: a=1"))
        head = client.ask(get("/sf/tracker.js").replace(b"GET", b"HEAD"))

    assert (beacon.status, script.body, head.body) == (202, b"/* tracker */", b"")
    assert stack.origin.take() == []
    first, second, _ = stack.endpoints.asked
    assert (first.body, first.method, str(first.address)) == (b"hello", "POST", "127.0.0.1")
    assert (second.path, second.query, second.secure) == ("/sf/tracker.js", "x=1", False)


def test_what_is_not_ours_under_the_prefix_is_the_origins(stack: FrontStack) -> None:
    ask(stack.port, get("/sf/other"))

    assert [seen.line for seen in stack.origin.take()] == [b"GET /sf/other HTTP/1.1"]


def test_a_site_that_is_off_still_answers_its_endpoints(stack: FrontStack) -> None:
    assert ask(stack.port, get("/sf/tracker.js", host="off.localhost")).body == b"/* tracker */"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_beacon_above_64_kib_is_refused(stack: FrontStack, framing: str) -> None:
    if framing == "length":
        request = post("/sf/e", 1_000_000_000) + b"x" * 1000
    else:
        request = (
            b"POST /sf/e HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        request += chunked(*[b"x" * 65_536] * 4)
    reply = ask(stack.port, request)

    assert (reply.status, reply.body) == (413, b"too large")
    assert stack.endpoints.asked == []


# --- failing open --------------------------------------------------------------------------------


def test_a_page_passes_untouched_when_there_is_no_tag(own_stack: FrontStack) -> None:
    own_stack.origin.script("/page", ok(PAGE, HTML, b'ETag: "v1"'))
    own_stack.tag_fails = True
    reply = ask(own_stack.port, get("/page"))

    assert reply.body == PAGE
    assert reply.values("content-length") == [str(len(PAGE)).encode()]
    assert [str(served.outcome) for served in own_stack.served] == ["failed"]


def test_each_document_is_reported_once(stack: FrontStack) -> None:
    stack.origin.script("/page", ok(PAGE, HTML))
    stack.origin.script("/data", ok(b"{}", b"Content-Type: application/json"))
    stack.origin.script("/file", ok(PAGE, HTML, b"Content-Disposition: attachment"))
    with RawClient(stack.port) as client:
        replies = [client.ask(get(path)) for path in ("/page", "/data", "/file")]
    time.sleep(0.05)

    assert [str(served.outcome) for served in stack.served] == ["injected", "attachment"]
    assert [served.sent_bytes for served in stack.served] == [len(replies[0].body), len(PAGE)]
    assert all(served.complete and served.site_id == 1 for served in stack.served)


# --- TLS -----------------------------------------------------------------------------------------


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


# --- HTTP/2 --------------------------------------------------------------------------------------


def h2(stack: FrontStack, **options: int) -> H2Client:
    client = H2Client(stack.tls_port, stack.client_context("h2", "http/1.1"), **options)  # type: ignore[arg-type]
    assert client.raw.socket.selected_alpn_protocol() == "h2"  # type: ignore[attr-defined]
    return client


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
        + chunked(b"abc") + b"0\r\nX-Sum: abc\r\n\r\n",
    )  # fmt: skip
    with h2(stack) as client:
        stream = client.request("/hints")
        client.wait(stream)
        reply = client.streams[stream]

    assert reply.interim == [[(b":status", b"103"), (b"link", b"</a.css>")]]
    assert (reply.status, reply.body, reply.trailers) == (200, b"abc", [(b"x-sum", b"abc")])
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
        stream = client.request("/big?512")
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
    assert len(client.streams[stream].body) == 32 * MIB


def test_an_origin_that_resets_resets_the_http2_stream(stack: FrontStack) -> None:
    stack.origin.script("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Close())
    with h2(stack) as client:
        cut, good = client.request("/cut"), client.request("/echo")
        client.wait(cut, good)

    assert client.streams[cut].reset is not None
    assert client.streams[good].status == 200


# --- trust, reload, drain ------------------------------------------------------------------------


def test_a_trusted_proxys_fields_are_kept_and_extended(own_stack: FrontStack) -> None:
    fields = (
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-Proto: https",
        "X-Real-IP: 1.2.3.4",
        "Forwarded: for=1.2.3.4",
    )
    reply = ask(own_stack.port, get("/echo", *fields))
    ask(own_stack.port, get("/sf/tracker.js", *fields))

    assert b"X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n" in reply.body
    assert b"X-Forwarded-Proto: https\r\n" in reply.body
    assert b"X-Real-IP: 1.2.3.4\r\n" in reply.body
    assert b"Forwarded: for=1.2.3.4, for=127.0.0.1;" in reply.body
    assert (str(own_stack.endpoints.asked[0].address), own_stack.endpoints.asked[0].secure) == (
        "1.2.3.4",
        True,
    )


def test_a_new_snapshot_counts_from_the_next_request(own_stack: FrontStack) -> None:
    with RawClient(own_stack.port) as client:
        assert client.ask(get("/echo")).status == 200
        sites = tuple(site for site in own_stack.snapshot.sites if site.id != 1)
        own_stack.snapshot = replace(own_stack.snapshot, number=2, sites=sites)
        assert client.ask(get("/echo")).status == 421


def test_drain_finishes_what_is_open(own_stack: FrontStack) -> None:
    with (
        RawClient(own_stack.port) as idle,
        RawClient(own_stack.port) as client,
        h2(own_stack) as second,
    ):
        idle.ask(get("/echo"))
        client.send(get("/slow"))
        stream = second.request("/slow")
        time.sleep(0.2)
        draining = own_stack.submit(own_stack.running.drain(5))
        assert idle.is_closed(0.3)
        with pytest.raises(ConnectionRefusedError):
            RawClient(own_stack.port)
        reply = client.read()
        second.wait(stream)
        draining.result(3)

    assert (reply.status, reply.body, reply.value("connection")) == (200, b"slow", b"close")
    assert second.streams[stream].body == b"slow"
    assert second.goaway


def test_drain_cuts_what_does_not_end(own_stack: FrontStack) -> None:
    own_stack.origin.script("/hang", Pause(30))
    with RawClient(own_stack.port) as client:
        client.send(get("/hang"))
        time.sleep(0.1)
        own_stack.submit(own_stack.running.drain(0.2)).result(3)
        assert client.is_closed(1)


def test_a_client_that_resets_leaves_nothing_behind(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.send(get("/big?200"))
        client.read_some()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(stack.port, get("/echo")).status == 200
