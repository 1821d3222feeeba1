"""The core list of behaviours in Firefox: do this, expect exactly these events, and none besides.

What each means, and the corner cases, are told by the tests that run in Chromium.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.firefox import ENTER, Firefox, Tab, launch_firefox
from tests.support.tracked_site import TAG, TrackedSite, leave, render_page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("firefox"), pytest.mark.timeout(180)]

STAY = "<script>addEventListener('click', e => e.preventDefault())</script>"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with launch_firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture
def tab(firefox: Firefox) -> Iterator[Tab]:
    """Give a tab in which any error that the tracker lets out fails the test."""
    with firefox.open_tab() as tab:
        yield tab
        assert tab.heard == []


def visit(site: TrackedSite, tab: Tab, path: str = "/", views: int = 1) -> None:
    """Open a page and wait until its view has arrived."""
    tab.goto(site.origin + path)
    site.wait_for(tab, lambda: len(site.views) == views)


def arrive(site: TrackedSite, tab: Tab, *names: str) -> None:
    """Wait until events of these names have come: requests may overtake each other."""
    site.wait_for(tab, lambda: all(site.named(name) for name in names))


def told(site: TrackedSite) -> list[tuple[str, str]]:
    """Name and page of every event but engagement."""
    return [
        (event["n"], event["u"].removeprefix(site.origin))
        for event in site.events
        if event["n"] != "engagement"
    ]


def test_a_load_is_one_view_and_leaving_ends_it(tracked_site: TrackedSite, tab: Tab) -> None:
    visit(tracked_site, tab, "/b?token=secret&utm_source=mail&gclid=Cj0K#part")
    tab.wait_for_timeout(300)
    leave(tracked_site, tab)

    assert told(tracked_site) == [("pageview", "/b?utm_source=mail&gclid=C")]
    [view] = tracked_site.named("pageview")
    assert set(view) == {"n", "u", "r", "w", "b", "a"}
    [engagement] = tracked_site.named("engagement")
    assert engagement["d"] == 100


def test_routes_count_by_path(tracked_site: TrackedSite, tab: Tab) -> None:
    visit(tracked_site, tab)
    tab.evaluate("history.pushState({}, '', '/wheel')")
    tab.evaluate("history.pushState({}, '', '/wheel?step=2')")
    tab.evaluate("history.replaceState({}, '', '/kiln')")
    tab.evaluate("history.back()")
    tracked_site.wait_for(tab, lambda: len(tracked_site.views) == 4)
    leave(tracked_site, tab)

    assert tracked_site.views == ["/", "/wheel", "/kiln", "/wheel"]


def test_fragments_are_pages_where_the_site_says_so(tracked_site: TrackedSite, tab: Tab) -> None:
    tracked_site.parts = "downloads+forms+hash"
    visit(tracked_site, tab, "/#/one?token=secret")
    tab.evaluate("location.hash = '/two'")
    tracked_site.wait_for(tab, lambda: len(tracked_site.views) == 2)
    leave(tracked_site, tab)

    assert told(tracked_site) == [("pageview", "/#/one"), ("pageview", "/#/two")]


def test_a_page_out_of_the_back_forward_cache_counts(tracked_site: TrackedSite, tab: Tab) -> None:
    tab.add_init_script("addEventListener('pageshow', e => window.wasKept = e.persisted)")
    visit(tracked_site, tab)
    visit(tracked_site, tab, "/b", views=2)
    tab.go_back()
    tracked_site.wait_for(tab, lambda: len(tracked_site.views) == 3)

    assert tab.evaluate("window.wasKept") is True
    assert tracked_site.views == ["/", "/b", "/"]


def test_an_error_page_bears_its_status(tracked_site: TrackedSite, tab: Tab) -> None:
    tracked_site.statuses["/b"] = 404
    visit(tracked_site, tab, "/b")
    leave(tracked_site, tab)

    assert [view.get("s") for view in tracked_site.named("pageview")] == ["404"]


def test_custom_events_early_and_late(tracked_site: TrackedSite, tab: Tab) -> None:
    stub = "window.statflow = function () { (statflow.q = statflow.q || []).push(arguments) };"
    tracked_site.pages["/"] = render_page(head=f"<script>{stub} statflow('Early')</script>")
    visit(tracked_site, tab)
    tab.evaluate("statflow('Order', {revenue: {amount: '9.90', currency: 'EUR'}, props: {n: 1}})")
    arrive(tracked_site, tab, "Order")
    leave(tracked_site, tab)

    assert [name for name, _ in told(tracked_site)] == ["pageview", "Early", "Order"]
    [order] = tracked_site.named("Order")
    assert (order["$"], order["p"]) == ({"amount": "9.90", "currency": "EUR"}, {"n": 1})


@pytest.mark.parametrize("how", ["left", "middle", "right", "Enter"])
def test_links_that_lead_away(tracked_site: TrackedSite, tab: Tab, how: str) -> None:
    link = '<a id="it" href="https://else.example/a?token=1#x">go</a>'
    # The middle button opens a tab, unless its own event is stopped.
    stay = STAY + STAY.replace("'click'", "'auxclick'")
    tracked_site.pages["/"] = render_page(link + stay)
    visit(tracked_site, tab)
    if how == "Enter":
        tab.evaluate("it.focus()")
        tab.press(ENTER)
    else:
        tab.click("#it", button=how)
    if how != "right":
        arrive(tracked_site, tab, "Outbound Link: Click")
    leave(tracked_site, tab)

    links: list[dict[str, Any]] = tracked_site.named("Outbound Link: Click")
    assert [event["p"] for event in links] == (
        [] if how == "right" else [{"url": "https://else.example/a"}]
    )
    assert len(told(tracked_site)) == 1 + len(links)


def test_downloads_declared_events_and_forms(tracked_site: TrackedSite, tab: Tab) -> None:
    tracked_site.pages["/"] = render_page(
        '<a id="file" href="/f.pdf">pdf</a><button id="up" data-sf-event="Upgrade">up</button>'
        '<form action="/b"><input name="mail" required><button id="send">s</button></form>'
        "<script>file.onclick = (e) => e.preventDefault()</script>"
    )
    visit(tracked_site, tab)
    tab.click("#file")
    tab.click("#up")
    tab.click("#send")
    tab.evaluate("document.querySelector('input').value = 'jo@a.example'")
    tab.click("#send")
    tracked_site.wait_for(tab, lambda: len(tracked_site.views) == 2)
    arrive(tracked_site, tab, "File Download", "Upgrade", "Form: Submission")
    leave(tracked_site, tab)

    # Each is a request of its own, and two may overtake each other.
    assert sorted(name for name, _ in told(tracked_site)) == [
        "File Download", "Form: Submission", "Upgrade", "pageview", "pageview",
    ]  # fmt: skip
    assert "jo@a" not in str(tracked_site.bodies)


def test_frames_a_second_tag_and_a_document_written_anew(
    tracked_site: TrackedSite, tab: Tab
) -> None:
    frames = '<iframe src="/b"></iframe><iframe sandbox="allow-scripts" src="/b"></iframe>'
    tracked_site.pages["/"] = render_page(frames, tag=TAG * 2)
    visit(tracked_site, tab)
    tab.wait_for_timeout(300)
    tab.evaluate(f"document.open(); document.write({render_page('anew')!r}); document.close()")
    tab.wait_for_timeout(300)
    tab.evaluate("history.pushState({}, '', '/c')")
    leave(tracked_site, tab)

    assert told(tracked_site) == [("pageview", "/"), ("pageview", "/c")]


def test_a_refused_batch_comes_again(tracked_site: TrackedSite, tab: Tab) -> None:
    tracked_site.answers = [503]
    visit(tracked_site, tab)
    leave(tracked_site, tab)

    assert told(tracked_site) == [("pageview", "/")]


def test_what_is_on_its_way_as_the_visitor_leaves_is_counted_once(
    tracked_site: TrackedSite, tab: Tab
) -> None:
    tracked_site.headers["Cache-Control"] = "no-store"
    visit(tracked_site, tab)
    tracked_site.on_request["/sf/e"] = lambda: tab.wait_for_timeout(250)
    tab.evaluate("statflow('Signup')")
    tracked_site.wait_for(tab, lambda: sum(p == "/sf/e" for _, p, _ in tracked_site.requests) == 2)
    leave(tracked_site, tab)
    arrive(tracked_site, tab, "Signup")
    tab.wait_for_timeout(400)

    assert told(tracked_site) == [("pageview", "/"), ("Signup", "/")]


@pytest.mark.parametrize("wish", ["globalPrivacyControl", "doNotTrack", "cookie"])
def test_who_asks_not_to_be_counted_is_not(tracked_site: TrackedSite, tab: Tab, wish: str) -> None:
    if wish == "cookie":
        tab.add_cookie(tracked_site.origin, "sf_out", "1")
    else:
        get = f"Object.defineProperty(Navigator.prototype, '{wish}', {{get: () => '1'}})"
        tab.add_init_script(get)
    tab.goto(tracked_site.origin)
    tab.wait_for_function("!!window.statflow")
    tab.evaluate("statflow('Signup'); history.pushState({}, '', '/b')")
    tab.goto("about:blank")
    tab.wait_for_timeout(200)

    assert tracked_site.bodies == []


def test_a_strict_policy_with_trusted_types_lets_it_work(
    tracked_site: TrackedSite, tab: Tab
) -> None:
    tracked_site.headers["Content-Security-Policy"] = (
        "default-src 'none'; img-src 'self'; script-src 'nonce-abc' 'strict-dynamic'; "
        f"connect-src {tracked_site.origin}/sf/e; require-trusted-types-for 'script'"
    )
    tracked_site.modules = ["clicks", "vitals"]
    tracked_site.pages["/"] = render_page("<p>x", tag=TAG.replace("<script", "<script nonce='abc'"))
    visit(tracked_site, tab)
    tab.wait_for_function("statflow.r.length > 5")
    tab.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    leave(tracked_site, tab)
    # Of the time to the first byte Firefox says now and then that it was before the navigation.
    tracked_site.wait_for(
        tab, lambda: "FCP" in {vital["m"] for vital in tracked_site.signals("$vital")}
    )

    assert told(tracked_site)[0] == ("pageview", "/")


@pytest.mark.parametrize(
    "override",
    [
        "window.fetch = () => { throw 1 }",
        "window.fetch = () => Promise.reject(1)",
        "JSON.stringify = () => { throw 1 }",
        "history.pushState = () => {}",
        "Array.prototype.splice = () => { throw 1 }",
        "window.performance.now = () => { throw 1 }",
    ],
)
def test_whatever_a_page_replaces_it_hears_nothing_of_ours(
    tracked_site: TrackedSite, tab: Tab, override: str
) -> None:
    early = f"<script>{override}</script>"
    tracked_site.pages["/"] = render_page("<a href='#' id='it'>x</a>", head=early)
    tab.goto(tracked_site.origin)
    tab.wait_for_function("!!window.statflow")
    tab.evaluate("statflow('Signup'); history.pushState({}, '', '/b')")
    tab.click("#it")
    tab.goto("about:blank")
    tab.wait_for_timeout(200)

    assert tab.heard == []
