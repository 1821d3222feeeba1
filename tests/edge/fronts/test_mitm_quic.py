"""HTTP/3 and QUIC on the mitmproxy front against clients that are broken or mean harm."""

import contextlib
import os
import socket
import time
from collections.abc import Callable

import pytest
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import ErrorCode as H3Error
from aioquic.h3.connection import FrameType, encode_frame
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from edge.fronts import mitm_quic_listener
from edge.fronts.mitm_http3 import EdgeHttp3Server
from edge.fronts.mitm_layers import IDLE_ORIGINS
from edge.fronts.mitm_quic_listener import DatagramPipe, QuicListener, RetryTokens
from tests.conformance.asking import MIB, get, wait_until
from tests.edge.fronts.conftest import Movable
from tests.support.h2_client import Stream
from tests.support.h3_client import H3Client, QuicRefusedError
from tests.support.raw_client import ask


@pytest.fixture
def port(movable: Movable) -> int:
    return movable.stack.run(movable.front.start_quic("127.0.0.1", 0))


@pytest.fixture
def connect(movable: Movable, port: int) -> Callable[[], H3Client]:
    return lambda: H3Client(port, movable.stack.authority.path)


type Connect = Callable[[], H3Client]


def listener(movable: Movable) -> QuicListener:
    return movable.front._quic[0]


def sides(movable: Movable) -> list[EdgeHttp3Server]:
    found = [handler.http.server for handler in movable.front._handlers]
    return [side for side in found if isinstance(side, EdgeHttp3Server)]


def send_raw(client: H3Client, *frames: bytes, ends: bool = True) -> int:
    """Send bytes on a stream of their own."""
    stream_id = client.quic.get_next_available_stream_id()
    client.streams[stream_id] = Stream()
    client.quic.send_stream_data(stream_id, b"".join(frames), end_stream=ends)
    client.flush()
    return stream_id


def head_frame(client: H3Client, path: bytes, method: bytes = b"POST") -> bytes:
    pseudo = [(b":method", method), (b":scheme", b"https"), (b":authority", b"shop.localhost")]
    _, block = client.h3._encoder.encode(0, [*pseudo, (b":path", path)])
    return bytes(encode_frame(FrameType.HEADERS, block))


