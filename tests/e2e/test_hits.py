"""A document through the proxy becomes a hit, and the browser's own page view confirms it."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from store.client import Store
from tests.support.stack import Stack
from tests.support.web import BROWSER, fetch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(180)]
PATIENCE_S = 30.0


def edge_url(stack: Stack, host: str, path: str = "/") -> str:
    return f"http://{host}:{stack.ports['edge']}{path}"


def hits_of(stack: Stack, host: str, wanted: int, where: str = "1") -> list[dict[str, Any]]:
    """A site's hits, once there are as many as wanted, in order of time."""
    names = (
        "kind", "status", "outcome", "capture", "refusal", "path", "referrer_host", "from_path",
        "redirect", "sent_bytes", "load_id", "visitor", "bot", "operator", "evidence", "browser",
    )  # fmt: skip
    store = Store(json.loads((stack.data / "store.json").read_text())["url"])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = store.query(
            f"select {', '.join(names)} from hits where hostname = {{host:String}} and {where}"
            " order by ts, kind",
            {"host": host},
        )
        if len(rows) >= wanted:
            return [dict(zip(names, row, strict=True)) for row in rows]
        assert time.monotonic() < deadline, f"{len(rows)} of {wanted} hits: {rows}"
        time.sleep(0.2)


def confirmed(stack: Stack, host: str, views: int) -> list[int]:
    """The load ids that page views confirmed, once there are as many views as given."""
    store = Store(json.loads((stack.data / "store.json").read_text())["url"])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = store.query(
            "select load_id, is_first from events"
            " where hostname = {host:String} and name = 'pageview' order by ts",
            {"host": host},
        )
        if len(rows) >= views:
            return [load_id for load_id, is_first in rows if is_first]
        assert time.monotonic() < deadline, f"{len(rows)} of {views} views: {rows}"
        time.sleep(0.2)


def test_a_browser_confirms_what_it_was_served(stack: Stack, other_site: str, page: Page) -> None:
    page.goto(edge_url(stack, other_site))
    page.wait_for_function("typeof statflow === 'function'")
    page.click("a:has-text('See the shop')")
    page.wait_for_function("typeof statflow === 'function'")
    page.goto(edge_url(stack, other_site))  # A 304 this time, with an id of its own.
    page.wait_for_function("typeof statflow === 'function'")
    page.goto("about:blank")
    documents = hits_of(stack, other_site, 3, "kind = 'document' and browser = 'Chrome'")
    assert [row["status"] for row in documents] == [200, 200, 304]
    assert {row["capture"] for row in documents} == {"eligible"}
    assert {(row["bot"], row["browser"]) for row in documents} == {("", "Chrome")}
    assert documents[1]["from_path"] == documents[0]["path"] == "/"
    assert documents[0]["sent_bytes"] > 1_000
    assert documents[2]["sent_bytes"] == 0
    assert confirmed(stack, other_site, 3) == [row["load_id"] for row in documents]
    scripts = hits_of(stack, other_site, 1, "kind = 'script'")
    assert [row["visitor"] for row in scripts] == [documents[0]["visitor"]]


def test_going_back_confirms_nothing_twice(stack: Stack, other_site: str, page: Page) -> None:
    page.goto(edge_url(stack, other_site))
    page.wait_for_function("typeof statflow === 'function'")
    page.goto("about:blank")
    page.go_back()
    page.wait_for_function("typeof statflow === 'function'")
    page.goto("about:blank")
    hits_of(stack, other_site, 1, "kind = 'document' and browser = 'Chrome'")
    assert len(confirmed(stack, other_site, 2)) == 1


@pytest.mark.parametrize(("headers", "refusal"), [({"Sec-GPC": "1"}, "gpc"), ({"DNT": "1"}, "dnt")])
def test_who_refuses_is_a_hit_without_a_visitor(
    stack: Stack, other_site: str, browser: Browser, headers: dict[str, str], refusal: str
) -> None:
    with browser.new_context(extra_http_headers=headers, user_agent=BROWSER) as context:
        page = context.new_page()
        page.goto(edge_url(stack, other_site))
        page.wait_for_timeout(300)
    [row] = hits_of(stack, other_site, 1, f"kind = 'document' and refusal = '{refusal}'")
    assert (row["capture"], row["visitor"], row["load_id"]) == ("refused", 0, 0)
    assert confirmed_now(stack, other_site) == []


def confirmed_now(stack: Stack, host: str) -> list[int]:
    store = Store(json.loads((stack.data / "store.json").read_text())["url"])
    return [row[0] for row in store.query(
        "select load_id from events where hostname = {host:String}", {"host": host}
    )]  # fmt: skip


def test_crawlers_and_their_errors_are_hits_too(stack: Stack, other_site: str) -> None:
    agent = "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"
    headers = {"User-Agent": agent, "Accept": "text/html"}
    fetch(stack.ports["edge"], "/no-such-page", host=other_site, headers=headers)
    [row] = hits_of(stack, other_site, 1, "bot = 'ai_training'")
    assert (row["status"], row["operator"]) == (404, "OpenAI")
    assert (row["path"], row["outcome"]) == ("/no-such-page", "injected")


def test_a_redirect_tells_where_to(stack: Stack, other_site: str) -> None:
    headers = {"User-Agent": BROWSER, "Accept": "text/html"}
    fetch(stack.ports["edge"], "/checkout", method="POST", host=other_site, headers=headers)
    [row] = hits_of(stack, other_site, 1, "status = 303")
    assert (row["redirect"], row["capture"]) == ("/thank-you", "aside")


def test_at_the_edge_alone_a_document_is_a_page_view(
    stack: Stack, other_site: str, page: Page
) -> None:
    stack.run("site", "set", other_site, "measure=edge")
    deadline = time.monotonic() + PATIENCE_S
    while b"<script async" in fetch(stack.ports["edge"], "/", host=other_site)[2]:
        assert time.monotonic() < deadline, "the edge does not follow"
        time.sleep(0.2)
    page.goto(edge_url(stack, other_site, "/shop?utm_source=letter&session=1"))
    page.goto("about:blank")
    store = Store(json.loads((stack.data / "store.json").read_text())["url"])
    while True:
        rows = store.query(
            "select path, source, browser, bot from events where hostname = {host:String}"
            " and path = '/shop'",
            {"host": other_site},
        )
        if rows:
            break
        assert time.monotonic() < deadline, "no page view"
        time.sleep(0.2)
    assert rows == [("/shop", "letter", "Chrome", "")]
