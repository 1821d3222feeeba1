"""Whatever the file, it is read in pieces of bounded size, or refused in words."""

import gzip
import io
import json
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from statflow.formats import files
from statflow.formats.files import NoExportError, lines_of, members_of, objects_of, rows_of
from statflow.formats.plausible import Reader


def names(file: Path) -> dict[str, bytes]:
    with members_of(file) as members:
        return {name: stream.read(1 << 20) for name, stream in members}


def test_a_plain_file_an_archive_and_gzip_are_opened_alike(tmp_path: Path) -> None:
    plain, packed, zipped = (tmp_path / n for n in ("a.csv", "a.csv.gz", "a.zip"))
    plain.write_bytes(b"x")
    packed.write_bytes(gzip.compress(b"x"))
    with zipfile.ZipFile(zipped, "w") as made:
        made.writestr("folder/a.csv", "x")
        made.writestr("__MACOSX/._a.csv", "no")
    assert names(plain) == names(packed) == names(zipped) == {"a.csv": b"x"}


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("imported_visitors.csv", b"0" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(NoExportError, match="unpacks to more than its size can hold"):
        names(file)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_gzip_bomb_ends_once_it_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED_BYTES", 100_000)
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(b"a,b\n" * 100_000))
    with members_of(file) as members:
        (_, stream), *_ = members
        with pytest.raises(NoExportError, match="unpacks to more than any export"):
            list(lines_of(stream))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_MEMBERS", 2)
    file = tmp_path / "many.zip"
    with zipfile.ZipFile(file, "w") as made:
        for n in range(3):
            made.writestr(str(n), "")
    with pytest.raises(NoExportError, match="more than 2 files"):
        names(file)


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cut.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("imported_visitors.csv", "date,visitors\n" + "2023-01-01,1\n" * 1_000)
    whole = bytearray(file.read_bytes())
    whole[80:100] = b"\xff" * 20
    file.write_bytes(whole)
    with pytest.raises(NoExportError, match="damaged"):
        list(Reader().read(file, Counter()))


def test_a_huge_line_is_refused_without_being_held() -> None:
    class Endless(io.RawIOBase):
        def readline(self, limit: int | None = -1, /) -> bytes:
            assert limit is not None
            assert 0 < limit < 2_000_000
            return b"x" * limit

    with pytest.raises(NoExportError, match="line 1 is longer than"):
        list(lines_of(Endless()))  # type: ignore[arg-type]


def test_a_table_is_read_by_its_heading() -> None:
    text = b"\xef\xbb\xbf# Google\n\nDate, Visits ,\n1,2,3,4\n5\n"
    heading, rows = rows_of(io.BytesIO(text), ("Date",))
    assert heading == ["Date", "Visits", ""]
    assert list(rows) == [
        {"Date": "1", "Visits": "2", "": "3"},
        {"Date": "5", "Visits": "", "": ""},
    ]
    with pytest.raises(NoExportError, match="the columns Nope are missing"):
        rows_of(io.BytesIO(text), ("Nope",))


@pytest.mark.parametrize("form", ["list", "lines", "lists"])
def test_json_comes_value_by_value_however_it_is_cut(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PIECE_BYTES", 7)
    values = [{"a": n, "text": "é][,{" * n} for n in range(20)]
    text = {
        "list": json.dumps(values, ensure_ascii=False),
        "lines": "\n".join(json.dumps(v) for v in values),
        "lists": json.dumps(values[:5], indent=1) + json.dumps(values[5:]),
    }[form]
    assert list(objects_of(io.BytesIO(text.encode()))) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'[{"a": 1}, {"b": ', "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a":' * 200_000, "nested too deep|not JSON"),
    ],
)
def test_what_is_no_json_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(NoExportError, match=said):
        list(objects_of(io.BytesIO(text)))


def test_a_huge_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_OBJECT_CHARACTERS", 1_000)
    with pytest.raises(NoExportError, match="not JSON"):
        list(objects_of(io.BytesIO(b'{"a": "' + b"x" * 300_000)))
