"""Passkeys in a real browser: Chromium's virtual authenticator, under the strict policy."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect
from sqlalchemy import select, update
from waitress.server import create_server

from portal.models import AuditEntry, Passkey, Role, UserSession
from tests.portal.conftest import PASSWORD, Portal
from tests.portal.dashboard.conftest import browser, chromium, problems
from tests.portal.factors import code_at

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@dataclass
class Served:
    """A portal where a browser finds it."""

    portal: Portal
    url: str


@pytest.fixture
def served(make_portal: Callable[..., Portal]) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    portal = make_portal(public_url=url)
    portal.site("own.example")
    portal.user("a@b.c", Role.OWNER)
    server = create_server(portal.app, host="127.0.0.1", port=port, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Served(portal, url)
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


@dataclass
class Device:
    """A browser window with an authenticator of its own."""

    page: Page
    cdp: CDPSession
    authenticator: str

    def credentials(self) -> list[dict[str, Any]]:
        told = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        rows: list[dict[str, Any]] = told["credentials"]
        return rows

    def put(self, credential: dict[str, Any]) -> None:
        told = {"authenticatorId": self.authenticator, "credential": credential}
        self.cdp.send("WebAuthn.addCredential", told)

    def verifies(self, verified: bool) -> None:
        told = {"authenticatorId": self.authenticator, "isUserVerified": verified}
        self.cdp.send("WebAuthn.setUserVerified", told)


def device(browser: Browser, served: Served) -> Device:
    page = browser.new_context(base_url=served.url).new_page()
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Device(page, cdp, made["authenticatorId"])


def sign_in(page: Page, target: str = "/account/factors") -> None:
    page.goto(f"/login?next={target}")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.locator("#password").press("Enter")


def add(page: Page, name: str) -> None:
    page.fill("#name", name)
    page.get_by_role("button", name="Add a passkey").click()


def with_passkey(browser: Browser, served: Served) -> Device:
    """A device with a passkey of a@b.c, signed in."""
    mine = device(browser, served)
    sign_in(mine.page)
    add(mine.page, "Laptop")
    expect(mine.page.locator("[data-code]")).to_have_count(10)
    mine.page.get_by_role("link", name="I have kept them").click()
    expect(mine.page.locator("#passkeys ~ .factor")).to_contain_text("Laptop")
    return mine


def leave(page: Page) -> None:
    page.wait_for_load_state("networkidle")  # An answer under way would bring the cookie back.
    page.context.clear_cookies()
    page.goto("/login")


def use_passkey(page: Page) -> None:
    page.get_by_role("button", name="passkey").click()


def test_a_passkey_is_added_and_signs_in_alone(browser: Browser, served: Served) -> None:
    mine = with_passkey(browser, served)
    page, wrong = mine.page, []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    assert len(mine.credentials()) == 1
    assert mine.credentials()[0]["isResidentCredential"]
    assert mine.credentials()[0]["rpId"] == "localhost"
    leave(page)
    page.goto("/login?next=/teams")
    use_passkey(page)
    expect(page).to_have_url(f"{served.url}/teams")
    page.goto("/account/factors")
    expect(page.locator("#passkeys ~ .factor")).to_contain_text("last used 2026-11-10 15:20 UTC")
    with served.portal.database.reading() as session:
        assert "passkey" in session.scalars(select(UserSession.way)).all()
        kinds = session.scalars(select(AuditEntry.kind).where(AuditEntry.who == "a@b.c")).all()
        assert "passkeys" in kinds
        assert session.scalars(select(Passkey.sign_count)).one() > 0
    assert wrong == []
    page.context.close()


def test_a_passkey_is_a_second_step_after_the_password(browser: Browser, served: Served) -> None:
    mine = with_passkey(browser, served)
    leave(mine.page)
    sign_in(mine.page, "/teams")
    expect(mine.page).to_have_url(f"{served.url}/login/second")
    assert mine.page.request.get("/teams", max_redirects=0).status == 302
    use_passkey(mine.page)
    expect(mine.page).to_have_url(f"{served.url}/teams")
    mine.page.context.close()


def test_a_passkey_shows_again_who_one_is(browser: Browser, served: Served) -> None:
    mine = with_passkey(browser, served)
    served.portal.later(minutes=16)
    mine.page.goto("/account/again?next=/account/factors/app")
    use_passkey(mine.page)
    expect(mine.page).to_have_url(f"{served.url}/account/factors/app")
    mine.page.context.close()


def test_several_are_named_renamed_and_removed(browser: Browser, served: Served) -> None:
    mine = with_passkey(browser, served)
    add(mine.page, "Laptop again")
    expect(mine.page.locator("[data-problem]:visible")).to_contain_text("already")
    other = device(browser, served)
    other.put(mine.credentials()[0])
    leave(other.page)
    other.page.goto("/login?next=/account/factors")
    use_passkey(other.page)
    expect(other.page.locator("#passkeys ~ .factor")).to_have_count(1)
    page = mine.page
    page.reload()
    mine.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": mine.authenticator})
    add(page, "Key ring")
    expect(page.locator("#passkeys ~ .factor")).to_have_count(2)
    page.locator("summary", has_text="Rename Key ring").click()
    page.get_by_label("Name of Key ring").fill("Spare")
    page.get_by_label("Name of Key ring").press("Enter")
    expect(page.locator("#passkeys ~ .factor").nth(1)).to_contain_text("Spare")
    page.get_by_role("button", name="Remove Laptop").click()
    expect(page.locator("#passkeys ~ .factor")).to_have_count(1)
    leave(other.page)
    use_passkey(other.page)
    expect(other.page.locator(".flash")).to_contain_text("not known here")
    mine.page.context.close()
    other.page.context.close()


def test_without_verification_of_its_holder_it_opens_nothing(
    browser: Browser, served: Served
) -> None:
    mine = with_passkey(browser, served)
    mine.verifies(False)
    leave(mine.page)
    use_passkey(mine.page)
    expect(mine.page.locator("[data-problem]:visible")).to_be_visible()
    assert mine.page.request.get("/teams", max_redirects=0).status == 302
    mine.page.context.close()


def test_one_that_counts_backwards_is_refused(browser: Browser, served: Served) -> None:
    mine = with_passkey(browser, served)
    with served.portal.database.writing() as session:
        session.execute(update(Passkey).values(sign_count=1000))
    leave(mine.page)
    use_passkey(mine.page)
    expect(mine.page.locator(".flash")).to_contain_text("counts backwards")
    mine.page.context.close()


def test_an_answer_works_once_and_only_for_what_was_asked(browser: Browser, served: Served) -> None:
    mine = with_passkey(browser, served)
    page = mine.page
    leave(page)
    sent: list[str] = []
    page.on(
        "request", lambda asked: sent.append(asked.post_data or "") if asked.post_data else None
    )
    use_passkey(page)
    expect(page).to_have_url(f"{served.url}/")
    leave(page)
    fields = dict(part.split("=", 1) for part in sent[0].split("&"))
    fields["csrf_token"] = page.locator("input[name=csrf_token]").first.input_value()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    page.request.post("/login/passkey", data=body, headers=headers)
    page.reload()
    assert page.request.get("/teams", max_redirects=0).status == 302
    leave(page)
    sign_in(page)
    token = page.locator("input[name=csrf_token]").first.input_value()
    body = body.replace(fields["csrf_token"], token) + "&second=1"
    page.request.post("/login/passkey", data=body, headers=headers)
    assert page.request.get("/teams", max_redirects=0).status == 302
    page.context.close()


@pytest.mark.parametrize(
    "credential",
    ["", "{}", "[]", "null", '{"id": 7, "response": {}}', '{"id": "x", "response": []}'],
)
def test_what_is_no_passkey_opens_nothing(
    make_portal: Callable[..., Portal], credential: str
) -> None:
    portal = make_portal(public_url="https://portal.example")
    portal.user("a@b.c")
    person = portal.somebody()
    page = person.get("/login", base_url="https://portal.example").text
    assert "data-passkey" in page
    challenge = page.partition('name="challenge" value="')[2].partition('"')[0]
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    data = {"csrf_token": token, "challenge": challenge, "credential": credential}
    answer = person.client.post(
        "/login/passkey",
        data=data,
        base_url="https://portal.example",
        headers={"Referer": "https://portal.example/login"},
    )
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login")
    person.get("/login", base_url="https://portal.example")
    assert person.get("/teams", base_url="https://portal.example").status_code == 302


@pytest.mark.parametrize(
    ("url", "offered"),
    [
        ("https://portal.example", True),
        ("http://localhost:8000", True),
        ("http://portal.example", False),
        ("https://192.0.2.7", False),
        ("", False),
    ],
)
def test_passkeys_are_offered_where_browsers_allow_them(
    make_portal: Callable[..., Portal], url: str, offered: bool
) -> None:
    portal = make_portal(public_url=url)
    page = portal.somebody().get("/login").text
    assert ("data-passkey" in page) == offered
    if offered:
        options = page.partition('data-options="')[2].partition('"')[0]
        told = json.loads(options.replace("&#34;", '"'))
        assert told["userVerification"] == "required"
        assert told.get("allowCredentials", []) == []


def test_an_app_and_its_recovery_codes_need_no_scripts(browser: Browser, served: Served) -> None:
    page = browser.new_context(base_url=served.url, java_script_enabled=False).new_page()
    sign_in(page, "/account/factors/app")
    box = page.locator(".qr").bounding_box()
    assert box
    assert box["width"] == box["height"] > 150
    secret = page.locator("[data-secret]").inner_text().replace(" ", "")
    page.fill("#code", code_at(served.portal, secret))
    page.locator("#code").press("Enter")
    codes = page.locator("[data-code]").all_inner_texts()
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    kept = download.value.path().read_text()
    assert all(code in kept for code in codes)
    leave(page)
    sign_in(page, "/teams")
    page.fill("#code", codes[0])
    page.locator("#code").press("Enter")
    expect(page).to_have_url(f"{served.url}/teams")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_too_wide(
    browser: Browser, served: Served, scheme: Any
) -> None:
    mine = with_passkey(browser, served)
    page = mine.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 700})

    def check() -> None:
        assert problems(page) == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url

    for path in ("/account", "/account/factors", "/account/factors/app", "/teams/1", "/tokens"):
        page.goto(path)
        check()
    page.goto("/account/factors")
    page.get_by_role("button", name="Make new ones").click()
    expect(page.locator("[data-code]")).to_have_count(10)
    check()
    served.portal.later(minutes=16)
    for path in ("/account/again", "/account", "/account/factors", "/tokens"):
        page.goto(path)
        check()
    leave(page)
    sign_in(page)
    check()
    page.goto("/login")
    check()
    page.context.close()
