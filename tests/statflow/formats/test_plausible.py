"""Plausible's export: each table tells what its columns say, and nothing else."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from statflow.formats.files import NoExportError
from statflow.formats.plausible import TABLES, Reader
from statflow.formats.totals import Total
from store.query.rolled import INGREDIENTS
from tests.statflow.formats.exports import PLAUSIBLE, plausible_archive

DAY = date(2023, 2, 9)


def read(
    folder: Path, tables: dict[str, str]
) -> tuple[list[Total], dict[str, int], frozenset[str]]:
    skipped: Counter[str] = Counter()
    reader = Reader()
    found = list(reader.read(plausible_archive(folder, tables), skipped))
    return found, dict(skipped), reader.holds


def sums(found: list[Total], reading: str, dimension: str) -> dict[str, dict[str, int]]:
    added: dict[str, Counter[str]] = {}
    for total in found:
        if (total.reading, total.dimension, total.day) == (reading, dimension, DAY):
            added.setdefault(total.value, Counter()).update(total.sums)
    return {value: dict(numbers) for value, numbers in added.items()}


def test_every_table_of_the_documentation_is_read(tmp_path: Path) -> None:
    found, skipped, holds = read(tmp_path, PLAUSIBLE)
    assert set(PLAUSIBLE) == set(TABLES)
    assert skipped == {"city: a number of GeoNames, whose names are not here": 2}
    whole = {"visitors": 10, "visits": 12, "pageviews": 31, "events": 35, "bounces": 4,
             "duration_ms": 1_200_000}  # fmt: skip
    assert sums(found, "visits:entry", "")[""] == whole
    assert sums(found, "visits:entry", "visit:source")["Google"]["visits"] == 8
    assert sums(found, "visits:entry", "visit:source")["Direct / None"]["visits"] == 4
    channels = sums(found, "visits:entry", "visit:channel")
    assert {name: numbers["visits"] for name, numbers in channels.items()} == {
        "Organic Search": 6, "Paid Search": 2, "Direct": 4}  # fmt: skip
    assert set(sums(found, "visits:entry", "visit:utm_medium")) == {"(not set)", "cpc"}
    engaged = {"scroll_sum": 400, "scroll_visits": 8, "engaged_ms": 180_000, "engaged_visits": 6}
    assert sums(found, "engaged", "event:page")["/"] == engaged
    assert sums(found, "visits:exit", "event:page") == {"/pricing": {"exits": 8}, "/": {"exits": 4}}
    assert sums(found, "events", "event:name") == {
        "Outbound Link: Click": {"visitors": 3, "events": 4}}  # fmt: skip
    assert set(sums(found, "visits:entry", "visit:country")) == {"FR", "DE"}
    assert set(sums(found, "visits:entry", "visit:browser")) == {"Edge", "Chrome"}
    assert set(sums(found, "visits:entry", "visit:os")) == {"macOS", "(not set)"}
    assert set(sums(found, "visits:entry", "visit:device")) == {"Desktop", "Mobile"}
    assert "visits:entry visit:source bounces" in holds
    assert "visits:entry visit:source events" not in holds
    for entry in holds:
        reading, _, ingredient = entry.rsplit(" ", 2)
        assert ingredient in INGREDIENTS[reading]


def test_a_column_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    table = {
        "imported_pages": "date,hostname,page,visits,visitors,pageviews\n2023-02-09,a,/,1,1,2\n"
    }
    _, _, holds = read(tmp_path, table)
    assert "events event:page pageviews" in holds
    assert not [entry for entry in holds if entry.startswith("engaged")]


def test_events_of_the_whole_need_the_custom_ones(tmp_path: Path) -> None:
    without = {name: text for name, text in PLAUSIBLE.items() if "custom" not in name}
    assert "visits:entry  events" not in read(tmp_path, without)[2]
    heading = PLAUSIBLE["imported_custom_events"].partition("\n")[0] + "\n"
    assert (
        "visits:entry  events" in read(tmp_path, without | {"imported_custom_events": heading})[2]
    )


def test_a_table_may_come_alone(tmp_path: Path) -> None:
    file = tmp_path / "imported_devices_20230209_20230210.csv"
    file.write_text(PLAUSIBLE["imported_devices"])
    assert len(list(Reader().read(file, Counter()))) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("soon,1,1,1,1,1", "imported_visitors: the date is none"),
        ("1876-01-01,1,1,1,1,1", "imported_visitors: the date is none"),
        ("2023-02-30,1,1,1,1,1", "imported_visitors: the date is none"),
        ("2023-02-09,many,1,1,1,1", "imported_visitors: visitors is no number"),
        ("2023-02-09,-1,1,1,1,1", "imported_visitors: visitors is no number"),
        ("2023-02-09,1,1e300,1,1,1", "imported_visitors: pageviews is no number"),
        ("2023-02-09,nan,1,1,1,1", "imported_visitors: visitors is no number"),
    ],
)
def test_a_wrong_row_is_skipped_with_why(tmp_path: Path, row: str, why: str) -> None:
    heading = PLAUSIBLE["imported_visitors"].partition("\n")[0]
    found, skipped, _ = read(tmp_path, {"imported_visitors": f"{heading}\n{row}\n"})
    assert (found, skipped) == ([], {why: 1})


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"other": "a,b\n"}, "it holds none of imported_visitors"),
        ({"imported_visitors": "day,visitors\n"}, "the columns date are missing"),
        ({"imported_visitors": "date,people\n"}, "has none of the columns"),
        ({"imported_visitors": ""}, "the columns date are missing"),
        ({"imported_visitors": "date,visitors\n\udcff"}, "UTF-8"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, tables: dict[str, str], said: str
) -> None:
    import zipfile  # noqa: PLC0415 - only here

    file = tmp_path / "wrong.zip"
    with zipfile.ZipFile(file, "w") as made:
        for name, text in tables.items():
            made.writestr(f"{name}.csv", text.encode(errors="surrogateescape"))
    with pytest.raises(NoExportError, match=said):
        list(Reader().read(file, Counter()))
