"""Signing in and out, setting up, and the theme."""

import pytest
from sqlalchemy import update

from portal.commands import setup_link
from portal.models import Role, User
from tests.portal.conftest import PASSWORD, Portal


def test_signing_in_leads_back_to_where_one_wanted(portal: Portal) -> None:
    portal.user("a@b.c", Role.OWNER)
    person = portal.somebody()
    asked = person.get("/sites/x?period=7d")
    assert asked.status_code == 302
    login = asked.headers["Location"]
    assert login.startswith("/login?next=")
    done = person.post(login, {"email": " A@B.c", "password": PASSWORD})
    assert done.headers["Location"] == "/sites/x?period=7d"


def test_a_foreign_next_is_not_followed(portal: Portal) -> None:
    portal.user("a@b.c")
    done = portal.somebody().post(
        "/login?next=//evil.example", {"email": "a@b.c", "password": PASSWORD}
    )
    assert done.headers["Location"] == "/"


@pytest.mark.parametrize(("email", "password"), [("a@b.c", "wrong one"), ("no@b.c", PASSWORD)])
def test_which_of_the_two_was_wrong_is_not_said(portal: Portal, email: str, password: str) -> None:
    portal.user("a@b.c")
    answer = portal.somebody().sign_in(email, password)
    assert answer.status_code == 401
    assert "E-mail or password is wrong." in answer.text
    assert f'value="{email}"' in answer.text
    assert password not in answer.text


def test_guessing_is_slowed_for_one_address_only(portal: Portal) -> None:
    portal.user("a@b.c")
    portal.user("other@b.c")
    tries = [portal.somebody().sign_in("a@b.c", "wrong").status_code for _ in range(8)]
    assert tries[0] == 401
    assert tries[-1] == 429
    assert portal.somebody().sign_in("other@b.c").status_code == 302
    portal.later(minutes=5)
    assert portal.somebody().sign_in("a@b.c").status_code == 302


def test_signing_out_ends_the_session(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    assert person.get("/").status_code == 200
    assert person.post("/logout", {}, form_at="/").status_code == 302
    assert person.get("/").status_code == 302


def test_a_changed_session_key_ends_all_sessions(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    with portal.database.writing() as session:
        session.execute(update(User).values(session_key="another"))
    assert person.get("/").status_code == 302


def test_a_piece_of_a_page_sends_the_whole_page_to_the_login(portal: Portal) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/sites/a?period=7d"}
    answer = portal.somebody().get("/sites/a/live", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/sites/a?period%3D7d"


def test_the_first_run_page_opens_with_the_link_and_once(portal: Portal) -> None:
    somebody = portal.somebody()
    assert "set-up link" in somebody.get("/login").text
    assert somebody.get("/setup").status_code == 403
    assert somebody.get("/setup?token=wrong").status_code == 403
    with portal.database.writing() as session:
        link = setup_link(session)
    assert link
    token = link.partition("token=")[2]
    weak = somebody.post(link, {"token": token, "email": "a@b.c", "password": "short"})
    assert "at least 8 characters" in weak.text
    done = somebody.post(link, {"token": token, "email": "a@b.c", "password": PASSWORD})
    assert done.status_code == 302
    assert "Add the first" in somebody.get("/").text
    again = portal.somebody().get(link)
    assert again.status_code == 403
    assert "There is an account already" in again.text


def test_the_theme_is_kept_in_a_cookie_and_painted_at_once(portal: Portal) -> None:
    somebody = portal.somebody()
    assert 'data-theme="system"' in somebody.get("/login").text
    done = somebody.post("/theme", {"theme": "dark", "next": "/login"}, form_at="/login")
    assert done.headers["Location"] == "/login"
    assert 'data-theme="dark"' in somebody.get("/login").text
    somebody.post("/theme", {"theme": "<script>", "next": "//evil"}, form_at="/login")
    assert 'data-theme="dark"' in somebody.get("/login").text
