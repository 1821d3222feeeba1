"""Umami's export: each row is a line or counted with why it is none."""

import csv
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from statflow.formats.files import NoExportError
from statflow.formats.umami import MEMBER, as_line, lines
from tests.statflow.test_cli import printed, run

ROW = {
    "session_id": "s1", "hostname": "own.example", "url_path": "/a",
    "url_query": "utm_source=x&k=1",
    "referrer_domain": "www.google.com", "referrer_path": "/search", "event_type": "1",
    "event_name": "", "created_at": "2026-01-02 10:00:00", "browser": "edge-chromium",
    "os": "Mac OS", "device": "laptop", "language": "en-US", "country": "FR", "region": "FR-IDF",
    "city": "Paris",
}  # fmt: skip


def line_of(**changes: str) -> tuple[dict[str, Any] | None, dict[str, int]]:
    skipped: Counter[str] = Counter()
    return as_line(ROW | changes, skipped), dict(skipped)


def test_a_page_view_is_a_line() -> None:
    line, skipped = line_of()
    assert not skipped
    assert line == {
        "ts": "2026-01-02T10:00:00.000Z", "visitor": "s1", "name": "pageview",
        "url": "https://own.example/a?utm_source=x&k=1",
        "referrer": "https://www.google.com/search", "browser": "Edge", "os": "macOS",
        "device": "Desktop", "language": "en", "country": "FR", "region": "FR-IDF", "city": "Paris",
    }  # fmt: skip


def test_a_custom_event_keeps_its_name_and_a_zone_counts() -> None:
    line, _ = line_of(event_type="2", event_name="Buy", created_at="2026-01-02T10:00:00.5+02:00")
    assert line is not None
    assert (line["name"], line["ts"]) == ("Buy", "2026-01-02T08:00:00.500Z")


def test_ones_own_page_is_no_referrer() -> None:
    line, _ = line_of(referrer_domain="own.example")
    assert line is not None
    assert "referrer" not in line


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"created_at": "soon"}, "no time"),
        ({"session_id": ""}, "no session"),
        ({"hostname": ""}, "no page"),
        ({"url_path": "a"}, "no page"),
        ({"event_type": "5"}, "event type 5"),
        ({"event_type": "2"}, "no event name"),
    ],
)
def test_what_is_no_event_is_counted_with_why(changes: dict[str, str], why: str) -> None:
    assert line_of(**changes) == (None, {why: 1})


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATFLOW_DATA_DIR", "STATFLOW_REDIS_URL", "STATFLOW_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


def write(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(ROW))
        writer.writeheader()
        writer.writerows(rows)


def test_columns_and_members_that_are_missing_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("session_id,url_path\n")
    with pytest.raises(NoExportError, match="hostname, event_type, created_at"):
        list(lines(wrong, Counter()))
    archive = tmp_path / "wrong.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("other.csv", "")
    with pytest.raises(NoExportError, match=MEMBER):
        list(lines(archive, Counter()))


@pytest.mark.timeout(180)
def test_an_archive_is_imported_once_and_what_is_skipped_is_told(
    data: Path,
    tmp_path: Path,
) -> None:
    printed(run(data, "site", "add", "own.example", "--upstream", "http://127.0.0.1:3000"))
    assert run(data, "migrate").exit_code == 0
    file, archive = tmp_path / MEMBER, tmp_path / "export.zip"
    later = {"created_at": "2026-01-02 10:00:20", "url_path": "/b"}
    write(file, [ROW, ROW | later, ROW | {"event_type": "5"}])
    with zipfile.ZipFile(archive, "w") as made:
        made.write(file, f"data/{MEMBER}")
    arguments = ("import", "own.example", str(archive), "--format", "umami")
    dry = printed(run(data, *arguments, "--dry-run"))
    assert (dry["events"], dry["skipped"]) == (2, {"event type 5": 1})
    assert (dry["first"], dry["last"]) == ("2026-01-02T10:00:00+00:00", "2026-01-02T10:00:20+00:00")
    done = printed(run(data, *arguments))
    assert (done["events"], done["chunks_present"], done["skipped"]) == (2, 0, {"event type 5": 1})
    assert printed(run(data, *arguments))["chunks_present"] == 1
