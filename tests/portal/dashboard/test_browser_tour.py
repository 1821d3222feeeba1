"""The tour over the example, and the picker of comparisons, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.portal.dashboard.conftest import problems, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=30_000)
SITE = "/sites/shop.example"


def test_the_tour_goes_by_keyboard_and_ends(page: Page) -> None:
    page.goto(f"{SITE}/example")
    settle(page)
    stops = page.locator(".tour-stops li:visible")
    expect(stops).to_have_count(1)
    expect(page.locator(".figures.toured")).to_be_visible()
    assert problems(page) == []
    page.get_by_role("button", name="Next").focus()
    for target in (".stepper", "#card-sources", "#card-pages", "#card-events", ".site-nav .tabs"):
        page.keyboard.press("Enter")
        expect(page.locator(f"{target}.toured")).to_be_in_viewport()
        expect(page.locator(".tour")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_role("button", name="Back").click()
    expect(page.locator("#card-events.toured")).to_be_visible()
    page.get_by_role("link", name="Google", exact=True).first.click()
    expect(page.locator(".chip strong")).to_have_text("Google")
    expect(stops).to_have_count(1)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 760})
    page.goto(f"{SITE}/example")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems(page) == []
    page.keyboard.press("Escape")
    page.wait_for_url(f"**{SITE}")


def test_days_of_ones_own_are_compared_with(page: Page) -> None:
    page.click("summary:has-text('vs previous period')")
    page.fill("input[name=cfrom]", "2026-10-01")
    page.fill("input[name=cto]", "2026-10-28")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**compare=custom&cfrom=2026-10-01&cto=2026-10-28**")
    expect(page.locator(".legend")).to_contain_text("28 Oct 2026")
    page.click("summary:has-text('vs 1 Oct')")
    page.get_by_role("link", name="Match the days of the week").click()
    page.wait_for_url("**match=weekday**")
    expect(page.locator("#card-pages .rows")).to_be_visible()
    page.go_back()
    page.wait_for_url(lambda url: "match=" not in url)
    settle(page)
