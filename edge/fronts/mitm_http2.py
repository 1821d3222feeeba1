"""HTTP/2 towards clients: the named subclass of mitmproxy's server side.

Adds what a server owes: our error pages, GOAWAY when draining, trailers in lower case, forgetting
streams that are over, windows that open only as far as the origin takes what was sent, and an end
to floods. Framing and flow control are mitmproxy's and hyper-h2's. Origins are always spoken to in
HTTP/1.1, so there is no client side; a bad authority is one request's error, not the connection's;
CONNECT, and with it WebSocket over HTTP/2 (RFC 8441), is neither advertised nor accepted, so
browsers open WebSockets over HTTP/1.1. The one invariant: an error of one stream never touches
another.
"""

from collections import defaultdict
from typing import override

from h2 import events as h2_events
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http2, _http_h2
from mitmproxy.proxy.layers.http._base import ReceiveHttp

from edge.fronts.mitm_desk import Desk, Drain, Room
from edge.fronts.mitm_multiplexed import (
    CONNECTION_WINDOW_BYTES,
    REQUESTS,
    STREAMS,
    UPLOAD_WINDOW_BYTES,
    Multiplexed,
    Takes,
    page_fields,
)
from edge.wire.refusal import METHOD_REFUSED, ErrorPage

_FRAME_BYTES = 65_536
_ANY_STREAM = 2**31 - 1
_IDLE_CONTROLS = (
    h2_events.PingReceived,
    h2_events.RemoteSettingsChanged,
    h2_events.PriorityUpdated,
    h2_events.UnknownFrameReceived,
)


class _Connection(_http_h2.BufferedH2Connection):
    """hyper-h2's state with the windows of a server; mitmproxy opens them as wide as it can."""

    def __init__(self) -> None:
        super().__init__(_http2.Http2Server.h2_conf)
        self.local_settings.initial_window_size = UPLOAD_WINDOW_BYTES
        self.local_settings.max_frame_size = _FRAME_BYTES
        self.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = STREAMS
        self.max_inbound_frame_size = _FRAME_BYTES
        self.local_settings.acknowledge()

    @override
    def initiate_connection(self) -> None:
        H2Connection.initiate_connection(self)
        self.increment_flow_control_window(
            CONNECTION_WINDOW_BYTES - self.inbound_flow_control_window
        )


