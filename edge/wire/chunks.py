"""Read a chunked body: bytes in, pieces of the body out, and where it ends.

Strict, because two readers that disagree about a chunk's size disagree about where the next message
begins. Extensions are read and dropped, trailers are given back. The one invariant: nothing behind
the body's end is ever taken for a part of it.

Source: RFC 9112 section 7.1.
"""

import re
from enum import Enum, auto

from edge.wire.head import parse_fields
from edge.wire.hop import UNFIT_FOR_TRAILERS
from edge.wire.limits import MAX_HEAD_BYTES

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_CRLF = b"\r\n"
_MOST_SIZE_LINE = 4_096


class BrokenChunksError(ValueError):
    """The body is not framed as it must be; nobody knows where it ends."""


class _At(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILERS = auto()
    DONE = auto()


class ChunkReader:
    """Read one chunked body; ``done`` once its end was seen."""

    __slots__ = ("_at", "_buffer", "_left", "trailers")

    def __init__(self) -> None:
        self._at = _At.SIZE
        self._buffer = b""
        self._left = 0
        self.trailers: list[tuple[bytes, bytes]] = []
        """Fields after the body, without those that would change framing or routing."""

    @property
    def done(self) -> bool:
        """Tell whether the body has ended."""
        return self._at is _At.DONE

    @property
    def rest(self) -> bytes:
        """Give what was received behind the end of the body."""
        return self._buffer

    def feed(self, data: bytes) -> bytes:
        """Take what was received; returns the part of the body in it, joined.

        Raises:
            BrokenChunksError: A size, a line end or a trailer is wrong.
        """
        if self._buffer:
            data = self._buffer + data
        pieces: list[bytes] = []
        at, size = 0, len(data)
        while at < size and self._at is not _At.DONE:
            if self._at is _At.DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._at = _At.DATA_END
                continue
            moved = self._read_line(data, at)
            if moved == at:
                break
            at = moved
        self._buffer = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_line(self, data: bytes, at: int) -> int:
        """Read what stands around the data; returns where it ends, or ``at`` to wait for more."""
        if self._at is _At.DATA_END:
            if not _CRLF.startswith(data[at : at + 2]):
                raise BrokenChunksError("no line end after a chunk")
            if len(data) - at < len(_CRLF):
                return at
            self._at = _At.SIZE
            return at + 2
        if self._at is _At.TRAILERS:
            return self._read_trailers(data, at)
        end = data.find(_CRLF, at, at + _MOST_SIZE_LINE)
        if end < 0:
            if len(data) - at >= _MOST_SIZE_LINE or not _may_be_size(data[at:]):
                raise BrokenChunksError("no chunk size")
            return at
        match = _SIZE.fullmatch(data, at, end)
        if match is None:
            raise BrokenChunksError("no chunk size")
        self._left = int(match[1], 16)
        self._at = _At.DATA if self._left else _At.TRAILERS
        return end + 2

    def _read_trailers(self, data: bytes, at: int) -> int:
        if data.startswith(_CRLF, at):
            self._at = _At.DONE
            return at + 2
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            if len(data) - at > MAX_HEAD_BYTES:
                raise BrokenChunksError("endless trailers")
            return at
        block = data[at : end + 2]
        fields = parse_fields(block)
        if fields is None or b"\0" in block or any(_is_bare(value) for _, value in fields):
            raise BrokenChunksError("trailers that are no fields")
        self.trailers = [field for field in fields if field[0].lower() not in UNFIT_FOR_TRAILERS]
        self._at = _At.DONE
        return end + 4


def _may_be_size(partial: bytes) -> bool:
    """Tell whether more bytes may make a size line of this."""
    text = partial.removesuffix(b"\r")
    return not text or _SIZE.fullmatch(text) is not None


def _is_bare(value: bytes) -> bool:
    return b"\r" in value or b"\n" in value
