"""Undo and redo the content codings of the store's HTTP face: lz4, zstd, gzip, deflate.

An insert's body may be several frames one after another; decoding only the first one once stored
65,536 of 100,000 rows and answered 200 (CONTRACT 8). The invariant: every byte of a body is either
decoded or the whole body is refused; what decodes to more than the limit is refused as well.
"""

import sys
import zlib
from typing import Protocol

import lz4.frame

from store.embedded_errors import ErrorCode, FaceError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PREFERRED = ("lz4", "zstd", "gzip", "deflate")
"""Cheapest first: this face is on loopback, so the processor is scarcer than the line."""


class _Decompressor(Protocol):
    """What the decoders of three libraries have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Encoder(Protocol):
    """Compress an answer piece by piece into one frame."""

    def compress(self, data: bytes) -> bytes:
        """Return what can be sent now."""

    def flush(self) -> bytes:
        """Return the rest and the end of the frame."""


class _Lz4Encoder:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        head = b"" if self._begun else bytes(self._frame.begin())
        self._begun = True
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        head = b"" if self._begun else bytes(self._frame.begin())
        return head + bytes(self._frame.flush())


def decode_body(body: bytes, coding: str, limit_bytes: int) -> bytes:
    """Undo a body's Content-Encoding, all of its frames.

    Raises:
        FaceError: Unknown coding, damaged or cut data, or more than ``limit_bytes``.
    """
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return body
    parts: list[bytes] = []
    room = limit_bytes
    try:
        while body:
            frame = _decompressor(coding)
            part = frame.decompress(body, room + 1)
            room -= len(part)
            if room < 0:
                raise FaceError(ErrorCode.QUERY_IS_TOO_LARGE, "The decoded body is too large")
            if not frame.eof:
                raise FaceError(ErrorCode.CANNOT_DECOMPRESS, f"The {coding} body is cut short")
            parts.append(part)
            body = frame.unused_data or b""
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        message = f"The body is no {coding}: {error}"
        raise FaceError(ErrorCode.CANNOT_DECOMPRESS, message) from error
    return b"".join(parts)


def _decompressor(coding: str) -> _Decompressor:
    match coding:
        case "lz4":
            return lz4.frame.LZ4FrameDecompressor()  # type: ignore[no-any-return]
        case "zstd":
            return zstd.ZstdDecompressor()
        case "gzip":
            return zlib.decompressobj(wbits=31)
        case "deflate":
            return zlib.decompressobj()
    raise FaceError(ErrorCode.NOT_IMPLEMENTED, f"Content-Encoding {coding} is not supported")


def choose_coding(accept_encoding: str) -> str:
    """Choose the coding of an answer: the cheapest that the client named, "" for none."""
    names = {
        name.strip().lower()
        for name, _, quality in (item.partition(";") for item in accept_encoding.split(","))
        if quality.replace(" ", "") not in {"q=0", "q=0.0"}
    }
    return next((coding for coding in _PREFERRED if coding in names), "")


def make_encoder(coding: str) -> Encoder:
    """Make the encoder of one answer; ``coding`` as ``choose_coding`` gave it."""
    match coding:
        case "lz4":
            return _Lz4Encoder()
        case "zstd":
            return zstd.ZstdCompressor(level=1)
        case "gzip":
            return zlib.compressobj(level=1, wbits=31)
    return zlib.compressobj(level=1)
