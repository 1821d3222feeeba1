"""HTTP/1 towards clients and origins: two named subclasses of mitmproxy's.

mitmproxy takes an interim answer for the final one, ends in an error on trailers, has no limit
for heads, shows pages of its own and lets each side's framing decide about the other's
connection. These classes read heads with ``edge.wire``, frame every message themselves and
remember for each side whether its connection goes on. The one invariant: a client never sees the
end of a body that the origin did not finish.
"""

from typing import override

import h11
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp

from edge.fronts.mitm_desk import Desk, Drain, OriginClosed, Refused, refusal_for
from edge.wire.answer import AnswerHead, parse_answer_head
from edge.wire.fields import Field, Fields
from edge.wire.framing import CHUNKED, Frame, framed, request_length, response_frame
from edge.wire.head import END, RequestHead, check_partial_head, parse_request_head
from edge.wire.hop import wants_close
from edge.wire.limits import LINGER_S, MAX_HEAD_BYTES
from edge.wire.refusal import BAD_REQUEST, ErrorPage, Refusal

CUT_OFF = "cut off"
"""``Connection.error`` of a client whose answer stays unfinished: the handler resets it."""
RESET = "reset"
"""``Connection.error`` of an origin that reset the connection instead of ending it."""

_FRAMING_FIELDS = frozenset({b"content-length", b"transfer-encoding", b"host", b"trailer"})
_FINAL = 200
_SWITCHING = 101
_CONTINUE = 100


class _Bodies(_http1.Http1Connection):
    """What both sides share: reading a body, with trailers and a bound on what is around chunks."""

    _trailers: http.Headers | None = None

    @override
    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        assert self.stream_id is not None
        while self.state == self.read_body:
            try:
                part = self._next_part(event)
            except h11.ProtocolError:
                yield from self._broken_body()
                return
            if part is None:
                return
            if isinstance(part, h11.Data):
                if part.data:
                    yield ReceiveHttp(self.ReceiveData(self.stream_id, bytes(part.data)))
                continue
            if trailers := _safe_trailers(part):
                yield self._receive_trailers(trailers)
            yield from self._end_of_body(self.ReceiveEndOfMessage(self.stream_id))
            return

    def _next_part(self, event: events.Event) -> h11.Data | h11.EndOfMessage | None:
        if isinstance(event, events.ConnectionClosed):
            if self.conn.error == RESET:
                raise h11.RemoteProtocolError("reset")
            return self.body_reader.read_eof()
        part = self.body_reader(self.buf)
        if part is None and len(self.buf) > MAX_HEAD_BYTES:
            raise h11.RemoteProtocolError("endless chunk header or trailers")
        return part

    def _end_of_body(self, end: HttpEvent) -> CommandGenerator[None]:
        raise NotImplementedError

    def _receive_trailers(self, trailers: list[Field]) -> ReceiveHttp:
        raise NotImplementedError

    def _broken_body(self) -> CommandGenerator[None]:
        raise NotImplementedError

    def _drop_buffer(self) -> None:
        self.buf.maybe_extract_at_most(len(self.buf))

    def _start_over(self) -> None:
        self.request_done = self.response_done = False
        self.request = self.response = None
        self._trailers = None
        self.state = self.read_headers


