"""Behaviour and edge pages in a real browser: axe, the policy, dark, a small phone, no scripts."""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect
from waitress.server import create_server

from portal.models import Role
from store.client import Store
from tests.portal.behaviour.test_pages import HOST, PATHS, a_site, stored_id
from tests.portal.conftest import PASSWORD, Portal
from tests.portal.dashboard.conftest import browser, chromium, problems

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MAPS = ("behaviour/map?page=/a", "behaviour/map?page=/a&of=scroll")


@pytest.fixture
def address(make_portal: Callable[..., Portal], store: Store) -> Iterator[str]:
    portal = make_portal(store)
    a_site(portal, stored_id(store), "one.example", ["clicks"])
    portal.user("a@b.c", Role.VIEWER)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_pass_axe_and_fit_a_small_phone(browser: Browser, address: str, theme: str) -> None:
    size = {"width": 320, "height": 700} if theme == "dark" else {"width": 1200, "height": 900}
    context = browser.new_context(base_url=address, color_scheme=theme, viewport=size)  # type: ignore[arg-type] # a literal
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto("/login")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    for path in (*PATHS, *MAPS):
        page.goto(f"{HOST}/{path}")
        assert problems(page) == [], path
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], path
    assert said == []


def test_a_page_leads_to_its_map_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/login?next={HOST}/behaviour")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    page.get_by_role("link", name="/a", exact=True).click()
    expect(page.get_by_role("img", name="Clicks on /a; the table has the figures")).to_be_visible()
    page.get_by_role("link", name="Scroll", exact=True).click()
    expect(page.get_by_role("heading", name="How far /a is seen")).to_be_visible()
    page.get_by_role("link", name="Mobile", exact=True).click()
    expect(page.get_by_role("link", name="Scroll", exact=True)).to_have_attribute(
        "aria-current", "true"
    )
    assert "page=%2Fa" in page.url
