"""What every page has, whoever asks."""

import re
from collections.abc import Callable

import pytest

from portal.models import Role
from tests.portal.conftest import Portal


def test_every_answer_carries_the_policy(portal: Portal) -> None:
    for path in ("/login", "/nothing", "/healthz", "/static/css/base.css", "/api/v2/query"):
        answer = portal.somebody().get(path)
        answer.close()
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Request-Id"]


def test_templates_hold_no_inline_code_and_no_inline_style(portal: Portal) -> None:
    portal.site("one.example")
    person = portal.user("a@b.c", Role.OWNER)
    for path in ("/", "/sites/new", "/sites/one.example", "/sites/one.example/settings"):
        text = person.get(path).text
        assert " style=" not in text
        assert "<style" not in text
        assert "onclick" not in text
        scripts = text.split("<script")[1:]
        assert all(" src=" in script.split(">")[0] for script in scripts)


def test_the_session_cookie_is_guarded(make_portal: Callable[..., Portal]) -> None:
    plain = make_portal().somebody().get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    safe = make_portal(public_url="https://stats.example").somebody().get("/login").headers
    assert safe["Set-Cookie"].startswith("__Host-statflow=")
    assert "Secure" in safe["Set-Cookie"]
    assert "Strict-Transport-Security" in safe


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/logout",
        "/setup",
        "/theme",
        "/tokens",
        "/tokens/1/end",
        "/sites/new",
        "/sites/a/settings",
        "/sites/a/delete",
        "/sites/a/sharing",
        "/sites/a/sharing/public",
        "/sites/a/sharing/1",
        "/sites/a/sharing/1/end",
        "/share/anything",
    ],
)
def test_no_form_passes_without_its_token(portal: Portal, path: str) -> None:
    portal.site("a")
    person = portal.user("a@b.c", Role.OWNER)
    assert person.client.post(path, data={"theme": "dark"}).status_code == 400


def test_health_says_which_part_is_away(portal: Portal) -> None:
    somebody = portal.somebody()
    assert somebody.get("/healthz").json == {"ok": True}
    ready = somebody.get("/readyz")
    assert ready.status_code == 503
    assert ready.json == {"ok": False, "parts": {"database": True, "store": False}}


def test_a_crash_shows_a_request_id_and_nothing_else(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    @portal.app.get("/crash")
    def crash() -> str:
        raise RuntimeError("the secret inside")

    answer = portal.somebody().get("/crash")
    assert answer.status_code == 500
    assert "the secret inside" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert answer.headers["X-Request-Id"] in caplog.text


def test_files_with_a_fingerprint_are_kept_for_ever(portal: Portal) -> None:
    page = portal.somebody().get("/login").text
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert any(file.startswith("/static/styles.css?") for file in files)
    for file in files:
        assert "?v=" in file
        answer = portal.somebody().get(file)
        assert "immutable" in answer.headers["Cache-Control"], file
        answer.close()
    assert portal.somebody().get("/login").headers["Cache-Control"] == "no-store"
