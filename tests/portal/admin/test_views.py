"""Pages of administrators: who gets in, what is found, what can be done to an account."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.admin.operations import Health, Operations, Queue, Queues, SettingShown
from portal.commands import create_token, find_token
from portal.models import AuditEntry, Role, Setting, User
from tests.portal.conftest import Person, Portal

PAGES = ("", "/health", "/queues", "/settings", "/people", "/teams", "/sites")


def number(portal: Portal, email: str) -> int:
    with portal.database.reading() as session:
        return session.scalars(select(User.id).where(User.email == email)).one()


def act(person: Person, path: str, **fields: str) -> Any:
    return person.post(f"/admin{path}", fields, form_at="/admin")


@pytest.fixture
def root(portal: Portal) -> Person:
    return portal.user("root@b.c", Role.OWNER, admin=True)


@pytest.mark.parametrize("page", PAGES)
def test_only_administrators_get_in(portal: Portal, root: Person, page: str) -> None:
    owner = portal.user("owner@b.c", Role.OWNER)
    assert owner.get(f"/admin{page}").status_code == 403
    assert portal.somebody().get(f"/admin{page}").status_code == 302
    assert root.get(f"/admin{page}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/people/1/lock", "/people/1/make-administrator", "/people/1/sign-out", "/banner"]
)
def test_nobody_else_changes_anything(portal: Portal, root: Person, path: str) -> None:
    owner = portal.user("owner@b.c", Role.OWNER)
    answer = owner.post(f"/admin{path}", {"text": "x"}, form_at="/teams")
    assert answer.status_code == 403


def test_people_are_found_by_a_part_of_their_address(portal: Portal, root: Person) -> None:
    portal.user("ada@example.org", Role.VIEWER)
    portal.user("bob_1@example.org")
    assert "ada@example.org" in root.get("/admin/people").text
    found = root.get("/admin/people?q=ADA").text
    assert "ada@example.org" in found
    assert "bob_1" not in found
    assert "ada@" not in root.get("/admin/people?q=bob_").text
    assert "ada@" not in root.get("/admin/people?q=%25").text
    assert "Nothing has this in its name." in root.get("/admin/people?q=zzz").text


def test_long_lists_come_in_pages(portal: Portal, root: Person) -> None:
    with portal.database.writing() as session:
        session.add_all(
            User(
                email=f"p{i:03}@b.c", password_hash="-", session_key="-", created_at=portal.clock[0]
            )
            for i in range(120)
        )
    first, second = root.get("/admin/people").text, root.get("/admin/people?page=1").text
    assert "p000@b.c" in first
    assert "p060@b.c" not in first
    assert "p060@b.c" in second
    assert 'href="/admin/people?page=2"' in second
    assert "Next" not in root.get("/admin/people?page=2").text
    assert root.get("/admin/people?page=9999999999").status_code == 200


def test_teams_and_sites_are_listed_without_numbers(portal: Portal, root: Person) -> None:
    portal.site("blue.example", team="Blue")
    teams = root.get("/admin/teams?q=blu").text
    assert "Blue" in teams
    assert "Default" not in teams
    sites = root.get("/admin/sites?q=Blue").text
    assert "blue.example" in sites
    assert "http://10.0.0.5:3000" in sites
    # It is not theirs: they see that it is there, and cannot open it.
    assert "/sites/blue.example" not in sites
    assert root.get("/sites/blue.example").status_code == 404


def test_a_locked_account_is_signed_out_and_stays_out(portal: Portal, root: Person) -> None:
    site_id = portal.site("own.example")
    ada = portal.user("ada@b.c", Role.EDITOR)
    with portal.database.writing() as session:
        token = create_token(session, "ada@b.c", "own.example", ["stats:read", "events:write"])
    assert ada.get("/sites").status_code == 200
    act(root, f"/people/{number(portal, 'ada@b.c')}/lock")
    assert ada.get("/sites").status_code == 302
    again = ada.sign_in("ada@b.c")
    assert again.status_code == 403
    assert "An administrator has locked this account." in again.text
    assert ada.sign_in("ada@b.c", "wrong").status_code == 401
    with portal.database.reading() as session:
        assert find_token(session, token) is None
    told = next(site for site in portal.published[-1].sites if site["id"] == site_id)
    assert told["write_tokens"] == []
    act(root, f"/people/{number(portal, 'ada@b.c')}/unlock")
    assert ada.sign_in("ada@b.c").status_code == 302
    assert len(portal.published[-1].sites[0]["write_tokens"]) == 1


def test_an_administrator_is_made_and_unmade(portal: Portal, root: Person) -> None:
    ada = portal.user("ada@b.c", Role.VIEWER)
    path = f"/people/{number(portal, 'ada@b.c')}"
    act(root, f"{path}/make-administrator")
    assert ada.get("/admin").status_code == 200
    act(root, f"{path}/unmake-administrator")
    assert ada.get("/admin").status_code == 403
    with portal.database.reading() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last is not None
        assert (last.who, last.subject, last.after) == ("root@b.c", "ada@b.c", {"is_admin": False})


def test_who_makes_administrators_shows_again_who_they_are(portal: Portal, root: Person) -> None:
    ada = portal.user("ada@b.c")
    portal.later(minutes=16)
    answer = act(root, f"/people/{number(portal, 'ada@b.c')}/make-administrator")
    assert answer.headers["Location"].startswith("/account/again")
    assert ada.get("/admin").status_code == 403


def test_a_locked_account_is_made_no_administrator(portal: Portal, root: Person) -> None:
    portal.user("ada@b.c")
    path = f"/people/{number(portal, 'ada@b.c')}"
    act(root, f"{path}/lock")
    act(root, f"{path}/make-administrator")
    assert "unlock the account first" in root.get("/admin/people").text


@pytest.mark.parametrize("path", ["lock", "unmake-administrator", "sign-out"])
def test_nobody_locks_themselves_out(portal: Portal, root: Person, path: str) -> None:
    act(root, f"/people/{number(portal, 'root@b.c')}/{path}")
    page = root.get("/admin/people")
    assert page.status_code == 200
    assert "nobody does this to their own account" in page.text


def test_somebody_is_signed_out_everywhere(portal: Portal, root: Person) -> None:
    ada = portal.user("ada@b.c", Role.VIEWER)
    act(root, f"/people/{number(portal, 'ada@b.c')}/sign-out")
    assert ada.get("/sites").status_code == 302
    assert ada.sign_in("ada@b.c").status_code == 302


def test_an_account_that_is_gone_is_said(portal: Portal, root: Person) -> None:
    act(root, "/people/999/lock")
    assert "There is no such account any more." in root.get("/admin/people").text


def test_the_banner_is_read_by_whoever_is_signed_in(portal: Portal, root: Person) -> None:
    ada = portal.user("ada@b.c", Role.VIEWER)
    act(root, "/banner", text="  Back at <nine> ", level="warn")
    assert "Back at &lt;nine&gt;" in ada.get("/sites").text
    assert "nine" not in portal.somebody().get("/login").text
    act(root, "/banner", text=" ", level="note")
    assert "nine" not in ada.get("/sites").text
    with portal.database.reading() as session:
        assert session.get(Setting, "banner") is None


@pytest.mark.parametrize(
    "fields", [{"text": "x" * 301, "level": "note"}, {"text": "x", "level": "?"}]
)
def test_a_bad_banner_is_refused(portal: Portal, root: Person, fields: dict[str, str]) -> None:
    act(root, "/banner", **fields)
    assert "at most 300 characters" in root.get("/admin").text


def away() -> Queues:
    raise ConnectionError


def test_the_parts_are_shown(make_portal: Callable[..., Portal]) -> None:
    queues = Queues((Queue(7, 1200, 3.25, 2, 5, "host:12"), Queue(9, 0, None, 0, 0, "")), 3 << 20)
    operations = Operations(
        examine=lambda: [Health("redis", True, "answers"), Health("disk", False, "only 3 MB free")],
        queues=lambda: queues,
        versions=lambda: [("ClickHouse", "26.9, schema 0008")],
        settings=lambda: [SettingShown("STATFLOW_SECRET_KEY", "•••", False, "text", "Signs.")],
    )
    root = make_portal(operations=operations).user("root@b.c", admin=True)
    assert "26.9, schema 0008" in root.get("/admin").text
    health = root.get("/admin/health").text
    assert "1 of 2 parts need somebody." in health
    assert "only 3 MB free" in health
    shards = root.get("/admin/queues").text
    assert "1,200" in shards
    assert "3.2s" in shards
    assert "nobody" in shards
    assert "STATFLOW_SECRET_KEY" in root.get("/admin/settings").text


def test_a_buffer_that_is_away_is_said(make_portal: Callable[..., Portal]) -> None:
    root = make_portal(operations=Operations(queues=away)).user("root@b.c", admin=True)
    assert "The buffer does not answer." in root.get("/admin").text
    assert "The buffer does not answer." in root.get("/admin/queues").text
