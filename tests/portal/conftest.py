"""A portal on a real database, people in it, and where numbers count the real store."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.accounts import passwords
from portal.app import PortalConfig, create_app
from portal.commands import add_site, create_token
from portal.config import Surroundings
from portal.database import Database
from portal.models import Membership, Role, Team, User
from portal.sites.payload import Publication
from store.client import Store, StoreUnavailable
from store.migrate import migrate
from tests.support.store_process import running_store

NOW = datetime(2026, 11, 10, 15, 20, tzinfo=UTC)
PASSWORD = "correct horse"
_TOKEN = re.compile(r'name="csrf_token"\s+value="([^"]+)"')


class AwayStore:
    """A store that does not answer: all that is not a number must work all the same."""

    cluster = ""

    def query(self, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise StoreUnavailable("away")

    def ping(self) -> bool:
        return False


class Person:
    """A browser without scripts: follows forms with their CSRF token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str, data: dict[str, Any], *, form_at: str = "") -> TestResponse:
        found = _TOKEN.search(self.client.get(form_at or path).text)
        token = found.group(1) if found else ""
        return self.client.post(path, data={"csrf_token": token, **data})

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/login", {"email": email, "password": password})


@dataclass
class Portal:
    """One portal and what it published."""

    url: str
    app: Flask
    published: list[Publication] = field(default_factory=list)
    clock: list[datetime] = field(default_factory=lambda: [NOW])

    @property
    def surroundings(self) -> Surroundings:
        found: Surroundings = self.app.extensions["statflow"]
        return found

    @property
    def database(self) -> Database:
        return self.surroundings.database

    def somebody(self) -> Person:
        return Person(self.app.test_client())

    def user(
        self,
        email: str,
        role: Role | None = None,
        team: str = "Default",
        *,
        admin: bool = False,
    ) -> Person:
        """Somebody with an account, and perhaps a role in a team, signed in."""
        with self.database.writing() as session:
            user = session.scalar(select(User).where(User.email == email))
            if user is None:
                user = User(
                    email=email,
                    password_hash=_HASHED,
                    is_admin=admin,
                    session_key=f"key-of-{email}",
                    created_at=NOW,
                )
                session.add(user)
            if role is not None:
                user.memberships.append(Membership(team=self._team(session, team), role=role))
        person = self.somebody()
        assert person.sign_in(email).status_code == 302
        return person

    def _team(self, session: Any, name: str) -> Team:
        found = session.scalar(select(Team).where(Team.name == name))
        return found or Team(name=name, created_at=NOW)

    def site(self, host: str, team: str = "Default", **options: Any) -> int:
        with self.database.writing() as session:
            if team != "Default":
                session.add(self._team(session, team))
                session.flush()
            return add_site(session, host, "http://10.0.0.5:3000", team=team, **options).id

    def token(self, email: str, host: str, scopes: tuple[str, ...] = ("stats:read",)) -> str:
        with self.database.writing() as session:
            return create_token(session, email, host, scopes)

    def later(self, **by: float) -> None:
        self.clock[0] += timedelta(**by)


# The hash that people's passwords get is slow on purpose; these tests sign in hundreds of times.
passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64)
_HASHED = passwords.hash_password(PASSWORD)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def new_portal(database_url: str, store: Any = None, **options: Any) -> Portal:
    """Make a portal on a migrated database; its store is away unless one is given."""
    portal = Portal(url=database_url, app=Flask("placeholder"))
    config = PortalConfig(
        database_url=database_url,
        secret_key="only for tests",
        store=cast("Store", store or AwayStore()),
        now=lambda: portal.clock[0],
        **{"publish": portal.published.append, "answers_fresh_s": 0.0, **options},
    )
    portal.app = create_app(config)
    return portal


@pytest.fixture
def make_portal(database_url: str) -> Iterator[Callable[..., Portal]]:
    made: list[Portal] = []

    def make(store: Any = None, **options: Any) -> Portal:
        made.append(new_portal(database_url, store, **options))
        return made[-1]

    yield make
    for portal in made:
        portal.database.close()


@pytest.fixture
def portal(make_portal: Callable[..., Portal]) -> Portal:
    """A portal whose store is away."""
    return make_portal()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        store = Store(process.url)
        migrate(store)
        yield store
        store.close()
