"""A team that asks for a second factor: closed to who has none, to their tokens, and to guests."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.commands import CommandError
from portal.models import Guest, Role, User
from portal.sites.payload import sites_payload
from tests.portal.conftest import Person, Portal
from tests.portal.factors import add_app

API = "/api/v2/sites/own.example"


@pytest.fixture
def owner(portal: Portal) -> Person:
    """An owner with a factor, whose team has a site."""
    portal.site("own.example")
    person = portal.user("o@b.c", Role.OWNER)
    add_app(portal, person)
    return person


def ask(person: Person, needed: str = "on") -> str:
    answer = person.post("/teams/1/factor", {"needed": needed}, form_at="/teams/1")
    assert answer.status_code == 302
    return person.get("/teams/1").text


def test_an_owner_without_a_factor_cannot_ask_for_one(portal: Portal) -> None:
    person = portal.user("o@b.c", Role.OWNER)
    assert "of your own first" in ask(person)
    assert person.get("/teams/1").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_who_has_none_is_led_to_set_one_up_whatever_their_role(
    portal: Portal, owner: Person, role: Role
) -> None:
    person = portal.user("a@b.c", role)
    assert person.get("/sites/own.example").status_code == 200
    ask(owner)
    for path in ("/sites/own.example", "/sites/own.example/settings", "/teams/1"):
        assert person.get(path).headers["Location"] == "/account/factors", path
    piece = person.get("/sites/own.example/live", headers={"HX-Request": "true"})
    assert (piece.status_code, piece.headers["HX-Redirect"]) == (401, "/account/factors")
    moved = person.post("/sites/own.example/delete", {"name": "own.example"}, form_at="/teams")
    assert moved.headers["Location"] == "/account/factors"
    for path in ("/", "/teams", "/account/factors"):
        page = person.get(path).text
        assert "asks everybody for a second step" in page, path
        assert 'href="/sites/own.example"' not in page
    assert person.get("/sites/new").status_code == 403
    add_app(portal, person)
    assert person.get("/sites/own.example").status_code == 200
    assert "asks everybody" not in person.get("/").text


def test_tokens_of_who_has_none_wait_and_cannot_be_made(portal: Portal, owner: Person) -> None:
    person = portal.user("a@b.c", Role.EDITOR)
    token = portal.token("a@b.c", "own.example", ("sites:read", "events:write"))
    headers = {"Authorization": f"Bearer {token}"}

    def told_to_edges() -> int:
        with portal.database.reading() as session:
            return len(sites_payload(session)[0]["write_tokens"])

    assert person.client.get(API, headers=headers).status_code == 200
    assert told_to_edges() == 1
    ask(owner)
    answer = person.client.get(API, headers=headers)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["error"]["code"] == "second_factor_needed"
    assert told_to_edges() == 0
    typed = {"name": "x", "host": "own.example", "scopes": ["stats:read"]}
    refused = person.post("/tokens", typed)
    assert refused.status_code == 422
    assert "data-token" not in refused.text
    add_app(portal, person)
    assert person.client.get(API, headers=headers).status_code == 200
    assert told_to_edges() == 1


def test_edges_know_the_tokens_of_guests_who_may_change_the_site(
    portal: Portal, owner: Person
) -> None:
    for name, role in (("editor", Role.EDITOR), ("viewer", Role.VIEWER)):
        portal.user(f"{name}@b.c")
        with portal.database.writing() as session:
            user_id = session.scalar(select(User.id).where(User.email == f"{name}@b.c"))
            session.add(Guest(user_id=user_id, site_id=1, role=role))
    portal.token("editor@b.c", "own.example", ("events:write",))
    with pytest.raises(CommandError):
        portal.token("viewer@b.c", "own.example", ("events:write",))

    def told_to_edges() -> int:
        with portal.database.reading() as session:
            return len(sites_payload(session)[0]["write_tokens"])

    assert told_to_edges() == 1
    with portal.database.writing() as session:
        for guest in session.scalars(select(Guest)):
            guest.role = Role.VIEWER
    assert told_to_edges() == 0


def test_guests_are_asked_too(portal: Portal, owner: Person) -> None:
    person = portal.user("guest@b.c")
    with portal.database.writing() as session:
        user_id = session.scalar(select(User.id).where(User.email == "guest@b.c"))
        session.add(Guest(user_id=user_id, site_id=1, role=Role.VIEWER))
    assert person.get("/sites/own.example").status_code == 200
    ask(owner)
    assert person.get("/sites/own.example").headers["Location"] == "/account/factors"
    assert "asks everybody" in person.get("/").text
    add_app(portal, person)
    assert person.get("/sites/own.example").status_code == 200


def test_who_is_nobody_there_learns_nothing(portal: Portal, owner: Person) -> None:
    ask(owner)
    stranger = portal.user("s@b.c")
    assert stranger.get("/sites/own.example").status_code == 404
    assert stranger.get("/teams/1").status_code == 404
    assert "asks everybody" not in stranger.get("/").text


def test_it_is_asked_for_no_longer(portal: Portal, owner: Person) -> None:
    person = portal.user("a@b.c", Role.VIEWER)
    ask(owner)
    ask(owner, "off")
    assert person.get("/sites/own.example").status_code == 200


def test_an_admin_does_not_decide_it(portal: Portal, owner: Person) -> None:
    person = portal.user("a@b.c", Role.ADMIN)
    add_app(portal, person)
    answer = person.post("/teams/1/factor", {"needed": "on"}, form_at="/teams/1")
    assert answer.status_code == 403


def test_who_takes_the_last_factor_away_waits_again(portal: Portal, owner: Person) -> None:
    ask(owner)
    owner.post("/account/factors/app/remove", {}, form_at="/account/factors")
    assert owner.get("/sites/own.example").headers["Location"] == "/account/factors"


def test_members_without_one_are_told_by_mail(make_portal: Callable[..., Portal]) -> None:
    sent: list[Any] = []
    portal = make_portal(send_mail=sent.append, public_url="http://portal.example")
    portal.site("own.example")
    owner = portal.user("o@b.c", Role.OWNER)
    add_app(portal, owner)
    portal.user("a@b.c", Role.VIEWER)
    portal.surroundings.background.join()
    assert [(mail.to, "code app was added" in mail.text) for mail in sent] == [("o@b.c", True)]
    ask(owner)
    portal.surroundings.background.join()
    assert [mail.to for mail in sent[1:]] == ["a@b.c"]
    assert "asks for a second step" in sent[1].subject
