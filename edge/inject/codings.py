"""Undo and redo content codings as streams: identity, gzip, deflate, br, zstd.

Decoders hand out bounded pieces, whatever the input unpacks to; encoders flush on request, so that
a page that streams keeps streaming. Neither knows about HTML, and neither decides what happens
when a stream is broken: ``rewriter`` does. The one invariant: no call holds more than
``PIECE_BYTES`` of decoded output at a time, so a bomb costs time, never memory.

Levels are fast ones for dynamic pages. Measured on 21 KB of HTML: ISA-L level 1 takes 31 µs
where zlib level 1 takes 108 µs, at the same size; brotli 5 takes 210 µs and is a quarter smaller.
"""

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

import brotli
from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 65_536
GZIP_LEVEL = 1
BROTLI_QUALITY = 5
BROTLI_WINDOW_BITS = 18
ZSTD_LEVEL = 3
ZSTD_WINDOW_BITS = 19
ZSTD_MAX_WINDOW_BITS = 23
"""Browsers refuse zstd windows over 8 MiB. Source: RFC 9659."""

_BROTLI_LIMIT = PIECE_BYTES // 4
"""The library adds whole blocks of 32 and 64 KiB and stops only once the limit is passed."""

_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
_DEFLATED = 8
"""The compression method in a zlib header. Source: RFC 1950 2.2."""


class UndecodableError(Exception):
    """The input is not what its coding's name promises."""


class Decoder(Protocol):
    """Undo one coding, chunk by chunk."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be decoded so far, in pieces of at most ``PIECE_BYTES``.

        Raises:
            UndecodableError: The stream is broken; pieces yielded before it stand.
        """
        ...

    @property
    def is_complete(self) -> bool:
        """Whether the stream may end here."""
        ...


class Encoder(Protocol):
    """Redo one coding, chunk by chunk."""

    def encode(self, data: bytes) -> bytes:
        """Take decoded bytes; what comes out may lag behind."""
        ...

    def flush(self) -> bytes:
        """Let out all that was taken, so that the other side can decode it now."""
        ...

    def finish(self) -> bytes:
        """End the stream; without this call the other side sees it as cut."""
        ...


