"""What is exported can be imported again, and gives the same numbers."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from statflow.exporting import as_line
from statflow.paths import Paths
from statflow.services import open_store
from statflow.settings import read_settings
from store.query.model import QuerySite
from store.query.parse import parse_query
from store.query.run import run_query
from tests.statflow.test_cli import printed, run

METRICS = ["visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration",
           "engaged_time", "entrances"]  # fmt: skip
LINES: list[dict[str, Any]] = [
    {"ts": "2026-01-30T23:50:00Z", "visitor": "a", "name": "pageview", "url": "https://own.example/",
     "referrer": "https://www.google.com/", "country": "FR", "browser": "Firefox"},
    {"ts": "2026-01-30T23:50:30Z", "visitor": "a", "name": "engagement",
     "url": "https://own.example/", "engaged_ms": 12_000, "scroll": 80},
    {"ts": "2026-01-31T00:05:00Z", "visitor": "a", "name": "Buy", "url": "https://own.example/buy",
     "props": {"plan": "pro"}, "revenue": {"amount": "9.90", "currency": "EUR"}},
    {"ts": "2026-02-01T10:00:00.250Z", "visitor": "b", "name": "pageview",
     "url": "https://own.example/a?utm_source=letter", "language": "fr"},
    {"ts": "2026-02-01T10:00:09Z", "visitor": "b", "name": "Seen", "interactive": False,
     "url": "https://own.example/a"},
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATFLOW_DATA_DIR", "STATFLOW_REDIS_URL", "STATFLOW_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


@pytest.mark.timeout(180)
def test_an_export_imported_again_is_the_same(data: Path, tmp_path: Path) -> None:
    sites = {}
    for host in ("own.example", "copy.example"):
        added = printed(run(data, "site", "add", host, "--upstream", "http://127.0.0.1:3000"))
        sites[host] = int(added["id"])
    assert run(data, "migrate").exit_code == 0
    first = tmp_path / "first.ndjson"
    first.write_text("\n".join(map(json.dumps, LINES)))
    printed(run(data, "import", "own.example", str(first)))
    folder = tmp_path / "out"
    exported = printed(run(data, "export", "own.example", str(folder)))
    assert exported["files"] == [
        {"file": "events-2026-01.ndjson", "events": 3},
        {"file": "events-2026-02.ndjson", "events": 2},
    ]
    bought = json.loads((folder / "events-2026-01.ndjson").read_text().splitlines()[2])
    assert bought["revenue"] == {"amount": "9.90", "currency": "EUR"}
    assert bought["props"] == {"plan": "pro"}
    for file in sorted(folder.iterdir()):
        printed(run(data, "import", "copy.example", str(file)))
    own, copy = (_numbers(data, sites[host], host) for host in sites)
    assert own == copy
    assert own[0] == [2, 2, 2, 4, 50, 450, 6, 2]
    rows = printed(run(data, "export", "own.example", str(folder), "--format", "parquet"))
    assert [file["events"] for file in rows["files"]] == [3, 2]
    assert (folder / "events-2026-01.parquet").read_bytes()[:4] == b"PAR1"
    assert not list(folder.glob("*.part"))


def _numbers(data: Path, site_id: int, host: str) -> list[Any]:
    site = QuerySite(site_id, host, "UTC")
    found = []
    with open_store(read_settings({}), Paths(data)) as store:
        for dimensions in ([], ["visit:source"], ["event:page"], ["visit:country"]):
            body = {"metrics": METRICS, "dimensions": dimensions,
                    "date_range": ["2026-01-01", "2026-02-28"]}  # fmt: skip
            now = datetime(2026, 3, 1, tzinfo=UTC)
            result = run_query(store, parse_query(body, site), site, now)
            found += [row["dimensions"] + row["metrics"] for row in result.results]
    return found


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [(990, "EUR", "9.90"), (-5, "EUR", "-0.05"), (990, "JPY", "990"), (1234, "KWD", "1.234")],
)
def test_money_is_written_as_it_was(minor: int, currency: str, amount: str) -> None:
    row = {"ts": "t", "visitor": "1", "name": "Buy", "url": "u", "interactive": True, "scroll": 255,
           "revenue_minor": minor, "currency": currency}  # fmt: skip
    assert as_line(row)["revenue"] == {"amount": amount, "currency": currency}
