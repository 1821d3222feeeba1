"""The page of API tokens: shown once, scoped, ended by day or by hand."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from portal.models import ApiToken, Role
from tests.portal.conftest import Person, Portal

TYPED = {"name": "Report", "host": "own.example", "scopes": ["sites:read"]}


def made(person: Person, **typed: Any) -> str:
    answer = person.post("/tokens", {**TYPED, **typed})
    assert answer.status_code == 200
    found = re.search(r"<code data-token>(sft_[\w-]+)</code>", answer.text)
    assert found
    return found.group(1)


def status(portal: Portal, token: str, host: str = "own.example") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return portal.somebody().get(f"/api/v2/sites/{host}", headers=headers).status_code


def test_a_token_is_shown_once_and_works(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.VIEWER)
    token = made(person)
    assert status(portal, token) == 200
    again = person.get("/tokens").text
    assert token not in again
    assert "Report" in again
    assert "2026-11-10 15:20 UTC" in again
    with portal.database.reading() as session:
        row = session.scalars(select(ApiToken)).one()
        assert token not in {row.token_hash, row.name}


def test_a_token_ends_with_its_last_day(portal: Portal) -> None:
    portal.site("own.example")
    token = made(portal.user("a@b.c", Role.VIEWER), expires_on="2026-11-10")
    assert status(portal, token) == 200
    portal.clock[0] = datetime(2026, 11, 11, tzinfo=UTC)
    assert status(portal, token) == 401
    assert "ended" in portal.user("a@b.c").get("/tokens").text


def test_a_token_made_by_a_token_ends_with_it(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    scopes = ["sites:read", "sites:write"]
    token = made(person, expires_on="2026-11-10", scopes=scopes)
    answer = person.client.post(
        "/api/v2/sites/own.example/tokens",
        json={"scopes": ["sites:read"]},
        headers={"Authorization": f"Bearer {token}"},
    ).json
    assert answer is not None
    assert status(portal, answer["token"]) == 200
    portal.clock[0] = datetime(2026, 11, 11, tzinfo=UTC)
    assert status(portal, answer["token"]) == 401


def test_a_revoked_token_opens_nothing_and_the_edges_hear_of_it(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    token = made(person, scopes=["sites:read", "events:write"])
    published = len(portal.published)
    assert person.post("/tokens/1/end", {}, form_at="/tokens").status_code == 302
    assert status(portal, token) == 401
    assert len(portal.published) == published + 1


def test_nobody_revokes_or_sees_another_persons_token(portal: Portal) -> None:
    portal.site("own.example")
    token = made(portal.user("a@b.c", Role.VIEWER), name="Theirs")
    other = portal.user("o@b.c", Role.OWNER)
    assert "Theirs" not in other.get("/tokens").text
    assert other.post("/tokens/1/end", {}, form_at="/tokens").status_code == 404
    assert status(portal, token) == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("host", "foreign.example"),
        ("host", "nothing.example"),
        ("scopes", ["everything"]),
        ("scopes", []),
        ("expires_on", "2026-11-09"),
        ("expires_on", "soon"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(portal: Portal, field: str, value: Any) -> None:
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    person = portal.user("a@b.c", Role.VIEWER)
    answer = person.post("/tokens", {**TYPED, field: value})
    assert answer.status_code == 422
    assert 'class="field-error"' in answer.text
    assert "data-token" not in answer.text


def test_a_viewer_makes_no_token_that_writes(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.VIEWER)
    answer = person.post("/tokens", {**TYPED, "scopes": ["sites:write"]})
    assert "has no right to sites:write" in answer.text


def test_a_token_for_events_has_no_last_day(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    typed = {**TYPED, "scopes": ["events:write"], "expires_on": "2027-01-01"}
    assert "Revoke it instead" in person.post("/tokens", typed).text
