"""Which page views a real page sends: these, and none besides."""

import subprocess
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.chromium import CHROMIUM, CHROMIUM_ARGS
from tests.support.tracked_site import (
    TAG,
    TrackedSite,
    leave,
    render_page,
    serve_tracked_site,
    wait_until,
)

pytestmark = pytest.mark.browser


def test_a_load_is_one_view_with_referrer_and_width(tracked_site: TrackedSite, page: Page) -> None:
    page.goto(tracked_site.origin + "/b", referer="https://news.example/item?id=7")
    leave(tracked_site, page)

    [view] = tracked_site.named("pageview")
    assert view == {
        "n": "pageview",
        "u": tracked_site.origin + "/b",
        "r": "https://news.example/item",
        "w": 1280,
        "b": 1,
        "a": view["a"],
    }
    assert 0 <= view["a"] < 5_000
    assert tracked_site.bodies[0]["v"] == 1


def test_the_request_is_one_a_page_may_send_without_asking(
    tracked_site: TrackedSite, page: Page
) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)

    beacons = [
        (method, headers) for method, path, headers in tracked_site.requests if path == "/sf/e"
    ]
    assert [method for method, _ in beacons] == ["POST"]
    assert beacons[0][1]["content-type"] == "text/plain;charset=UTF-8"


def test_the_query_keeps_campaigns_and_that_there_was_a_click_id(
    tracked_site: TrackedSite, page: Page
) -> None:
    query = "?token=secret&utm_source=mail&email=a@b.example&gclid=Cj0K&x-ref=no&ref=friend#part"
    page.goto(tracked_site.origin + "/b" + query)
    leave(tracked_site, page)

    assert tracked_site.views == ["/b?utm_source=mail&gclid=C&ref=friend"]


@pytest.mark.parametrize("name", ["gclid", "gbraid", "wbraid", "msclkid", "fbclid", "li_fat_id"])
def test_every_click_id_leaves_its_name(tracked_site: TrackedSite, page: Page, name: str) -> None:
    page.goto(f"{tracked_site.origin}/?{name}=secret")
    leave(tracked_site, page)

    assert tracked_site.views == [f"/?{name}=s"]


