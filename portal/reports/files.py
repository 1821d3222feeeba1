"""Write an answer of the query engine as CSV, JSON or XLSX, row by row.

Which question it answers is the caller's. The one invariant: no cell that came from a visitor is
taken for a formula by a spreadsheet: in CSV it gets an apostrophe before it, in a workbook it is
written as text.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson
import xlsxwriter

from store.query.model import Result

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", *"\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet takes for the beginning of one, full-width forms included."""
_IN_MEMORY_BYTES = 1 << 20
_PIECE_BYTES = 1 << 16


class FileKind(StrEnum):
    """What a report can be written as."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"


MIME_TYPES = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.JSON: "application/json",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def write_report(kind: FileKind, result: Result) -> Iterator[bytes]:
    """Write an answer piece by piece; columns are its dimensions, then its metrics."""
    heads = [*result.query["dimensions"], *result.query["metrics"]]
    rows = ([*row["dimensions"], *map(_plain, row["metrics"])] for row in result.results)
    if kind is FileKind.CSV:
        return _csv(heads, rows)
    if kind is FileKind.JSON:
        return _json(heads, rows)
    return _xlsx(heads, rows)


def _plain(value: Any) -> Any:
    """Give an amount of money as its number; its currency is the goal's."""
    return value["value"] if isinstance(value, dict) else value


def _csv(heads: Sequence[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv_writer(buffer)
    yield b"\xef\xbb\xbf"  # Excel takes a file without it for another encoding.
    for row in (heads, *rows):
        writer.writerow([harmless(cell) for cell in row])
        if buffer.tell() > _PIECE_BYTES:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def csv_writer(file: io.StringIO) -> Any:
    """Write rows with every text in quotation marks.

    Spreadsheets of many countries split at semicolons too, and would make two cells of a bare text.
    """
    return csv.writer(file, quoting=csv.QUOTE_STRINGS)


def harmless(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _json(heads: Sequence[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    yield b"["
    before = b"\n"
    for row in rows:
        yield before + orjson.dumps(dict(zip(heads, row, strict=True)))
        before = b",\n"
    yield b"\n]\n"


def _xlsx(heads: Sequence[str], rows: Iterator[list[Any]]) -> Iterator[bytes]:
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        workbook = xlsxwriter.Workbook(file, {"constant_memory": True})
        sheet = workbook.add_worksheet()
        for number, row in enumerate((heads, *rows)):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, column, cell)
                elif cell is not None:
                    sheet.write_number(number, column, cell)
        workbook.close()
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece
