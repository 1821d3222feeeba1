"""What HTTP/1 is on both sides: reading bodies, and writing heads, chunks and their end.

Beneath the two named subclasses of mitmproxy's, ``mitm_http1_server`` towards clients and
``mitm_http1_client`` towards origins. The one invariant: a body ends only where its own side's
framing says so; a reset connection is never taken for the end.
"""

from abc import abstractmethod
from typing import NoReturn, override

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp

from edge.wire.chunks import BrokenChunksError, ChunkReader
from edge.wire.fields import Field, Fields
from edge.wire.framing import CHUNKED, Frame
from edge.wire.head import is_token, is_valid_value
from edge.wire.hop import UNFIT_FOR_TRAILERS
from edge.wire.limits import MAX_HEAD_BYTES

CUT_OFF = "cut off"
"""``Connection.error`` of a client whose answer stays unfinished: the handler resets it."""
RESET = "reset"
"""``Connection.error`` of an origin that reset the connection instead of ending it."""


class StrictChunks(ChunkedReader):
    """Read a chunked body as every front of ours does, in the place of h11's lenient reader."""

    def __init__(self) -> None:
        self._reader = ChunkReader()
        self._ended = False

    def __call__(self, buffer: ReceiveBuffer) -> h11.Data | h11.EndOfMessage | None:
        """Take what was received, and put back what is behind the end.

        Raises:
            h11.RemoteProtocolError: The body is not framed as it must be.
        """
        reader = self._reader
        if self._ended:
            return h11.EndOfMessage(headers=reader.trailers)
        data = buffer.maybe_extract_at_most(len(buffer))
        if not data:
            return None
        try:
            piece = reader.feed(bytes(data))
        except BrokenChunksError as error:
            raise h11.RemoteProtocolError(str(error)) from None
        self._ended = reader.done
        if self._ended:
            buffer += reader.rest
        return h11.Data(data=piece) if piece else self(buffer)

    def read_eof(self) -> NoReturn:
        """Tell that a body ended too early.

        Raises:
            h11.RemoteProtocolError: Always.
        """
        raise h11.RemoteProtocolError("cut off")


def body_reader(size: int | None) -> _http1.TBodyReader:
    """Read a body of ``size`` bytes: -1 to the connection's end, None in chunks."""
    if size is CHUNKED:
        return StrictChunks()
    return _http1.make_body_reader(size)


class Bodies(_http1.Http1Connection):
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
            if trailers := safe_trailers(_received(part)):
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

    @abstractmethod
    def _end_of_body(self, end: HttpEvent) -> CommandGenerator[None]:
        """Pass the end of the message on."""

    @abstractmethod
    def _receive_trailers(self, trailers: list[Field]) -> ReceiveHttp:
        """Pass trailers on as this side's event."""

    @abstractmethod
    def _broken_body(self) -> CommandGenerator[None]:
        """End a message whose body broke off."""

    def _drop_buffer(self) -> None:
        self.buf.maybe_extract_at_most(len(self.buf))

    def _start_over(self) -> None:
        self.request_done = self.response_done = False
        self.request = self.response = None
        self._trailers = None
        self.state = self.read_headers


def written_head(status: int, reason: bytes, fields: Fields) -> bytes:
    """Write a status line and fields."""
    lines = b"".join(b"%s: %s\r\n" % field for field in fields)
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, reason, lines)


def framed_data(data: bytes, frame: Frame) -> bytes:
    """Write a piece of a body."""
    return b"%x\r\n%s\r\n" % (len(data), data) if frame is Frame.CHUNKED else data


def last_chunk(trailers: http.Headers | None) -> bytes:
    """Write the end of a chunked body."""
    lines = b"".join(b"%s: %s\r\n" % field for field in trailers.fields) if trailers else b""
    return b"0\r\n%s\r\n" % lines


def safe_trailers(fields: Fields) -> list[Field]:
    """Leave out of trailers what has no place there, or in HTTP/1 (RFC 9110 6.5.1)."""
    return [
        (name, value)
        for name, value in fields
        if name.lower() not in UNFIT_FOR_TRAILERS and is_token(name) and is_valid_value(value)
    ]


def _received(end: h11.EndOfMessage) -> list[Field]:
    return [(bytes(name), bytes(value)) for name, value in end.headers.raw_items()]
