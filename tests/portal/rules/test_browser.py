"""The page of rules in a real browser: with scripts, without, by keyboard, on any screen."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from waitress.server import create_server

from portal.models import Role
from portal.sites.switches import change_site
from rules.text import render_text
from statflow.explaining import Explainer
from statflow.settings import read_settings
from tests.portal.conftest import PASSWORD, Portal
from tests.portal.dashboard.conftest import browser, chromium, problems

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PATH = "/sites/one.example/rules"
RULES: list[dict[str, Any]] = [
    {"id": "admin", "kind": "inject", "action": "exclude", "paths": ["/admin/**", "/intern/**"]},
    {"id": "office", "kind": "traffic", "action": "drop", "networks": ["203.0.113.0/24"]},
    {"id": "users", "kind": "privacy", "action": "mask", "paths": ["/u/*"], "to": "/u/:id"},
    {"id": "buy", "kind": "event", "action": "send", "selectors": ["#buy"], "when": "click",
     "name": "Bought", "props": {"plan": "pro"}},
]  # fmt: skip
SHOWN = f"{PATH}?url=/u/7?utm_source=letter&headers=User-Agent:+Mozilla/5.0"
EXPLAIN = Explainer(read_settings({}))


@pytest.fixture
def address(make_portal: Callable[..., Portal]) -> Iterator[str]:
    portal = make_portal(explain=EXPLAIN)
    portal.site("one.example")
    with portal.database.writing() as session:
        from portal.commands import site_named  # noqa: PLC0415 - one use.

        change_site(session, site_named(session, "one.example"), {"rules": render_text(RULES)})
    portal.user("a@b.c", Role.OWNER)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


def signed_in(browser: Browser, address: str, **options: Any) -> Page:
    context = browser.new_context(base_url=address, **options)
    page = context.new_page()
    page.goto(f"/login?next={PATH}")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.locator("#rules-title")).to_be_visible()
    return page


@pytest.mark.parametrize("scripts", [True, False])
def test_a_rule_is_added_and_tried_with_scripts_and_without(
    browser: Browser, address: str, *, scripts: bool
) -> None:
    page = signed_in(browser, address, java_script_enabled=scripts)
    page.select_option("#rule-does", "event.send.paths")
    page.fill("#rule-values", "/thanks*")
    page.fill("#rule-name", "Thanked")
    page.click("#rule-form button.primary")
    expect(page.locator(".flash.good")).to_be_visible()
    expect(page.locator(".rules")).to_contain_text("Thanked")
    page.fill("#trial-url", "/thanks/you")
    page.locator("#trial-url").press("Enter")
    expect(page.locator(".verdict")).to_contain_text("gets the script")
    expect(page.locator(".decision")).to_contain_text("Thanked")
    assert "url=%2Fthanks%2Fyou" in page.url
    page.context.close()


def test_only_the_fields_of_the_chosen_rule_are_shown(browser: Browser, address: str) -> None:
    page = signed_in(browser, address)
    for does, shown in (
        ("inject.exclude.paths", ()),
        ("privacy.mask.paths", ("#rule-to",)),
        ("event.send.paths", ("#rule-name", "#rule-props")),
        ("event.send.selectors", ("#rule-name", "#rule-props", "#rule-when")),
    ):
        page.select_option("#rule-does", does)
        for field in ("#rule-to", "#rule-name", "#rule-props", "#rule-when"):
            assert page.is_visible(field) == (field in shown), (does, field)
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: Any) -> None:
    page = signed_in(browser, address, color_scheme=scheme)
    for path in (SHOWN, f"{PATH}?url=/admin/a", f"{PATH}?as=text", f"{PATH}?edit=buy"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('.panel details').forEach((d) => (d.open = true))")
        assert problems(page) == [], path
    page.context.close()


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, address: str, width: int) -> None:
    page = signed_in(browser, address, viewport={"width": width, "height": 700})
    for path in (SHOWN, f"{PATH}?as=text", f"{PATH}?edit=buy"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()
