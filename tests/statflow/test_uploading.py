"""Uploaded files, checked and imported by the command beside the portal."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portal.database import Database
from portal.imports.uploads import State, want
from portal.models import Upload
from statflow.accounts import open_accounts
from statflow.command import Context
from statflow.uploading import MOST_REASONS, Uploads, _shortened
from tests.statflow.test_cli import data, printed, run

__all__ = ["data"]
pytestmark = pytest.mark.timeout(300)
LINE = {
    "ts": "2026-01-02T03:04:05Z",
    "visitor": "v",
    "name": "pageview",
    "url": "https://own.example/",
}


def upload(database: Database, data: Path, content: str) -> int:
    place = f"place{datetime.now(UTC).timestamp()}"
    folder = data / "uploads" / place
    folder.mkdir(parents=True)
    (folder / "events.ndjson").write_text(content)
    with database.writing() as session:
        row = Upload(
            site_id=1, who="a@b.c", name="events.ndjson", form="statflow", place=place,
            size_bytes=len(content), state=State.UPLOADED, created_at=datetime.now(UTC),
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def seen(database: Database, upload_id: int) -> tuple[Any, ...]:
    with database.reading() as session:
        row = session.get_one(Upload, upload_id)
        return row.state, row.problem, row.report, row.place


def test_a_file_is_checked_then_imported_and_then_gone(data: Path) -> None:
    printed(run(data, "site", "add", "own.example", "--upstream", "http://127.0.0.1:3000"))
    assert run(data, "migrate").exit_code == 0
    context, stop = Context(data), threading.Event()
    with open_accounts(context.settings, context.paths) as database:
        uploads = Uploads(context.paths, database)
        assert not uploads.work(stop)
        number = upload(database, data, json.dumps(LINE) + "\n")
        assert uploads.work(stop)
        state, problem, report, place = seen(database, number)
        assert (state, problem) == (State.CHECKED, "")
        assert (report["events"], report["dry_run"]) == (1, True)
        assert json.loads(run(data, "imports", "list", "own.example", "--json").stdout) == []
        with database.writing() as session:
            assert want(session.get_one(Upload, number))
        assert uploads.work(stop)
        state, problem, report, place = seen(database, number)
        assert (state, problem, report["events"]) == (State.DONE, "", 1)
        assert not (data / "uploads" / place).exists()
        (listed,) = json.loads(run(data, "imports", "list", "own.example", "--json").stdout)
        assert (listed["file"], listed["rows"]) == ("events.ndjson", 1)

        wrong = upload(database, data, "{}\nnonsense\n")
        assert uploads.work(stop)
        state, problem, report, place = seen(database, wrong)
        assert (state, report) == (State.FAILED, None)
        assert problem.startswith("line 1: ")
        assert not (data / "uploads" / place).exists()


def test_millions_of_reasons_are_not_kept() -> None:
    report = {"skipped": {f"reason {n}": n for n in range(1, MOST_REASONS + 11)}}
    kept = _shortened(report)["skipped"]
    assert len(kept) == MOST_REASONS + 1
    assert kept["other reasons"] == sum(range(1, 11))
