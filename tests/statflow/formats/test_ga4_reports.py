"""Daily reports of GA4: one dimension a file, rates turned back into sums."""

import zipfile
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from statflow.formats.files import NoExportError
from statflow.formats.ga4_reports import Reader
from statflow.formats.totals import Total

DAYS = (
    "# ----\n# Days\n# ----\n\n"
    "Date,Total users,Sessions,Views,Bounce rate,Average session duration,Event count\n"
    "20230209,10,12,31,0.25,100.5,60\n"
    "20230210,5,6,9,50%,10,20\n"
    "Grand total,15,18,40,0.3,60,80\n"
)
SOURCES = (
    "date,sessionSource,sessionMedium,totalUsers,sessions,screenPageViews\n"
    "2023-02-09,google,organic,5,6,16\n"
    "2023-02-09,(direct),(none),4,4,11\n"
)
PAGES = "Date,Page path and screen class,Views,Active users\n20230209,/pricing?plan=pro,11,5\n"
EVENTS = "Date,Event name,Event count,Total users\n20230209,session_start,12,10\n20230209,buy,3,2\n"


def read(folder: Path, *texts: str) -> tuple[list[Total], dict[str, int], frozenset[str]]:
    file = folder / "reports.zip"
    with zipfile.ZipFile(file, "w") as made:
        for n, text in enumerate(texts):
            made.writestr(f"report{n}.csv", text)
    skipped: Counter[str] = Counter()
    reader = Reader()
    return list(reader.read(file, skipped)), dict(skipped), reader.holds


def test_reports_tell_totals(tmp_path: Path) -> None:
    found, skipped, holds = read(tmp_path, DAYS, SOURCES, PAGES, EVENTS)
    by_key = {(t.day, t.reading, t.dimension, t.value): t.sums for t in found}
    day = date(2023, 2, 9)
    assert by_key[day, "visits:entry", "", ""] == {
        "visitors": 10, "visits": 12, "pageviews": 31, "bounces": 3, "duration_ms": 1_206_000,
        "events": 60}  # fmt: skip
    assert by_key[date(2023, 2, 10), "visits:entry", "", ""]["bounces"] == 3
    assert by_key[day, "visits:entry", "visit:source", "Direct / None"]["visits"] == 4
    assert by_key[day, "visits:entry", "visit:utm_medium", "organic"]["visits"] == 6
    assert by_key[day, "events", "event:page", "/pricing"] == {"visitors": 5, "pageviews": 11}
    assert by_key[day, "events", "event:name", "buy"] == {"visitors": 2, "events": 3}
    assert skipped == {"session_start: counted otherwise": 1}
    assert "visits:entry visit:source bounces" not in holds
    assert "visits:entry  bounces" in holds


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["Page path,Views\n/,1\n"], "has no column date"),
        (["date,country\n20230101,FR\n"], "or no numbers"),
        (["date,country,browser,sessions\n"], "tells browser and country at once"),
        (["date,planet,sessions\n"], "columns that are not known: planet"),
        ([DAYS, DAYS], "two reports tell the whole"),
        ([SOURCES, SOURCES], "two reports tell sessionmedium, sessionsource"),
        ([], "it holds no daily report"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, texts: list[str], said: str) -> None:
    with pytest.raises(NoExportError, match=said):
        read(tmp_path, *texts)


def test_a_wrong_row_is_skipped_with_why(tmp_path: Path) -> None:
    found, skipped, _ = read(tmp_path, "date,sessions\nsoon,1\n20230101,x\n20230102,2\n")
    assert len(found) == 1
    assert skipped == {"report0.csv: the date is none": 1, "report0.csv: sessions is no number": 1}
