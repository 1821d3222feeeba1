"""HTTP/2 on the mitmproxy front: long bodies, many streams, and clients that mean harm."""

import contextlib
import hashlib
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)

from edge.fronts import mitm_multiplexed
from edge.fronts.mitm_layers import IDLE_ORIGINS
from edge.sites import Origin as SiteOrigin
from edge.sites import Site, Snapshot
from tests.conformance.asking import MIB, get, h2, wait_until
from tests.edge.fronts.conftest import Movable
from tests.support.front_stack import FrontStack
from tests.support.h2_client import H2Client, Stream
from tests.support.origin import CHUNK, Close, ok
from tests.support.raw_client import RawClient, ask


def free(stack: FrontStack) -> H2Client:
    """A client that may send what no client should."""
    client = h2(stack)
    client.h2.config.validate_outbound_headers = False
    client.h2.config.normalize_outbound_headers = False
    return client


def send_body(client: H2Client, stream_id: int, total: int) -> None:
    """Send a body as far as the windows let it, reading what comes meanwhile."""
    left = total
    while left:
        room = min(
            client.h2.local_flow_control_window(stream_id), client.h2.max_outbound_frame_size, left
        )
        if room:
            left -= room
            client.h2.send_data(stream_id, b"u" * room, end_stream=not left)
            client.flush()
        else:
            client.pump()


def open_upload(
    client: H2Client, path: str, *fields: tuple[str, str], host: str = "shop.localhost"
) -> int:
    stream_id: int = client.h2.get_next_available_stream_id()
    client.streams[stream_id] = Stream()
    pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", host)]
    client.h2.send_headers(stream_id, [*pseudo, (":path", path), *fields], end_stream=False)
    client.flush()
    return stream_id


def read_goaway(client: H2Client) -> int:
    """Read raw frames until GOAWAY; returns its code."""
    received = b""
    while not client.raw.ended or client.raw.buffer:
        received += client.raw.read_some()
        while len(received) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(received[:9]))
            if len(received) < 9 + length:
                break
            frame.parse_body(memoryview(received[9 : 9 + length]))
            received = received[9 + length :]
            if frame.type == 7:
                code: int = frame.error_code  # type: ignore[attr-defined]
                return code
    raise AssertionError("the connection ended without a word")


def headers_of(path: bytes = b"/echo") -> bytes:
    pseudo = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"shop.localhost")]
    return Encoder().encode([*pseudo, (b":path", path)])


