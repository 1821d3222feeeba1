"""Invitations: who comes in, as what, and with which link."""

import re

import pytest

from portal.models import Role
from tests.portal.conftest import PASSWORD, Person, Portal

LINK = re.compile(r'value="[^"]*(/invitations/[^"]+)"')


def invite(owner: Person, email: str, role: str = "viewer", place: str = "", team: int = 1) -> str:
    path = f"/teams/{team}"
    typed = {"email": email, "role": role, "place": place}
    answer = owner.post(f"{path}/invitations", typed, form_at=path)
    found = LINK.search(answer.text)
    return found.group(1) if found else ""


def test_without_mail_the_inviter_gets_a_link_that_works_once(portal: Portal) -> None:
    portal.site("one.example")
    owner = portal.user("a@b.c", Role.OWNER)
    typed = {"email": "new@b.c", "role": "editor", "place": ""}
    answer = owner.post("/teams/1/invitations", typed, form_at="/teams/1")
    assert "Open invitations" in answer.text
    assert LINK.search(owner.get("/teams/1").text) is None
    found = LINK.search(answer.text)
    assert found
    link = found.group(1)
    newcomer = portal.somebody()
    assert "new@b.c" in newcomer.get(link).text
    weak = newcomer.post(link, {"password": "password123"})
    assert weak.status_code == 422
    assert newcomer.post(link, {"password": PASSWORD}).status_code == 302
    assert newcomer.get("/sites/one.example/settings").status_code == 200
    assert portal.somebody().get(link).status_code == 404
    assert portal.somebody().sign_in("new@b.c").status_code == 302


def test_a_link_is_too_old_after_seven_days(portal: Portal) -> None:
    link = invite(portal.user("a@b.c", Role.OWNER), "new@b.c")
    portal.later(days=7, seconds=1)
    assert portal.somebody().get(link).status_code == 404
    assert portal.somebody().post(link, {"password": PASSWORD}, form_at="/login").status_code == 404


def test_a_link_made_again_voids_the_first_and_withdrawing_voids_it(portal: Portal) -> None:
    owner = portal.user("a@b.c", Role.OWNER)
    first, second = invite(owner, "new@b.c"), invite(owner, "NEW@b.c ")
    assert portal.somebody().get(first).status_code == 404
    assert portal.somebody().get(second).status_code == 200
    found = re.search(r"/teams/1/invitations/\d+/withdraw", owner.get("/teams/1").text)
    assert found
    owner.post(found.group(0), {}, form_at="/teams/1")
    assert portal.somebody().get(second).status_code == 404


def test_who_has_an_account_joins_signed_in_and_nobody_else_can(portal: Portal) -> None:
    owner = portal.user("a@b.c", Role.OWNER)
    portal.site("one.example")
    known, other = portal.user("known@b.c"), portal.user("other@b.c")
    link = invite(owner, "known@b.c")
    assert other.get(link).status_code == 403
    assert other.post(link, {}, form_at="/").status_code == 403
    squatter = portal.somebody().post(link, {"password": PASSWORD})
    assert squatter.status_code == 422
    assert known.get("/sites/one.example").status_code == 404
    assert known.post(link, {}).status_code == 302
    assert known.get("/sites/one.example").status_code == 200


def test_an_invitation_never_takes_a_role_away(portal: Portal) -> None:
    owner = portal.user("a@b.c", Role.OWNER)
    editor = portal.user("e@b.c", Role.EDITOR)
    link = invite(owner, "e@b.c", "viewer")
    editor.post(link, {})
    portal.site("one.example")
    assert editor.get("/sites/one.example/settings").status_code == 200


def test_a_guest_is_invited_to_one_site(portal: Portal) -> None:
    number = portal.site("one.example")
    portal.site("two.example")
    owner = portal.user("a@b.c", Role.OWNER)
    link = invite(owner, "guest@b.c", "viewer", str(number))
    guest = portal.somebody()
    guest.post(link, {"password": PASSWORD})
    assert guest.get("/sites/one.example").status_code == 200
    assert guest.get("/sites/two.example").status_code == 404
    assert "guest@b.c" in owner.get("/teams/1").text


@pytest.mark.parametrize(
    ("email", "role", "place"),
    [("nobody", "viewer", ""), ("n@b.c", "king", ""), ("n@b.c", "viewer", "99"),
     ("n@b.c", "admin", "1"), ("n@b.c", "viewer", "x")],
)  # fmt: skip
def test_what_cannot_be_is_said_at_the_field(
    portal: Portal, email: str, role: str, place: str
) -> None:
    portal.site("one.example")
    owner = portal.user("a@b.c", Role.OWNER)
    typed = {"email": email, "role": role, "place": place}
    answer = owner.post("/teams/1/invitations", typed, form_at="/teams/1")
    assert answer.status_code == 422
    assert "field-error" in answer.text


def test_a_site_of_another_team_cannot_be_shown_to_a_guest(portal: Portal) -> None:
    foreign = portal.site("foreign.example", team="Others")
    owner = portal.user("a@b.c", Role.OWNER)
    assert invite(owner, "n@b.c", "viewer", str(foreign)) == ""


def test_an_admin_invites_no_owner(portal: Portal) -> None:
    admin = portal.user("a@b.c", Role.ADMIN)
    typed = {"email": "n@b.c", "role": "owner", "place": ""}
    assert admin.post("/teams/1/invitations", typed, form_at="/teams/1").status_code == 403
