"""HTTP/3 towards clients: the named subclass of mitmproxy's server side.

Framing is aioquic's, beneath a wrapper of mitmproxy's; QUIC itself is ``mitm_quic``. Adds what a
server owes, as ``mitm_http2`` does, and leaves out what it must not offer: a dynamic table for
header compression (64 KiB of references to one entry would unpack to hundreds of MiB), extended
CONNECT and WebTransport. The one invariant: a request whose stream ended anywhere but at the end of
a frame is never passed on as complete.

Source: RFC 9114, RFC 9204.
"""

from collections.abc import Container
from typing import override

from aioquic.buffer import encode_uint_var
from aioquic.h3 import events as h3_events
from aioquic.h3.connection import ErrorCode as H3Error
from aioquic.h3.connection import FrameType, H3Stream, HeadersState, Setting, encode_frame
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http3, _http_h3
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.quic import QuicConnectionClosed, QuicStreamDataReceived
from mitmproxy.proxy.layers.quic import _events as quic_events

from edge.fronts.mitm_desk import Desk, Drain, Room
from edge.fronts.mitm_multiplexed import REQUESTS, Multiplexed, Takes, page_fields
from edge.wire.fields import Fields
from edge.wire.limits import MAX_HEAD_BYTES
from edge.wire.refusal import HEAD_TOO_LARGE, METHOD_REFUSED, ErrorPage

_FIELD_OVERHEAD_BYTES = 32
"""What RFC 9114 4.2.2 adds to each field when it counts the size of a section."""
_ID_STEP = 4
"""From one request's stream to the next."""
_NO_TABLE = b"\0\0"
"""The start of a field section that needs no dynamic table."""
_FINAL = 200
_ANY_STREAM = 2**62 - _ID_STEP


class _Connection(_http_h3.LayeredH3Connection):
    """aioquic's HTTP/3 state, offering no more than what is served."""

    @property
    def _max_table_capacity(self) -> int:
        return 0

    @_max_table_capacity.setter
    def _max_table_capacity(self, value: int) -> None:
        pass

    @property
    def _blocked_streams(self) -> int:
        return 0

    @_blocked_streams.setter
    def _blocked_streams(self, value: int) -> None:
        pass

    @override
    def _get_local_settings(self) -> dict[int, int]:
        return {
            Setting.QPACK_MAX_TABLE_CAPACITY: 0,
            Setting.QPACK_BLOCKED_STREAMS: 0,
            Setting.MAX_FIELD_SECTION_SIZE: MAX_HEAD_BYTES,
        }

    @override
    def _encode_headers(self, stream_id: int, headers: Fields) -> bytes:
        """Write fields as literals: the library's encoder fails beyond 4 KiB in all."""
        return encoded_fields(headers)

    def say_goaway(self, next_id: int) -> None:
        """Tell the client that streams from ``next_id`` on are not served any more."""
        frame = encode_frame(FrameType.GOAWAY, encode_uint_var(next_id))
        assert self._local_control_stream_id is not None
        self._quic.send_stream_data(self._local_control_stream_id, frame)

    def stream(self, stream_id: int) -> H3Stream | None:
        """Find a stream that is known."""
        return self._stream.get(stream_id)

    def expect_more_headers(self, stream_id: int) -> None:
        """Let another head follow an interim answer; aioquic knows only one."""
        self._get_or_create_stream(stream_id).headers_send_state = HeadersState.INITIAL

    def stop_reading(self, stream_id: int) -> bool:
        """Ask the client to send no more; False if it had sent everything."""
        stream = self._stream.get(stream_id)
        if stream is None or stream.ended:
            return False
        self._closed_streams.add(stream_id)
        self._mock.stop_send(stream_id, H3Error.H3_NO_ERROR)
        return True

    def forget(self, stream_id: int) -> None:
        """Drop a stream that is over; aioquic keeps every one."""
        self._stream.pop(stream_id, None)
        self._closed_streams.discard(stream_id)


