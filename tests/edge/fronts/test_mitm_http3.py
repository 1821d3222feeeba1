"""HTTP/3 over a real UDP socket, with a real client: pages, uploads, limits and the end."""

import hashlib
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.fronts.mitm import MitmFront
from tests.conformance.asking import MARKUP, MIB, get, wait_until
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack, Running, StackParts
from tests.support.h3_client import H3Client, QuicRefusedError
from tests.support.origin import CHUNK, Close, chunked, ok
from tests.support.raw_client import RawClient


class QuicStack(FrontStack):
    """A front with HTTP/3 on."""

    front: MitmFront
    quic_port: int

    def __init__(self, folder: Path) -> None:
        super().__init__(self.start_quic, folder)

    async def start_quic(self, parts: StackParts) -> Running:
        self.front = MitmFront(
            sites=parts.sites,
            endpoints=parts.endpoints,  # type: ignore[arg-type]
            tag_for=parts.tag_for,
            trusted=parts.trusted,
            on_served=parts.on_served,
            tls_dir=parts.tls_dir,
            upstream_authorities=parts.authorities,
        )
        port = await self.front.start("127.0.0.1", 0)
        tls_port = await self.front.start_tls("127.0.0.1", 0)
        self.quic_port = await self.front.start_quic("127.0.0.1", 0)
        return Running(port, tls_port, self.front.drain)

    def h3(self, name: str = "shop.localhost", **options: int) -> H3Client:
        return H3Client(self.quic_port, self.authority.path, name, **options)  # type: ignore[arg-type]


@pytest.fixture
def quic(tmp_path: Path) -> Iterator[QuicStack]:
    stack = QuicStack(tmp_path)
    stack.start()
    yield stack
    stack.stop()


def test_a_page_gets_its_tag(quic: QuicStack) -> None:
    quic.origin.script("/page", ok(PAGE, HTML))
    with quic.h3() as client:
        stream = client.request("/page", (b"cookie", b"a=1"), (b"cookie", b"sf_out=1"))
        client.wait(stream)
        reply = client.streams[stream]

    assert reply.status == 200
    assert reply.body.count(MARKUP) == 1
    assert bytes(reply.body.replace(MARKUP, b"")) == PAGE
    seen = quic.origin.take()[0]
    assert seen.values(b"host") == [b"shop.localhost"]
    assert seen.values(b"cookie") == [b"a=1"]
    assert seen.value(b"x-forwarded-proto") == b"https"
    assert seen.value(b"x-forwarded-for") == b"127.0.0.1"
    wait_until(lambda: [served.outcome for served in quic.served] == ["injected"])


def test_the_script_and_a_beacon_are_answered_by_us(quic: QuicStack) -> None:
    with quic.h3() as client:
        script = client.request("/sf/tracker.js")
        beacon = client.request("/sf/e", method=b"POST", body=b"{}")
        client.wait(script, beacon)

    assert client.streams[script].body == b"/* tracker */"
    assert client.streams[beacon].status == 202
    assert [asked.body for asked in quic.endpoints.asked] == [b"", b"{}"]
    assert not quic.origin.seen


def test_what_the_origin_does_not_have_is_not_found(quic: QuicStack) -> None:
    quic.origin.script("/none", ok(b"no", status=b"404 Not Found"))
    with quic.h3() as client:
        stream = client.request("/none")
        client.wait(stream)
        assert (client.streams[stream].status, client.streams[stream].body) == (404, b"no")


def test_streams_run_beside_each_other(quic: QuicStack) -> None:
    with quic.h3() as client:
        slow = client.request("/slow")
        fast = [client.request(f"/echo?{n}") for n in range(30)]
        client.wait(*fast)
        assert not client.streams[slow].ended
        client.wait(slow)

    assert client.streams[slow].body == b"slow"
    assert all(b"GET /echo?" in client.streams[each].body for each in fast)


def test_more_requests_than_streams_may_be_open(quic: QuicStack) -> None:
    with quic.h3() as client:
        for _ in range(5):
            streams = [client.request("/echo") for _ in range(60)]
            client.wait(*streams)
            assert all(client.streams[each].status == 200 for each in streams)


def test_interim_answers_and_trailers_pass(quic: QuicStack) -> None:
    quic.origin.script(
        "/hints",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(b"abc")
        + b"0\r\nX-Sum: abc\r\n\r\n",
    )
    with quic.h3() as client:
        stream = client.request("/hints")
        client.wait(stream)
        reply = client.streams[stream]

    assert (reply.status, bytes(reply.body), reply.trailers) == (200, b"abc", [(b"x-sum", b"abc")])


def test_long_headers_pass_both_ways(quic: QuicStack) -> None:
    policy = b"default-src 'self' " + b" ".join(b"https://cdn%d.example" % n for n in range(900))
    cookies = [b"Set-Cookie: c%d=%s" % (n, b"v" * 1_000) for n in range(8)]
    quic.origin.script("/long", ok(b"x", b"X-Policy: " + policy, *cookies))
    with quic.h3() as client:
        long = client.request("/long", (b"x-long", b"l" * 30_000))
        client.wait(long)
        headers = client.streams[long].headers

    assert dict(headers)[b"x-policy"] == policy
    assert [name for name, _ in headers].count(b"set-cookie") == 8
    assert quic.origin.take()[0].value(b"x-long") == b"l" * 30_000


