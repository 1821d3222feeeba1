"""HTTP/1 towards clients: the named subclass of mitmproxy's server side.

mitmproxy has no limit for heads, shows pages of its own, writes whatever framing the origin chose
and lets the origin's headers decide about the client's connection. This class reads heads with
``edge.wire``, frames every answer itself and knows whether its connection goes on. The one
invariant: a client never sees the end of a body that the origin did not finish.
"""

from typing import override

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp

from edge.fronts.mitm_desk import Desk, Drain, Refused, refusal_for
from edge.fronts.mitm_http1 import (
    CUT_OFF,
    Bodies,
    body_reader,
    framed_data,
    last_chunk,
    written_head,
)
from edge.fronts.mitm_messages import make_request
from edge.wire.fields import Field
from edge.wire.forwarded import takes_interim
from edge.wire.framing import Frame, framed, request_length, response_frame
from edge.wire.head import END, RequestHead, check_partial_head, parse_request_head
from edge.wire.hop import wants_close
from edge.wire.limits import LINGER_S
from edge.wire.refusal import BAD_REQUEST, ErrorPage, Refusal

_FINAL = 200
_SWITCHING = 101


class EdgeHttp1Server(Bodies, _http1.Http1Server):
    """The client's side.

    ``waiting_since`` and ``has_partial_head`` tell the handler how long a client may stay silent.
    """

    def __init__(self, context: Context, desk: Desk) -> None:
        super().__init__(context)
        self._desk = desk
        self._version = b"HTTP/1.1"
        self._takes_interim = True
        self._frame = Frame.NONE
        self._closes = False
        self.waiting_since = desk.now()
        self.has_partial_head = True

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, Drain):
            if event.final:
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
        self._takes_interim = takes_interim(head.version, head.headers)
        self._closes = wants_close(head.version, head.headers) or head.version == b"HTTP/1.0"
        parts = (head.method, b"http", head.authority, head.target, head.version, head.headers)
        self.request = make_request(*parts)
        self.body_reader = body_reader(length)
        self.state = self.read_body
        yield ReceiveHttp(http_events.RequestHeaders(self.stream_id, self.request, length == 0))
        yield from self.state(event)

    @override
    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.ResponseHeaders):
            yield from self._sendhead(event.response)
        elif isinstance(event, http_events.ResponseData):
            if event.data and (self._frame is not Frame.NONE or self.state == self.passthrough):
                yield commands.SendData(self.conn, framed_data(event.data, self._frame))
        elif isinstance(event, http_events.ResponseTrailers):
            self._trailers = event.trailers
        elif isinstance(event, http_events.ResponseEndOfMessage):
            if self._frame is Frame.CHUNKED:
                yield commands.SendData(self.conn, last_chunk(self._trailers))
            yield from self.mark_done(response=True)
        elif isinstance(event, http_events.ResponseProtocolError):
            yield from self._send_error(event)

    def _sendhead(self, response: http.Response) -> CommandGenerator[None]:
        status, fields = response.status_code, response.headers.fields
        if status < _FINAL and status != _SWITCHING:
            if self._takes_interim:
                yield commands.SendData(
                    self.conn, written_head(status, response.data.reason, fields)
                )
            return
        assert self.request
        self.response = response
        method = self.request.data.method
        self._frame = response_frame(method, self._version, status, fields)
        self._closes = self._closes or self._frame is Frame.CLOSE or self._desk.draining
        written = list(fields) if status == _SWITCHING else framed(fields, self._frame)
        if self._closes and status != _SWITCHING:
            written.append((b"Connection", b"close"))
        yield commands.SendData(self.conn, written_head(status, response.data.reason, written))

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
        head = written_head(page.status, page.reason, [*page.headers, (b"Connection", b"close")])
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
