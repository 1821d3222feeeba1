"""A certificate: what it states, and that a changed or foreign one is found out."""

import json
from datetime import timedelta

import pytest

from portal.commands import add_site
from portal.data.certificates import (
    Carried,
    CertificateError,
    Signer,
    as_file,
    check_file,
    render_statement,
)
from portal.data.requests import Chosen, ask_erasure, note_done
from portal.database import Database
from portal.models import ErasureRequest, Role
from tests.portal.conftest import NOW, Person, Portal

SIGNER = Signer("only for tests")
CARRIED = Carried(
    NOW + timedelta(seconds=3), {"events": 5, "sessions": 2, "rollups": 7}, {"events": 0, "hits": 0}
)


def a_certificate(database: Database, carried: Carried = CARRIED) -> str:
    with database.writing() as session:
        site = add_site(session, "cert.example", "http://a:1")
        asked = ask_erasure(session, site, Chosen(path="/a", visitor=7), NOW, reason="They asked")
        text = render_statement(asked, carried, "Statflow 1", SIGNER.public_key)
        note_done(session, asked.key, carried.done_at, text, SIGNER.sign(text))
        return asked.key


def the_file(database: Database, key: str) -> dict[str, str]:
    with database.reading() as session:
        return as_file(session.get_one(ErasureRequest, key))


def test_it_states_what_when_and_how_much(database: Database) -> None:
    key = a_certificate(database)
    stated = check_file(json.dumps(the_file(database, key)).encode(), SIGNER.public_key)
    assert stated["certificate"] == key
    assert stated["site"]["host"] == "cert.example"
    assert stated["conditions"] == {"path": "/a", "visitor": "not kept"}
    assert stated["tables"] == {
        "events": {"erased": 5, "left": 0},
        "sessions": {"erased": 2, "left": None},
        "hits": {"erased": 0, "left": 0},
        "rollups": {"erased": 7, "left": None},
    }
    assert (stated["asked_at"], stated["carried_out_at"]) == (
        "2026-11-10T15:20:00.000Z",
        "2026-11-10T15:20:03.000Z",
    )
    assert stated["complete"] is True


def test_what_is_left_is_not_complete(database: Database) -> None:
    key = a_certificate(database, Carried(NOW, {"events": 5}, {"events": 1}))
    assert json.loads(the_file(database, key)["statement"])["complete"] is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f | {"statement": f["statement"].replace(":5", ":6")}, "text was changed"),
        (lambda f: f | {"signature": SIGNER.sign("other")}, "text was changed"),
        (lambda _: {"statement": "{}"}, "no certificate"),
        (lambda f: [f], "no certificate"),
    ],
)
def test_a_changed_one_is_found_out(database: Database, change: object, words: str) -> None:
    file = change(the_file(database, a_certificate(database)))  # type: ignore[operator]
    with pytest.raises(CertificateError, match=words):
        check_file(json.dumps(file).encode(), SIGNER.public_key)


def test_one_of_another_installation_is_told_apart(database: Database) -> None:
    file = json.dumps(the_file(database, a_certificate(database))).encode()
    with pytest.raises(CertificateError, match="another key signed it"):
        check_file(file, Signer("somebody else's").public_key)


def open_page(person: Person, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_the_page_the_file_and_the_lists(portal: Portal) -> None:
    key = a_certificate(portal.database)
    owner, viewer = portal.user("o@b.c", Role.OWNER), portal.user("v@b.c", Role.VIEWER)
    admin = portal.user("admin@b.c", admin=True)
    page = open_page(owner, f"/teams/1/erasures/{key}")
    assert 'data-erased="events" data-value="5"' in page
    assert 'data-left="events" data-value="0"' in page
    assert "They asked" in page
    assert key in open_page(owner, "/teams/1/erasures")
    file = owner.get(f"/teams/1/erasures/{key}.json")
    assert "attachment" in file.headers["Content-Disposition"]
    assert check_file(file.data, SIGNER.public_key)["certificate"] == key
    assert viewer.get(f"/teams/1/erasures/{key}").status_code == 403
    assert admin.get(f"/teams/1/erasures/{key}").status_code == 404
    assert 'data-erased="events"' in open_page(admin, f"/admin/erasures/{key}")
    assert key in open_page(admin, "/admin/erasures")


def test_one_that_is_not_done_says_so_and_has_no_file(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("o@b.c", Role.OWNER)
    answer = person.post("/sites/own.example/delete", {"name": "own.example"}, form_at="/sites/new")
    assert answer.location.startswith("/teams/1/erasures/")
    assert "not done yet" in open_page(person, answer.location)
    assert person.get(f"{answer.location}.json").status_code == 404
