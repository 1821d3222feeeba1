"""Every report in the states a browser can ask for: on paper, in few colours, still, bare, late."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from portal.sites.tabs import GROUPS
from tests.portal.conftest import Portal
from tests.portal.dashboard.conftest import settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PAPER_PX = 720
"""The width of A4 between its margins."""
_HIDDEN = ".top, .bar-tools, .site-nav, .tabs a:not([aria-current]), .asking, .hint, .card-foot"
_SHOWN = """(names) => [...document.querySelectorAll(names)]
  .filter((part) => part.checkVisibility({visibilityProperty: true}) && part.offsetHeight)
  .map((part) => part.className || part.tagName)"""
_CUT = """() => [...document.querySelectorAll('table')].filter((table) => {
  const box = table.getBoundingClientRect();
  return table.checkVisibility() && (box.right > innerWidth + 1 || box.left < -1);
}).map((table) => table.className)"""
_UNSEEN = """() => {
  const ground = getComputedStyle(document.body).backgroundColor;
  const drawn = 'main svg :is(path, polyline, line, rect, circle):not([fill^=url])';
  return [...document.querySelectorAll(drawn)].filter((part) => {
    const style = getComputedStyle(part);
    const inks = [style.fill, style.stroke].filter((ink) => ink !== 'none');
    return part.checkVisibility() && inks.length && inks.every((ink) => ink === ground);
  }).map((part) => part.parentNode.className.baseVal + ' ' + part.className.baseVal);
}"""
_STYLE = "([part, name]) => getComputedStyle(document.querySelector(part))[name]"


@pytest.fixture
def reports(served: tuple[Portal, str]) -> list[str]:
    """The addresses of every report of a site, as its navigation has them."""
    with served[0].app.test_request_context():
        return list(_addresses(served[0].app))


def _addresses(app: Any) -> Iterator[str]:
    for group in GROUPS:
        for tab in group.pages:
            if group.label != "Settings":
                yield app.url_for(tab.endpoint, host="shop.example", _external=False)


def test_every_report_on_paper_in_few_colours_and_still(page: Page, reports: list[str]) -> None:
    page.emulate_media(reduced_motion="reduce")
    for path in reports:
        page.goto(path)
        settle(page)
        assert page.evaluate("document.getAnimations().length") == 0, path
        page.emulate_media(forced_colors="active", color_scheme="dark")
        assert page.evaluate(_UNSEEN) == [], path
        page.emulate_media(media="print", forced_colors="none", color_scheme="light")
        page.set_viewport_size({"width": PAPER_PX, "height": 1000})
        assert page.evaluate(_SHOWN, _HIDDEN) == [], path
        assert page.evaluate(_CUT) == [], path
        assert page.locator(".bar").count() == page.locator(".bar .print-only:visible").count()
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 1280, "height": 900})


def test_no_other_sheet_wins_over_what_a_system_asks_for(page: Page) -> None:
    drawn = {".bar-behind rect": "fill", ".figure polyline": "stroke", ".still-now": "stroke"}
    before = {part: page.evaluate(_STYLE, [part, name]) for part, name in drawn.items()}
    page.emulate_media(forced_colors="active")
    for part, name in drawn.items():
        assert page.evaluate(_STYLE, [part, name]) != before[part], part
    page.emulate_media(forced_colors="none", media="print")
    assert page.evaluate(_STYLE, [".card", "minHeight"]) == "0px"
    assert page.evaluate(_STYLE, [".bar", "position"]) == "static"


def test_without_scripts_every_report_has_its_figures(page: Page, reports: list[str]) -> None:
    address = page.url.split("/sites/")[0]
    assert page.context.browser is not None
    context = page.context.browser.new_context(
        base_url=address, java_script_enabled=False, storage_state=page.context.storage_state()
    )
    bare = context.new_page()
    for path in (*reports, "/sites/shop.example/settings/goals"):
        bare.goto(path)
        expect(bare.locator("main")).to_contain_text("shop.example")
        expect(bare.locator(".skeleton")).to_have_count(0)
        assert bare.locator("main table, main .notice, main .muted").count(), path
    context.close()


def test_a_card_waits_in_its_place_fails_in_words_and_is_tried_again(
    page: Page, said: list[str]
) -> None:
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/cards/sources?*", hold)
    page.goto("/sites/shop.example?period=7d")
    card = page.locator("#card-sources")
    expect(card.locator(".skeleton").first).to_be_visible()
    expect(page.locator("#card-pages .rows")).to_be_visible()
    places = [page.locator(name).bounding_box() for name in ("#card-sources", "#card-places")]
    waiting[0].fulfill(status=500, headers={"X-Request-Id": "r-7"}, body="")
    alert = card.get_by_role("alert")
    expect(alert).to_contain_text("These numbers could not be loaded.")
    expect(alert).to_contain_text("r-7")
    page.unroute_all()
    card.get_by_role("button", name="Try again").click()
    expect(card.locator(".rows")).to_contain_text("Google")
    assert places == [
        page.locator(name).bounding_box() for name in ("#card-sources", "#card-places")
    ]
    assert all("500" in words for words in said)
    said.clear()
