"""HTTP/2 towards clients: the named subclass of mitmproxy's server side.

Adds what a server owes: our error pages, GOAWAY when draining, trailers in lower case, and
forgetting streams that are over. Framing and flow control are mitmproxy's and hyper-h2's. Origins
are always spoken to in HTTP/1.1, so there is no client side; a bad authority is one request's
error, not the connection's. The one invariant: an error of one stream never touches another.
"""

from typing import override

from h2 import events as h2_events
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp

from edge.fronts.mitm_desk import Desk, Drain, Refused, refusal_for
from edge.fronts.mitm_messages import make_request
from edge.wire.refusal import METHOD_REFUSED, ErrorPage


class EdgeHttp2Server(_http2.Http2Server):
    """The client's side over HTTP/2."""

    def __init__(self, context: Context, desk: Desk) -> None:
        super().__init__(context)
        self._desk = desk
        self._goes_away = False

    def queued_bytes(self, stream_id: int) -> int:
        """Tell how much of a stream's answer waits for the client's flow-control window."""
        return sum(len(part.data) for part in self.h2_conn.stream_buffers.get(stream_id, ()))

    def _drain(self) -> CommandGenerator[None]:
        """Say GOAWAY; hyper-h2's own would also forbid finishing the open streams."""
        self._goes_away = True
        last = self.h2_conn.highest_inbound_stream_id
        yield commands.SendData(self.conn, GoAwayFrame(0, last_stream_id=last).serialize())
        yield from self._close_if_over()

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, Drain):
            yield from self._drain()
        elif isinstance(event, http_events.ResponseProtocolError):
            yield from self._handle_error(event)
        elif isinstance(event, http_events.ResponseTrailers):
            lowered = [(name.lower(), value) for name, value in event.trailers.fields]
            trailers = http.Headers(lowered)
            yield from super()._handle_event(
                http_events.ResponseTrailers(event.stream_id, trailers)
            )
        else:
            yield from super()._handle_event(event)
        if isinstance(event, http_events.HttpEvent):
            if self.is_closed(event.stream_id):
                self.streams.pop(event.stream_id, None)
            yield from self._close_if_over()

    @override
    def handle_h2_event(self, event: h2_events.Event) -> CommandGenerator[bool]:
        if not isinstance(event, h2_events.RequestReceived):
            return (yield from super().handle_h2_event(event))
        assert event.stream_id is not None
        self.streams[event.stream_id] = _http2.StreamState.HEADERS_RECEIVED
        pseudo, headers = _http2.split_pseudo_headers(event.headers)
        if not {b":method", b":scheme", b":path"} <= pseudo.keys():
            yield from self._show(event.stream_id, self._desk.error_page(METHOD_REFUSED))
            return False
        request = make_request(
            pseudo[b":method"],
            pseudo[b":scheme"],
            pseudo.get(b":authority", b""),
            pseudo[b":path"],
            b"HTTP/2.0",
            headers.fields,
        )
        ends = event.stream_ended is not None
        yield ReceiveHttp(http_events.RequestHeaders(event.stream_id, request, ends))
        return False

    def _handle_error(self, event: http_events.ResponseProtocolError) -> CommandGenerator[None]:
        page = self._page(event)
        if page is None:
            yield from super()._handle_event(event)
            return
        yield from self._show(event.stream_id, page)

    def _page(self, event: http_events.ResponseProtocolError) -> ErrorPage | None:
        """Find the page to show, None if the stream is past showing one."""
        stream = self.h2_conn.streams.get(event.stream_id)
        if stream is None or not self.is_open_for_us(event.stream_id):
            return None
        if stream.state_machine.headers_sent:
            return None
        if isinstance(event, Refused):
            return event.page
        refusal = refusal_for(event.code)
        return None if refusal is None else self._desk.error_page(refusal)

    def _show(self, stream_id: int, page: ErrorPage) -> CommandGenerator[None]:
        headers = [(b":status", b"%d" % page.status)]
        headers += [(name.lower(), value) for name, value in page.headers]
        self.h2_conn.send_headers(stream_id, headers)
        self.h2_conn.send_data(stream_id, page.body, end_stream=True)
        if not self.is_closed(stream_id) and not self.queued_bytes(stream_id):
            # The client is still sending: a complete answer may stop it (RFC 9113 8.1).
            self.h2_conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def _close_if_over(self) -> CommandGenerator[None]:
        if self._goes_away and not self.streams:
            yield commands.CloseConnection(self.conn)