def test_a_site_with_parameters_of_its_own_leaves_the_query_to_the_edge(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.settings[2] = 1
    page.goto(tracked_site.origin + "/b?id=7")
    leave(tracked_site, page)

    assert tracked_site.views == ["/b?id=7"]


def test_an_endless_address_is_cut_to_what_the_edge_takes(
    tracked_site: TrackedSite, page: Page
) -> None:
    page.goto(tracked_site.origin + "/b?utm_term=" + "x" * 3_000)
    leave(tracked_site, page)

    assert [len(view["u"]) for view in tracked_site.named("pageview")] == [2_000]


def test_routes_count_by_path(tracked_site: TrackedSite, page: Page) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("history.pushState({}, '', '/studio/wheel')")
    page.evaluate("history.pushState({}, '', '/studio/wheel?step=2')")
    page.evaluate("history.replaceState({}, '', '/studio/wheel#clay')")
    page.evaluate("history.replaceState({}, '', '/studio/kiln')")
    # To go back takes its time, and whoever goes elsewhere before that never went back.
    page.evaluate("history.back()")
    tracked_site.wait_for(page, lambda: len(tracked_site.views) == 4)
    leave(tracked_site, page)

    assert tracked_site.views == ["/", "/studio/wheel", "/studio/kiln", "/studio/wheel"]


def test_a_page_still_sees_its_own_history_calls(tracked_site: TrackedSite, page: Page) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("history.pushState({step: 2}, '', '/b?x=1')")

    assert page.evaluate("history.state") == {"step": 2}
    assert page.url.endswith("/b?x=1")
    with pytest.raises(Exception, match="SecurityError"):
        page.evaluate("history.pushState({}, '', 'https://elsewhere.example/')")


def test_fragments_are_pages_only_where_the_site_says_so(
    tracked_site: TrackedSite, page: Page
) -> None:
    page.goto(tracked_site.origin + "/#/one")
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("location.hash = '/two'")
    leave(tracked_site, page)
    assert tracked_site.views == ["/"]

    tracked_site.bodies.clear()
    tracked_site.parts = "downloads+forms+hash"
    page.goto(tracked_site.origin + "/#/one?token=secret")
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("location.hash = '/two'")
    leave(tracked_site, page)
    assert tracked_site.views == ["/#/one", "/#/two"]


def test_a_page_out_of_the_back_forward_cache_counts(tracked_site: TrackedSite, page: Page) -> None:
    page.add_init_script("addEventListener('pageshow', e => window.wasKept = e.persisted)")
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.goto(tracked_site.origin + "/b")
    tracked_site.wait_for(page, lambda: len(tracked_site.views) == 2)
    page.go_back(wait_until="commit")
    tracked_site.wait_for(page, lambda: len(tracked_site.views) == 3)

    assert page.evaluate("window.wasKept") is True
    assert tracked_site.views == ["/", "/b", "/"]


def test_a_prerendered_page_counts_when_it_is_shown(
    tracked_site: TrackedSite, tmp_path: Path
) -> None:
    # Playwright switches prerendering off, so this Chromium runs by itself: the page asks for the
    # next one ahead, and goes there when that one has been drawn unseen.
    drawn = threading.Event()
    tracked_site.pages["/"] = render_page(
        "<script>fetch('/drawn').then(() => location.href = '/b')</script>",
        head='<script type="speculationrules">'
        '{"prerender": [{"urls": ["/b"], "eagerness": "immediate"}]}</script>',
    )
    tracked_site.pages["/b"] = render_page(
        "<script>onload = () => setTimeout(() => fetch('/ahead?' + document.prerendering), 100)"
        "</script>"
    )
    tracked_site.on_request["/drawn"] = lambda: drawn.wait(5)
    counted_at_draw: list[str] = []

    def note_draw() -> None:
        counted_at_draw.extend(tracked_site.views)
        drawn.set()

    tracked_site.on_request["/ahead?true"] = note_draw
    command = [CHROMIUM, "--headless=new", f"--user-data-dir={tmp_path}", *CHROMIUM_ARGS]
    with subprocess.Popen([*command, tracked_site.origin], stderr=subprocess.DEVNULL) as browser:
        try:
            wait_until(lambda: len(tracked_site.views) == 2, tracked_site)
        finally:
            browser.terminate()

    assert counted_at_draw == ["/"]
    assert tracked_site.views == ["/", "/b"]


def test_the_load_id_of_the_edge_travels_with_the_first_view_only(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.headers["Server-Timing"] = 'db;dur=12, sf;desc="Zk3_-9aQ"'
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("history.pushState({}, '', '/b')")
    leave(tracked_site, page)

    assert [view.get("l") for view in tracked_site.named("pageview")] == ["Zk3_-9aQ", None]


@pytest.mark.parametrize(("status", "told"), [(404, "404"), (500, "500"), (200, None)])
def test_the_first_view_of_an_error_page_bears_its_status(
    tracked_site: TrackedSite, page: Page, status: int, told: str | None
) -> None:
    tracked_site.statuses["/b"] = status
    page.goto(tracked_site.origin + "/b")
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("history.pushState({}, '', '/')")
    leave(tracked_site, page)

    assert [view.get("s") for view in tracked_site.named("pageview")] == [told, None]


def test_two_tags_count_once(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.pages["/"] = render_page(tag=TAG * 2)
    page.goto(tracked_site.origin)
    page.evaluate("history.pushState({}, '', '/b')")
    leave(tracked_site, page)

    assert tracked_site.views == ["/", "/b"]
    assert len(tracked_site.named("engagement")) == 2


def test_a_document_written_anew_is_the_same_page_and_is_still_heard(
    tracked_site: TrackedSite, page: Page
) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate(
        "html => { document.open(); document.write(html); document.close() }", render_page("anew")
    )
    page.wait_for_load_state()
    page.evaluate("history.pushState({}, '', '/b')")
    leave(tracked_site, page)

    assert tracked_site.views == ["/", "/b"]
    assert [event["u"] for event in tracked_site.named("engagement")][-1].endswith("/b")


def test_a_frame_of_the_same_site_is_not_counted_beside_its_page(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.pages["/"] = render_page('<iframe src="/b"></iframe>')
    page.goto(tracked_site.origin)
    page.frame_locator("iframe").locator("text=Page /b").wait_for()
    leave(tracked_site, page)

    assert tracked_site.views == ["/"]


def test_a_sandboxed_frame_is_not_counted(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.pages["/"] = render_page('<iframe sandbox="allow-scripts" src="/b"></iframe>')
    page.goto(tracked_site.origin)
    page.frame_locator("iframe").locator("text=Page /b").wait_for()
    leave(tracked_site, page)

    assert tracked_site.views == ["/"]
    assert "null" not in {
        headers.get("origin") for _, path, headers in tracked_site.requests if path == "/sf/e"
    }


def test_a_frame_in_a_page_of_another_site_is_counted(
    tracked_site: TrackedSite, page: Page
) -> None:
    with serve_tracked_site() as elsewhere:
        elsewhere.pages["/"] = f'<iframe src="{tracked_site.origin}/b"></iframe>'
        page.goto(elsewhere.origin)
        tracked_site.wait_for(page, lambda: tracked_site.views)

    assert tracked_site.views == ["/b"]
