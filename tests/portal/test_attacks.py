"""What somebody who means harm tries, beside asking for what is not theirs."""

import io
import json
import logging
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.accounts import passwords
from portal.accounts.links import safe_path
from portal.models import Role
from tests.portal.conftest import PASSWORD, Portal

HOSTILE = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>{{7*7}}${7*7}"
WAYS_OUT = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https:evil.example", "http://evil.example", "javascript:alert(1)", "data:text/html,x",
    "/\t/evil.example", "/\n/evil.example", " //evil.example", "%2f%2fevil.example",
    "/%0d%0aLocation:evil", "//[::1", "evil.example", "/.//evil.example",
    "/..//evil.example", "?next=//e", "",
)  # fmt: skip


@given(st.text(max_size=60))
@example("/\u2028/evil.example")
def test_no_text_at_all_leads_out(text: str) -> None:
    for target in (text, "/" + text, "//" + text, "/\\" + text):
        found = safe_path(target)
        assert found.startswith("/")
        assert not found.startswith(("//", "/\\"))
        assert not any(ord(character) < 0x21 for character in found)


@pytest.mark.parametrize("target", WAYS_OUT)
def test_no_way_out_is_followed_after_the_login_or_the_theme(portal: Portal, target: str) -> None:
    portal.user("a@b.c", Role.OWNER)
    person = portal.somebody()
    form = person.client.get("/login").text.partition('name="csrf_token" value="')[2].partition('"')
    data = {"csrf_token": form[0], "email": "a@b.c", "password": PASSWORD}
    answers = [
        person.client.post("/login", query_string={"next": target}, data=data),
        person.client.get("/login", query_string={"next": target}),
        person.post("/theme", {"theme": "dark", "next": target}, form_at="/account"),
    ]
    for answer in answers:
        location = answer.headers["Location"]
        assert answer.status_code == 302
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


def test_a_session_given_by_somebody_else_is_not_kept(portal: Portal) -> None:
    """Session fixation: what the browser had before signing in opens nothing afterwards."""
    portal.user("a@b.c", Role.OWNER)
    victim, attacker = portal.somebody(), portal.somebody()
    attacker.get("/login")
    planted = attacker.client.get_cookie("statflow")
    assert planted is not None
    victim.client.set_cookie("statflow", planted.value)
    assert victim.sign_in("a@b.c").status_code == 302
    after = victim.client.get_cookie("statflow")
    assert after is not None
    assert after.value != planted.value
    assert attacker.get("/account").headers["Location"].startswith("/login")
    assert victim.get("/account").status_code == 200


def test_a_made_up_session_opens_nothing(portal: Portal) -> None:
    portal.user("a@b.c", Role.OWNER)
    real = portal.user("a@b.c").client.get_cookie("statflow")
    assert real is not None
    body, _, signature = real.value.rpartition(".")
    for value in (
        body,
        f"{body}.",
        f"{body}.{signature[::-1]}",
        "x",
        ".",
        "eyJfdXNlcl9pZCI6IjEifQ.x",
    ):
        person = portal.somebody()
        person.client.set_cookie("statflow", value)
        assert person.get("/account").headers["Location"].startswith("/login")


@pytest.mark.parametrize("path", ["/login", "/theme", "/api/v2/query", "/api/event"])
def test_an_upload_has_an_end(portal: Portal, path: str) -> None:
    body = b"x" * (300 * 1024)
    for kind in ("application/x-www-form-urlencoded", "application/json"):
        answer = portal.somebody().client.post(path, data=body, content_type=kind)
        assert answer.status_code in {400, 401, 413, 503}, (path, kind, answer.status_code)
    endless = {"Transfer-Encoding": "chunked"}
    answer = portal.somebody().client.post(
        path,
        input_stream=io.BytesIO(body),
        headers=endless,
        environ_base={"wsgi.input_terminated": True},
    )
    assert answer.status_code in {400, 401, 413, 503}


def test_a_file_is_taken_nowhere(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    file = (io.BytesIO(b"GIF89a<?php"), "../../evil.php")
    answer = person.post("/sites/own.example/sharing", {"name": file}, form_at="/account")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/", "/.env",
     "/.git/config", "/static//etc/passwd", "/static/css/../../app.py", "/static/..\\app.py"],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_folder(portal: Portal, path: str) -> None:
    answer = portal.somebody().get(path)
    assert answer.status_code in {302, 308, 404}
    assert "import" not in answer.text
    answer.close()


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW"])
def test_a_method_nobody_needs_is_refused(portal: Portal, method: str) -> None:
    for path in ("/login", "/", "/healthz", "/api/v2/query"):
        answer = portal.somebody().client.open(path, method=method, headers={"X-Mark": "echoed"})
        assert answer.status_code == 405
        assert "echoed" not in answer.text


