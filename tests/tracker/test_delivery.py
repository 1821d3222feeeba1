"""How events reach the edge: retries from memory, the older call, the pixel, and giving up."""

import time

import pytest
from playwright.sync_api import Page

from tests.support.tracked_site import TrackedSite, leave, render_page, stop_clock

pytestmark = pytest.mark.browser


def beacons(site: TrackedSite) -> int:
    return sum(path == "/sf/e" for _, path, _ in site.requests)


@pytest.mark.parametrize("status", [503, 429, 500])
def test_a_refused_batch_comes_again_with_its_age(
    tracked_site: TrackedSite, page: Page, status: int
) -> None:
    tracked_site.answers = [status]
    stop_clock(page)
    page.goto(tracked_site.origin)
    page.clock.run_for(10)
    tracked_site.wait_for(page, lambda: beacons(tracked_site) == 1)
    page.wait_for_timeout(100)
    page.evaluate("statflow('Later')")
    page.clock.run_for(10_000)
    tracked_site.wait_for(page, lambda: tracked_site.events)

    assert [event["n"] for event in tracked_site.events] == ["pageview", "Later"]
    assert 1_900 <= tracked_site.events[0]["a"] <= 2_200
    assert beacons(tracked_site) == 2


def test_what_waits_for_a_retry_is_sent_when_the_visitor_leaves(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.answers = [503]
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: beacons(tracked_site) == 1)
    page.wait_for_timeout(100)
    leave(tracked_site, page)

    assert [event["n"] for event in tracked_site.events] == ["pageview", "engagement"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_is_on_its_way_as_the_visitor_leaves_is_counted_once(
    tracked_site: TrackedSite, page: Page, is_kept: bool
) -> None:
    # A page that no cache may keep fails its requests as it goes; they arrive all the same.
    if not is_kept:
        tracked_site.headers["Cache-Control"] = "no-store"
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    tracked_site.on_request["/sf/e"] = lambda: time.sleep(0.25)
    page.evaluate("statflow('Signup')")
    tracked_site.wait_for(page, lambda: beacons(tracked_site) == 2)
    leave(tracked_site, page)
    page.wait_for_timeout(400)

    assert [event["n"] for event in tracked_site.events] == ["pageview", "Signup", "engagement"]


def test_a_batch_that_is_wrong_is_not_sent_again(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.answers = [400]
    stop_clock(page)
    page.goto(tracked_site.origin)
    page.clock.run_for(10)
    tracked_site.wait_for(page, lambda: beacons(tracked_site) == 1)
    page.wait_for_timeout(100)
    page.clock.run_for(300_000)
    page.wait_for_timeout(100)

    assert beacons(tracked_site) == 1


def test_an_edge_that_never_takes_it_is_asked_a_few_times(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.answers = [503] * 50
    stop_clock(page)
    page.goto(tracked_site.origin)
    for _ in range(30):
        page.clock.run_for(70_000)
        page.wait_for_timeout(15)

    assert beacons(tracked_site) == 7


def test_events_wait_while_the_visitor_is_offline(tracked_site: TrackedSite, page: Page) -> None:
    stop_clock(page)
    page.goto(tracked_site.origin)
    page.clock.run_for(10)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.context.set_offline(True)
    page.evaluate("statflow('In the tunnel')")
    page.clock.run_for(10)
    page.wait_for_timeout(100)
    page.context.set_offline(False)
    page.clock.run_for(10_000)
    tracked_site.wait_for(page, lambda: tracked_site.named("In the tunnel"))

    assert tracked_site.named("In the tunnel")[0]["a"] >= 1_900


def test_a_page_that_goes_before_its_first_view_was_collected_is_counted(
    tracked_site: TrackedSite, page: Page
) -> None:
    # The view is a task of its own, and with the clock stopped that task never comes.
    stop_clock(page)
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.evaluate("statflow('Signup')")
    assert beacons(tracked_site) == 0
    leave(tracked_site, page)

    assert [event["n"] for event in tracked_site.events] == ["pageview", "Signup", "engagement"]


@pytest.mark.parametrize(
    ("early", "mode"),
    [
        ("", "no-cors"),
        ("navigator.sendBeacon = undefined", "cors"),
        ("navigator.sendBeacon = () => false", "cors"),
    ],
)
def test_last_words_are_a_beacon_or_where_none_is_taken_a_request(
    tracked_site: TrackedSite, page: Page, early: str, mode: str
) -> None:
    page.add_init_script(early)
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    leave(tracked_site, page)

    sent = [headers for _, path, headers in tracked_site.requests if path == "/sf/e"]
    assert [headers["sec-fetch-mode"] for headers in sent] == ["cors", mode]


POLICY = '<meta http-equiv="Content-Security-Policy" content="{}">'


def test_a_policy_in_the_page_that_forbids_the_beacon_leaves_one_pixel(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.pages["/b"] = render_page(head=POLICY.format("connect-src 'none'"))
    page.goto(tracked_site.origin + "/b?secret=1&utm_source=mail")
    tracked_site.wait_for(page, lambda: tracked_site.pixels)
    page.evaluate("statflow('Signup'); history.pushState({}, '', '/')")
    page.wait_for_timeout(100)
    page.goto("about:blank")
    page.wait_for_timeout(150)

    assert len(tracked_site.pixels) == 1
    assert tracked_site.pixels[0].startswith("/b")
    assert beacons(tracked_site) == 0


def test_every_address_comes_from_the_settings(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.settings[:2] = ["/lumela/refo7", "/lumela/nava"]
    tracked_site.pages["/b"] = render_page(head=POLICY.format("connect-src 'none'"))
    page.goto(tracked_site.origin)
    leave(tracked_site, page)
    page.goto(tracked_site.origin + "/b")
    tracked_site.wait_for(page, lambda: tracked_site.pixels)

    assert tracked_site.views == ["/"]
    assert {path for _, path, _ in tracked_site.requests if path.startswith("/sf/")} == {
        "/sf/1a2b3c4d5e.js"
    }


def test_a_policy_that_forbids_the_pixel_too_is_the_end(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.pages["/"] = render_page(
        head=POLICY.format("default-src 'none'; script-src 'self'")
    )
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.goto("about:blank")
    page.wait_for_timeout(150)

    assert {path for _, path, _ in tracked_site.requests} <= {
        "/",
        "/sf/1a2b3c4d5e.js",
        "/favicon.ico",
    }


def test_a_policy_that_only_reports_changes_nothing(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.headers["Content-Security-Policy-Report-Only"] = "connect-src 'none'"
    page.goto(tracked_site.origin)
    leave(tracked_site, page)

    assert tracked_site.views == ["/"]
    assert tracked_site.pixels == []


def test_a_strict_policy_of_the_site_is_kept(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {tracked_site.origin}/sf/; "
        f"connect-src {tracked_site.origin}/sf/e; require-trusted-types-for 'script'"
    )
    page.goto(tracked_site.origin)
    leave(tracked_site, page)

    assert tracked_site.views == ["/"]


def test_an_error_inside_is_not_the_pages(tracked_site: TrackedSite, page: Page) -> None:
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    tracked_site.pages["/"] = render_page(
        head="<script>Object.prototype.junk = () => { throw 1 };"
        "document.hasFocus = () => { throw 2 }</script>"
    )
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.evaluate("history.pushState({}, '', '/b'); statflow()")
    page.goto("about:blank")

    assert heard == []
