"""The events of a site's own rules by selector, in a real browser."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.selectors import TAKEN
from tests.support.tracked_site import TAG, TrackedSite, leave, render_page

pytestmark = pytest.mark.browser

BODY = """
<button id="buy"><b>Buy</b></button> <a class="buy" href="#x">or so</a>
<form id="order" action="/b"><input name="n"><button>Send</button></form>
"""
RULES: list[tuple[str, str, str, dict[str, str]]] = [
    ("click", "#buy, .buy", "Bought", {"plan": "pro"}),
    ("click", "button", "Second", {}),
    ("submit", "form#order", "Ordered", {}),
]


def custom(site: TrackedSite) -> list[tuple[str, object]]:
    """The events of rules: their name and properties."""
    names = {"Bought", "Second", "Ordered"}
    return [(e["n"], e.get("p")) for e in site.events if e["n"] in names]


def test_a_click_inside_the_element_sends_the_first_rule_that_matches(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.rules = RULES
    tracked_site.pages["/"] = render_page(BODY)
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.click("#buy b")
    page.click(".buy")
    page.click("html", position={"x": 1, "y": 1})
    tracked_site.wait_for(page, lambda: len(custom(tracked_site)) >= 2)
    assert custom(tracked_site) == [("Bought", {"plan": "pro"})] * 2


def test_submitting_a_form_sends_its_rule_beside_the_builtin_event(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.rules = RULES
    tracked_site.pages["/"] = render_page(BODY)
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.locator("#order input").press("Enter")
    page.wait_for_url("**/b?n=")
    leave(tracked_site, page, engagements=2)
    # Enter in a field clicks the form's button, which is an element of the second rule.
    assert [name for name, _ in custom(tracked_site)] == ["Second", "Ordered"]
    assert len(tracked_site.named("Form: Submission")) == 1


def test_a_second_tag_counts_nothing_twice(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.rules = RULES
    tracked_site.pages["/"] = render_page(BODY, head=TAG)
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.click("#buy")
    leave(tracked_site, page)
    assert len(custom(tracked_site)) == 1


def test_who_opted_out_is_not_counted(
    tracked_site: TrackedSite, context: BrowserContext, page: Page
) -> None:
    tracked_site.rules = RULES
    tracked_site.pages["/"] = render_page(BODY)
    context.add_cookies([{"name": "sf_out", "value": "1", "url": tracked_site.origin}])
    page.goto(tracked_site.origin)
    page.click("#buy")
    page.wait_for_timeout(300)
    assert tracked_site.events == []


def test_a_frame_of_the_same_site_stays_silent(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.rules = RULES
    tracked_site.pages["/inner"] = render_page(BODY)
    tracked_site.pages["/"] = render_page('<iframe src="/inner"></iframe>')
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.frame_locator("iframe").locator("#buy").click()
    leave(tracked_site, page)
    assert custom(tracked_site) == []


@pytest.mark.parametrize("selector", TAKEN)
def test_every_selector_that_rules_take_is_one_to_a_browser(page: Page, selector: str) -> None:
    page.goto("about:blank")
    page.evaluate("(selector) => document.querySelector(selector)", selector)
