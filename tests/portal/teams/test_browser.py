"""Pages of people and teams in a real browser: without scripts, by axe, on any screen."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from waitress.server import create_server

from portal.models import Guest, Role, User
from tests.portal.conftest import PASSWORD, Portal
from tests.portal.dashboard.conftest import browser, chromium, problems

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ADMINISTRATION = (
    *("/admin", "/admin/health", "/admin/queues", "/admin/settings"),
    *("/admin/people", "/admin/teams", "/admin/sites"),
)
LONG = "a.person.with.quite.a.long.name@subsidiary.of.a.large.company.example"


@pytest.fixture
def address(make_portal: Callable[..., Portal]) -> Iterator[str]:
    portal = make_portal()
    portal.user("a@b.c", Role.OWNER, admin=True)
    portal.user(LONG, Role.EDITOR)
    portal.user("guest@b.c")
    number = portal.site("one.example")
    with portal.database.writing() as session:
        guest = session.scalar(select(User.id).where(User.email == "guest@b.c"))
        session.add(Guest(user_id=guest, site_id=number, role=Role.VIEWER))
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


def signed_in(browser: Browser, address: str, **options: Any) -> Page:
    page = browser.new_context(base_url=address, **options).new_page()
    page.goto("/login?next=/teams/1")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.locator("#people")).to_be_visible()
    return page


def invited(page: Page) -> str:
    """Invite somebody and give the link."""
    page.fill("#email", "new@b.c")
    page.select_option("#role", "editor")
    page.locator("#email").press("Enter")
    return page.locator("#link").input_value()


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_is_invited_and_comes_in(browser: Browser, address: str, *, scripts: bool) -> None:
    page = signed_in(browser, address, java_script_enabled=scripts)
    link = invited(page)
    newcomer = browser.new_context(base_url=address, java_script_enabled=scripts).new_page()
    newcomer.goto(link)
    newcomer.fill("#password", PASSWORD)
    newcomer.locator("#password").press("Enter")
    expect(newcomer.locator(".site-name")).to_have_text("one.example")
    page.goto("/teams/1")
    expect(page.locator("#view")).to_contain_text("new@b.c")
    newcomer.context.close()
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: Any) -> None:
    page = signed_in(browser, address, color_scheme=scheme)
    link = invited(page)
    assert problems(page) == []
    own = ("/teams", "/teams/1", "/account", "/sites/one.example/settings")
    for path in (*own, "/sites/one.example/verify", *ADMINISTRATION, link):
        page.goto(path)
        assert problems(page) == [], path
    page.context.clear_cookies()
    for path in ("/login", "/forgot", "/invitations/none", link):
        page.goto(path)
        assert problems(page) == [], path
    page.context.close()


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, address: str, width: int) -> None:
    page = signed_in(browser, address, viewport={"width": width, "height": 700})
    link = invited(page)
    for path in ("", "/teams", "/teams/1", "/account", *ADMINISTRATION):
        if path:
            page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.context.clear_cookies()
    page.goto(link)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()
