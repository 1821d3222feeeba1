"""HTTP/1 towards origins: the named subclass of mitmproxy's client side.

mitmproxy takes an interim answer for the final one, ends in an error on trailers and reads
without limit. This class reads heads with ``edge.wire.answer`` and decides by the origin's own
words whether a connection can serve another request. The one invariant: a connection is reused
only after an answer whose end is certain, with nothing behind it.
"""

from collections.abc import Callable
from typing import override

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp

from edge.fronts.mitm_connect import OriginConnection
from edge.fronts.mitm_desk import OriginClosed
from edge.fronts.mitm_http1 import Bodies, body_reader, framed_data, last_chunk, safe_trailers
from edge.fronts.mitm_messages import make_response
from edge.wire.answer import AnswerHead, parse_answer_head
from edge.wire.fields import Field
from edge.wire.framing import CHUNKED, Frame
from edge.wire.limits import MAX_HEAD_BYTES

_SWITCHING = 101
_CONTINUE = 100


class EdgeHttp1Client(Bodies, _http1.Http1Client):
    """The origin's side. ``may_keep`` is asked when a connection could serve another request."""

    conn: OriginConnection

    def __init__(self, context: Context, may_keep: Callable[[], bool]) -> None:
        super().__init__(context)
        self._may_keep = may_keep
        self._closes = False
        self._is_chunked = False

    @override
    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        if isinstance(event, http_events.RequestProtocolError):
            yield commands.CloseConnection(self.conn)
        elif isinstance(event, http_events.RequestHeaders):
            self.stream_id, self.request = event.stream_id, event.request
            self.conn.is_idle = False
            self._is_chunked = "transfer-encoding" in event.request.headers
            data = event.request.data
            line = b"%s %s HTTP/1.1\r\n" % (data.method, data.path)
            yield commands.SendData(self.conn, line + bytes(data.headers) + b"\r\n")
        elif isinstance(event, http_events.RequestData):
            if event.data:
                frame = Frame.CHUNKED if self._is_chunked else Frame.LENGTH
                yield commands.SendData(self.conn, framed_data(event.data, frame))
        elif isinstance(event, http_events.RequestTrailers):
            self._trailers = http.Headers(safe_trailers(event.trailers.fields))
        elif isinstance(event, http_events.RequestEndOfMessage):
            if self._is_chunked:
                yield commands.SendData(self.conn, last_chunk(self._trailers))
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
        response = make_response(head.status, head.reason, head.headers)
        if head.is_interim:
            if head.status != _CONTINUE:
                yield ReceiveHttp(http_events.ResponseHeaders(self.stream_id, response))
            return
        self.response = response
        self._closes = head.closes
        self.body_reader = body_reader(_reader_size(head))
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
        elif self._closes or self.buf or not self._may_keep():
            yield commands.CloseConnection(self.conn)
            self.state = self.done
        else:
            self._start_over()
            self.stream_id = None
            self.conn.is_idle = True

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


def _reader_size(head: AnswerHead) -> int | None:
    if head.frame is Frame.CHUNKED:
        return CHUNKED
    return -1 if head.frame is Frame.CLOSE else head.length
