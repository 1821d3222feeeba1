"""Transactions and migrations."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from portal.commands import add_site, list_sites
from portal.database import Database
from portal.models import Base
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
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_migrations_go_down_and_up_again(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.sqlite'}")
    database.migrate()
    database.migrate()
    database.migrate("base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    database.migrate()
    assert "sites" in inspect(database.engine).get_table_names()
    assert database.ping()
    database.close()


def test_processes_write_beside_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    command = [sys.executable, "-c", _BESIDE, url]
    others = [subprocess.Popen([*command, name], cwd=Path.cwd()) for name in ("a", "b")]
    assert [other.wait(timeout=40) for other in others] == [0, 0]
    database = Database(url)
    with database.reading() as session:
        assert len(list_sites(session)) == 20
    database.close()


def test_what_a_failed_block_did_is_undone(database: Database) -> None:
    def adds_twice() -> None:
        with database.writing() as session:
            add_site(session, "one.example", "http://a:1")
            add_site(session, "one.example", "http://a:1")

    with pytest.raises(FieldError):
        adds_twice()
    with database.reading() as session:
        assert list_sites(session) == []
