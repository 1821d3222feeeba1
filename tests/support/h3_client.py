"""A small HTTP/3 client: several streams, in a thread-free loop of its own, datagram by datagram.

It drives aioquic's connection by hand over a blocking socket, so that a test can hold back what a
client owes (credit, acknowledgements, the rest of an upload) and see every event.
"""

import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aioquic.h3.connection import FrameType, H3Connection, H3Stream, HeadersState
from aioquic.h3.events import DataReceived, H3Event, Headers, HeadersReceived
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import END_STATES, QuicConnection

from edge.fronts.mitm_http3 import encoded_fields
from tests.support.h2_client import Stream

_TURN_S = 0.05
"""A condition may come true without a datagram."""


class _Http3(H3Connection):
    """aioquic's HTTP/3, taught interim answers, that HEAD has no body, and long headers."""

    def _encode_headers(self, stream_id: int, headers: Headers) -> bytes:
        if sum(len(name) + len(value) for name, value in headers) < 2_000:
            return super()._encode_headers(stream_id, headers)
        return encoded_fields(headers)

    def _handle_request_or_push_frame(
        self, frame_type: int, frame_data: bytes | None, stream: H3Stream, stream_ended: bool
    ) -> list[H3Event]:
        if frame_type == FrameType.HEADERS and stream_ended:
            found = super()._handle_request_or_push_frame(frame_type, frame_data, stream, False)
            for part in found:
                part.stream_ended = True  # type: ignore[attr-defined]
            return found
        found = super()._handle_request_or_push_frame(frame_type, frame_data, stream, stream_ended)
        for part in found:
            fields = dict(part.headers) if isinstance(part, HeadersReceived) else {}
            if fields.get(b":status", b"").startswith(b"1"):
                stream.headers_recv_state = HeadersState.INITIAL
        return found


class QuicRefusedError(Exception):
    """The connection ended; ``code`` is QUIC's or HTTP/3's, 256 + n for the TLS alert n."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


@dataclass
class H3Client:
    """One connection."""

    port: int
    authority: Path | None
    name: str = "shop.localhost"
    host: str = "127.0.0.1"
    timeout_s: float = 5.0
    window: int = 2**20
    streams: dict[int, Stream] = field(default_factory=dict)
    retries: int = 0
    sent_datagrams: int = 0
    ended: events.ConnectionTerminated | None = None

    def __post_init__(self) -> None:
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=["h3"],
            server_name=self.name or None,
            cafile=str(self.authority) if self.authority else None,
            verify_mode=None if self.authority else ssl.CERT_NONE,
            max_stream_data=self.window,
            max_data=self.window,
        )
        self.quic = QuicConnection(configuration=configuration)
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
        self.socket.connect((self.host, self.port))
        self.quic.connect((self.host, self.port), now=time.monotonic())
        self.is_open = False
        self.flush()

    def __enter__(self) -> Self:
        try:
            self.pump_until(lambda: self.is_open)
        except BaseException:
            self.socket.close()
            raise
        self.h3 = _Http3(self.quic)
        return self

    def __exit__(self, *_: object) -> None:
        self.quic.close()
        self.flush()
        self.socket.close()

    def flush(self) -> None:
        for data, _ in self.quic.datagrams_to_send(now=time.monotonic()):
            self.sent_datagrams += 1
            self.socket.send(data)

    def request(
        self,
        path: str,
        *fields: tuple[bytes, bytes],
        method: bytes = b"GET",
        host: bytes = b"shop.localhost",
        body: bytes | None = None,
    ) -> int:
        stream_id = self.begin(path, *fields, method=method, host=host, ends=body is None)
        if body is not None:
            self.h3.send_data(stream_id, body, end_stream=True)
        self.flush()
        return stream_id

    def begin(
        self,
        path: str,
        *fields: tuple[bytes, bytes],
        method: bytes = b"GET",
        host: bytes = b"shop.localhost",
        ends: bool = False,
    ) -> int:
        stream_id = self.quic.get_next_available_stream_id()
        self.streams[stream_id] = Stream()
        pseudo = [(b":method", method), (b":scheme", b"https"), (b":authority", host)]
        self.h3.send_headers(
            stream_id, [*pseudo, (b":path", path.encode()), *fields], end_stream=ends
        )
        return stream_id

    def wait(self, *stream_ids: int) -> None:
        """Read until these streams have ended."""
        self.pump_until(lambda: all(self.streams[i].ended for i in stream_ids))

    def pump_until(self, condition: object, within_s: float | None = None) -> None:
        assert callable(condition)
        deadline = time.monotonic() + (within_s or self.timeout_s)
        while not condition():
            self.pump(deadline)
            if self.ended is not None and not condition():
                raise QuicRefusedError(self.ended.error_code, self.ended.reason_phrase)

    def pump(self, deadline: float) -> None:
        """Read one datagram, or act on a timer."""
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError("the front did not answer")
        timer = self.quic.get_timer() or deadline
        self.socket.settimeout(max(0.001, min(timer - now, _TURN_S)))
        try:
            data = self.socket.recv(65_536)
        except TimeoutError:
            if time.monotonic() >= timer:
                self.quic.handle_timer(now=time.monotonic())
        except ConnectionRefusedError:
            return  # About something sent before; what came before that may still be read.
        else:
            self.retries += (data[0] & 0xF0) == 0xF0
            self.quic.receive_datagram(data, (self.host, self.port), now=time.monotonic())
        self._take_events()
        self.flush()
        if self.quic._state in END_STATES:
            self.ended = self.ended or self.quic._close_event

    def _take_events(self) -> None:
        while (event := self.quic.next_event()) is not None:
            match event:
                case events.HandshakeCompleted():
                    self.is_open = True
                case events.ConnectionTerminated():
                    self.ended = event
                case events.StreamReset(stream_id=i, error_code=code) if i in self.streams:
                    self.streams[i].ended, self.streams[i].reset = True, code
            if self.is_open and hasattr(self, "h3"):
                for part in self.h3.handle_event(event):
                    self._take(part)

    def _take(self, part: object) -> None:
        match part:
            case HeadersReceived(stream_id=i, headers=headers, stream_ended=ended):
                stream = self.streams[i]
                fields = list(headers)
                if not stream.headers and dict(fields)[b":status"].startswith(b"1"):
                    stream.interim.append(fields)
                elif not stream.headers:
                    stream.headers = fields
                else:
                    stream.trailers = fields
                stream.ended = stream.ended or ended
            case DataReceived(stream_id=i, data=data, stream_ended=ended):
                self.streams[i].body += data
                self.streams[i].ended = self.streams[i].ended or ended
