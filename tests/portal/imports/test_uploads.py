"""Files on their way: each is one worker's, and goes on when that one falls silent."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.database import Database
from portal.imports.uploads import (
    KEPT_FOR,
    SILENT_FOR,
    Job,
    State,
    beat,
    claim,
    finish,
    forget_old,
    places,
    upload_of,
    uploads_of,
    want,
)
from portal.models import AuditEntry, Upload
from tests.portal.conftest import NOW, Portal


@pytest.fixture
def site_id(portal: Portal) -> int:
    return portal.site("own.example")


def put(database: Database, site_id: int, state: State = State.UPLOADED, place: str = "p") -> int:
    with database.writing() as session:
        row = Upload(
            site_id=site_id, who="a@b.c", name="a.zip", form="plausible", size_bytes=3,
            place=place, state=state, created_at=NOW,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def row_of(database: Database, upload_id: int) -> Upload:
    with database.reading() as session:
        row = session.get_one(Upload, upload_id)
        session.expunge_all()
        return row


def anywhere(_place: str) -> bool:
    return True


def claimed(database: Database) -> Job:
    job = claim(database, anywhere, NOW)
    assert job is not None
    return job


def test_a_file_is_checked_and_imported_only_when_it_is_wanted(
    portal: Portal, site_id: int
) -> None:
    upload_id = put(portal.database, site_id)
    job = claimed(portal.database)
    assert (job.host, job.name, job.is_trial) == ("own.example", "a.zip", True)
    assert claim(portal.database, anywhere, NOW) is None
    assert finish(portal.database, job, {"events": 3}, "")
    assert row_of(portal.database, upload_id).state == State.CHECKED
    assert claim(portal.database, anywhere, NOW) is None
    with portal.database.writing() as session:
        row = session.get_one(Upload, upload_id)
        assert [want(row), want(row)] == [True, False]
    job = claimed(portal.database)
    assert not job.is_trial
    assert beat(portal.database, job, 2, NOW)
    assert row_of(portal.database, upload_id).done == 2
    finish(portal.database, job, {"events": 3, "import": "x"}, "")
    row = row_of(portal.database, upload_id)
    assert (row.state, row.report) == (State.DONE, {"events": 3, "import": "x"})


def test_a_problem_is_kept_and_ends_the_way(portal: Portal, site_id: int) -> None:
    upload_id = put(portal.database, site_id)
    finish(portal.database, claimed(portal.database), None, "line 3: not JSON")
    row = row_of(portal.database, upload_id)
    assert (row.state, row.problem, row.report) == (State.FAILED, "line 3: not JSON", None)
    assert claim(portal.database, anywhere, NOW) is None


def test_who_holds_no_such_folder_takes_nothing(portal: Portal, site_id: int) -> None:
    put(portal.database, site_id, place="elsewhere")
    put(portal.database, site_id, place="here")
    job = claim(portal.database, lambda place: place == "here", NOW)
    assert job is not None
    assert job.place == "here"


def test_one_whose_worker_fell_silent_is_given_to_the_next(portal: Portal, site_id: int) -> None:
    put(portal.database, site_id, State.WANTED)
    first = claimed(portal.database)
    beat(portal.database, first, 1, NOW + timedelta(seconds=30))
    assert claim(portal.database, anywhere, NOW + SILENT_FOR) is None
    second = claim(portal.database, anywhere, NOW + SILENT_FOR + timedelta(seconds=31))
    assert second == first


def test_a_worker_learns_that_its_file_was_thrown_away(portal: Portal, site_id: int) -> None:
    upload_id = put(portal.database, site_id)
    job = claimed(portal.database)
    with portal.database.writing() as session:
        session.delete(session.get_one(Upload, upload_id))
    assert not beat(portal.database, job, 1, NOW)
    assert not finish(portal.database, job, {}, "")


def test_what_workers_note_is_no_change_that_anybody_made(portal: Portal, site_id: int) -> None:
    put(portal.database, site_id)
    job = claimed(portal.database)
    beat(portal.database, job, 1, NOW)
    finish(portal.database, job, {"events": 1}, "")
    with portal.database.reading() as session:
        query = select(AuditEntry.act).where(AuditEntry.kind == "uploads")
        assert list(session.scalars(query)) == ["added"]


def test_old_rows_go_but_none_that_is_worked_on(portal: Portal, site_id: int) -> None:
    old = put(portal.database, site_id, State.CHECKED, "old")
    busy = put(portal.database, site_id, State.IMPORTING, "busy")
    ended = put(portal.database, site_id, State.DONE, "ended")
    with portal.database.reading() as session:
        assert places(session) == {"old", "busy"}
    forget_old(portal.database, NOW + KEPT_FOR + timedelta(seconds=1))
    with portal.database.reading() as session:
        assert [row.id for row in uploads_of(session, site_id)] == [busy]
        assert upload_of(session, site_id + 1, busy) is None
    assert old != ended
