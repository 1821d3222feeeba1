"""Uploaded files on their way into a site, one row each; the file lies in a folder of its own.

A file is checked first (a trial run that writes nothing), then waits for somebody who wants it,
then is imported. Whoever holds the folder works on it (``statflow.uploading``): ``claim`` gives a
row to one worker, ``beat`` says that it is still at it, and one that falls silent is given to the
next, since an import that was interrupted goes on where it was. The one invariant: a worker's
change counts only while the row is in the state that it claimed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from portal.audit.recording import UNAUDITED
from portal.database import Database
from portal.models import Site, Upload

SILENT_FOR = timedelta(seconds=60)
KEPT_FOR = timedelta(days=7)
MOST_OF_A_SITE = 20


class State(StrEnum):
    """Where a file is on its way."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    WANTED = "wanted"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"


WORK: dict[State, State] = {State.UPLOADED: State.CHECKING, State.WANTED: State.IMPORTING}
"""What waits for a worker, and what it is while one is at it."""
AT_WORK = frozenset({*WORK, *WORK.values()})


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has claimed; ``place`` names the folder, ``is_trial`` writes nothing."""

    id: int
    host: str
    name: str
    form: str
    place: str
    state: State

    @property
    def is_trial(self) -> bool:
        """Whether the file is only checked."""
        return self.state is State.CHECKING


def uploads_of(session: Session, site_id: int) -> list[Upload]:
    """List a site's files, the newest first."""
    query = select(Upload).where(Upload.site_id == site_id).order_by(Upload.id.desc())
    return list(session.scalars(query))


def upload_of(session: Session, site_id: int, upload_id: int) -> Upload | None:
    """Find one of a site's files."""
    row = session.get(Upload, upload_id)
    return row if row is not None and row.site_id == site_id else None


def want(upload: Upload) -> bool:
    """Ask for a file to be imported; False where it was not checked, or is on its way already."""
    if upload.state != State.CHECKED:
        return False
    upload.state = State.WANTED
    return True


def claim(database: Database, holds: Callable[[str], bool], now: datetime) -> Job | None:
    """Take the oldest row that waits, or whose worker fell silent; ``holds`` tells of a folder."""
    with database.reading() as session:
        silent = and_(Upload.state.in_(WORK.values()), Upload.seen_at < now - SILENT_FOR)
        query = (
            select(Upload, Site.host)
            .join(Site, Site.id == Upload.site_id)
            .where(or_(Upload.state.in_(WORK), silent))
            .order_by(Upload.id)
        )
        found = [(row, host) for row, host in session.execute(query) if holds(row.place)]
    for row, host in found:
        state = WORK.get(State(row.state), State(row.state))
        if _change(database, row, state=state, seen_at=now):
            return Job(row.id, host, row.name, row.form, row.place, state)
    return None


def _change(database: Database, row: Upload, **values: Any) -> bool:
    same = (Upload.id == row.id, Upload.state == row.state,
            Upload.seen_at.is_not_distinct_from(row.seen_at))  # fmt: skip
    return _update(database, same, values)


def beat(database: Database, job: Job, done: int, now: datetime) -> bool:
    """Say how far a job is; False where it is no longer this worker's: the file was thrown away."""
    return _update(database, _still(job), {"done": done, "seen_at": now})


def finish(database: Database, job: Job, report: dict[str, Any] | None, problem: str) -> bool:
    """Say how a job ended."""
    ended = State.CHECKED if job.is_trial else State.DONE
    values = {"state": State.FAILED if problem else ended, "problem": problem[:1000]}
    return _update(database, _still(job), values | ({"report": report} if report else {}))


def _still(job: Job) -> tuple[Any, ...]:
    return Upload.id == job.id, Upload.state == job.state


def _update(database: Database, conditions: tuple[Any, ...], values: dict[str, Any]) -> bool:
    statement = update(Upload).where(*conditions).values(**values)
    options = {**UNAUDITED, "synchronize_session": False}
    with database.writing() as session:
        done: Any = session.execute(statement.execution_options(**options))
        return bool(done.rowcount == 1)


def forget_old(database: Database, now: datetime) -> None:
    """Remove rows that nobody works on and nobody came back to."""
    old = and_(Upload.created_at < now - KEPT_FOR, Upload.state.not_in(AT_WORK))
    statement = delete(Upload).where(old)
    with database.writing() as session:
        session.execute(statement.execution_options(**UNAUDITED, synchronize_session=False))


def places(session: Session) -> set[str]:
    """Name the folders of all files that are still needed."""
    needed = Upload.state.not_in({State.DONE, State.FAILED})
    return set(session.scalars(select(Upload.place).where(needed)))
