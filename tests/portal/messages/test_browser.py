"""The page on reports and alerts in a real browser: without scripts, by axe, on any screen."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from waitress.server import create_server

from portal.messages.message import Topic
from portal.messages.unsubscribe import Unsubscriber
from portal.models import Recipient, Role
from tests.portal.conftest import PASSWORD, Portal
from tests.portal.dashboard.conftest import browser, chromium, problems
from tests.portal.messages.conftest import SECRET, ways
from tests.support.receiver import Receiver

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PATH = "/sites/one.example/reports"
LONG = "a.person.with.quite.a.long.name@subsidiary.of.a.large.company.example"


@pytest.fixture
def address(make_portal: Callable[..., Portal]) -> Iterator[str]:
    portal = make_portal(ways=ways(mail=lambda _: None))
    portal.site("one.example")
    person = portal.user("a@b.c", Role.OWNER)
    typed = {"kind": "email", "address": LONG, "gets": ["weekly"]}
    person.post(f"{PATH}/recipients", typed, form_at=PATH)
    person.post(f"{PATH}/recipients/1/test", {}, form_at=PATH)
    person.post(f"{PATH}/alerts", {"what": "capture", "quiet_h": "24"}, form_at=PATH)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    with portal.database.reading() as session:
        row = session.get_one(Recipient, 1)
        portal.url = Unsubscriber(SECRET, "").link(row, Topic.WEEKLY)
    yield f"http://127.0.0.1:{server.effective_port} {portal.url}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


def signed_in(browser: Browser, address: str, **options: Any) -> Page:
    page = browser.new_context(base_url=address.split(maxsplit=1)[0], **options).new_page()
    page.goto(f"/login?next={PATH}")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.locator("#sent")).to_be_visible()
    return page


@pytest.mark.parametrize("scripts", [True, False])
def test_a_chat_is_added_and_tried(
    browser: Browser, address: str, receiver: Receiver, *, scripts: bool
) -> None:
    page = signed_in(browser, address, java_script_enabled=scripts)
    page.select_option("#kind", "slack")
    page.fill("#address", receiver.url())
    page.locator("#address").press("Enter")
    expect(page.locator(".flash.good")).to_contain_text("Added")
    page.locator("button", has_text="Send a test").nth(1).click()
    expect(page.locator(".flash.good")).to_contain_text("is sent")
    expect(page.locator("#sent li").first).to_contain_text("It answered 200.")
    assert len(receiver.received) == 1
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: Any) -> None:
    page = signed_in(browser, address, color_scheme=scheme)
    assert problems(page) == []
    for path in (f"{PATH}/recipients/1", address.split()[1], "/unsubscribe/none"):
        page.goto(path)
        assert problems(page) == [], path
    page.context.close()


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, address: str, width: int) -> None:
    page = signed_in(browser, address, viewport={"width": width, "height": 700})
    for path in ("", f"{PATH}/recipients/1", address.split()[1]):
        if path:
            page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.context.close()
