"""``statflow import`` of other products' files and ``statflow imports``: whole ways, by command."""

import json
from pathlib import Path

import pytest

from tests.statflow.formats.exports import (
    MATOMO_VISIT,
    ga4_event,
    param,
    plausible_archive,
    write_lines,
)
from tests.statflow.test_cli import data, printed, run

__all__ = ["data"]


@pytest.mark.timeout(300)
def test_imports_of_every_kind_are_listed_and_removed(data: Path, tmp_path: Path) -> None:
    printed(run(data, "site", "add", "own.example", "--upstream", "http://127.0.0.1:3000"))
    assert run(data, "migrate").exit_code == 0
    visits = tmp_path / "visits.json"
    visits.write_text(json.dumps([MATOMO_VISIT]))
    rows = [ga4_event("page_view", 1_675_936_800), ga4_event("session_start", 1_675_936_800),
            ga4_event("user_engagement", 1_675_936_810, param("engagement_time_msec", 900))]  # fmt: skip
    events = write_lines(tmp_path / "events.json", rows)
    done = printed(run(data, "import", "own.example", str(visits), "--format", "matomo"))
    assert (done["events"], done["skipped"]["goal: ours are defined anew"]) == (5, 1)
    done = printed(run(data, "import", "own.example", str(events), "--format", "ga4"))
    assert (done["events"], done["skipped"]) == (2, {"session_start: derived anew": 1})
    archive = str(plausible_archive(tmp_path))
    done = printed(run(data, "import", "own.example", archive, "--format", "plausible"))
    assert (done["kind"], done["read_before"]) == ("totals", "2023-02-09")
    listed = json.loads(run(data, "imports", "list", "own.example", "--json").stdout)
    assert [(row["format"], row["kind"], row["complete"]) for row in listed] == [
        ("matomo", "events", True), ("ga4", "events", True), ("plausible", "totals", True)]  # fmt: skip
    for row in listed[:2]:
        printed(run(data, "imports", "remove", "own.example", row["import"], "--yes"))
    unknown = run(data, "imports", "remove", "own.example", "12", "--yes")
    assert "has no import 12" in unknown.stderr
    (left,) = json.loads(run(data, "imports", "list", "own.example", "--json").stdout)
    assert left["format"] == "plausible"
    again = printed(run(data, "import", "own.example", str(visits), "--format", "matomo"))
    assert (again["events"], again["chunks_present"]) == (5, 0)
    wrong = run(data, "import", "own.example", str(events), "--format", "matomo")
    assert wrong.exit_code == 1
    assert "events.json is no export of Matomo" in wrong.stderr