def test_an_upload_of_64_mib_is_not_held(movable: Movable) -> None:
    total = 64 * MIB
    tracemalloc.start()
    with h2(movable.stack) as client:
        stream = open_upload(client, "/digest", ("content-length", str(total)))
        send_body(client, stream, total)
        client.wait(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    digest = hashlib.sha256(b"u" * total).hexdigest()
    assert client.streams[stream].body.decode() == f"{total} {digest}"
    assert peak < 12 * MIB


def test_an_upload_and_its_answer_flow_at_once(movable: Movable) -> None:
    total = 8 * MIB
    with h2(movable.stack) as client:
        client.h2.increment_flow_control_window(MIB)
        stream = open_upload(client, "/mirror", ("content-length", str(total)))
        send_body(client, stream, total)
        client.wait(stream)

    assert len(client.streams[stream].body) == total


def send_until_held(client: H2Client, stream_id: int) -> int:
    """Send until no more room comes; returns how much went out."""
    sent = 0
    client.raw.socket.settimeout(0.5)
    while True:
        room = client.h2.local_flow_control_window(stream_id)
        size = min(room, client.h2.max_outbound_frame_size)
        if size:
            client.h2.send_data(stream_id, b"h" * size)
            client.flush()
            sent += size
            continue
        try:
            client.pump()
        except TimeoutError:
            client.raw.socket.settimeout(5)
            return sent


def test_an_origin_that_takes_nothing_holds_its_own_stream_only(movable: Movable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        origin = SiteOrigin("http", "127.0.0.1", mute.getsockname()[1])
        known = movable.stack.snapshot.sites
        movable.stack.snapshot = Snapshot(2, (*known, Site(99, "mute.localhost", (origin,), "k")))
        with h2(movable.stack) as client:
            tracemalloc.start()
            held = open_upload(client, "/", host="mute.localhost")
            sent = send_until_held(client, held)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            upload = open_upload(client, "/digest", ("content-length", str(MIB)))
            send_body(client, upload, MIB)
            client.wait(upload)

    assert client.streams[upload].status == 200
    # The kernel's own buffers take the most of it.
    assert sent < 32 * MIB
    assert peak < 4 * MIB


def test_requests_after_each_other_share_an_upstream_connection(movable: Movable) -> None:
    origin = movable.stack.origin
    with h2(movable.stack) as client:
        for _ in range(5):
            client.wait(client.request("/echo"))
        assert {seen.connection for seen in origin.take()} == {1}
        client.wait(client.request("/echo", method="POST", body=b"once only"))
        assert {seen.connection for seen in origin.take()} == {2}
        client.wait(*[client.request("/slow") for _ in range(20)])
        assert len({seen.connection for seen in origin.take()}) == 20
        wait_until(lambda: origin.open <= IDLE_ORIGINS)
    wait_until(lambda: not origin.open)


def test_an_upstream_connection_that_died_idle_is_replaced(movable: Movable) -> None:
    origin = movable.stack.origin
    origin.script("/last", ok(b"last"), Close())
    with h2(movable.stack) as client:
        for _ in range(5):
            last = client.request("/last")
            client.wait(last)
            next_one = client.request("/echo")
            client.wait(next_one)
            assert client.streams[last].body == b"last"
            assert client.streams[next_one].status == 200


def test_a_cancelled_request_leaves_no_connection_to_reuse(movable: Movable) -> None:
    """The rest of its answer would be read as the next one's."""
    with h2(movable.stack, window=65_535) as client:
        client.reads_on = False
        big = client.request("/big?64")
        while not client.streams[big].headers:
            client.pump()
        client.h2.reset_stream(big, ErrorCodes.CANCEL)
        client.flush()
        for _ in range(3):
            good = client.request("/echo")
            client.wait(good)
            assert bytes(client.streams[good].body).startswith(b"GET /echo HTTP/1.1")


def test_the_first_event_of_a_stream_comes_at_once(movable: Movable) -> None:
    with h2(movable.stack) as client:
        began = time.monotonic()
        stream = client.request("/events")
        while b"data: 1" not in client.streams[stream].body:
            client.pump()
        first = time.monotonic() - began
        client.wait(stream)

    assert first < 0.5 < time.monotonic() - began
    assert b"data: 2" in client.streams[stream].body


def test_head_never_gets_a_body_not_even_of_ours(movable: Movable) -> None:
    with h2(movable.stack) as client:
        head = client.request("/echo", method="HEAD", host="dead.localhost")
        client.wait(head)
        good = client.request("/echo")
        client.wait(good)

    assert (client.streams[head].status, client.streams[head].body) == (502, b"")
    assert client.streams[good].status == 200


def test_websocket_over_http2_is_neither_offered_nor_taken(movable: Movable) -> None:
    with free(movable.stack) as client:
        client.pump()
        assert client.h2.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL, 0) == 0
        stream = client.request("/ws", (":protocol", "websocket"), method="CONNECT")
        plain = client.request("/ws", method="CONNECT")
        good = client.request("/echo")
        client.wait(stream, plain, good)

    assert client.streams[stream].status == client.streams[plain].status == 405
    assert client.streams[good].status == 200
    assert [seen.line for seen in movable.stack.origin.seen] == [b"GET /echo HTTP/1.1"]


@pytest.mark.parametrize(
    "field",
    [
        ("x", "a\r\nHost: evil"),
        ("x", "a\nTransfer-Encoding: chunked"),
        ("x", "a\0b"),
        ("x y", "1"),
        ("x:", "1"),
        ("x\r\ny", "1"),
        ("X-Upper", "1"),
        ("transfer-encoding", "chunked"),
        ("connection", "upgrade"),
        ("content-length", "3"),
        ("content-length", "+0"),
        ("host", "blog.localhost"),
        ("", "1"),
    ],
)
def test_nothing_is_smuggled_in_a_field(movable: Movable, field: tuple[str, str]) -> None:
    with free(movable.stack) as client:
        stream = client.request("/echo", field)
        client.wait(stream)
        reply = client.streams[stream]

    assert not movable.stack.origin.seen
    assert not reply.headers or reply.status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET / HTTP/1.1\r\nHost: evil\r\n\r\nGET", "/"),
        ("GE T", "/"),
        ("", "/"),
        ("GET", "/ HTTP/1.1\r\nX: y"),
        ("GET", "/a b"),
        ("GET", "http://evil.localhost/"),
        ("GET", "echo"),
        ("GET", ""),
        ("GET", "/\x00"),
    ],
)
def test_nothing_is_smuggled_in_the_request_line(movable: Movable, method: str, path: str) -> None:
    with free(movable.stack) as client:
        stream = client.request(path, method=method)
        client.wait(stream)
        reply = client.streams[stream]

    assert not movable.stack.origin.seen
    assert not reply.headers or reply.status == 400


