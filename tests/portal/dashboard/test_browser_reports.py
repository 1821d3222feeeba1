"""Reports in a real browser: the builder's preview, the live stream, zooming, journeys."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete

from portal.models import Site, SiteHost, UserSession
from store.client import Store
from tests.portal.conftest import NOW, Portal
from tests.portal.dashboard.conftest import settle
from tests.store.query.dataset import a_visit, store_traffic

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=30_000)
SITE = "/sites/shop.example"


def test_the_builder_previews_each_choice(page: Page) -> None:
    page.goto(f"{SITE}/settings/funnels/new")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("from 2 to 10 steps")
    page.select_option("select[name=steps] >> nth=0", label="Home")
    page.select_option("select[name=steps] >> nth=1", label="Signup")
    expect(preview.locator("[data-step='1']")).to_have_attribute("data-value", "2")
    expect(preview.locator("[data-step='2']")).to_have_attribute("data-value", "0")
    page.fill("#name", "Way")
    page.keyboard.press("Enter")
    page.wait_for_url("**/funnels?funnel=2")
    expect(page.locator("h2", has_text="Way").last).to_be_visible()


def test_filters_become_a_segment_and_a_filter_again(page: Page) -> None:
    page.click("#card-sources a:text('Google')")
    expect(page.locator(".chip strong")).to_have_text("Google")
    page.click("summary:has-text('Segment')")
    page.click("a:text('Save these filters')")
    page.fill("#name", "From Google")
    page.click("button:text('Save')")
    expect(page.locator(".chip strong")).to_have_text("From Google")
    expect(page.locator('[data-metric="visitors"]')).to_have_attribute("data-value", "2")


def test_the_live_page_follows_what_comes_and_ends_with_the_session(
    page: Page, served: tuple[Portal, str], store: Store
) -> None:
    portal, number = served[0], 820_100
    with portal.database.writing() as session:
        session.add(
            Site(
                id=number,
                team_id=1,
                host="quiet.example",
                public_key="stk_quiet",
                created_at=NOW,
                upstreams=["http://a:1"],
                hosts=[SiteHost(host="quiet.example")],
            )
        )
    page.goto("/sites/quiet.example/live")
    expect(page.locator("#live-view")).to_contain_text("Quiet.")
    start = (NOW - timedelta(minutes=2)).replace(tzinfo=None).isoformat()
    came = a_visit("UTC", start, None, source="letter").view("/fresh").events
    store_traffic(store, number, came, "portal-browser-live")
    expect(page.locator(".feed")).to_contain_text("/fresh")
    expect(page.locator("[data-live]")).to_have_attribute("data-live", "1")
    with portal.database.writing() as session:
        session.execute(delete(UserSession))
    page.wait_for_url("**/login**")


def test_without_a_seat_the_live_page_asks_by_itself(
    page: Page, served: tuple[Portal, str], said: list[str]
) -> None:
    seats = served[0].surroundings.live_seats
    while seats.take():
        pass
    with page.expect_response("**/live/view") as answer:
        page.goto(f"{SITE}/live")
    assert answer.value.status == 200
    settle(page)
    refusals = [text for text in said if "503" in text or "EventSource" in text]
    assert refusals
    said[:] = [text for text in said if text not in refusals]


def test_a_stretch_of_the_graph_becomes_the_period(page: Page) -> None:
    page.locator(".chart").hover()
    expect(page.locator(".chart canvas")).to_have_count(1)
    box = page.locator(".chart").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, y, steps=4)
    page.mouse.up()
    page.wait_for_url("**period=custom**")
    expect(page.locator(".period-name")).to_contain_text("Oct")
    page.go_back()
    expect(page.locator(".period-name")).to_have_text("Last 28 days")


def test_journeys_are_drawn_and_followed(page: Page) -> None:
    page.goto(f"{SITE}/journeys")
    expect(page.locator(".sankey canvas")).to_have_count(1)
    page.fill("input[name=at]", "/a")
    page.click(".report button:text('Show')")
    page.wait_for_url("**at=%2Fa**")
    expect(page.locator("[data-metric='visits']")).to_have_attribute("data-value", "1")


def test_arrows_go_through_a_list(page: Page) -> None:
    page.locator("#card-pages .rows a").first.focus()
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.closest('tr').rowIndex")
    assert focused == 2
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 1


def test_a_country_of_the_map_is_a_filter(page: Page) -> None:
    page.locator("#card-places .world a[aria-label^='France']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chip strong")).to_have_text("France")


def test_more_of_the_graph_is_in_its_menu(page: Page) -> None:
    page.click("summary:has([data-graphed])")
    page.click(".graph-tools .menu-list a:text('Engagement rate')")
    page.wait_for_url("**metric=engagement_rate**")
    settle(page)
    expect(page.locator("[data-graphed]")).to_have_text("Engagement rate")
