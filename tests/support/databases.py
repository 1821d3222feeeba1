"""The databases that accounts are tested on: a test that asks for ``database_url`` runs on each.

The environment's ``DATABASES`` chooses: ``sqlite``, ``postgresql``, or both with a comma (``make
test DATABASES=sqlite``).
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal.commands import ensure_default_team
from portal.database import Database
from portal.models import Base
from tests.support.postgres_server import PostgresServer, running_postgres

DATABASES = os.environ.get("DATABASES", "sqlite,postgresql").split(",")
_CHOOSING = ("database_url", "empty_url")
BEGINNING = datetime(2026, 11, 10, 15, 20, tzinfo=UTC)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Open each page in a browser on the first database only: what is drawn is the same."""
    again = [item for item in items if item.get_closest_marker("browser") and _is_repeated(item)]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]


def _is_repeated(item: pytest.Item) -> bool:
    params = (
        item.callspec.params
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else {}
    )
    return any(params.get(name, DATABASES[0]) != DATABASES[0] for name in _CHOOSING)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the tests of this process."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables and the first team, to be copied."""
    file = tmp_path_factory.mktemp("accounts") / "empty.sqlite"
    prepare(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: PostgresServer) -> str:
    """A PostgreSQL database with the same, which tests use in turn: to copy it takes longer."""
    url = postgres.create()
    prepare(url)
    return url


def _empty(server: PostgresServer, url: str) -> None:
    """Bring a database that a test has used back to its beginning."""
    tables = Base.metadata.sorted_tables
    numbered = [table.name for table in tables if "id" in table.c]
    server.disconnect(url)
    server.execute(
        url,
        *(f"delete from {table.name}" for table in reversed(tables)),
        *(f"select setval(pg_get_serial_sequence('{n}', 'id'), 1, false)" for n in numbered),
    )
    database = Database(url)
    with database.writing() as session:
        ensure_default_team(session, BEGINNING)
    database.close()


def prepare(url: str) -> None:
    """Make the tables and the first team in an empty database."""
    database = Database(url)
    database.migrate()
    with database.writing() as session:
        ensure_default_team(session, BEGINNING)
    if database.is_sqlite:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    database.close()


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, empty but for the first team."""
    if request.param == "sqlite":
        file = tmp_path / "portal.sqlite"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    url = request.getfixturevalue("migrated_database")
    yield url
    _empty(request.getfixturevalue("postgres"), url)