def initial(port: int) -> tuple[socket.socket, bytes]:
    """Write the first flight of a client that will never go on."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=["h3"], server_name="shop.localhost"
    )
    quic = QuicConnection(configuration=configuration)
    quic.connect(("127.0.0.1", port), now=time.monotonic())
    (datagram, _), *_ = quic.datagrams_to_send(now=time.monotonic())
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    raw.connect(("127.0.0.1", port))
    raw.settimeout(0.3)
    return raw, datagram


def received(raw: socket.socket) -> list[bytes]:
    found: list[bytes] = []
    try:
        while True:
            found.append(raw.recv(65_536))
    except TimeoutError:
        return found


@pytest.mark.parametrize(
    "field",
    [
        (b"x", b"a\r\nHost: evil"),
        (b"x", b"a\0b"),
        (b"x y", b"1"),
        (b"X-Upper", b"1"),
        (b"transfer-encoding", b"chunked"),
        (b"transfer-encoding", b"trailers"),
        (b"content-length", b"3"),
        (b"content-length", b"1_0"),
        (b"host", b"blog.localhost"),
    ],
)
def test_nothing_is_smuggled_in_a_field(
    movable: Movable, connect: Connect, field: tuple[bytes, bytes]
) -> None:
    with connect() as client:
        stream = client.request("/echo", field)
        with contextlib.suppress(QuicRefusedError):
            client.wait(stream)
    code = client.ended.error_code if client.ended else 0
    assert code == H3Error.H3_MESSAGE_ERROR or client.streams[stream].status == 400
    assert not movable.stack.origin.seen


def test_connect_is_not_served(movable: Movable, connect: Connect) -> None:
    with connect() as client:
        plain = client.request("/ws", method=b"CONNECT")
        block = [
            (b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"https"),
            (b":authority", b"shop.localhost"), (b":path", b"/ws"),
        ]  # fmt: skip
        _, encoded = client.h3._encoder.encode(0, block)
        extended = send_raw(client, encode_frame(FrameType.HEADERS, encoded))
        client.wait(plain, extended)

    assert client.streams[plain].status == client.streams[extended].status == 405
    assert not movable.stack.origin.seen


def test_a_header_that_unpacks_to_more_than_64_kib_is_refused(connect: Connect) -> None:
    with connect() as client:
        big = client.request("/echo", *[(b"x", b"")] * 2_000)
        client.wait(big)
        good = client.request("/echo")
        client.wait(good)

    assert client.streams[big].status == 431
    assert client.streams[good].status == 200


@pytest.mark.parametrize("frame_type", [FrameType.HEADERS, 0x21, FrameType.SETTINGS])
def test_a_frame_without_end_is_not_kept(connect: Connect, frame_type: int) -> None:
    with connect() as client:
        frame = encode_uint_var(frame_type) + encode_uint_var(MIB)
        send_raw(client, frame, b"x" * 100_000, ends=False)
        with pytest.raises(QuicRefusedError) as refused:
            client.pump_until(lambda: False)
    assert refused.value.code == H3Error.H3_EXCESSIVE_LOAD


def test_a_request_that_breaks_off_is_never_whole(movable: Movable, connect: Connect) -> None:
    with connect() as client:
        head = head_frame(client, b"/digest")
        cut = send_raw(client, head, encode_uint_var(FrameType.DATA), b"\x40\x64", b"only ten b")
        client.wait(cut)
        good = client.request("/echo")
        client.wait(good)

    assert client.streams[cut].reset == H3Error.H3_REQUEST_INCOMPLETE
    assert client.streams[good].status == 200
    wait_until(lambda: not movable.stack.origin.open)
    whole = [seen for seen in movable.stack.origin.seen if seen.body_sha256]
    assert [seen.line for seen in whole] == [b"GET /echo HTTP/1.1"]


@pytest.mark.parametrize("body", [b"1234", b"123456"])
def test_a_body_of_another_length_is_never_whole(
    movable: Movable, connect: Connect, body: bytes
) -> None:
    with connect() as client:
        stream = client.request("/digest", (b"content-length", b"5"), method=b"POST", body=body)
        with pytest.raises(QuicRefusedError) as refused:
            client.wait(stream)
    assert refused.value.code == H3Error.H3_MESSAGE_ERROR
    wait_until(lambda: not movable.stack.origin.open)
    assert not any(seen.body_sha256 for seen in movable.stack.origin.seen)


@pytest.mark.parametrize("frame_type", [0x41, FrameType.PUSH_PROMISE, FrameType.GOAWAY])
def test_frames_that_no_request_has_end_the_connection(connect: Connect, frame_type: int) -> None:
    with connect() as client:
        send_raw(client, encode_uint_var(frame_type), b"\x02ab", b"more")
        with pytest.raises(QuicRefusedError):
            client.pump_until(lambda: False)


def request_and_reset(client: H3Client) -> None:
    """Ask and cancel, over and over, then wait for something else."""
    for _ in range(20):
        for each in [client.request("/hang") for _ in range(40)]:
            client.quic.reset_stream(each, H3Error.H3_REQUEST_CANCELLED)
        client.flush()
        client.wait(client.request("/echo"))


def test_rapid_resets_end(movable: Movable, connect: Connect) -> None:
    with connect() as client, pytest.raises(QuicRefusedError) as refused:
        request_and_reset(client)
    assert refused.value.code == H3Error.H3_EXCESSIVE_LOAD
    wait_until(lambda: not movable.stack.origin.open)


def test_a_request_cancelled_in_both_directions_ends_alone(connect: Connect) -> None:
    with connect() as client:
        client.pump_until(lambda: client.h3.received_settings is not None)
        other = client.request("/slow")
        upload = client.begin("/hang", method=b"POST")
        client.flush()
        client.quic.reset_stream(upload, H3Error.H3_REQUEST_CANCELLED)
        client.flush()
        client.quic.stop_stream(upload, H3Error.H3_REQUEST_CANCELLED)
        client.flush()
        client.wait(other)

    assert client.streams[other].body == b"slow"


def test_streams_that_are_over_are_forgotten(movable: Movable, connect: Connect) -> None:
    with connect() as client:
        for _ in range(6):
            client.wait(*[client.request("/echo") for _ in range(50)])
        client.wait(client.request("/echo"))
        (side,) = sides(movable)
        # The client's three one-way streams, ours, and what it has not acknowledged yet.
        wait_until(lambda: len(side.h3_conn._stream) < 60)
        (handler,) = movable.front._handlers
        wait_until(lambda: len(handler.http.connections) <= 1 + IDLE_ORIGINS)
        assert not handler.http.streams


def test_a_connection_is_asked_to_come_again_after_many_requests(
    movable: Movable, connect: Connect
) -> None:
    with connect() as client:
        client.wait(client.request("/echo"))
        sides(movable)[0]._last_id = 4 * 5
        for _ in range(4):
            last = client.request("/echo")
            client.wait(last)
        client.pump_until(lambda: client.ended is not None)

    assert client.streams[last].status == 200
    assert client.ended is not None
    assert client.ended.error_code == H3Error.H3_NO_ERROR


def test_an_idle_client_has_75_seconds_whatever_it_pings(
    movable: Movable, connect: Connect
) -> None:
    with connect() as client:
        client.wait(client.request("/echo"))
        movable.offset_s = 70
        client.quic.send_ping(1)
        client.flush()
        time.sleep(0.2)
        assert movable.front._handlers
        movable.offset_s = 80
        client.pump_until(lambda: client.ended is not None)


def test_half_a_handshake_may_take_ten_seconds(movable: Movable, port: int) -> None:
    raw, datagram = initial(port)
    with raw:
        raw.send(datagram)
        wait_until(lambda: len(movable.front._handlers) == 1)
        movable.offset_s = 11
        wait_until(lambda: not movable.front._handlers)
    assert not listener(movable)._pipes


def test_nobody_is_sent_more_than_three_times_what_came(port: int) -> None:
    raw, datagram = initial(port)
    with raw:
        raw.send(datagram)
        time.sleep(1.0)
        assert sum(map(len, received(raw))) <= 3 * len(datagram)


def test_many_unfinished_handshakes_make_newcomers_show_their_address(
    movable: Movable, port: int, connect: Connect
) -> None:
    listener(movable).retry_above = 4
    raws = []
    for _ in range(8):
        raw, datagram = initial(port)
        raw.send(datagram)
        raws.append(raw)
    wait_until(lambda: len(listener(movable)._unfinished) == 4)
    with connect() as client:
        client.wait(client.request("/echo"))
    assert client.retries == 1
    assert len(listener(movable)._unfinished) == 4
    for raw in raws:
        raw.close()


def test_beyond_a_number_of_handshakes_nobody_new_is_heard(
    movable: Movable, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mitm_quic_listener, "UNFINISHED", 2)
    for _ in range(5):
        raw, datagram = initial(port)
        with raw:
            raw.send(datagram)
    wait_until(lambda: len(movable.front._handlers) == 2)
    time.sleep(0.2)
    assert len(movable.front._handlers) == 2


def test_noise_leaves_nothing_behind(movable: Movable, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.connect(("127.0.0.1", port))
        for size in (0, 1, 5, 7, 21, 1200, 1400):
            for first in (0x00, 0x40, 0xC0, 0xD0, 0xE0, 0xF0):
                raw.send(bytes([first]) + os.urandom(size))
                raw.send(bytes([first]) + b"\0\0\0\1\x08" + os.urandom(size))
        raw.send(b"\xc0\0\0\0\1\xff")
    time.sleep(0.3)
    movable.offset_s = 11
    wait_until(lambda: not movable.front._handlers)
    assert not listener(movable)._pipes
    assert ask(movable.stack.port, get("/echo")).status == 200


def test_an_unknown_version_is_told_which_are_known(port: int) -> None:
    raw, datagram = initial(port)
    with raw:
        raw.send(datagram[:1] + b"\x1a\x2a\x3a\x4a" + datagram[5:])
        (answer,) = received(raw)
    assert answer[1:5] == b"\0\0\0\0"
    assert b"\0\0\0\1" in answer


def test_a_strangers_datagram_for_a_known_connection_is_dropped(
    movable: Movable, connect: Connect
) -> None:
    with connect() as client:
        client.wait(client.request("/echo"))
        (pipe,) = set(listener(movable)._pipes.values())
        fed: list[bytes] = []
        feed = pipe.feed

        def watch(data: bytes) -> None:
            fed.append(data)
            feed(data)

        pipe.feed = watch  # type: ignore[method-assign]
        known = b"\x40" + client.quic._peer_cid.cid + os.urandom(40)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(known, ("127.0.0.1", client.port))
            time.sleep(0.2)
        client.wait(client.request("/echo"))
        assert fed
        assert known not in fed


def test_a_token_is_good_for_its_address_and_a_short_time() -> None:
    tokens = RetryTokens(b"k" * 16)
    peer = ("192.0.2.1", 4000)
    token = tokens.write(peer, b"original", b"retry", 100.0)

    assert tokens.read(token, peer, 101.0) == (b"original", b"retry")
    assert tokens.read(token, ("192.0.2.1", 4001), 101.0) is None
    assert tokens.read(token, peer, 130.0) is None
    assert tokens.read(token, peer, 99.0) is None
    assert tokens.read(token[:-1], peer, 101.0) is None
    assert tokens.read(b"", peer, 101.0) is None
    assert RetryTokens(b"l" * 16).read(token, peer, 101.0) is None


def test_a_connection_keeps_a_bounded_number_of_datagrams() -> None:
    pipe = DatagramPipe(lambda _data, _peer: None, ("192.0.2.1", 1), ("192.0.2.2", 2))
    for _ in range(10_000):
        pipe.feed(b"x" * 1_200)
    assert len(pipe._waiting) == mitm_quic_listener._QUEUE