def test_trailers_pass_but_not_what_belongs_in_the_header(movable: Movable) -> None:
    with free(movable.stack) as client:
        stream = open_upload(client, "/echo")
        client.h2.send_data(stream, b"body")
        fields = [("x-sum", "abc"), ("x-forwarded-for", "192.0.2.9"), ("host", "evil"),
                  ("content-length", "9"), ("authorization", "Basic eA==")]  # fmt: skip
        client.h2.send_headers(stream, fields, end_stream=True)
        client.flush()
        client.wait(stream)

    assert client.streams[stream].status == 200
    assert movable.stack.origin.take()[0].trailers == b"x-sum: abc\r\n"


def test_two_authorities_are_one_too_many(movable: Movable) -> None:
    with free(movable.stack) as client:
        stream = client.request("/echo", (":authority", "blog.localhost"))
        client.wait(stream)
    assert not movable.stack.origin.seen
    assert not client.streams[stream].headers


@pytest.mark.parametrize("body", [b"1234", b"123456"])
def test_a_body_of_another_length_is_never_passed_on_as_whole(
    movable: Movable, body: bytes
) -> None:
    with free(movable.stack) as client:
        stream = client.request("/echo", ("content-length", "5"), method="POST", body=body)
        client.wait(stream)
    assert not client.streams[stream].headers
    wait_until(lambda: not movable.stack.origin.open)
    assert all(seen.body_sha256 == "" for seen in movable.stack.origin.seen)


def test_many_crumbs_become_one_cookie(movable: Movable) -> None:
    with h2(movable.stack) as client:
        crumbs = [("cookie", f"c{n}={n}") for n in range(400)]
        stream = client.request("/echo", *crumbs)
        client.wait(stream)

    assert client.streams[stream].status == 200
    joined = "; ".join(f"c{n}={n}" for n in range(400)).encode()
    assert movable.stack.origin.take()[0].values(b"cookie") == [joined]


def test_a_header_of_more_than_64_kib_is_not_read(movable: Movable) -> None:
    with free(movable.stack) as client:
        client.request("/echo", *[("cookie", "c" * 3_000)] * 40)
        assert read_goaway(client) in {ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.PROTOCOL_ERROR}
    assert not movable.stack.origin.seen
    assert ask(movable.stack.port, get("/echo")).status == 200


def test_a_header_without_end_is_not_kept(movable: Movable) -> None:
    tracemalloc.start()
    with h2(movable.stack) as client:
        client.raw.send(HeadersFrame(1, headers_of()).serialize())
        more = ContinuationFrame(1, b"\0\1a\1b" * 4_000).serialize()
        with contextlib.suppress(OSError, AssertionError):
            for _ in range(4_000):
                client.raw.send(more)
            read_goaway(client)
        wait_until(lambda: not movable.front._handlers)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


