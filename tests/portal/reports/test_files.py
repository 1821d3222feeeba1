"""Reports as files: every row is in them, and no cell is a formula."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest

from portal.reports.files import FileKind, write_report
from store.query.model import Result

ROWS = [("=1+2", 3), ("@x", None), ('/a,"b"', 1.5), ("Été", 0)]
RESULT = Result(
    [{"dimensions": [name], "metrics": [value]} for name, value in ROWS],
    {},
    {"dimensions": ["event:page"], "metrics": ["visitors"]},
)  # fmt: skip


def written(kind: FileKind, result: Result = RESULT) -> bytes:
    return b"".join(write_report(kind, result))


def test_csv_has_every_row_and_no_formula() -> None:
    text = written(FileKind.CSV).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["event:page", "visitors"],
        ["'=1+2", "3"],
        ["'@x", ""],
        ['/a,"b"', "1.5"],
        ["Été", "0"],
    ]


@pytest.mark.parametrize("name", ["a;=1+1", "a\tb", 'a";=1+1', "\uff1d1+1", "\0=1+1", "\n=1+1"])
def test_a_cell_cannot_become_two(name: str) -> None:
    """Read as in countries where the semicolon splits: the text stays whole, and no formula."""
    rows = [{"dimensions": [name], "metrics": [3]}]
    text = written(FileKind.CSV, Result(rows, {}, RESULT.query)).decode("utf-8-sig")
    (cell, *_), *_rest = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))[1:]
    assert cell.startswith((name.partition(";")[0], "'"))
    assert not any(row and row[0].startswith("=") for row in _rest)
    assert text.splitlines()[0] == '"event:page","visitors"'


def test_json_has_names() -> None:
    found = json.loads(written(FileKind.JSON))
    assert found == [{"event:page": name, "visitors": value} for name, value in ROWS]
    nothing = Result([], {}, RESULT.query)
    assert json.loads(written(FileKind.JSON, nothing)) == []


def test_a_workbook_holds_texts_and_numbers() -> None:
    with zipfile.ZipFile(io.BytesIO(written(FileKind.XLSX))) as workbook:
        sheet = workbook.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=1+2" in sheet
    assert "<v>1.5</v>" in sheet


@pytest.mark.parametrize("kind", FileKind)
def test_an_amount_is_its_number(kind: FileKind) -> None:
    money: Any = {"value": 9.9, "currency": "EUR", "short": "€9.9", "long": "€9.90"}
    result = Result([{"dimensions": [], "metrics": [money]}], {}, {"dimensions": [],
                    "metrics": ["total_revenue"]})  # fmt: skip
    data = written(kind, result)
    if kind is FileKind.XLSX:
        with zipfile.ZipFile(io.BytesIO(data)) as workbook:
            data = workbook.read("xl/worksheets/sheet1.xml")
    assert b"9.9" in data
    assert "€".encode() not in data


def test_a_large_file_comes_in_pieces() -> None:
    rows = [{"dimensions": ["/" + "x" * 100], "metrics": [n]} for n in range(3_000)]
    pieces = list(write_report(FileKind.CSV, Result(rows, {}, RESULT.query)))
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 100_000