class _Inflate:
    """Undo gzip (all its members) or deflate; what follows the end is dropped, as browsers do."""

    def __init__(self, wbits: int) -> None:
        self.wbits = wbits
        self._stream = isal_zlib.decompressobj(wbits)
        self._after = b""

    @property
    def is_complete(self) -> bool:
        return bool(self._stream.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream.eof and not (data := self._next_member(data)):
                return
            try:
                piece = self._stream.decompress(data, PIECE_BYTES)
            except isal_zlib.IsalError as error:  # type: ignore[misc]  # stubs: an instance
                raise UndecodableError(str(error)) from None
            if piece:
                yield piece
            if self._stream.eof:
                data = self._stream.unused_data
                continue
            data = self._stream.unconsumed_tail
            if not data and len(piece) < PIECE_BYTES:
                return

    def _next_member(self, data: bytes) -> bytes:
        """Start the next gzip member if one follows; the magic may arrive in two chunks."""
        after = self._after + data
        self._after = after[:2]
        if self.wbits != _GZIP_WBITS or not after.startswith(_GZIP_MAGIC):
            return b""
        self._stream, self._after = isal_zlib.decompressobj(self.wbits), b""
        return after


class _Deflate:
    """Undo ``deflate``: zlib by the standard, raw by the habit of some servers."""

    def __init__(self) -> None:
        self._start = b""
        self._inner: _Inflate | None = None

    @property
    def is_complete(self) -> bool:
        return self._inner is not None and self._inner.is_complete

    @property
    def wbits(self) -> int:
        """The form that was seen, to be used for the answer; zlib before anything was."""
        return self._inner.wbits if self._inner else _ZLIB_WBITS

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            data = self._start = self._start + data
            if len(data) < len(_GZIP_MAGIC):
                return
            self._inner = _Inflate(_ZLIB_WBITS if _is_zlib(data) else _RAW_WBITS)
        yield from self._inner.feed(data)


def _is_zlib(start: bytes) -> bool:
    """Check the two header bytes: method 8, and a multiple of 31. Source: RFC 1950 2.2."""
    return start[0] & 0x0F == _DEFLATED and int.from_bytes(start[:2]) % 31 == 0


class _Unbrotli:
    """Undo br."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def is_complete(self) -> bool:
        return bool(self._stream.is_finished())

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream.is_finished():
            return
        try:
            piece = self._stream.process(data, output_buffer_limit=_BROTLI_LIMIT)
            while piece:
                yield piece
                piece = self._stream.process(b"", output_buffer_limit=_BROTLI_LIMIT)
        except brotli.error as error:
            raise UndecodableError(str(error)) from None


class _Unzstd:
    """Undo zstd, frame after frame; what follows the last one is dropped."""

    def __init__(self) -> None:
        self._stream = _zstd_stream()
        self._after = b""

    @property
    def is_complete(self) -> bool:
        return self._stream.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream.eof and not (data := self._next_frame(data)):
                return
            try:
                piece = self._stream.decompress(data, PIECE_BYTES)
            except zstd.ZstdError as error:
                raise UndecodableError(str(error)) from None
            if piece:
                yield piece
            if self._stream.eof:
                data = self._stream.unused_data
            elif self._stream.needs_input:
                return
            else:
                data = b""

    def _next_frame(self, data: bytes) -> bytes:
        """Start the next frame if one follows; its magic may arrive in pieces."""
        after = self._after + data
        self._after = after[:4]
        if not (after.startswith(_ZSTD_MAGIC) or after[1:4] == _ZSTD_SKIPPABLE):
            return b""
        self._stream, self._after = _zstd_stream(), b""
        return after


def _zstd_stream() -> zstd.ZstdDecompressor:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_MAX_WINDOW_BITS}
    return zstd.ZstdDecompressor(options=options)


class _DeflateEncoder:
    """Redo gzip or deflate."""

    def __init__(self, wbits: int) -> None:
        self._stream = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, wbits)

    def encode(self, data: bytes) -> bytes:
        return bytes(self._stream.compress(data))

    def flush(self) -> bytes:
        return bytes(self._stream.flush(isal_zlib.Z_SYNC_FLUSH))

    def finish(self) -> bytes:
        return bytes(self._stream.flush())


class _BrotliEncoder:
    """Redo br, with a window that keeps memory small."""

    def __init__(self) -> None:
        self._stream = brotli.Compressor(quality=BROTLI_QUALITY, lgwin=BROTLI_WINDOW_BITS)

    def encode(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data))

    def flush(self) -> bytes:
        return bytes(self._stream.flush())

    def finish(self) -> bytes:
        return bytes(self._stream.finish())


class _ZstdEncoder:
    """Redo zstd, with a window that keeps memory small."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdCompressor(
            options={
                zstd.CompressionParameter.compression_level: ZSTD_LEVEL,
                zstd.CompressionParameter.window_log: ZSTD_WINDOW_BITS,
            }
        )

    def encode(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(self._stream.FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._stream.flush(self._stream.FLUSH_FRAME)


type Codec = tuple[Decoder, Callable[[], Encoder]]


def open_codec(coding: bytes) -> Codec:
    """Make a decoder, and what makes its encoder once there is something to send.

    Raises:
        KeyError: ``coding`` is not in ``CODINGS``.
    """
    return _CODECS[coding]()


def _gzip() -> Codec:
    return _Inflate(_GZIP_WBITS), lambda: _DeflateEncoder(_GZIP_WBITS)


def _deflate() -> Codec:
    decoder = _Deflate()
    return decoder, lambda: _DeflateEncoder(decoder.wbits)


def _brotli() -> Codec:
    return _Unbrotli(), _BrotliEncoder


def _zstd() -> Codec:
    return _Unzstd(), _ZstdEncoder


_CODECS: dict[bytes, Callable[[], Codec]] = {
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}
CODINGS = frozenset(_CODECS)
"""Names of the codings that can be undone; ``identity`` needs no undoing."""


def single_coding(values: list[bytes]) -> bytes | None:
    """Read Content-Encoding: one known coding, empty for identity, None for anything else."""
    tokens = [token.strip().lower() for value in values for token in value.split(b",")]
    named = [token for token in tokens if token not in {b"", b"identity"}]
    if not named:
        return b""
    return named[0] if len(named) == 1 and named[0] in CODINGS else None


@lru_cache(maxsize=512)
def narrow_accept_encoding(value: bytes) -> bytes | None:
    """Keep of Accept-Encoding what can be undone; None when nothing needs to change.

    ``*`` would invite any coding: it becomes gzip, unless something else remains. ``*;q=0`` stays.
    Cached, for all browsers of a kind say the same.
    """
    tokens = [token.strip() for token in value.split(b",") if token.strip()]
    kept = [token for token in tokens if _is_undoable(token)]
    if len(kept) == len(tokens):
        return None
    if kept:
        return b", ".join(kept)
    return b"gzip" if any(token.startswith(b"*") for token in tokens) else b"identity"


def _is_undoable(token: bytes) -> bool:
    name, _, weight = token.partition(b";")
    name = name.strip().lower()
    if name == b"*":
        return weight.replace(b" ", b"").lower().rstrip(b"0").rstrip(b".") in {b"q=", b"q=0"}
    return name in CODINGS or name == b"identity"
