"""Engagement: time seen and focused, and how far down, sent when the visitor turns away.

The clock is Playwright's, so that no test waits for seconds. Headless Chromium shows every tab and
focuses every window; hiding is therefore played by an init script that overrides what the document
says of itself and tells the page as a browser does.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.support.tracked_site import TrackedSite, leave, render_page, stop_clock

pytestmark = pytest.mark.browser

TALL = '<div style="height: {height}px"></div>'
ATTENTION = """
  const state = {hidden: false, focused: true};
  Object.defineProperty(Document.prototype, 'hidden', {get: () => state.hidden});
  Object.defineProperty(Document.prototype, 'visibilityState',
    {get: () => state.hidden ? 'hidden' : 'visible'});
  Document.prototype.hasFocus = () => state.focused;
  window.hide = hidden => {
    state.hidden = hidden;
    document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
  };
  window.focusOn = focused => {
    state.focused = focused;
    dispatchEvent(new Event(focused ? 'focus' : 'blur'));
  };
"""


@pytest.fixture
def timed_page(page: Page) -> Page:
    """Give a page whose clock stands still until it is wound, and whose attention is played."""
    stop_clock(page)
    page.add_init_script(ATTENTION)
    return page


def open_page(site: TrackedSite, page: Page, path: str = "/") -> None:
    page.goto(site.origin + path)
    page.clock.run_for(500)
    site.wait_for(page, lambda: site.views)


def engagement(site: TrackedSite) -> list[tuple[str, int, int]]:
    """List page, whole seconds and depth of each engagement event."""
    return [
        (event["u"].removeprefix(site.origin), round(event["g"] / 1000), event["d"])
        for event in site.named("engagement")
    ]


def test_time_counts_while_seen_and_is_sent_on_hide(
    tracked_site: TrackedSite, timed_page: Page
) -> None:
    open_page(tracked_site, timed_page)
    timed_page.clock.run_for(8_000)
    timed_page.evaluate("hide(true)")
    tracked_site.wait_for(timed_page, lambda: tracked_site.named("engagement"))
    timed_page.clock.run_for(60_000)
    timed_page.evaluate("hide(false)")
    timed_page.clock.run_for(4_000)
    leave(tracked_site, timed_page, engagements=2)

    assert [seconds for _, seconds, _ in engagement(tracked_site)] == [
        pytest.approx(8, abs=1),
        pytest.approx(4, abs=1),
    ]


def test_an_engagement_event_carries_no_referrer(
    tracked_site: TrackedSite, timed_page: Page
) -> None:
    open_page(tracked_site, timed_page)
    leave(tracked_site, timed_page)

    assert set(tracked_site.named("engagement")[0]) == {"n", "u", "g", "d", "a", "w", "b"}


def test_time_without_focus_does_not_count(tracked_site: TrackedSite, timed_page: Page) -> None:
    open_page(tracked_site, timed_page)
    timed_page.clock.run_for(5_000)
    timed_page.evaluate("focusOn(false)")
    tracked_site.wait_for(timed_page, lambda: tracked_site.named("engagement"))
    timed_page.clock.run_for(30_000)
    timed_page.evaluate("focusOn(true)")
    timed_page.clock.run_for(1_000)
    leave(tracked_site, timed_page)

    # One second more of the same page is not worth an event.
    assert [seconds for _, seconds, _ in engagement(tracked_site)] == [pytest.approx(5, abs=1)]


def test_short_looks_add_up(tracked_site: TrackedSite, timed_page: Page) -> None:
    open_page(tracked_site, timed_page)
    for _ in range(4):
        timed_page.evaluate("hide(true); hide(false)")
        timed_page.clock.run_for(1_400)
    leave(tracked_site, timed_page, engagements=2)

    seconds = [event["g"] / 1000 for event in tracked_site.named("engagement")]
    assert sum(seconds) == pytest.approx(4 * 1.4 + 0.5, abs=3)
    assert len(seconds) == 2


def test_nothing_is_sent_while_the_visitor_stays(
    tracked_site: TrackedSite, timed_page: Page
) -> None:
    open_page(tracked_site, timed_page)
    timed_page.clock.run_for(600_000)

    assert [event["n"] for event in tracked_site.events] == ["pageview"]


def test_a_route_change_ends_the_page_before_it(
    tracked_site: TrackedSite, timed_page: Page
) -> None:
    open_page(tracked_site, timed_page)
    timed_page.clock.run_for(6_000)
    timed_page.evaluate("history.pushState({}, '', '/b')")
    timed_page.clock.run_for(10_000)
    leave(tracked_site, timed_page)

    assert [(e["n"], e["u"].removeprefix(tracked_site.origin)) for e in tracked_site.events] == [
        ("pageview", "/"),
        ("engagement", "/"),
        ("pageview", "/b"),
        ("engagement", "/b"),
    ]
    assert [s for _, s, _ in engagement(tracked_site)] == [
        pytest.approx(6, abs=1),
        pytest.approx(10, abs=1),
    ]


@pytest.fixture
def depth_after(tracked_site: TrackedSite, page: Page) -> Callable[[str, str], int]:
    """Visit a page, do something, leave: how much of it was seen."""

    def visit(body: str, script: str) -> int:
        tracked_site.pages["/"] = render_page(body)
        page.set_viewport_size({"width": 1000, "height": 500})
        page.goto(tracked_site.origin)
        page.wait_for_timeout(300)
        page.evaluate(script)
        page.wait_for_timeout(100)
        leave(tracked_site, page)
        return max(depth for _, _, depth in engagement(tracked_site))

    return visit


def test_a_page_without_scrolling_was_seen_as_far_as_it_showed(
    depth_after: Callable[[str, str], int],
) -> None:
    assert depth_after(TALL.format(height=2_000), "") == pytest.approx(25, abs=1)


def test_the_deepest_place_counts(depth_after: Callable[[str, str], int]) -> None:
    script = "scrollTo(0, 1000); setTimeout(() => scrollTo(0, 0), 50)"
    assert depth_after(TALL.format(height=2_000), script) == pytest.approx(75, abs=1)


def test_a_page_that_grew_was_seen_less(depth_after: Callable[[str, str], int]) -> None:
    script = "scrollTo(0, 1e6); document.querySelector('div').style.height = '8000px'"
    assert depth_after(TALL.format(height=2_000), script) == pytest.approx(25, abs=2)


def test_a_page_that_fits_was_seen_whole(depth_after: Callable[[str, str], int]) -> None:
    assert depth_after("short", "") == 100


def test_the_next_route_starts_at_its_own_top(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.pages["/"] = render_page(TALL.format(height=2_000))
    page.set_viewport_size({"width": 1000, "height": 500})
    page.goto(tracked_site.origin)
    page.wait_for_timeout(300)
    page.evaluate("scrollTo(0, 1e6)")
    page.wait_for_timeout(100)
    page.evaluate("history.pushState({}, '', '/b'); scrollTo(0, 0)")
    page.wait_for_timeout(300)
    leave(tracked_site, page)

    assert [path for path, _, _ in engagement(tracked_site)] == ["/", "/b"]
    assert [depth for _, _, depth in engagement(tracked_site)] == [
        pytest.approx(100, abs=1),
        pytest.approx(25, abs=1),
    ]


def test_a_tab_opened_in_the_background_counts_when_first_shown(
    tracked_site: TrackedSite, timed_page: Page
) -> None:
    timed_page.add_init_script("hide(true)")
    timed_page.goto(tracked_site.origin)
    timed_page.evaluate("history.pushState({}, '', '/b')")
    timed_page.evaluate("statflow('Early', {props: {where: 'hidden'}})")
    timed_page.clock.run_for(60_000)
    assert tracked_site.events == []

    timed_page.evaluate("hide(false)")
    timed_page.clock.run_for(10)
    tracked_site.wait_for(timed_page, lambda: tracked_site.events)

    assert [(event["n"], event["u"]) for event in tracked_site.events] == [
        ("pageview", tracked_site.origin + "/b"),
        ("Early", tracked_site.origin + "/b"),
    ]