def test_a_download_waits_for_its_client_and_is_not_held(quic: QuicStack) -> None:
    tracemalloc.start()
    with quic.h3(window=MIB) as client:
        client.timeout_s = 60
        stream = client.request("/big?64")
        time.sleep(0.7)
        client.wait(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    body = client.streams[stream].body
    assert hashlib.sha256(body).digest() == hashlib.sha256(CHUNK * 64).digest()
    # The client's own copy is 4 MiB, and as much again while it grows.
    assert peak < 14 * MIB


def test_an_upload_waits_for_its_origin(quic: QuicStack) -> None:
    total = 4 * MIB
    with quic.h3() as client:
        client.timeout_s = 60
        hang = client.begin("/hang", method=b"POST")
        client.h3.send_data(hang, b"x" * (8 * MIB), end_stream=False)
        upload = client.request("/digest", method=b"POST", body=b"u" * total)
        client.wait(upload)
        sent = client.quic._streams[hang].sender.highest_offset

    assert client.streams[upload].body.decode() == (
        f"{total} {hashlib.sha256(b'u' * total).hexdigest()}"
    )
    assert sent < 6 * MIB


def test_an_upload_and_its_answer_flow_at_once(quic: QuicStack) -> None:
    total = 2 * MIB
    with quic.h3() as client:
        client.timeout_s = 60
        length = (b"content-length", b"%d" % total)
        stream = client.request("/mirror", length, method=b"POST", body=b"m" * total)
        client.wait(stream)

    assert len(client.streams[stream].body) == total


def test_an_answer_before_the_end_of_an_upload_stops_it(quic: QuicStack) -> None:
    with quic.h3() as client:
        early = client.begin("/early", method=b"POST")
        client.h3.send_data(early, b"x" * 1000, end_stream=False)
        client.flush()
        client.wait(early)
        again = client.request("/echo")
        client.wait(again)

    assert (client.streams[early].status, client.streams[early].body) == (413, b"no")
    assert client.streams[again].status == 200


def test_errors_end_one_stream_only(quic: QuicStack) -> None:
    quic.origin.script("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Close())
    with quic.h3() as client:
        stranger = client.request("/echo", host=b"nobody.localhost")
        dead = client.request("/echo", host=b"dead.localhost", method=b"POST", body=b"x" * 5000)
        head = client.request("/echo", host=b"dead.localhost", method=b"HEAD")
        cut = client.request("/cut")
        good = client.request("/echo")
        client.wait(stranger, dead, head, cut, good)

    statuses = [client.streams[each].status for each in (stranger, dead, head, good)]
    assert statuses == [421, 502, 502, 200]
    assert b"127.0.0.1" not in client.streams[dead].body
    assert client.streams[head].body == b""
    assert client.streams[cut].reset is not None


@pytest.mark.parametrize("name", ["nobody.localhost", ""])
def test_an_unknown_name_gets_an_alert_and_no_certificate(quic: QuicStack, name: str) -> None:
    with pytest.raises(QuicRefusedError) as refused, quic.h3(name):
        pass
    assert refused.value.code == 0x100 + 112


def test_https_answers_name_the_port_and_the_origins_own_is_gone(quic: QuicStack) -> None:
    quic.origin.script("/page", ok(PAGE, HTML, b'Alt-Svc: h3=":1"'))
    with RawClient(quic.tls_port, context=quic.client_context()) as secure:
        told = secure.ask(get("/page")).values("alt-svc")
    with RawClient(quic.port) as plain:
        untold = plain.ask(get("/page")).values("alt-svc")

    assert told == [b'h3=":%d"; ma=3600' % quic.quic_port]
    assert untold == []


def test_a_drain_finishes_what_is_open(quic: QuicStack) -> None:
    with quic.h3() as client:
        stream = client.request("/slow")
        client.pump_until(lambda: bool(quic.origin.seen))
        draining = quic.submit(quic.front.drain(5))
        client.wait(stream)
        client.pump_until(lambda: client.ended is not None)
        draining.result(5)

    assert client.streams[stream].body == b"slow"
    assert client.ended is not None
    assert client.ended.error_code == 0x100


def test_a_drain_that_is_over_ends_what_is_left(quic: QuicStack) -> None:
    with quic.h3() as client:
        client.request("/hang")
        client.pump_until(lambda: bool(quic.origin.seen))
        quic.submit(quic.front.drain(0.1)).result(5)
        client.pump_until(lambda: client.ended is not None)


def test_nothing_is_left_of_a_client_that_went(quic: QuicStack) -> None:
    with quic.h3() as client:
        client.wait(client.request("/echo"))
        client.request("/hang")
        client.pump_until(lambda: len(quic.origin.seen) == 2)
    wait_until(lambda: not quic.front._handlers)
    wait_until(lambda: not quic.origin.open)
    listener = quic.front._quic[0]
    assert not listener._pipes
    assert not listener._unfinished


def test_an_address_must_be_shown_while_many_shake_hands(quic: QuicStack) -> None:
    quic.front._quic[0].retry_above = 0
    with quic.h3() as client:
        stream = client.request("/echo")
        client.wait(stream)

    assert client.retries == 1
    assert client.streams[stream].status == 200


def test_http3_over_ipv6(quic: QuicStack) -> None:
    port = quic.run(quic.front.start_quic("::1", 0))
    quic.front._quic[1].retry_above = 0
    with H3Client(port, quic.authority.path, host="::1") as client:
        stream = client.request("/echo")
        client.wait(stream)

    assert client.retries == 1
    assert b"X-Forwarded-For: ::1\r\n" in client.streams[stream].body