class EdgeHttp3Server(Multiplexed, _http3.Http3Server):
    """The client's side over HTTP/3."""

    h3_conn: _Connection

    def __init__(self, context: Context, desk: Desk, takes: Takes) -> None:
        Multiplexed.__init__(self, desk, takes)
        _http3.Http3Server.__init__(self, context)
        self.h3_conn = _Connection(self.conn, is_client=False)
        self._queued: dict[int, int] = {}
        self._over: set[int] = set()
        self._open: set[int] = set()
        self._next_id = 0
        self._last_id = REQUESTS * _ID_STEP

    @override
    def queued_bytes(self, stream_id: int) -> int:
        return self._queued.get(stream_id, 0)

    @property
    @override
    def has_queued(self) -> bool:
        return bool(self._queued)

    @property
    def is_over(self) -> bool:
        """Tell whether the client was told to go and has all it asked for."""
        return self._goes_away and not self._open and not self._queued

    def settle(self, queued: dict[int, int], live: Container[int]) -> None:
        """Learn from the layer of QUIC what the client has not acknowledged, and what lives on."""
        self._queued = queued
        for stream_id in [stream_id for stream_id in self._over if stream_id not in live]:
            self._over.discard(stream_id)
            self.h3_conn.forget(stream_id)

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        match event:
            case Drain():
                self._drain(final=event.final)
            case Room():
                pass
            case quic_events.QuicStreamEvent():
                yield from self._receive(event)
            case QuicConnectionClosed():
                yield from self._lose()
            case http_events.HttpEvent():
                yield from self._send(event)
            case _:
                yield from super()._handle_event(event)
        yield from self.h3_conn.transmit()

    def _send(self, event: http_events.HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.ResponseProtocolError):
            yield from self._handle_error(event)
            return
        if event.stream_id not in self._open:
            return
        if isinstance(event, http_events.ResponseTrailers):
            lowered = [(name.lower(), value) for name, value in event.trailers.fields]
            event = http_events.ResponseTrailers(event.stream_id, http.Headers(lowered))
        yield from super()._handle_event(event)
        if isinstance(event, http_events.ResponseEndOfMessage):
            yield from self._complete(event.stream_id)
        elif isinstance(event, http_events.ResponseHeaders) and _is_interim(event):
            self.h3_conn.expect_more_headers(event.stream_id)

    def _receive(self, event: quic_events.QuicStreamEvent) -> CommandGenerator[None]:
        stream_id = event.stream_id
        is_request = stream_id % _ID_STEP == 0
        if is_request and stream_id >= self._next_id:
            if stream_id >= self._last_id:
                self.h3_conn.close_stream(stream_id, H3Error.H3_REQUEST_REJECTED)
                return
            self._next_id = stream_id + _ID_STEP
        parts = self.h3_conn.handle_stream_event(event)
        is_cut = isinstance(event, QuicStreamDataReceived) and self._is_cut(event)
        for part in parts:
            yield from self._take(part, ends=getattr(part, "stream_ended", False) and not is_cut)
        if is_cut and is_request:
            yield from self._fail(stream_id, H3Error.H3_REQUEST_INCOMPLETE)
        self._check_load(stream_id)

    def _is_cut(self, event: QuicStreamDataReceived) -> bool:
        """Tell whether a stream ended in the middle of a frame; aioquic takes that for the end."""
        stream = self.h3_conn.stream(event.stream_id)
        if stream is None or not event.end_stream:
            return False
        return bool(stream.frame_size or stream.buffer)

    def _check_load(self, stream_id: int) -> None:
        """Bound what waits for the rest of its frame, and the number of requests."""
        stream = self.h3_conn.stream(stream_id)
        if stream is not None and len(stream.buffer) > MAX_HEAD_BYTES:
            self.h3_conn.close_connection(H3Error.H3_EXCESSIVE_LOAD, reason_phrase="too much")
        if stream_id >= self._last_id - _ID_STEP and stream_id % _ID_STEP == 0:
            self._drain(final=True)

    def _take(self, part: h3_events.H3Event, *, ends: bool) -> CommandGenerator[None]:
        match part:
            case h3_events.HeadersReceived(headers=fields, stream_id=stream_id):
                yield from self._begin(stream_id, fields, ends=ends)
            case h3_events.DataReceived(data=data, stream_id=stream_id):
                if stream_id in self._open and data:
                    yield ReceiveHttp(http_events.RequestData(stream_id, data))
                elif not ends and not data:
                    self._count(self._controls.spend(self._desk.now()))
                yield from self._end_if(stream_id, ends=ends)
            case _http_h3.TrailersReceived(trailers=fields, stream_id=stream_id):
                trailers = http.Headers(fields)
                yield ReceiveHttp(http_events.RequestTrailers(stream_id, trailers))
                yield from self._end_if(stream_id, ends=ends)
            case _http_h3.StreamClosed(stream_id=stream_id):
                self._count(self._resets.spend(self._desk.now()))
                yield from self._cancelled(stream_id)
            case _:
                self.h3_conn.close_connection(H3Error.H3_FRAME_UNEXPECTED, reason_phrase="unknown")

    def _begin(self, stream_id: int, fields: Fields, *, ends: bool) -> CommandGenerator[None]:
        self._open.add(stream_id)
        request = self._request(stream_id, fields, b"HTTP/3")
        size = sum(len(name) + len(value) + _FIELD_OVERHEAD_BYTES for name, value in fields)
        if request is None or size > MAX_HEAD_BYTES:
            refusal = METHOD_REFUSED if request is None else HEAD_TOO_LARGE
            yield from self._show(stream_id, self._desk.error_page(refusal))
            return
        yield ReceiveHttp(http_events.RequestHeaders(stream_id, request, ends))
        yield from self._end_if(stream_id, ends=ends)

    def _end_if(self, stream_id: int, *, ends: bool) -> CommandGenerator[None]:
        if ends and stream_id in self._open:
            yield ReceiveHttp(http_events.RequestEndOfMessage(stream_id))

    def _lose(self) -> CommandGenerator[None]:
        """End all requests of a client that is gone."""
        self._handle_event = self.done  # type: ignore[assignment]
        for stream_id in sorted(self._open):
            yield from self._cancelled(stream_id)

    def _complete(self, stream_id: int) -> CommandGenerator[None]:
        """End a stream; an upload that was answered before its end is not read any further."""
        self._answered(stream_id)
        if self.h3_conn.stop_reading(stream_id):
            code = http_events.ErrorCode.CANCEL
            yield ReceiveHttp(http_events.RequestProtocolError(stream_id, "answered", code))

    def _cancelled(self, stream_id: int) -> CommandGenerator[None]:
        if stream_id in self._open:
            code = http_events.ErrorCode.CANCEL
            yield ReceiveHttp(http_events.RequestProtocolError(stream_id, "cancelled", code))
            self._answered(stream_id)

    def _fail(self, stream_id: int, error: H3Error) -> CommandGenerator[None]:
        if stream_id in self._open:
            code = http_events.ErrorCode.GENERIC_CLIENT_ERROR
            yield ReceiveHttp(http_events.RequestProtocolError(stream_id, "broken off", code))
        self.h3_conn.close_stream(stream_id, error)
        self._answered(stream_id)

    @override
    def done(self, _: events.Event) -> CommandGenerator[None]:
        yield from ()

    def _count(self, within: bool) -> None:
        if not within:
            self.h3_conn.close_connection(H3Error.H3_EXCESSIVE_LOAD, reason_phrase="too much")

    def _answered(self, stream_id: int) -> None:
        self._open.discard(stream_id)
        self._over.add(stream_id)
        self._heads.discard(stream_id)
        self.held_uploads.discard(stream_id)
        self.waiting_since = self._desk.now()

    def _drain(self, *, final: bool) -> None:
        """Say GOAWAY; a first one forbids nothing, as requests may be on their way."""
        if self._goes_away:
            return
        self._goes_away = final
        if final:
            self._last_id = min(self._last_id, self._next_id)
        self.h3_conn.say_goaway(self._next_id if final else _ANY_STREAM)

    def _handle_error(self, event: http_events.ResponseProtocolError) -> CommandGenerator[None]:
        page = self._page(event)
        if page is not None:
            yield from self._show(event.stream_id, page)
        elif event.stream_id in self._open:
            self.h3_conn.close_stream(event.stream_id, H3Error.H3_INTERNAL_ERROR)
            self._answered(event.stream_id)

    @override
    def _may_show(self, stream_id: int) -> bool:
        return stream_id in self._open and not self.h3_conn.has_sent_headers(stream_id)

    def _show(self, stream_id: int, page: ErrorPage) -> CommandGenerator[None]:
        is_head = stream_id in self._heads
        self.h3_conn.send_headers(stream_id, page_fields(page), end_stream=is_head)
        if not is_head:
            self.h3_conn.send_data(stream_id, page.body, end_stream=True)
        self._answered(stream_id)
        self.h3_conn.stop_reading(stream_id)
        yield from self.h3_conn.transmit()


def _is_interim(event: http_events.ResponseHeaders) -> bool:
    return event.response.status_code < _FINAL


def encoded_fields(fields: Fields) -> bytes:
    """Write a field section that refers to no table (RFC 9204 4.5.6), without Huffman's code."""
    lines = [_NO_TABLE]
    for name, value in fields:
        lines += [_number(len(name), 3, 0x20), name, _number(len(value), 7, 0), value]
    return b"".join(lines)


def _number(value: int, bits: int, pattern: int) -> bytes:
    """Write a number with a prefix (RFC 7541 5.1)."""
    most = 2**bits - 1
    if value < most:
        return bytes([pattern | value])
    written = [pattern | most]
    value -= most
    while value >= 128:  # noqa: PLR2004 - seven bits to a byte.
        written.append(value % 128 | 128)
        value //= 128
    return bytes([*written, value])