class EdgeHttp1Server(_Bodies, _http1.Http1Server):
    """The client's side.

    ``waiting_since`` and ``has_partial_head`` tell the handler how long a client may stay silent.
    """

    def __init__(self, context: Context, desk: Desk) -> None:
        super().__init__(context)
        self._desk = desk
        self._version = b"HTTP/1.1"
        self._frame = Frame.NONE
        self._closes = False
        self.waiting_since = desk.now()
        self.has_partial_head = True

    @property
    def is_idle(self) -> bool:
        """Tell whether no request is under way, not even the beginning of one."""
        return self.state == self.read_headers and not self.has_partial_head

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, Drain):
            yield from self._drain()
        else:
            yield from super()._handle_event(event)

    def _drain(self) -> CommandGenerator[None]:
        """Close now if nothing is under way; else the answer will say Connection: close."""
        if self.state == self.read_headers and not self.buf:
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    @override
    def read_headers(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            return
        raw = self._received()
        if not raw:
            return
        if not self.has_partial_head:
            self.has_partial_head, self.waiting_since = True, self._desk.now()
        end = raw.find(END) + len(END)
        if end < len(END):
            if (refusal := check_partial_head(raw)) is not None:
                yield from self._show(self._desk.error_page(refusal))
            return
        head = parse_request_head(raw[:end])
        length = head if isinstance(head, Refusal) else request_length(head.headers, head.version)
        if isinstance(head, Refusal) or isinstance(length, Refusal):
            refused = head if isinstance(head, Refusal) else BAD_REQUEST
            yield from self._show(self._desk.error_page(refused))
            return
        self.buf.maybe_extract_at_most(end)
        yield from self._begin(head, length, event)

    def _received(self) -> bytes:
        """Look at the buffer, less the empty lines some clients send first (RFC 9112 2.2)."""
        raw = bytes(self.buf)
        skipped = len(raw) - len(raw.lstrip(b"\r\n")) if raw[:2] == b"\r\n" else 0
        if skipped:
            self.buf.maybe_extract_at_most(skipped)
        return b"" if raw == b"\r" else raw[skipped:]

    def _begin(
        self, head: RequestHead, length: int | None, event: events.Event
    ) -> CommandGenerator[None]:
        self.has_partial_head = False
        self._version = head.version
        self._closes = wants_close(head.version, head.headers) or head.version == b"HTTP/1.0"
        self.request = _request(head, head.headers)
        self.body_reader = _http1.make_body_reader(length)
        self.state = self.read_body
        forwarded = _request(head, head.headers)
        yield ReceiveHttp(http_events.RequestHeaders(self.stream_id, forwarded, length == 0))
        yield from self.state(event)

    @override
    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.ResponseHeaders):
            yield from self._send_head(event.response)
        elif isinstance(event, http_events.ResponseData):
            if event.data and (self._frame is not Frame.NONE or self.state == self.passthrough):
                yield commands.SendData(self.conn, _framed_data(event.data, self._frame))
        elif isinstance(event, http_events.ResponseTrailers):
            self._trailers = event.trailers
        elif isinstance(event, http_events.ResponseEndOfMessage):
            if self._frame is Frame.CHUNKED:
                yield commands.SendData(self.conn, _last_chunk(self._trailers))
            yield from self.mark_done(response=True)
        elif isinstance(event, http_events.ResponseProtocolError):
            yield from self._send_error(event)

    def _send_head(self, response: http.Response) -> CommandGenerator[None]:
        status, fields = response.status_code, response.headers.fields
        if status < _FINAL and status != _SWITCHING:
            if self._version != b"HTTP/1.0":
                yield commands.SendData(self.conn, _head(status, response.data.reason, fields))
            return
        assert self.request
        self.response = response
        method = self.request.data.method
        self._frame = response_frame(method, self._version, status, fields)
        self._closes = self._closes or self._frame is Frame.CLOSE or self._desk.draining
        written = list(fields) if status == _SWITCHING else framed(fields, self._frame)
        if self._closes and status != _SWITCHING:
            written.append((b"Connection", b"close"))
        yield commands.SendData(self.conn, _head(status, response.data.reason, written))

    def _send_error(self, event: http_events.ResponseProtocolError) -> CommandGenerator[None]:
        if not self.conn.state & ConnectionState.CAN_WRITE:
            return
        refusal = refusal_for(event.code)
        if isinstance(event, Refused) and self.response is None:
            yield from self._show(event.page)
        elif refusal is not None and self.response is None:
            yield from self._show(self._desk.error_page(refusal))
        elif self.response_done and self.state != self.passthrough:
            yield from self._linger()
        else:
            if refusal is not None and self._frame is Frame.CLOSE and not self.response_done:
                self.conn.error = CUT_OFF
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    def _show(self, page: ErrorPage) -> CommandGenerator[None]:
        """Send a page of ours, end our side, and let the client finish talking so it can read."""
        head = _head(page.status, page.reason, [*page.headers, (b"Connection", b"close")])
        is_head = self.request is not None and self.request.data.method == b"HEAD"
        yield commands.SendData(self.conn, head if is_head else head + page.body)
        yield from self._linger()

    def _linger(self) -> CommandGenerator[None]:
        self.state = self.linger
        self._drop_buffer()
        yield commands.CloseTcpConnection(self.conn, half_close=True)
        yield commands.RequestWakeup(LINGER_S)

    def linger(self, event: events.Event) -> CommandGenerator[None]:
        """Read and drop what still comes: closing on unread bytes would reset the connection."""
        self._drop_buffer()
        if isinstance(event, events.ConnectionClosed | events.Wakeup):
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    @override
    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if not (self.request_done and self.response_done):
            if self.request_done:
                self.state = self.wait
            return
        assert self.response
        if self.response.status_code == _SWITCHING:
            self._frame = Frame.CLOSE
            yield from self.make_pipe()
        elif self._closes:
            yield from self._end()
        else:
            self._start_over()
            self.stream_id += 2
            self.waiting_since = self._desk.now()
            if self.buf:
                yield from self.state(events.DataReceived(self.conn, b""))

    def _end(self) -> CommandGenerator[None]:
        if self.buf:
            yield from self._linger()
        else:
            yield commands.CloseConnection(self.conn)
            self.state = self.done

    @override
    def done(self, event: events.Event) -> CommandGenerator[None]:
        self._drop_buffer()
        yield from ()

    def _end_of_body(self, end: HttpEvent) -> CommandGenerator[None]:
        yield ReceiveHttp(end)
        yield from self.mark_done(request=True)

    def _receive_trailers(self, trailers: list[Field]) -> ReceiveHttp:
        return ReceiveHttp(http_events.RequestTrailers(self.stream_id, http.Headers(trailers)))

    def _broken_body(self) -> CommandGenerator[None]:
        error = http_events.RequestProtocolError(
            self.stream_id, "broken body", http_events.ErrorCode.GENERIC_CLIENT_ERROR
        )
        yield ReceiveHttp(error)
        if self.response is None and self.conn.state is ConnectionState.OPEN:
            yield from self._show(self._desk.error_page(BAD_REQUEST))
        else:
            yield commands.CloseConnection(self.conn)
            self.state = self.done


