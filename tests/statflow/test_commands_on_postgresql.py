"""Every command that touches accounts, with accounts in PostgreSQL."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.database import Database
from portal.models import Base
from tests.statflow.test_cli import data, printed, run
from tests.support.postgres_server import PostgresServer

__all__ = ["data"]

SECRET = {"STATFLOW_PASSWORD": "correct horse battery staple"}


@pytest.fixture
def url(postgres: PostgresServer, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = postgres.create()
    monkeypatch.setenv("STATFLOW_DATABASE_URL", url)
    yield url
    postgres.drop(url)


def test_commands_keep_accounts_there(data: Path, url: str) -> None:
    added = printed(run(data, "site", "add", "A.Example", "--upstream", "http://127.0.0.1:1"))
    again = run(data, "site", "add", "a.example", "--upstream", "http://127.0.0.1:1")
    assert again.exit_code == 1
    assert "belongs to a site already" in again.stderr
    assert printed(run(data, "site", "set", "a.example", "mode=canary", "modules=clicks"))[
        "modules"
    ] == ["clicks"]
    assert json.loads(run(data, "site", "list", "--json").stdout)[0]["id"] == added["id"]
    assert printed(run(data, "user", "add", "o@a.example", "--admin", **SECRET))["admin"] is True
    token = printed(run(data, "token", "create", "o@a.example", "--site", "a.example"))["token"]
    assert token.startswith("sft_")
    assert "/reset/" in run(data, "user", "reset", "o@a.example").stdout
    assert printed(run(data, "injection", "off")) == {"injection": False}
    assert "the accounts database answers" in run(data, "doctor").stdout
    assert not (data / "accounts.sqlite3").exists()
    database = Database(url)
    with database.engine.connect() as connection:
        counted = {
            name: connection.exec_driver_sql(f"select count(*) from {name}").scalar()
            for name in Base.metadata.tables
        }
    database.close()
    assert counted["users"] == counted["sites"] == counted["api_tokens"] == 1
    assert (counted["audit_entries"] or 0) > 4


def test_a_database_that_is_away_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATFLOW_DATABASE_URL", "postgresql+psycopg://x:secret@127.0.0.1:1/none")
    said = run(data, "site", "list")
    assert said.exit_code == 1
    assert said.stderr.startswith("statflow: ")
    assert "secret" not in said.output
    assert "Traceback" not in said.output
