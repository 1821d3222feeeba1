"""A portal that only shows: everything can be read, nothing is written, and changes are refused."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from portal.database import Database, ReadOnlyError
from portal.models import ApiToken, Role, Site, UserSession
from statflow.accounts import open_to_read
from statflow.paths import Paths
from statflow.settings import Settings, SettingsError, read_settings
from tests.portal.conftest import NOW, Portal, new_portal


@pytest.fixture
def main(portal: Portal) -> Portal:
    portal.site("own.example")
    with portal.database.writing() as session:
        session.scalars(select(Site)).one().public = True
    return portal


@pytest.fixture
def shows(main: Portal) -> Iterator[Portal]:
    beside = new_portal(main.url, read_only=True)
    beside.clock[0] = NOW.replace(hour=23)  # Long after people were seen and tokens used.
    yield beside
    beside.database.close()


def test_who_is_signed_in_at_the_main_portal_reads_here(main: Portal, shows: Portal) -> None:
    person = main.user("a@b.c", Role.OWNER)
    client = shows.app.test_client()
    for cookie in person.client._cookies.values():
        client.set_cookie(cookie.key, cookie.value)
    for path in ("/sites", "/sites/own.example", "/sites/own.example/settings", "/teams/1"):
        assert client.get(path).status_code == 200, path
    with main.database.reading() as session:
        assert session.scalars(select(UserSession.seen_at)).all() == [NOW]


def test_tokens_and_public_pages_read_and_note_no_use(main: Portal, shows: Portal) -> None:
    main.user("a@b.c", Role.OWNER)
    headers = {"Authorization": f"Bearer {main.token('a@b.c', 'own.example', ('sites:read',))}"}
    client = shows.app.test_client()
    assert client.get("/api/v2/sites/own.example", headers=headers).status_code == 200
    assert client.get("/public/own.example").status_code == 200
    with main.database.reading() as session:
        assert session.scalars(select(ApiToken.last_used_at)).all() == [None]


def test_a_question_is_no_change(main: Portal, shows: Portal) -> None:
    main.user("a@b.c", Role.OWNER)
    headers = {"Authorization": f"Bearer {main.token('a@b.c', 'own.example')}"}
    question = {"site_id": "own.example", "metrics": ["visitors"], "date_range": "7d"}
    answer = shows.app.test_client().post("/api/v2/query", json=question, headers=headers)
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["error"]["code"] == "store_unavailable", "the store of this test is away"


def test_changes_are_refused_in_words(main: Portal, shows: Portal) -> None:
    main.user("a@b.c", Role.OWNER)
    headers = {"Authorization": f"Bearer {main.token('a@b.c', 'own.example', ('sites:admin',))}"}
    client = shows.app.test_client()
    answer = client.delete("/api/v2/sites/own.example", headers=headers)
    assert (answer.status_code, answer.json and answer.json["error"]["code"]) == (503, "read_only")
    page = shows.somebody().sign_in("a@b.c")
    assert page.status_code == 503
    assert "only shows" in page.text
    assert shows.somebody().post("/theme", {"theme": "dark"}, form_at="/login").status_code == 302
    with main.database.reading() as session:
        assert session.scalars(select(Site.host)).all() == ["own.example"]


def test_the_database_itself_takes_nothing(main: Portal) -> None:
    database = Database(main.url, read_only=True)
    with pytest.raises(ReadOnlyError), database.writing():
        pass
    with database.reading() as session, pytest.raises(DBAPIError):
        session.execute(text("update sites set host = 'other.example'"))
    database.close()


def test_tables_of_another_release_are_a_sentence(empty_url: str, main: Portal) -> None:
    def settings(url: str) -> Settings:
        return read_settings({"STATFLOW_DATABASE_URL": url, "STATFLOW_READ_ONLY": "1"})

    read = settings(main.url)
    with open_to_read(read, Paths(read.data_dir)) as database:
        assert database.ping()
    old = settings(empty_url)
    with (
        pytest.raises(SettingsError, match="revision none"),
        open_to_read(old, Paths(old.data_dir)),
    ):
        pass