class EdgeHttp1Client(_Bodies, _http1.Http1Client):
    """The origin's side. ``one_shot``: the connection serves one request only."""

    def __init__(self, context: Context, *, one_shot: bool) -> None:
        super().__init__(context)
        self._one_shot = one_shot
        self._closes = False
        self._is_chunked = False

    @override
    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.RequestProtocolError):
            yield commands.CloseConnection(self.conn)
        elif isinstance(event, http_events.RequestHeaders):
            self.stream_id, self.request = event.stream_id, event.request
            self._is_chunked = "transfer-encoding" in event.request.headers
            data = event.request.data
            line = b"%s %s HTTP/1.1\r\n" % (data.method, data.path)
            yield commands.SendData(self.conn, line + bytes(data.headers) + b"\r\n")
        elif isinstance(event, http_events.RequestData):
            if event.data:
                frame = Frame.CHUNKED if self._is_chunked else Frame.LENGTH
                yield commands.SendData(self.conn, _framed_data(event.data, frame))
        elif isinstance(event, http_events.RequestTrailers):
            self._trailers = event.trailers
        elif isinstance(event, http_events.RequestEndOfMessage):
            if self._is_chunked:
                yield commands.SendData(self.conn, _last_chunk(self._trailers))
            yield from self.mark_done(request=True)

    @override
    def read_headers(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            yield from self._closed_early()
            return
        while self.state == self.read_headers:
            if self.request is None:
                yield commands.CloseConnection(self.conn)
                return
            lines = self.buf.maybe_extract_lines()
            if lines is None:
                if len(self.buf) > MAX_HEAD_BYTES:
                    yield from self._broken_body()
                return
            if lines:
                raw = [bytes(line) for line in lines]
                yield from self._read_answer(parse_answer_head(raw, self.request.data.method))
        if self.state == self.read_body:
            yield from self.read_body(event)

    def _read_answer(self, head: AnswerHead | None) -> CommandGenerator[None]:
        if head is None:
            yield from self._broken_body()
            return
        assert self.stream_id is not None
        response = _response(head)
        if head.is_interim:
            if head.status != _CONTINUE:
                yield ReceiveHttp(http_events.ResponseHeaders(self.stream_id, response))
            return
        self.response = response
        self._closes = self._one_shot or head.closes
        self.body_reader = _http1.make_body_reader(_reader_size(head))
        self.state = self.read_body
        ends = head.frame is Frame.NONE or (head.frame is Frame.LENGTH and head.length == 0)
        yield ReceiveHttp(http_events.ResponseHeaders(self.stream_id, response, ends))

    def _closed_early(self) -> CommandGenerator[None]:
        if self.conn.state & ConnectionState.CAN_WRITE:
            yield commands.CloseConnection(self.conn)
        self.state = self.done
        if self.stream_id is not None:
            began = bool(self.buf)
            yield ReceiveHttp(self._error() if began else OriginClosed(self.stream_id))

    @override
    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if not (self.request_done and self.response_done):
            if self.response_done:
                self.state = self.answered_early
            return
        assert self.response
        if self.response.status_code == _SWITCHING:
            yield from self.make_pipe()
        elif self._closes:
            yield commands.CloseConnection(self.conn)
            self.state = self.done
        else:
            self._start_over()
            self.stream_id = None
            if self.buf:
                yield commands.CloseConnection(self.conn)
                self.state = self.done

    def answered_early(self, event: events.Event) -> CommandGenerator[None]:
        """Wait for the rest of an upload whose answer is already complete."""
        self._drop_buffer()
        if isinstance(event, events.ConnectionClosed):
            assert self.stream_id is not None
            yield commands.CloseConnection(self.conn)
            self.state = self.done
            yield ReceiveHttp(OriginClosed(self.stream_id))

    @override
    def done(self, event: events.Event) -> CommandGenerator[None]:
        self._drop_buffer()
        yield from ()

    def _end_of_body(self, end: HttpEvent) -> CommandGenerator[None]:
        """Be ready for the next request before telling: a pipelined one comes at once."""
        assert self.response
        if self.response.status_code == _SWITCHING:
            yield ReceiveHttp(end)
            yield from self.mark_done(response=True)
        else:
            yield from self.mark_done(response=True)
            yield ReceiveHttp(end)

    def _receive_trailers(self, trailers: list[Field]) -> ReceiveHttp:
        assert self.stream_id is not None
        return ReceiveHttp(http_events.ResponseTrailers(self.stream_id, http.Headers(trailers)))

    def _broken_body(self) -> CommandGenerator[None]:
        yield commands.CloseConnection(self.conn)
        self.state = self.done
        yield ReceiveHttp(self._error())

    def _error(self) -> http_events.ResponseProtocolError:
        assert self.stream_id is not None
        code = http_events.ErrorCode.GENERIC_SERVER_ERROR
        return http_events.ResponseProtocolError(self.stream_id, "broken answer", code)


def _request(head: RequestHead, fields: Fields) -> http.Request:
    """Make a request without mitmproxy's parsing; host and port come from the exchange."""
    return http.Request(
        "", 0, head.method, b"http", head.authority, head.target, head.version,
        http.Headers(fields), None, None, 0.0, None,
    )  # fmt: skip


def _response(head: AnswerHead) -> http.Response:
    return http.Response(
        b"HTTP/1.1", head.status, head.reason, http.Headers(head.headers), None, None, 0.0, None
    )


def _reader_size(head: AnswerHead) -> int | None:
    if head.frame is Frame.CHUNKED:
        return CHUNKED
    return -1 if head.frame is Frame.CLOSE else head.length


def _head(status: int, reason: bytes, fields: Fields) -> bytes:
    lines = b"".join(b"%s: %s\r\n" % field for field in fields)
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, reason, lines)


def _framed_data(data: bytes, frame: Frame) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if frame is Frame.CHUNKED else data


def _last_chunk(trailers: http.Headers | None) -> bytes:
    lines = b"".join(b"%s: %s\r\n" % field for field in trailers.fields) if trailers else b""
    return b"0\r\n%s\r\n" % lines


def _safe_trailers(end: h11.EndOfMessage) -> list[Field]:
    """Leave out of trailers what would change framing or routing (RFC 9110 6.5.1)."""
    fields = ((bytes(name), bytes(value)) for name, value in end.headers.raw_items())
    return [field for field in fields if field[0].lower() not in _FRAMING_FIELDS]
