"""One connection to an origin: writes a request, reads the answer, and says what it was.

Heads are read by ``edge.wire.answer``, chunks by ``edge.wire.chunks``; what the answer means for
the client is the exchange's. The one invariant: a connection goes back to the pool only after an
answer whose end is certain, with nothing behind it.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from edge.fronts.direct.seams import Asker
from edge.fronts.reception import Upstream
from edge.wire.answer import AnswerHead, parse_answer_head
from edge.wire.chunks import BrokenChunksError, ChunkReader
from edge.wire.fields import Field
from edge.wire.framing import Frame
from edge.wire.limits import MAX_HEAD_BYTES

if TYPE_CHECKING:
    from edge.fronts.direct.pool import Pool

_CONTINUE = 100
_SWITCHING = 101


class OriginSide(asyncio.Protocol):
    """A connection that serves one request after the other."""

    __slots__ = (
        "_answered",
        "_asker",
        "_buffer",
        "_chunks",
        "_closes",
        "_got_bytes",
        "_head",
        "_left",
        "_pool",
        "_transport",
        "address",
        "idle_since",
        "is_reused",
        "upstream",
    )

    def __init__(self, upstream: Upstream, pool: "Pool") -> None:
        self.upstream = upstream
        self.address = ""
        self.idle_since = 0.0
        self.is_reused = False
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._asker: Asker | None = None
        self._begin()

    def _begin(self) -> None:
        self._buffer = b""
        self._head: AnswerHead | None = None
        self._chunks: ChunkReader | None = None
        self._left = 0
        self._got_bytes = False
        self._answered = False
        self._closes = False

    @property
    def is_usable(self) -> bool:
        """Tell whether a request may be written."""
        transport = self._transport
        return transport is not None and self._asker is None and not transport.is_closing()

    def ask(self, asker: Asker, data: bytes) -> None:
        """Write the head of a request, and perhaps its body's beginning."""
        assert self._transport
        self._asker = asker
        self._transport.write(data)

    def write(self, data: bytes) -> None:
        """Write more of a request, or into the tunnel."""
        if self._transport is not None:
            self._transport.write(data)

    def pause(self) -> None:
        """Read no more until ``resume``: the client reads no faster."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """End the connection after what is written; nobody is told."""
        self._asker = None
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once; nobody is told."""
        self._asker = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and the address that was really connected to."""
        self._transport = cast("asyncio.Transport", transport)
        self.address = str((transport.get_extra_info("peername") or ("",))[0])

    def data_received(self, data: bytes) -> None:
        """Read what the origin sent."""
        asker = self._asker
        if asker is None:
            self.close()  # Nobody asked: whatever this is, no answer may follow it.
            self._pool.forget(self)
            return
        self._got_bytes = True
        if self._head is None:
            self._read_head(data, asker)
        else:
            self._read_body(data, asker)
        asker.answer_written()

    def eof_received(self) -> None:
        """End a body that lasts until the connection's end, and the connection."""
        head, asker = self._head, self._asker
        if asker is None or head is None:
            return
        if head.frame is Frame.CLOSE and not self._answered and head.status != _SWITCHING:
            self._closes = True
            self._end(asker, [])
            asker.answer_written()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell who waits."""
        self._transport = None
        asker, self._asker = self._asker, None
        if asker is None:
            self._pool.forget(self)
        elif not self._answered:
            asker.origin_lost(silent=not self._got_bytes)

    def pause_writing(self) -> None:
        """Slow the upload down."""
        if self._asker is not None:
            self._asker.pause_upload()

    def resume_writing(self) -> None:
        """Let the upload go on."""
        if self._asker is not None:
            self._asker.resume_upload()

    def _read_head(self, data: bytes, asker: Asker) -> None:
        if self._buffer:
            data = self._buffer + data
        while True:
            end = _head_end(data)
            if end < 0 or end > MAX_HEAD_BYTES:
                self._buffer = data
                if len(data) > MAX_HEAD_BYTES:
                    self._break(asker)
                return
            head = parse_answer_head(_lines(data[:end]), asker.method)
            data = data[end:]
            if head is None:
                self._break(asker)
                return
            if head.is_interim:
                if head.status != _CONTINUE:
                    asker.interim(head)
                continue
            self._buffer = b""
            self._take_head(head, asker, behind=data)
            if data and self._asker is asker:
                self._read_body(data, asker)
            return

    def _take_head(self, head: AnswerHead, asker: Asker, *, behind: bytes) -> None:
        self._head = head
        self._closes = head.closes
        self._left = head.length
        if head.frame is Frame.CHUNKED:
            self._chunks = ChunkReader()
        asker.answer(head)
        ends = head.frame is Frame.NONE or (head.frame is Frame.LENGTH and not head.length)
        if ends and head.status != _SWITCHING and self._asker is not None:
            self._closes = self._closes or bool(behind)
            self._end(asker, [])

    def _read_body(self, data: bytes, asker: Asker) -> None:
        head = self._head
        assert head
        if self._answered:
            self._closes = True  # Bytes that nobody asked for.
        elif self._chunks is not None:
            self._read_chunks(data, asker, self._chunks)
        elif head.frame is Frame.LENGTH:
            piece, behind = data[: self._left], data[self._left :]
            self._left -= len(piece)
            self._closes = self._closes or bool(behind)
            asker.answer_data(piece)
            if not self._left and self._asker is not None:
                self._end(asker, [])
        else:
            asker.answer_data(data)

    def _read_chunks(self, data: bytes, asker: Asker, chunks: ChunkReader) -> None:
        try:
            piece = chunks.feed(data)
        except BrokenChunksError:
            self._break(asker)
            return
        if piece:
            asker.answer_data(piece)
        if chunks.done and self._asker is not None:
            self._closes = self._closes or bool(chunks.rest)
            self._end(asker, chunks.trailers)

    def _end(self, asker: Asker, trailers: list[Field]) -> None:
        """Tell of the end last: the asker may ask again at once."""
        self._answered = True
        asker.answer_end(trailers)

    def release(self) -> None:
        """Serve somebody else: the request is written and the answer complete."""
        self._asker = None
        transport = self._transport
        if self._closes or transport is None or transport.get_write_buffer_size():
            self.close()  # Of a request that was answered early, something is still to be sent.
            return
        self._begin()
        self.is_reused = True
        self._pool.give_back(self)

    def _break(self, asker: Asker) -> None:
        self.abort()
        asker.origin_lost(silent=False)


def _head_end(data: bytes) -> int:
    """Find the end of a head, whose lines may end in a bare line feed; -1 if it is not there."""
    end = data.find(b"\n\r\n")
    bare = data.find(b"\n\n", 0, end if end >= 0 else len(data))
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else -1


def _lines(raw: bytes) -> list[bytes]:
    """Split a head, without the empty line at its end."""
    if raw.endswith(b"\r\n\r\n") and raw.count(b"\n") == raw.count(b"\r\n"):
        return raw[:-4].split(b"\r\n")
    lines = raw.split(b"\n")
    return [line.removesuffix(b"\r") for line in lines[:-2]]
