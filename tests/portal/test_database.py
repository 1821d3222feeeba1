"""Transactions and migrations."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    inspect,
    select,
    table,
    text,
)

from portal.commands import add_site, ensure_default_team, list_sites
from portal.database import Database, DatabaseNewerError, revisions
from portal.models import Base, Site
from portal.sites.fields import FieldError

_BESIDE = """
import sys
from portal.commands import add_site
from portal.database import Database

database = Database(sys.argv[1])
database.migrate()
for number in range(10):
    with database.writing() as session:
        add_site(session, f"{sys.argv[2]}{number}.example", "http://a:1")
database.close()
"""


def test_migrations_give_what_the_models_say(database: Database) -> None:
    assert compared(database) == []


def test_tables_of_a_newer_release_are_refused_in_words(database: Database) -> None:
    with database.engine.begin() as connection:
        (known,) = connection.execute(text("select version_num from alembic_version")).scalars()
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DatabaseNewerError, match=r"newer release than this one\. Install"):
        database.migrate()
    with database.engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = :v"), {"v": known})
    database.migrate()


def test_migrations_go_down_and_up_again(empty_url: str) -> None:
    database = Database(empty_url)
    database.migrate()
    database.migrate()
    database.migrate("base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    database.migrate()
    assert "sites" in inspect(database.engine).get_table_names()
    assert database.ping()
    database.close()


def test_each_step_goes_up_down_and_up_with_rows_in_the_tables(empty_url: str) -> None:
    """As an installation that was begun with the first version and has followed every one."""
    database = Database(empty_url)
    database.migrate(revisions()[0])
    fill(database)
    for step in revisions()[1:]:
        before = known(database)
        database.migrate(step)
        assert known(database, before) == before, f"{step} changed what was there"
        database.migrate("-1")
        assert known(database, before) == before, f"{step} lost something on the way back"
        database.migrate(step)
        fill(database)
    assert compared(database) == []
    with database.reading() as session:
        assert session.scalars(select(Site.mode)).first() == "m"
    database.migrate("base")
    database.close()


def compared(database: Database) -> list[object]:
    """List what Alembic would change of the tables to make them what the models say."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def fill(database: Database) -> None:
    """Put a row into every table that has none, whatever its columns are at this revision."""
    with database.engine.execution_options(writes=True).begin() as connection:
        empty = [n for n in tables_of(database) if not rows_of(connection, n)]
        metadata = MetaData()
        metadata.reflect(connection, only=empty)
        for made in metadata.sorted_tables:
            if made.name in empty:
                row = {column.name: a_value(column) for column in made.columns}
                connection.execute(made.insert().values(row))


def tables_of(database: Database) -> list[str]:
    return [n for n in inspect(database.engine).get_table_names() if n != "alembic_version"]


def rows_of(connection: Connection, name: str) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(select("*").select_from(table(name)))]


def a_value(column: Column[Any]) -> Any:
    if column.foreign_keys:
        return 1
    kind = column.type
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, JSON):
        return ["ü"]
    if isinstance(kind, DateTime):
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    if isinstance(kind, Date):
        return date(2026, 1, 2)
    if isinstance(kind, LargeBinary):
        return b"b"
    if isinstance(kind, Integer | Numeric | Float):
        return 1
    return "owner" if column.name == "role" else "m"


def known(database: Database, of: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read every row by table and column; of tables and columns that were there, where given."""
    found: dict[str, Any] = {}
    with database.engine.connect() as connection:
        for name in tables_of(database) if of is None else of:
            rows = rows_of(connection, name)
            names = rows[0].keys() if of is None else of[name][0].keys()
            found[name] = [{key: row[key] for key in names} for row in rows]
    return found


def test_processes_that_begin_together_take_turns(empty_url: str) -> None:
    """Each migrates the empty database and then writes: ``up``, a command, several portals."""
    command = [sys.executable, "-c", _BESIDE, empty_url]
    others = [subprocess.Popen([*command, name], cwd=Path.cwd()) for name in ("a", "b")]
    assert [other.wait(timeout=55) for other in others] == [0, 0]
    database = Database(empty_url)
    with database.reading() as session:
        assert len(list_sites(session)) == 20
    database.close()


def test_who_finds_the_default_team_being_made_takes_it(empty_url: str) -> None:
    """Two processes with an empty database, neither of which sees what the other has begun."""
    database = Database(empty_url)
    database.migrate()
    seen: list[int] = []

    def other() -> None:
        with database.writing() as session:
            add_site(session, "two.example", "http://a:1")
            seen.append(ensure_default_team(session).id)

    with database.writing() as session:
        first = ensure_default_team(session)
        thread = Thread(target=other)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive(), "the other waits for this transaction"
    thread.join(timeout=20)
    database.close()
    assert seen == [first.id]


def test_what_a_failed_block_did_is_undone(database: Database) -> None:
    def adds_twice() -> None:
        with database.writing() as session:
            add_site(session, "one.example", "http://a:1")
            add_site(session, "one.example", "http://a:1")

    with pytest.raises(FieldError):
        adds_twice()
    with database.reading() as session:
        assert list_sites(session) == []
