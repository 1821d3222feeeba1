"""The second step: codes of an app, recovery codes, and what somebody halfway can reach."""

import re
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
import segno
from sqlalchemy import select, update

from portal.accounts.code_apps import app_address, matching_step, qr_picture
from portal.accounts.guessing import MOST_WRONG_CODES
from portal.accounts.people import set_password
from portal.audit.recording import MASK
from portal.models import AuditEntry, CodeApp, RecoveryCode, Role, User, UserSession
from tests.portal.conftest import NOW, PASSWORD, Person, Portal
from tests.portal.factors import add_app, code_at, halfway

NEW = "plum harbour quite slow"


def test_an_app_is_added_by_picture_and_letters_and_asked_for_from_then_on(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    app = add_app(portal, person)
    assert len(app.codes) == 10
    other = portal.somebody()
    assert other.sign_in("a@b.c").headers["Location"] == "/login/second"
    assert other.get("/").status_code == 302
    wrong = other.post("/login/second", {"code": "000000"})
    assert wrong.status_code == 401
    portal.later(seconds=30)
    done = other.post("/login/second", {"code": code_at(portal, app.secret)})
    assert done.status_code == 302
    assert other.get("/").status_code == 200


def test_the_picture_holds_every_dark_module_and_no_style(portal: Portal) -> None:
    page = portal.user("a@b.c").get("/account/factors/app").text
    assert "style=" not in page
    text = app_address("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "a@b.c", "portal.example")
    assert text.startswith("otpauth://totp/Statflow%20portal.example:a%40b.c?secret=JBSWY3DP")
    drawn = qr_picture(text)
    dark = sum(map(sum, segno.make(text, error="m").matrix))
    assert sum(int(run) for run in re.findall(r"h(\d+)", drawn)) == dark
    assert 'stroke="#000"' in drawn


def test_clocks_may_be_half_a_minute_wrong() -> None:
    secret = pyotp.random_base32()
    for off in (-30, 0, 30):
        code = pyotp.TOTP(secret).at(int(NOW.timestamp()) + off)
        assert matching_step(secret, f" {code[:3]} {code[3:]}", NOW) is not None
    for off in (-60, 60):
        code = pyotp.TOTP(secret).at(int(NOW.timestamp()) + off)
        assert matching_step(secret, code, NOW) is None
    assert matching_step(secret, "١٢٣٤٥٦", NOW) is None


def test_a_code_works_once_and_none_before_it_works_after_it(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    portal.later(seconds=60)
    code, before = code_at(portal, app.secret), code_at(portal, app.secret, -30)
    assert halfway(portal, "a@b.c").post("/login/second", {"code": code}).status_code == 302
    for used in (code, before):
        again = halfway(portal, "a@b.c")
        assert again.post("/login/second", {"code": used}).status_code == 401


def test_the_code_that_set_the_app_up_signs_nobody_in(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    answer = halfway(portal, "a@b.c").post("/login/second", {"code": code_at(portal, app.secret)})
    assert answer.status_code == 401


def test_a_recovery_code_works_once_and_is_told(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    person = halfway(portal, "a@b.c")
    assert person.post("/login/second", {"code": app.codes[0].upper()}).status_code == 302
    assert "9 of 10" in person.get("/account/factors").text
    again = halfway(portal, "a@b.c").post("/login/second", {"code": app.codes[0]})
    assert again.status_code == 401
    with portal.database.reading() as session:
        used = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "removed").order_by(AuditEntry.id)
        ).all()[-1]
        assert (used.who, used.kind) == ("a@b.c", "recovery_codes")


def test_new_recovery_codes_void_the_old_ones(portal: Portal) -> None:
    person = portal.user("a@b.c")
    app = add_app(portal, person)
    page = person.post("/account/factors/recovery", {}, form_at="/account/factors").text
    fresh = re.findall(r"<code data-code>([^<]+)</code>", page)
    assert len(fresh) == 10
    assert not set(fresh) & set(app.codes)
    assert "data:text/plain" in page
    assert fresh[3] in page.partition("data:text/plain")[2].partition('"')[0]
    assert fresh[0] not in person.get("/account/factors").text
    old = halfway(portal, "a@b.c").post("/login/second", {"code": app.codes[0]})
    assert old.status_code == 401
    new = halfway(portal, "a@b.c").post("/login/second", {"code": fresh[0]})
    assert new.status_code == 302


def test_secrets_are_sealed_and_codes_hashed_and_none_is_in_the_record(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    with portal.database.reading() as session:
        row = session.scalars(select(CodeApp)).one()
        assert app.secret not in row.sealed_secret
        hashes = session.scalars(select(RecoveryCode.code_hash)).all()
        entries = session.scalars(select(AuditEntry)).all()
        text = repr([[entry.before, entry.after] for entry in entries])
        assert {"code_apps", "recovery_codes"} <= {entry.kind for entry in entries}
        for secret in (app.secret, row.sealed_secret, *app.codes, *hashes):
            assert secret not in text
        assert MASK in text


def test_a_sealed_secret_of_another_account_opens_nothing(portal: Portal) -> None:
    mine = add_app(portal, portal.user("a@b.c"))
    add_app(portal, portal.user("b@b.c"))
    portal.later(minutes=1)
    with portal.database.writing() as session:
        sealed, other = session.scalars(select(CodeApp.sealed_secret).order_by("user_id"))
        session.execute(
            update(CodeApp).where(CodeApp.sealed_secret == other).values(sealed_secret=sealed)
        )
    thief = halfway(portal, "b@b.c")
    code = code_at(portal, mine.secret)
    assert thief.post("/login/second", {"code": code}).status_code == 401


def test_somebody_halfway_reaches_nothing(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER, admin=True)
    pages = {path for path in _paths(portal) if person.get(path).status_code == 200}
    assert len(pages) > 15
    add_app(portal, person)
    stranger, half = portal.somebody(), halfway(portal, "a@b.c")
    open_to_all = {path for path in _paths(portal) if stranger.get(path).status_code == 200}
    for path in _paths(portal):
        answer, as_stranger = half.get(path), stranger.get(path)
        if path == "/login/second":
            assert answer.status_code == 200
        else:
            assert answer.status_code == as_stranger.status_code, path
            assert answer.headers.get("Location") == as_stranger.headers.get("Location"), path
    assert "/login" in open_to_all
    assert "/" in pages - open_to_all
    assert half.client.get("/login/second").status_code == 200
    token = re.search(r'csrf_token" value="([^"]+)"', half.get("/login/second").text)
    assert token
    for rule in portal.app.url_map.iter_rules():
        path = _fill(rule.rule)
        for method in sorted((rule.methods or set()) & {"POST", "PUT", "DELETE"}):
            if path.startswith(("/login", "/theme", "/forgot", "/unsubscribe")):
                continue
            data = {"csrf_token": token.group(1)}
            answer = half.client.open(path, method=method, data=data)
            away = answer.status_code == 302 and answer.headers["Location"].startswith("/login")
            assert away or answer.status_code in {400, 401, 403, 404, 405, 415, 503}, path


def _fill(rule: str) -> str:
    filled = rule.replace("<host>", "own.example").replace("<site>", "own.example")
    filled = re.sub(r"<any\(([^,)]+)[^>]*>", r"\1", filled)
    return re.sub(r"<[^>]+>", "1", filled)


def _paths(portal: Portal) -> list[str]:
    rules = [rule for rule in portal.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    return sorted({_fill(rule.rule) for rule in rules if rule.endpoint != "static"})


def test_each_step_begins_a_new_session(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    portal.later(minutes=1)
    person = portal.somebody()
    seen = []

    def cookie() -> str:
        found = person.client.get_cookie("statflow")
        return found.value if found else ""

    person.get("/login")
    seen.append(cookie())
    person.sign_in("a@b.c")
    seen.append(cookie())
    half = cookie()
    person.post("/login/second", {"code": code_at(portal, app.secret)})
    seen.append(cookie())
    portal.later(hours=1)
    person.post("/account/again", {"password": PASSWORD})
    person.post("/login/second", {"code": code_at(portal, app.secret)})
    assert person.get("/").status_code == 200
    seen.append(cookie())
    assert len(set(seen)) == 4
    old = portal.somebody()
    old.client.set_cookie("statflow", seen[2])
    assert old.get("/").status_code == 302
    old.client.set_cookie("statflow", half)
    assert old.get("/").status_code == 302


def test_a_note_of_the_first_step_works_once(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    portal.later(minutes=1)
    person = halfway(portal, "a@b.c")
    kept = person.client.get_cookie("statflow")
    assert kept
    code = code_at(portal, app.secret)
    assert person.post("/login/second", {"code": code}).status_code == 302
    thief = portal.somebody()
    thief.client.set_cookie("statflow", kept.value)
    portal.later(seconds=60)
    typed = {"code": code_at(portal, app.secret)}
    assert thief.post("/login/second", typed, form_at="/login").status_code == 302
    assert thief.get("/").status_code == 302


@pytest.mark.parametrize("change", ["password", "time"])
def test_a_note_ends_with_the_password_and_with_time(portal: Portal, change: str) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    person = halfway(portal, "a@b.c")
    portal.later(minutes=11 if change == "time" else 1)
    if change == "password":
        with portal.database.writing() as session:
            session.execute(update(User).values(session_key="another"))
    typed = {"code": code_at(portal, app.secret)}
    answer = person.post("/login/second", typed, form_at="/login")
    assert answer.headers["Location"] == "/login"


def test_guessing_codes_is_slowed_and_keeps_nobody_out_of_a_known_browser(portal: Portal) -> None:
    owner = portal.user("a@b.c")
    app = add_app(portal, owner)
    owner.post("/logout", {}, form_at="/")
    thief = portal.somebody()
    thief.sign_in("a@b.c")
    tries = [thief.post("/login/second", {"code": "000000"}).status_code for _ in range(7)]
    assert tries[0] == 401
    assert tries[-1] == 429
    thief.client.delete_cookie("statflow")
    thief.sign_in("a@b.c")
    portal.later(seconds=30)
    code = code_at(portal, app.secret)
    assert thief.post("/login/second", {"code": code}).status_code == 429
    owner.sign_in("a@b.c")
    assert owner.post("/login/second", {"code": code}).status_code == 302


def test_the_owner_hears_of_changes_and_of_wrong_codes(make_portal: Callable[..., Portal]) -> None:
    sent: list[Any] = []
    portal = make_portal(send_mail=sent.append, public_url="http://portal.example")
    person = portal.user("a@b.c")
    add_app(portal, person)
    person.post("/account/factors/recovery", {}, form_at="/account/factors")
    typed = {"current": PASSWORD, "password": NEW}
    person.post("/account/password", typed, form_at="/account")
    thief = portal.somebody()
    thief.sign_in("a@b.c", NEW)
    for _ in range(8):
        thief.post("/login/second", {"code": "000000"})
    portal.surroundings.background.join()
    words = ("code app was added", "New recovery codes", "password was changed", "wrong codes")
    assert [any(word in mail.text for word in words) for mail in sent] == [True] * len(sent)
    assert [next(word for word in words if word in mail.text) for mail in sent[:4]] == list(words)
    assert {mail.to for mail in sent} == {"a@b.c"}


def test_a_new_password_by_link_does_not_pass_the_second_step(portal: Portal) -> None:
    from portal.accounts.one_time import reset_path  # noqa: PLC0415 - used here alone.

    app = add_app(portal, portal.user("a@b.c"))
    portal.later(minutes=1)
    with portal.database.writing() as session:
        link = reset_path(session, "a@b.c", portal.clock[0])
    person = portal.somebody()
    answer = person.post(link, {"password": NEW})
    assert answer.headers["Location"] == "/login/second"
    assert person.get("/").status_code == 302
    person.post("/login/second", {"code": code_at(portal, app.secret)})
    assert person.get("/").status_code == 200


def test_the_first_factor_ends_sessions_that_were_begun_without_one(portal: Portal) -> None:
    person, other = portal.user("a@b.c"), portal.user("a@b.c")
    add_app(portal, person)
    assert other.get("/").status_code == 302
    assert person.get("/").status_code == 200


CHANGES: dict[str, Callable[[Person], object]] = {
    "password": lambda p: p.post(
        "/account/password", {"current": PASSWORD, "password": NEW}, form_at="/sites/new"
    ),
    "app": lambda p: p.get("/account/factors/app"),
    "no app": lambda p: p.post("/account/factors/app/remove", {}, form_at="/sites/new"),
    "codes": lambda p: p.post("/account/factors/recovery", {}, form_at="/sites/new"),
    "passkey": lambda p: p.post("/account/factors/passkeys", {}, form_at="/sites/new"),
    "no passkey": lambda p: p.post("/account/factors/passkeys/1/remove", {}, form_at="/sites/new"),
    "token": lambda p: p.post("/tokens", {"name": "x"}, form_at="/sites/new"),
    "team": lambda p: p.post("/teams/1/factor", {"needed": "off"}, form_at="/sites/new"),
    "address": lambda p: p.post("/account/address", {"email": "x@b.c"}, form_at="/sites/new"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_account_asks_who_one_is_once_that_is_long_ago(
    portal: Portal, what: str
) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    portal.later(minutes=16)
    answer = CHANGES[what](person)
    assert answer.headers["Location"].startswith("/account/again")  # type: ignore[attr-defined]
    wrong = person.post("/account/again", {"password": "wrong"})
    assert wrong.status_code == 401
    back = person.post("/account/again?next=/account/factors/app", {"password": PASSWORD})
    assert back.headers["Location"] == "/account/factors/app"
    assert person.get("/account/factors/app").status_code == 200


def test_signing_others_out_is_no_proof_of_who_one_is(portal: Portal) -> None:
    person = portal.user("a@b.c")
    portal.later(minutes=16)
    person.post("/account/sessions/end-others", {}, form_at="/account")
    assert person.get("/").status_code == 200
    assert person.get("/account/factors/app").status_code == 302


def test_an_app_goes_with_its_recovery_codes(portal: Portal) -> None:
    person = portal.user("a@b.c")
    add_app(portal, person)
    person.post("/account/factors/app/remove", {}, form_at="/account/factors")
    with portal.database.reading() as session:
        assert session.scalars(select(RecoveryCode)).all() == []
        assert session.scalars(select(UserSession)).all() != []
    assert portal.somebody().sign_in("a@b.c").headers["Location"] == "/"


def test_after_a_hundred_wrong_codes_a_known_browser_or_a_new_password_helps(
    portal: Portal,
) -> None:
    """By the rate alone, a year of guessing opened two accounts in five to who has the password."""
    owner = portal.user("a@b.c")
    app = add_app(portal, owner)
    thief = halfway(portal, "a@b.c")
    for _ in range(MOST_WRONG_CODES):
        portal.later(minutes=4)
        thief = halfway(portal, "a@b.c")
        assert thief.post("/login/second", {"code": "000000"}).status_code == 401
    portal.later(hours=1)
    right = {"code": code_at(portal, app.secret)}
    refused = halfway(portal, "a@b.c").post("/login/second", right)
    assert refused.status_code == 403
    assert "somebody who knows the password is guessing" in refused.text
    owner.post("/logout", {}, form_at="/account")
    assert owner.sign_in("a@b.c").headers["Location"] == "/login/second"
    assert owner.post("/login/second", right).status_code == 302
    portal.later(minutes=5)
    right = {"code": code_at(portal, app.secret)}
    assert halfway(portal, "a@b.c").post("/login/second", right).status_code == 302


def test_a_new_password_ends_the_count_of_wrong_codes(portal: Portal) -> None:
    app = add_app(portal, portal.user("a@b.c"))
    with portal.database.writing() as session:
        session.execute(update(User).values(wrong_codes=MOST_WRONG_CODES))
    right = {"code": code_at(portal, app.secret, 30)}
    assert halfway(portal, "a@b.c").post("/login/second", right).status_code == 403
    with portal.database.writing() as session:
        set_password(session, session.scalars(select(User)).one(), NEW)
    person = portal.somebody()
    person.sign_in("a@b.c", NEW)
    portal.later(seconds=30)
    assert person.post("/login/second", right).status_code == 302
