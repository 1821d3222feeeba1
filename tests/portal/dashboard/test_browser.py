"""The dashboard in a real browser: chart, filters, back, keys, and what axe and the policy say."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portal.dashboard.conftest import problems, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=30_000)


def test_a_click_on_a_row_filters_and_back_undoes_it(page: Page) -> None:
    visitors = page.locator('[data-metric="visitors"]')
    expect(visitors).to_have_attribute("data-value", "3")
    expect(page.locator(".still-now").first).to_be_attached()
    page.click("#card-sources a:text('Google')")
    expect(visitors).to_have_attribute("data-value", "2")
    page.locator(".chart").hover()
    expect(page.locator(".chart canvas")).to_have_count(1)
    expect(page.locator(".chart-still")).to_have_count(0)
    page.click(".chip .verb")
    expect(visitors).to_have_attribute("data-value", "1")
    page.go_back()
    expect(visitors).to_have_attribute("data-value", "2")
    page.click(".chip .remove")
    expect(visitors).to_have_attribute("data-value", "3")


def test_choices_stay_when_the_view_changes(page: Page) -> None:
    page.click('[data-graph="bounce_rate"]')
    expect(page.locator(".figure.chosen .figure-link")).to_have_text("Bounce rate")
    page.click("#card-sources nav a:text('Channels')")
    expect(page.locator("#card-sources .rows a").first).to_have_text("Organic Search")
    page.keyboard.press("d")
    page.wait_for_url("**period=day**")
    assert "metric=bounce_rate" in page.url
    assert "sources=channels" in page.url
    expect(page.locator(".figure.chosen .figure-link")).to_have_text("Bounce rate")
    expect(page.locator("#card-sources nav [aria-current]")).to_have_text("Channels")


def test_keys_open_help_and_filter(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.wait_for_function("document.activeElement === document.body")
    page.keyboard.press("f")
    expect(page.locator("#add-dim")).to_be_visible()
    page.select_option("#add-dim", "country")
    page.fill("#add-value", "FR")
    page.keyboard.press("Enter")
    expect(page.locator(".chip strong")).to_have_text("France")
    page.keyboard.press("x")
    page.wait_for_url("**compare=off**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    paths = (
        "/sites/shop.example?f=is,country,FR",
        "/",
        "/sites/new",
        "/sites/shop.example/settings",
        "/sites/shop.example/sharing",
        "/sites/shop.example/sharing/1",
        "/sites/shop.example/changes",
        "/sites/shop.example?f=is,goal,Signup",
        "/sites/shop.example/live",
        "/sites/shop.example/funnels?by=source",
        "/sites/shop.example/journeys",
        "/sites/shop.example/retention",
        "/sites/shop.example/settings/goals",
        "/sites/shop.example/settings/properties",
        "/sites/shop.example/settings/funnels",
        "/sites/shop.example/settings/funnels/1",
        "/sites/shop.example/settings/segments",
        "/sites/shop.example/settings/segments/new?f=is,country,FR",
        "/sites/shop.example/notes",
        "/design",
        "/tokens",
        "/public/shop.example",
        "/share/press",
        "/share/closed",
        "/share/press/embed/system/page/all",
        "/share/press/embed/light/ffffff/pages",
    )
    for path in (*paths, "/sites/shop.example/details/pages/top"):
        page.goto(path)
        settle(page)
        assert problems(page) == [], path


@pytest.mark.parametrize("width", [320, 640, 3840])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    paths = ("", "/settings", "/live", "/funnels?by=source", "/journeys", "/settings/funnels/1")
    for path in ("/", "/design", *(f"/sites/shop.example{tail}" for tail in paths)):
        page.goto(path)
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("host", "shows"), [("127.0.0.1", True), ("localhost", False)])
def test_a_frame_shows_only_where_it_was_allowed(
    browser: Browser, address: str, blog_port: int, host: str, shows: bool
) -> None:
    context = browser.new_context()
    page = context.new_page()
    src = f"{address}/share/press/embed/dark/transparent/all"
    page.goto(f"http://{host}:{blog_port}/?{src}")
    inside = page.frame_locator("iframe").locator("#card-pages .rows a")
    if shows:
        inside.first.click()
        expect(page.frame_locator("iframe").locator(".chip")).to_be_visible()
    else:
        page.wait_for_timeout(3000)
        expect(inside).to_have_count(0)
    assert context.cookies() == []
    context.close()
