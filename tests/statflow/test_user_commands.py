"""A person's factors from the command line: listed, and taken away for a lost phone."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.database import Database
from portal.models import AuditEntry, CodeApp, Identity, Passkey, RecoveryCode, User, UserSession
from statflow.role_portal import _single_sign_on
from statflow.settings import SettingsError, read_settings
from tests.statflow.test_cli import data, run

__all__ = ["data"]

NOW = datetime(2026, 11, 10, tzinfo=UTC)
SSO = {
    "STATFLOW_PUBLIC_URL": "https://stats.example",
    "STATFLOW_OIDC_ISSUER": "https://door.example",
    "STATFLOW_OIDC_CLIENT_ID": "statflow",
}


@pytest.fixture
def accounts(data: Path) -> Database:
    """The accounts of somebody with every kind of factor."""
    added = run(data, "user", "add", "a@b.c", STATFLOW_PASSWORD="correct horse battery")
    assert added.exit_code == 0, added.output
    (file,) = data.glob("**/*.sqlite*")
    database = Database(f"sqlite:///{file}")
    with database.writing() as session:
        user = session.scalars(select(User)).one()
        session.add(UserSession(user_id=1, key_hash="h", device="x", created_at=NOW, seen_at=NOW))
        session.add(Identity(user_id=1, issuer=SSO["STATFLOW_OIDC_ISSUER"], subject="1",
                             email="a@b.c", created_at=NOW))  # fmt: skip
        session.add(RecoveryCode(user_id=1, code_hash="h", created_at=NOW))
        user.code_app = CodeApp(sealed_secret="s", created_at=NOW)
        user.passkeys = [Passkey(name="Laptop", credential_id="A", public_key="A", user_handle="A",
                                 transports=[], created_at=NOW)]  # fmt: skip
    return database


def test_factors_are_listed_and_taken_away(data: Path, accounts: Database) -> None:
    listed = run(data, "user", "factors", "A@b.c")
    assert listed.exit_code == 0, listed.output
    for word in ("code app", "passkey", "Laptop", "https://door.example", "1 left"):
        assert word in listed.stdout
    removed = json.loads(run(data, "user", "factors", "a@b.c", "--remove", "--json").stdout)
    assert removed["removed"] == 2
    assert [row["kind"] for row in removed["factors"]] == ["single sign-on"]
    with accounts.reading() as session:
        assert session.scalars(select(RecoveryCode)).all() == []
        assert session.scalars(select(UserSession)).all() == []
        kinds = session.scalars(select(AuditEntry.kind).where(AuditEntry.act == "removed")).all()
        assert {"code_apps", "passkeys"} <= set(kinds)
    accounts.close()


def test_who_is_not_there_is_told_in_one_sentence(data: Path) -> None:
    for command in (("factors", "x@y.z"), ("confirm", "x@y.z")):
        refused = run(data, "user", *command)
        assert refused.exit_code == 1
        assert "There is no account for x@y.z." in refused.stderr


def test_an_address_is_confirmed(data: Path, accounts: Database) -> None:
    assert run(data, "user", "confirm", "a@b.c").exit_code == 0
    with accounts.reading() as session:
        assert session.scalars(select(User)).one().confirmed_at is not None
    accounts.close()


def test_groups_stand_for_roles() -> None:
    roles = "staff=Default:viewer, cn=web,ou=x=A: B:admin"
    with pytest.raises(SettingsError, match="group=team:role"):
        read_settings({**SSO, "STATFLOW_OIDC_ROLES": roles})
    found = _single_sign_on(read_settings({**SSO, "STATFLOW_OIDC_ROLES": "a=b=A: B:admin"}))
    assert found
    assert [(row.group, row.team, row.role.value) for row in found.roles] == [
        ("a=b", "A: B", "admin")
    ]
    assert not found.only


@pytest.mark.parametrize("left_out", SSO)
def test_half_a_provider_is_an_error_at_start(left_out: str) -> None:
    environ = {name: value for name, value in SSO.items() if name != left_out}
    with pytest.raises(SettingsError, match=left_out):
        _single_sign_on(read_settings({**environ, "STATFLOW_OIDC_ONLY": "1"}))


@pytest.mark.parametrize("value", ["http://door.example", "door.example", "ftp://x"])
def test_an_issuer_is_reached_by_https(value: str) -> None:
    with pytest.raises(SettingsError, match="https"):
        read_settings({**SSO, "STATFLOW_OIDC_ISSUER": value})


def test_without_a_provider_there_is_none() -> None:
    assert _single_sign_on(read_settings({})) is None