class EdgeHttp2Server(Multiplexed, _http2.Http2Server):
    """The client's side over HTTP/2."""

    def __init__(self, context: Context, desk: Desk, takes: Takes) -> None:
        Multiplexed.__init__(self, desk, takes)
        _http2.Http2Server.__init__(self, context)
        self.h2_conn = _Connection()
        self._owed: defaultdict[int, int] = defaultdict(int)

    @override
    def queued_bytes(self, stream_id: int) -> int:
        return sum(len(part.data) for part in self.h2_conn.stream_buffers.get(stream_id, ()))

    @property
    @override
    def has_queued(self) -> bool:
        return any(self.h2_conn.stream_buffers.values())

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, Drain):
            yield from self._drain(final=event.final)
        elif isinstance(event, Room):
            self._pay_back()
            yield from self._flush()
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
                self._forget(event.stream_id)
            yield from self._close_if_over()

    @override
    def handle_h2_event(self, event: h2_events.Event) -> CommandGenerator[bool]:
        if isinstance(event, h2_events.RequestReceived):
            yield from self._receive(event)
            return False
        if isinstance(event, h2_events.DataReceived):
            return (yield from self._receive_data(event))
        if isinstance(event, h2_events.StreamReset):
            return (yield from self._cancel(event.stream_id))
        if isinstance(event, _IDLE_CONTROLS) and not self._controls.spend(self._desk.now()):
            return (yield from self._give_up())
        return (yield from super().handle_h2_event(event))

    def _receive(self, event: h2_events.RequestReceived) -> CommandGenerator[None]:
        assert event.stream_id is not None
        self.streams[event.stream_id] = _http2.StreamState.HEADERS_RECEIVED
        request = self._request(event.stream_id, event.headers, b"HTTP/2.0")
        if request is None:
            yield from self._show(event.stream_id, self._desk.error_page(METHOD_REFUSED))
            return
        ends = event.stream_ended is not None
        yield ReceiveHttp(http_events.RequestHeaders(event.stream_id, request, ends))
        if event.stream_id >= 2 * REQUESTS and not self._goes_away:
            yield from self._drain(final=True)

    def _receive_data(self, event: h2_events.DataReceived) -> CommandGenerator[bool]:
        """Pass data on; its place in the window is given back when the origin has taken it."""
        assert event.stream_id is not None
        if not event.data and not event.stream_ended:
            if not self._controls.spend(self._desk.now()):
                return (yield from self._give_up())
        elif event.data and event.stream_id in self.streams:
            yield ReceiveHttp(http_events.RequestData(event.stream_id, bytes(event.data)))
        self._owed[event.stream_id] += event.flow_controlled_length or 0
        self._pay_back()
        return False

    def _cancel(self, stream_id: int) -> CommandGenerator[bool]:
        """End a request; mitmproxy forgets one whose end came along with its reset."""
        self._forget(stream_id)
        code = http_events.ErrorCode.CANCEL
        yield ReceiveHttp(http_events.RequestProtocolError(stream_id, "cancelled", code))
        if self._resets.spend(self._desk.now()):
            return False
        return (yield from self._give_up())

    def _pay_back(self) -> None:
        for stream_id in list(self._owed):
            if stream_id in self.streams and not self._takes(stream_id):
                self.held_uploads.add(stream_id)
                continue
            self.held_uploads.discard(stream_id)
            if owed := self._owed.pop(stream_id):
                self.h2_conn.acknowledge_received_data(owed, stream_id)

    def _forget(self, stream_id: int) -> None:
        """Drop what is known of a stream."""
        self.streams.pop(stream_id, None)
        self.held_uploads.discard(stream_id)
        self._heads.discard(stream_id)
        if owed := self._owed.pop(stream_id, 0):
            self.h2_conn.acknowledge_received_data(owed, stream_id)
        self.waiting_since = self._desk.now()

    def _drain(self, *, final: bool) -> CommandGenerator[None]:
        """Say GOAWAY; hyper-h2's own would also forbid finishing the open streams.

        A first one forbids nothing: requests may be on their way (RFC 9113 6.8).
        """
        self._goes_away = final
        last = self.h2_conn.highest_inbound_stream_id if final else _ANY_STREAM
        yield commands.SendData(self.conn, GoAwayFrame(0, last_stream_id=last).serialize())
        yield from self._close_if_over()

    def _give_up(self) -> CommandGenerator[bool]:
        """End a connection that only makes work."""
        yield from self.protocol_error("too much", ErrorCodes.ENHANCE_YOUR_CALM)
        return True

    def _handle_error(self, event: http_events.ResponseProtocolError) -> CommandGenerator[None]:
        page = self._page(event)
        if page is None:
            yield from super()._handle_event(event)
            return
        yield from self._show(event.stream_id, page)

    @override
    def _may_show(self, stream_id: int) -> bool:
        stream = self.h2_conn.streams.get(stream_id)
        if stream is None or not self.is_open_for_us(stream_id):
            return False
        return not stream.state_machine.headers_sent

    def _show(self, stream_id: int, page: ErrorPage) -> CommandGenerator[None]:
        is_head = stream_id in self._heads
        self.h2_conn.send_headers(stream_id, page_fields(page), end_stream=is_head)
        if not is_head:
            self.h2_conn.send_data(stream_id, page.body, end_stream=True)
        if not self.is_closed(stream_id) and not self.queued_bytes(stream_id):
            # The client is still sending: a complete answer may stop it (RFC 9113 8.1).
            self.h2_conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        yield from self._flush()

    def _flush(self) -> CommandGenerator[None]:
        if data := self.h2_conn.data_to_send():
            yield commands.SendData(self.conn, data)

    @override
    def done(self, _: events.Event) -> CommandGenerator[None]:
        yield from ()

    def _close_if_over(self) -> CommandGenerator[None]:
        if self._goes_away and not self.streams:
            yield commands.CloseConnection(self.conn)
