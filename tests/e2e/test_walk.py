"""The promise of the product, in a real browser: a page through the proxy becomes a number."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.conftest import (
    PATIENCE_S,
    edge_url,
    make_token,
    portal_url,
)
from tests.support.stack import Stack
from tests.support.web import query

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(180)]


def visit_three_pages(page: Page, stack: Stack, host: str) -> None:
    """Home, the shop, a product; put it into the basket; leave."""
    page.goto(edge_url(stack, host))
    page.wait_for_function("typeof statflow === 'function'")
    page.click("a:has-text('See the shop')")
    page.wait_for_function("typeof statflow === 'function'")
    page.click("a.card >> nth=0")
    page.wait_for_function("typeof statflow === 'function'")
    page.mouse.wheel(0, 400)
    page.click("[data-basket]")
    page.wait_for_timeout(800)
    page.goto("about:blank")


def figures(portal: Page, stack: Stack, host: str, wanted: dict[str, str]) -> dict[str, str]:
    """Read the headline figures of today until they are as wanted, or patience ends."""
    url = portal_url(stack, f"/sites/{host}?period=day")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        portal.goto(url)
        found = {
            str(element.get_attribute("data-metric")): str(element.get_attribute("data-value"))
            for element in portal.query_selector_all("[data-metric][data-value]")
        }
        read = {name: found.get(name, "missing") for name in wanted}
        if read == wanted or time.monotonic() > deadline:
            return read
        time.sleep(0.5)


def test_three_pages_and_an_event_are_on_the_dashboard(
    stack: Stack, portal: Page, page: Page, other_site: str
) -> None:
    visit_three_pages(page, stack, other_site)
    wanted = {"visitors": "1", "visits": "1", "pageviews": "3", "bounce_rate": "0"}
    assert figures(portal, stack, other_site, wanted) == wanted
    portal.click("#card-events a:text('Custom events')")
    portal.wait_for_selector("text=Add to basket")
    token = make_token(stack, other_site)
    answer = query(
        stack.ports["portal"],
        token,
        {
            "site_id": other_site,
            "metrics": ["visitors", "events"],
            "date_range": "day",
            "dimensions": ["event:name"],
        },
    )
    rows = {row["dimensions"][0]: row["metrics"] for row in answer["results"]}
    assert rows["pageview"] == [1, 3]
    assert rows["Add to basket"] == [1, 1]


def test_a_site_added_in_the_portal_is_served_at_once(
    stack: Stack, portal: Page, page: Page, shop_port: int
) -> None:
    portal.goto(portal_url(stack, "/sites/new"))
    portal.fill("[name=host]", "second.localhost")
    portal.fill("[name=upstream]", f"http://127.0.0.1:{shop_port}")
    portal.fill("[name=timezone]", "Asia/Kathmandu")
    portal.click("main form button[type=submit]")
    added_at = time.monotonic()
    while True:
        answer = page.goto(edge_url(stack, "second.localhost"))
        assert answer is not None
        if answer.status == 200:
            break
        assert answer.status == 421
        assert time.monotonic() - added_at < 5, "the edge does not serve the new site"
        time.sleep(0.1)
    page.goto("about:blank")
    page.context.clear_cookies()
    visit_three_pages(page, stack, "second.localhost")
    wanted = {"visitors": "1", "visits": "1"}
    assert figures(portal, stack, "second.localhost", wanted) == wanted


def test_nothing_is_kept_on_the_visitors_device(
    stack: Stack, context: BrowserContext, page: Page, other_site: str
) -> None:
    visit_three_pages(page, stack, other_site)
    page.goto(edge_url(stack, other_site, "/about"))
    stored = page.evaluate(
        "async () => [document.cookie, localStorage.length, sessionStorage.length,"
        " (await indexedDB.databases()).length, (await caches.keys()).length]"
    )
    assert stored == ["", 0, 0, 0, 0]
    assert context.cookies() == []


def test_the_visitors_choice_is_the_one_cookie(
    stack: Stack, context: BrowserContext, page: Page, other_site: str
) -> None:
    page.goto(edge_url(stack, other_site, "/sf/opt-out"))
    page.click("button")
    assert [(c["name"], c["value"]) for c in context.cookies()] == [("sf_out", "1")]
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(edge_url(stack, other_site, "/shop"))
    page.wait_for_timeout(600)
    page.goto("about:blank")
    assert not [url for url in sent if url.endswith("/sf/e")]


def test_no_agent_is_kept_anywhere(stack: Stack, page: Page, other_site: str) -> None:
    """Whatever was written under the data folder or logged holds neither, in text or packed."""
    agent = page.evaluate("navigator.userAgent")
    visit_three_pages(page, stack, other_site)
    time.sleep(2)
    needles = [agent.encode(), b"AppleWebKit/537.36", agent.encode().hex().encode()]
    seen = 0
    for file in [stack.log, *sorted(stack.data.rglob("*"))]:
        if not file.is_file():
            continue
        content = file.read_bytes()
        seen += len(content)
        for needle in needles:
            assert needle not in content, f"{Path(file).name} holds the agent"
    assert seen > 0
