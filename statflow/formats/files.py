"""Open what other products export: a file, plain or packed, as pieces of bounded size.

What the pieces mean is the formats' business. The one invariant: whatever the file, memory stays
bounded: no line, no value and no packed member is taken that is larger than its limit.
"""

import codecs
import csv
import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

MAX_LINE_BYTES = 1 << 20
MAX_OBJECT_CHARACTERS = 1 << 24
MAX_MEMBERS = 1_000
MAX_UNPACKED_BYTES = 64 << 30
MAX_PACKED_RATIO = 200
"""A table of text packs 5 to 30 times smaller; what unpacks to more than this is no export."""
_SMALL_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_PIECE_BYTES = 1 << 16
_BETWEEN = re.compile(r"[\s,\[\]]*")


class NoExportError(ValueError):
    """The file is not what it should be; the message says what is missing or wrong."""


@contextmanager
def told() -> Iterator[None]:
    """Turn what readers of packed files and texts raise into one error in words.

    Raises:
        NoExportError: The file cannot be read.
    """
    try:
        yield
    except UnicodeDecodeError:
        raise NoExportError("it is no text in UTF-8") from None
    except csv.Error as error:
        raise NoExportError(f"it is no table: {error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise NoExportError(f"the archive is damaged: {error}") from None
    except gzip.BadGzipFile as error:
        raise NoExportError(f"the archive is damaged: {error}") from None


@contextmanager
def members_of(file: Path) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
    """Open a file and give its members by name: those of an archive, or the file itself.

    Raises:
        NoExportError: It cannot be read, or unpacks to too much.
    """
    with told():
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive, closing(_unpacked(archive)) as unpacked:
                yield unpacked
            return
        with file.open("rb") as opened:
            is_gzip = opened.read(len(_GZIP)) == _GZIP
            opened.seek(0)
            if not is_gzip:
                yield iter([(file.name, opened)])
                return
            with gzip.open(opened) as inside:
                name = file.name.removesuffix(".gz")
                yield iter([(name, cast("BinaryIO", _Counted(inside)))])


def _unpacked(archive: zipfile.ZipFile) -> Generator[tuple[str, BinaryIO]]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_MEMBERS:
        raise NoExportError(f"the archive has more than {MAX_MEMBERS} files")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise NoExportError("the archive unpacks to more than any export")
    for entry in entries:
        large = entry.file_size > _SMALL_BYTES
        if large and entry.file_size > MAX_PACKED_RATIO * entry.compress_size:
            raise NoExportError(f"{entry.filename!r} unpacks to more than its size can hold")
        if entry.flag_bits & 1:
            raise NoExportError(f"{entry.filename!r} is encrypted")
    for entry in entries:
        name = Path(entry.filename).name
        if name.startswith(".") or "__MACOSX" in entry.filename:
            continue
        with archive.open(entry) as opened:
            yield name, cast("BinaryIO", opened)


class _Counted:
    """A stream that ends in an error once it has given more than any export holds."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._given_bytes = 0

    def readline(self, limit: int = -1) -> bytes:
        return self._noted(self._stream.readline(limit))

    def read(self, limit: int = -1) -> bytes:
        return self._noted(self._stream.read(limit))

    def _noted(self, piece: bytes) -> bytes:
        self._given_bytes += len(piece)
        if self._given_bytes > MAX_UNPACKED_BYTES:
            raise NoExportError("the archive unpacks to more than any export")
        return piece


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Give the lines of a stream.

    Raises:
        NoExportError: One is longer than any of an export.
    """
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise NoExportError(f"line {number} is longer than {MAX_LINE_BYTES:,} bytes")
        yield line


def rows_of(
    stream: BinaryIO, needed: tuple[str, ...] = ()
) -> tuple[list[str], Iterator[dict[str, str]]]:
    """Give a table's heading and its rows by column; a missing value is empty.

    Raises:
        NoExportError: Columns are missing.
    """
    reader = csv.DictReader(line.decode() for line in _lines(stream))
    names = [(name or "").strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    missing = [name for name in needed if name not in names]
    if missing:
        raise NoExportError(f"the columns {', '.join(missing)} are missing")
    return names, _by_column(reader)


def _by_column(reader: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    for row in reader:
        yield {key: value or "" for key, value in row.items() if isinstance(key, str)}


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Give the lines; comments before the heading, as Google's files have, are left out."""
    begun = False
    for line in lines_of(stream):
        if not begun:
            line = line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - it is the same line
        begun = begun or not (line.startswith(b"#") or not line.strip())
        if begun:
            yield line


def objects_of(stream: BinaryIO) -> Iterator[Any]:
    """Give the values of a JSON list, of several lists, or of one value a line, as they come.

    Raises:
        NoExportError: It is not JSON, or a value is larger than any of an export.
    """
    text = codecs.getincrementaldecoder("utf-8-sig")()
    decoder = json.JSONDecoder()
    held, at, ended = "", 0, False
    while True:
        at = _next_value(held, at)
        if at < len(held):
            try:
                value, at = decoder.raw_decode(held, at)
            except RecursionError:
                raise NoExportError("it is nested too deep") from None
            except ValueError as error:
                if ended or len(held) - at > MAX_OBJECT_CHARACTERS:
                    raise NoExportError(f"it is not JSON: {error}") from None
            else:
                yield value
                continue
        elif ended:
            return
        rest = held[at:]
        piece = stream.read(max(_PIECE_BYTES, len(rest)))
        held, at, ended = rest + text.decode(piece, final=not piece), 0, not piece


def _next_value(held: str, at: int) -> int:
    match = _BETWEEN.match(held, at)
    return match.end() if match else at