def test_signing_in_and_failing_to_is_logged_without_a_name(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    portal.user("a@b.c", Role.OWNER)
    portal.somebody().sign_in("a@b.c", "wrong")
    assert "account 1 signed in" in caplog.text
    assert "POST accounts.login was refused with 401" in caplog.text
    assert "a@b.c" not in caplog.text


def test_a_refusal_is_logged(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    portal.site("own.example")
    person = portal.user("a@b.c", Role.VIEWER)
    person.get("/sites/own.example/settings")
    person.client.post("/theme")
    person.client.post("/api/v2/query", headers={"Authorization": "Bearer sft_x"})
    refused = {"GET sites.settings": 403, "POST accounts.theme": 400, "POST api.query": 401}
    for route, status in refused.items():
        assert f"{route} was refused with {status}" in caplog.text


def test_no_account_costs_as_much_as_a_wrong_password(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes the time is one hash, so counting hashes says more than a clock."""
    portal.user("a@b.c", Role.OWNER)
    real, counted = passwords._HASHER, []

    class Counting:
        def verify(self, *given: Any) -> bool:
            counted.append(given[0][:9])
            return bool(real.verify(*given))

        def hash(self, password: str) -> str:
            return str(real.hash(password))

    monkeypatch.setattr(passwords, "_HASHER", Counting())
    for email in ("a@b.c", "nobody@b.c"):
        counted.clear()
        assert portal.somebody().sign_in(email, "not the password").status_code == 401
        assert len(counted) == 1, email


FORGED = {
    "X-Forwarded-For": "10.9.8.7", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "444", "X-Forwarded-Prefix": "/evil", "X-Real-IP": "10.9.8.7",
    "X-Original-URL": "/admin/changes", "X-Rewrite-URL": "/admin/changes", "X-User-ID": "1",
    "X-HTTP-Method-Override": "DELETE", "Forwarded": "for=10.9.8.7;host=evil.example;proto=https",
    "Client-IP": "10.9.8.7", "X-Remote-User": "a@b.c",
}  # fmt: skip


def test_what_a_proxy_would_say_changes_nothing(portal: Portal) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    for path in (
        "/login",
        "/",
        "/sites/own.example/settings",
        "/sites/foreign.example",
        "/admin/changes",
    ):
        plain, forged = person.get(path), person.get(path, headers=FORGED)
        assert plain.status_code == forged.status_code
        assert plain.headers.get("Location") == forged.headers.get("Location")
        assert "evil.example" not in forged.text + str(forged.headers)
        assert "/evil/" not in forged.text + str(forged.headers)
    for _ in range(8):
        data = {"email": "x@y.z", "password": "wrong"}
        assert portal.somebody().post("/login", data).status_code == 401
    form = portal.somebody()
    text = (
        form.client.get("/login").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    )
    data = {"csrf_token": text, "email": "x@y.z", "password": "wrong"}
    assert form.client.post("/login", data=data, headers=FORGED).status_code == 429


def test_what_people_type_is_only_text(portal: Portal) -> None:
    """Names of teams, links, tokens, goals, rules, devices: nowhere a tag, nowhere a template."""
    number = portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER)
    person.post("/teams", {"name": HOSTILE[:80]})
    person.post("/sites/own.example/sharing", {"name": HOSTILE[:80]})
    person.post("/tokens", {"name": HOSTILE[:80], "host": "own.example", "scopes": ["stats:read"]})
    rule = [{"id": "x", "kind": "inject", "action": "exclude", "paths": [f"/{HOSTILE}"]}]
    form = person.get("/sites/own.example/rules").text
    seen = form.partition('name="seen" value="')[2].partition('"')[0]
    act = {"act": "text", "text": json.dumps(rule), "seen": seen}
    assert person.post("/sites/own.example/rules", act).status_code == 302
    headers = {"User-Agent": f"Firefox/1 {HOSTILE}", "Referer": f"http://x/{HOSTILE}"}
    portal.somebody().client.get("/login", headers=headers)
    token = portal.token("a@b.c", "own.example", ("sites:write", "sites:read"))
    goal = {"name": HOSTILE, "kind": "event", "target": HOSTILE}
    answer = person.client.post(
        f"/api/v2/sites/{number}/goals", json=goal, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 201
    assert answer.content_type == "application/json"
    site = "/sites/own.example"
    pages = ("/teams", "/teams/2", "/tokens", "/account", "/", site, f"{site}/sharing",
             f"{site}/sharing/1", f"{site}/rules", f"{site}/changes", f"{site}?f=is,page,{HOSTILE}",
             f"{site}/details/pages/top?q={HOSTILE}",
             f"{site}/rules?url=http://own.example/{HOSTILE}")  # fmt: skip
    for path in pages:
        text = person.get(path).text
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "49" not in text.partition("&lt;script&gt;")[2][:120], path


def test_no_secret_is_in_the_log(
    make_portal: Callable[..., Portal], caplog: pytest.LogCaptureFixture
) -> None:
    """Every way in is gone through, well and badly; then everything that was logged is searched."""
    caplog.set_level(logging.DEBUG)
    mail: list[Any] = []
    portal = make_portal(send_mail=mail.append, public_url="http://stats.example", open_signup=True)
    portal.site("own.example")
    secret = f"a {secrets.token_hex(8)} word"
    found = [PASSWORD, secret]
    person = portal.user("a@b.c", Role.OWNER)
    token = portal.token("a@b.c", "own.example", ("stats:read", "sites:read"))
    found.append(token)
    portal.somebody().sign_in("a@b.c", secret)
    for bearer in (token, f"{token}x", secret):
        headers = {"Authorization": f"Bearer {bearer}"}
        body = {"site_id": "own.example", "metrics": ["visitors"], "date_range": "7d"}
        person.client.post("/api/v2/query", json=body, headers=headers)
        person.client.get("/api/v2/sites/own.example", headers=headers)
    person.post("/sites/own.example/sharing", {"name": "Press", "password": secret})
    person.post("/forgot", {"email": "a@b.c"})
    person.post("/signup", {"email": "new@b.c"})
    person.post(
        "/teams/1/invitations",
        {"email": "new@b.c", "role": "viewer", "place": ""},
        form_at="/teams/1",
    )
    portal.surroundings.background.join()
    links = [word for sent in mail for word in sent.text.split() if word.startswith("http")]
    assert len(links) >= 3
    for link in links:
        portal.somebody().get(link.removeprefix("http://stats.example"))
        found.append(link.rpartition("/")[2])
    person.post("/account/password", {"current": secret, "password": secret}, form_at="/account")
    cookie = person.client.get_cookie("statflow")
    assert cookie is not None
    found.append(cookie.value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("portal.sites.views.sites_with", _fails)
        assert person.get("/").status_code == 500
    assert "failed" in caplog.text
    for text in found:
        assert text not in caplog.text


def _fails(*_: Any) -> Any:
    raise RuntimeError("on purpose")


HUGE = 2**31, 2**63, 10**30
NUMBERED = (
    "/teams/{}",
    "/teams/{}/members/1/role",
    "/teams/1/members/{}/role",
    "/teams/1/guests/1/{}/remove",
    "/account/sessions/{}/end",
    "/tokens/{}/end",
    "/account/factors/passkeys/{}/remove",
    "/sites/own.example/sharing/{}",
    "/sites/own.example/reports/recipients/{}",
    "/sites/own.example/settings/segments/{}",
    "/admin/people/{}/lock",
)


@pytest.mark.parametrize("path", NUMBERED)
def test_a_number_that_no_column_holds_is_no_address(portal: Portal, path: str) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER, admin=True)
    for number in HUGE:
        asked = person.get(path.format(number))
        sent = person.post(path.format(number), {"role": "viewer"}, form_at="/account")
        assert {asked.status_code, sent.status_code} <= {404, 405}, (path, number)
        assert 404 in {asked.status_code, sent.status_code}
        named = {"f": f"is,segment,{number}", "page": str(number), "period": str(number)}
        assert person.get("/sites/own.example", query_string=named).status_code == 200


def test_a_character_that_no_database_keeps_is_refused(portal: Portal) -> None:
    """PostgreSQL has no text with NUL in it, and would fail in the middle."""
    portal.site("own.example")
    person = portal.user("a@b.c", Role.OWNER, admin=True)
    anybody = portal.somebody()
    typed = {
        "/login": {"email": "a\0@b.c", "password": PASSWORD},
        "/theme": {"theme": "dark", "next": "/\0/evil.example"},
    }
    for path, data in typed.items():
        assert anybody.post(path, data, form_at="/login").status_code == 400
    for path in (
        "/admin/people?q=%00",
        "/admin/changes?who=%00",
        "/sites/own.example?f=is,page,%00",
        "/sites/%00",
        "/sites/own.example/changes?what=%00",
        "/share/%00",
        "/reset/%00",
    ):
        assert person.get(path).status_code == 400, path
    named = {"name": "Blue\0 team"}
    assert person.post("/teams", named).status_code == 400


def test_texts_that_are_no_text_end_in_an_answer(portal: Portal) -> None:
    """A lone half of a character, which JSON can write and no database keep."""
    portal.site("own.example")
    portal.user("a@b.c", Role.OWNER)
    token = portal.token("a@b.c", "own.example", ("stats:read", "sites:read", "sites:write"))
    headers = {"Authorization": f"Bearer {token}"}
    half = '"\\ud800"'
    bodies = {
        "/api/v2/query": '{"site_id": "own.example", "metrics": ["visitors"], "date_range": "7d",'
        f' "filters": [["is", "visit:source", [{half}]]]}}',
        "/api/v2/sites/own.example/segments": f'{{"name": {half}, "filters":'
        ' [["is", "visit:source", ["x"]]]}',
        "/api/v2/sites/own.example/annotations": f'{{"day": "2026-11-01", "text": {half}}}',
        "/api/v2/sites/own.example/goals": f'{{"kind": "event", "target": {half}}}',
    }
    for path, body in bodies.items():
        answer = portal.somebody().client.post(path, data=body, headers=headers)
        assert answer.status_code in {400, 503}, (path, answer.status_code, answer.text)
    segment = f'{{"name": "x", "filters": [["is", "visit:source", [{half}]]]}}'
    path = "/api/v2/sites/own.example/segments"
    answer = portal.somebody().client.post(path, data=segment, headers=headers)
    assert answer.status_code == 400, answer.text


def test_a_proxy_that_the_operator_trusts_names_whose_tries_are_counted(
    make_portal: Callable[..., Portal],
) -> None:
    """Else one stranger behind the proxy could use up the tries of all who come through it."""
    portal = make_portal(client_address=lambda peer, told: told or peer)
    portal.user("a@b.c", Role.OWNER)

    def attempt(address: str, email: str) -> int:
        person = portal.somebody()
        page = person.get("/login").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        data = {"csrf_token": token, "email": email, "password": PASSWORD}
        headers = {"X-Forwarded-For": address}
        return person.client.post("/login", data=data, headers=headers).status_code

    tried = [attempt("203.0.113.9", f"x{n}@y.z") for n in range(61)]
    assert tried[-1] == 429
    assert attempt("203.0.113.10", "a@b.c") == 302


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_days_that_no_clock_knows_end_in_an_answer(portal: Portal, day: str) -> None:
    portal.site("own.example", timezone="Europe/Berlin")
    person = portal.user("a@b.c", Role.OWNER, admin=True)
    token = {"name": "x", "host": "own.example", "scopes": ["stats:read"], "expires_on": day}
    assert "between 2000 and 2099" in person.post("/tokens", token).text
    link = {"name": "x", "expires_on": day}
    assert person.post("/sites/own.example/sharing", link).status_code == 422
    note = {"day": day, "text": "x"}
    assert person.post("/sites/own.example/notes/new", note).status_code in {302, 404, 422}
    for compare in ("previous", "year"):
        named = {"period": "custom", "from": day, "to": day, "compare": compare}
        for path in ("", "/cards/pages", "/details/pages/top", "/funnels", "/retention", "/served"):
            asked = person.get(f"/sites/own.example{path}", query_string=named)
            assert asked.status_code in {200, 404}, path
    asked = person.get("/admin/changes", query_string={"first": day, "last": day})
    assert asked.status_code == 200
    key = portal.token("a@b.c", "own.example", ("stats:read", "sites:read", "sites:write"))
    headers = {"Authorization": f"Bearer {key}"}
    for path, body in (
        ("/api/v2/sites/own.example/links", {"name": "x", "expires_on": day}),
        ("/api/v2/sites/own.example/annotations", {"text": "x", "day": day}),
        ("/api/v2/query", {"site_id": "own.example", "metrics": ["visitors"],
                           "date_range": [day, day]}),
    ):  # fmt: skip
        answer = portal.somebody().client.post(path, json=body, headers=headers)
        assert answer.status_code in {201, 400}, (path, answer.status_code)
