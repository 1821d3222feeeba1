"""A rule saved in the portal holds on the next page, and its event is in the store."""

import time

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import PATIENCE_S, edge_url, make_token, portal_url
from tests.support.stack import Stack
from tests.support.web import fetch, query

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(180)]
PRODUCT = "/shop"


def names(stack: Stack, host: str, token: str) -> dict[str, int]:
    """Count today's events of a site by name."""
    question = {
        "site_id": host,
        "metrics": ["events"],
        "date_range": "day",
        "dimensions": ["event:name"],
    }
    answer = query(stack.ports["portal"], token, question)
    return {row["dimensions"][0]: row["metrics"][0] for row in answer["results"]}


def script_of(stack: Stack, host: str) -> str:
    """Give the address of the script in the site's pages, as the edge serves them now."""
    _, _, body = fetch(stack.ports["edge"], "/", host=host)
    return body.decode().split('<script async="async" src="', 1)[1].split('"', 1)[0]


def test_a_click_on_what_a_saved_rule_names_is_an_event_in_the_store(
    stack: Stack, portal: Page, page: Page, other_site: str
) -> None:
    before = script_of(stack, other_site)
    portal.goto(portal_url(stack, f"/sites/{other_site}/rules"))
    portal.select_option("#rule-does", "event.send.selectors")
    portal.fill("#rule-values", "a.card")
    portal.fill("#rule-name", "Card opened")
    portal.click("#rule-form button.primary")
    portal.wait_for_selector(".flash.good")
    saved = time.monotonic()
    while script_of(stack, other_site) == before:
        assert time.monotonic() < saved + 5, "the edge does not follow"
        time.sleep(0.05)
    assert time.monotonic() - saved < 2
    page.goto(edge_url(stack, other_site, PRODUCT))
    page.wait_for_function("typeof statflow === 'function'")
    page.click("a.card >> nth=0")
    page.wait_for_function("typeof statflow === 'function'")
    page.goto("about:blank")
    token = make_token(stack, other_site)
    deadline = time.monotonic() + PATIENCE_S
    while "Card opened" not in (found := names(stack, other_site, token)):
        assert time.monotonic() < deadline, found
        time.sleep(0.3)
    assert found["Card opened"] == 1


def test_the_pages_answer_to_an_address_is_the_commands(
    stack: Stack, portal: Page, other_site: str
) -> None:
    portal.goto(portal_url(stack, f"/sites/{other_site}/rules"))
    portal.fill("#trial-url", "/wp-admin/x")
    portal.locator("#trial-url").press("Enter")
    portal.wait_for_selector(".verdict.warn")
    said = stack.run("rules", "explain", edge_url(stack, other_site, "/wp-admin/x"), "--json")
    assert '"reason": "rule"' in said
    assert portal.inner_text(".verdict code") == "rule"
    assert portal.inner_text(".asked .won code") == "wordpress-admin"
