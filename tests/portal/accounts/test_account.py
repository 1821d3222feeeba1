"""One's own account: the browsers one is signed in with, the password, guesses by others."""

import re

from sqlalchemy import select

from portal.models import Role, UserSession
from tests.portal.conftest import PASSWORD, Portal

NEW = "plum harbour quite slow"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_every_browser_is_listed_by_a_plain_name_and_can_be_signed_out(portal: Portal) -> None:
    first = portal.user("a@b.c", Role.OWNER)
    other = portal.somebody()
    other.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    other.sign_in("a@b.c")
    page = first.get("/account").text
    assert "Firefox on Linux" in page
    assert "this browser" in page
    found = re.search(r"/account/sessions/\d+/end", page)
    assert found
    assert first.post(found.group(0), {}, form_at="/account").status_code == 302
    assert other.get("/").status_code == 302
    assert first.get("/").status_code == 200


def test_nobody_signs_somebody_else_out(portal: Portal) -> None:
    first, second = portal.user("a@b.c"), portal.user("b@b.c")
    with portal.database.reading() as session:
        ids = list(session.scalars(select(UserSession.id).order_by(UserSession.id)))
    second.post(f"/account/sessions/{ids[0]}/end", {}, form_at="/account")
    assert first.get("/").status_code == 200


def test_everywhere_else_is_signed_out_at_once(portal: Portal) -> None:
    first = portal.user("a@b.c")
    other = portal.somebody()
    other.sign_in("a@b.c")
    first.post("/account/sessions/end-others", {}, form_at="/account")
    assert other.get("/").status_code == 302
    assert first.get("/").status_code == 200


def test_a_cookie_of_before_signing_out_opens_nothing(portal: Portal) -> None:
    person = portal.user("a@b.c")
    kept = person.client.get_cookie("statflow")
    assert kept
    person.post("/logout", {}, form_at="/")
    thief = portal.somebody()
    thief.client.set_cookie("statflow", kept.value)
    assert thief.get("/").status_code == 302


def test_signing_in_begins_a_new_session(portal: Portal) -> None:
    portal.user("a@b.c")
    person = portal.somebody()
    person.get("/login")
    before = person.client.get_cookie("statflow")
    person.sign_in("a@b.c")
    after = person.client.get_cookie("statflow")
    assert before
    assert after
    assert before.value != after.value


def test_a_session_left_alone_for_a_month_is_over(portal: Portal) -> None:
    person = portal.user("a@b.c")
    portal.later(days=29)
    assert person.get("/").status_code == 200
    portal.later(days=29)
    assert person.get("/").status_code == 200
    portal.later(days=31)
    assert person.get("/").status_code == 302


def test_files_that_caches_may_keep_carry_no_cookie(portal: Portal) -> None:
    person = portal.user("a@b.c")
    assert "Set-Cookie" in person.get("/account").headers
    file = person.get("/static/icon.svg?v=1")
    assert "public" in file.headers["Cache-Control"]
    assert "Set-Cookie" not in file.headers
    file.close()


def test_keys_of_sessions_are_kept_as_hashes(portal: Portal) -> None:
    person = portal.user("a@b.c")
    with person.client.session_transaction() as kept:
        key = kept["_user_id"].rpartition(".")[2]
    with portal.database.reading() as session:
        row = session.scalars(select(UserSession)).one()
        assert key not in repr(vars(row))


def test_a_new_password_needs_the_old_one_and_signs_others_out(portal: Portal) -> None:
    person = portal.user("a@b.c")
    other = portal.somebody()
    other.sign_in("a@b.c")
    path = "/account/password"
    wrong = person.post(path, {"current": "wrong", "password": NEW}, form_at="/account")
    assert wrong.status_code == 422
    assert "not your password" in wrong.text
    weak = person.post(path, {"current": PASSWORD, "password": "password1"}, form_at="/account")
    assert weak.status_code == 422
    done = person.post(path, {"current": PASSWORD, "password": NEW}, form_at="/account")
    assert done.status_code == 302
    assert person.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert portal.somebody().sign_in("a@b.c", NEW).status_code == 302


def test_guesses_of_others_do_not_keep_the_owner_out_of_a_known_browser(portal: Portal) -> None:
    owner = portal.user("a@b.c")
    owner.post("/logout", {}, form_at="/")
    tries = [portal.somebody().sign_in("a@b.c", "wrong").status_code for _ in range(10)]
    assert tries[-1] == 429
    assert portal.somebody().sign_in("a@b.c").status_code == 429
    assert owner.sign_in("a@b.c").status_code == 302


def test_a_known_browser_is_slowed_too_and_is_known_for_one_account(portal: Portal) -> None:
    owner = portal.user("a@b.c")
    portal.user("b@b.c")
    owner.post("/logout", {}, form_at="/")
    assert [owner.sign_in("a@b.c", "wrong").status_code for _ in range(9)][-1] == 429
    for _ in range(9):
        portal.somebody().sign_in("b@b.c", "wrong")
    assert owner.sign_in("b@b.c").status_code == 429


def test_a_made_up_device_cookie_counts_for_nothing(portal: Portal) -> None:
    portal.user("a@b.c")
    for _ in range(9):
        guesser = portal.somebody()
        guesser.client.set_cookie("device", "WyJhIiwiYiJd.aaaa.bbbb")
        last = guesser.sign_in("a@b.c", "wrong").status_code
    assert last == 429


def test_one_network_that_floods_does_not_keep_others_out(portal: Portal) -> None:
    portal.user("a@b.c")
    flood = portal.somebody()
    flood.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    last = [flood.sign_in(f"u{n}@b.c", "wrong").status_code for n in range(62)][-1]
    assert last == 429
    other = portal.somebody()
    other.client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert other.sign_in("a@b.c").status_code == 302