def flood(frames: Callable[[int], bytes]) -> Callable[[H2Client], None]:
    def run(client: H2Client) -> None:
        try:
            for n in range(2_000):
                client.raw.send(frames(n))
        except (OSError, ssl.SSLError):
            return

    return run


FLOODS = {
    "pings": flood(lambda _: PingFrame(0, b"12345678").serialize()),
    "settings": flood(lambda n: SettingsFrame(0, {4: 65_535 + n}).serialize()),
    "priorities": flood(lambda n: PriorityFrame(2 * n + 1, depends_on=0).serialize()),
    "empty data": flood(
        lambda n: b"" if n == 0 else DataFrame(1, b"").serialize(),
    ),
}


@pytest.mark.parametrize("name", sorted(FLOODS))
def test_a_flood_of_frames_that_carry_nothing_ends(movable: Movable, name: str) -> None:
    with h2(movable.stack) as client:
        if name == "empty data":
            open_upload(client, "/digest")
        FLOODS[name](client)
        with contextlib.suppress(ConnectionError):
            assert read_goaway(client) == ErrorCodes.ENHANCE_YOUR_CALM
        wait_until(lambda: not movable.front._handlers)
    assert ask(movable.stack.port, get("/echo")).status == 200


def test_rapid_resets_end(movable: Movable) -> None:
    with h2(movable.stack) as client:
        encoded = headers_of(b"/hang")

        def pair(n: int) -> bytes:
            head = HeadersFrame(2 * n + 1, encoded, flags=["END_HEADERS", "END_STREAM"])
            return bytes(head.serialize() + RstStreamFrame(2 * n + 1, 8).serialize())

        flood(pair)(client)
        wait_until(lambda: not movable.front._handlers)
    wait_until(lambda: not movable.stack.origin.open)
    assert ask(movable.stack.port, get("/echo")).status == 200


def test_leaving_a_page_with_many_requests_is_no_flood(movable: Movable) -> None:
    with h2(movable.stack) as client:
        for _ in range(2):
            streams = [client.request("/hang") for _ in range(90)]
            for each in streams:
                client.h2.reset_stream(each, ErrorCodes.CANCEL)
            client.flush()
        good = client.request("/echo")
        client.wait(good)
    assert client.streams[good].status == 200


def test_pings_do_not_keep_an_idle_connection(movable: Movable) -> None:
    with h2(movable.stack) as client:
        client.wait(client.request("/echo"))
        movable.offset_s = 70
        client.h2.ping(b"12345678")
        client.flush()
        client.pump()
        movable.offset_s = 80
        wait_until(lambda: not movable.front._handlers)


@pytest.mark.parametrize("part", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16"])
def test_half_a_handshake_may_take_ten_seconds(movable: Movable, part: bytes) -> None:
    with RawClient(movable.stack.tls_port) as client:
        client.send(part)
        wait_until(lambda: len(movable.front._handlers) == 1)
        movable.offset_s = 9
        assert not client.is_closed(0.3)
        client.send(b"\0")
        movable.offset_s = 11
        assert client.is_closed()


def test_a_connection_is_asked_to_come_again_after_many_requests(
    movable: Movable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.fronts.mitm_http2.REQUESTS", 5)
    movable.stack.origin.script("/x", ok(CHUNK))
    with h2(movable.stack) as client:
        for _ in range(6):
            stream = client.request("/x")
            client.wait(stream)
            assert client.streams[stream].status == 200
        assert client.goaway


def test_a_budget_is_for_ten_seconds() -> None:
    budget = mitm_multiplexed.Budget(2)
    assert [budget.spend(0.0), budget.spend(9.9), budget.spend(9.9)] == [True, True, False]
    assert budget.spend(10.1)
