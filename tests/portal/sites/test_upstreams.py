"""Whose word an upstream is: the operator's, or that of somebody who must not point inside."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.commands import site_named
from portal.models import Role, Site
from portal.sites.payload import site_payload
from portal.sites.switches import change_site
from statflow.upstream_problem import UpstreamProblem
from tests.portal.conftest import Portal

INNER = "http://10.0.0.5:3000"
PUBLIC = "https://pages.example"
FORM = {"timezone": "UTC", "mode": "on", "aliases": ""}
NEW = {"host": "new.example", "timezone": "UTC"}


@pytest.fixture
def strict(make_portal: Callable[..., Portal]) -> Portal:
    portal = make_portal(
        upstream_problem=UpstreamProblem(""), own_hosts=frozenset({"edge.example"})
    )
    portal.site("own.example")
    return portal


def kept(portal: Portal, host: str = "own.example") -> dict[str, Any]:
    with portal.database.reading() as session:
        return site_payload(session.scalars(select(Site).where(Site.host == host)).one())


def save(portal: Portal, person: Any, upstreams: str) -> int:
    data = FORM | {"upstreams": upstreams}
    return int(person.post("/sites/own.example/settings", data).status_code)


def test_a_command_is_the_operators_word(strict: Portal) -> None:
    assert kept(strict)["upstreams"] == [INNER]
    assert kept(strict)["guarded_upstreams"] == []


@pytest.mark.parametrize("path", ["/sites/new", "/sites/own.example/settings"])
def test_a_member_points_at_no_inner_address(strict: Portal, path: str) -> None:
    person = strict.user("a@b.c", Role.OWNER)
    inner = "http://169.254.169.254"
    answer = person.post(path, {**FORM, **NEW, "upstream": inner, "upstreams": inner})
    assert answer.status_code == 422
    assert "is not a public address" in answer.text
    assert kept(strict)["upstreams"] == [INNER]


def test_what_a_member_types_is_guarded_and_what_was_there_is_not(strict: Portal) -> None:
    person = strict.user("a@b.c", Role.EDITOR)
    assert save(strict, person, f"{INNER}\n{PUBLIC}") == 302
    found = kept(strict)
    assert found["upstreams"] == [INNER, PUBLIC]
    assert found["guarded_upstreams"] == [PUBLIC]
    assert strict.published[-1].sites[0]["guarded_upstreams"] == [PUBLIC]
    # Given up, the inner one is not to be had again.
    assert save(strict, person, PUBLIC) == 302
    assert save(strict, person, INNER) == 422


def test_an_added_site_is_guarded(strict: Portal) -> None:
    person = strict.user("a@b.c", Role.OWNER)
    assert person.post("/sites/new", NEW | {"upstream": PUBLIC}).status_code == 302
    assert kept(strict, "new.example")["guarded_upstreams"] == [PUBLIC]


def test_an_administrator_speaks_for_the_operator_of_what_is_new_only(strict: Portal) -> None:
    member = strict.user("a@b.c", Role.OWNER)
    save(strict, member, PUBLIC)
    person = strict.user("admin@b.c", Role.OWNER, admin=True)
    assert save(strict, person, f"{PUBLIC}\n{INNER}") == 302
    assert kept(strict)["guarded_upstreams"] == [PUBLIC]


def test_a_command_lifts_the_guard(strict: Portal) -> None:
    save(strict, strict.user("a@b.c", Role.OWNER), PUBLIC)
    with strict.database.writing() as session:
        change_site(session, site_named(session, "own.example"), {"upstreams": PUBLIC})
    assert kept(strict)["guarded_upstreams"] == []


def test_nobody_gives_a_site_a_name_of_the_installation(strict: Portal) -> None:
    """Else a member could answer for the edge's own host, whose script other sites' pages load."""
    person = strict.user("a@b.c", Role.OWNER)
    answer = person.post("/sites/new", NEW | {"host": "Edge.example.", "upstream": PUBLIC})
    assert answer.status_code == 422
    assert "a name of this installation" in answer.text
    data = FORM | {"upstreams": INNER, "aliases": "edge.example"}
    assert person.post("/sites/own.example/settings", data).status_code == 422
