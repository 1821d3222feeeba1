"""Pages that are hostile, unusual or very large: nothing of ours shows in them."""

import contextlib
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page
from playwright.sync_api import Error as PlaywrightError

from tests.support.tracked_site import TrackedSite, leave, render_page

pytestmark = pytest.mark.browser

EVERY = ["clicks", "scroll", "vitals", "errors", "forms"]
HEARD = "<script>window.heard = []; onerror = (m) => { heard.push(m) };"
HEARD += "onunhandledrejection = (e) => { heard.push(String(e.reason)) }</script>"


def use(page: Page) -> list[str]:
    """Do a little of everything; return what the page's own error handlers heard."""
    page.wait_for_timeout(400)
    page.mouse.click(50, 50)
    page.evaluate("try { statflow('Signup'); history.pushState({}, '', '/b') } catch {}")
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(300)
    page.evaluate("dispatchEvent(new Event('blur'))")
    page.wait_for_timeout(100)
    heard: list[str] = page.evaluate("window.heard")
    return heard


@pytest.mark.parametrize(
    "override",
    [
        "window.fetch = () => { throw 1 }",
        "window.fetch = () => undefined",
        "window.fetch = () => Promise.reject(1)",
        "JSON.stringify = () => { throw 1 }",
        "JSON.stringify = () => undefined",
        "history.pushState = history.replaceState = () => {}",
        "Array.prototype.splice = Array.prototype.concat = () => { throw 1 }",
        "Array.prototype.forEach = Array.prototype.map = () => { throw 1 }",
        "Element.prototype.closest = () => { throw 1 }",
        "window.performance.now = () => { throw 1 }",
        "window.setTimeout = () => { throw 1 }",
        "window.MutationObserver = undefined",
        "window.PerformanceObserver = undefined",
        "Object.defineProperty(window, 'scrollY', {get() { throw 1 }})",
        "Object.defineProperty(document, 'cookie', {get() { throw 1 }})",
    ],
)
def test_whatever_a_page_replaces_it_hears_nothing_of_ours(
    tracked_site: TrackedSite, context: BrowserContext, override: str
) -> None:
    tracked_site.modules = EVERY
    page = context.new_page()
    # First before our script, then after it.
    for place in ("head", "late"):
        late = (
            "" if place == "head" else f"<script>setTimeout(() => {{ {override} }}, 200)</script>"
        )
        early = f"<script>{override}</script>" if place == "head" else ""
        body = f"<form><input></form><div style='height:3000px'></div>{late}"
        html = f"<!doctype html><head>{HEARD}{early}{render_page()}</head><body>{body}</body>"
        tracked_site.pages["/"] = html
        page.goto(tracked_site.origin)
        assert use(page) == [], place


def test_a_page_that_numbers_its_arrays_is_counted_all_the_same(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.modules = EVERY
    extra = "<script>Array.prototype.extra = 1; Object.prototype.more = () => 2</script>"
    tracked_site.pages["/"] = f"<!doctype html><head>{HEARD}{extra}</head>" + render_page("x")
    page.goto(tracked_site.origin)
    assert use(page) == []
    leave(tracked_site, page, engagements=1)
    assert tracked_site.views[:2] == ["/", "/b"]


def test_xhtml_is_counted(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.modules = EVERY
    tracked_site.headers = {"Content-Type": "application/xhtml+xml"}
    tag = '<script async="async" src="/sf/1a2b3c4d5e.js"></script>'
    tracked_site.pages["/"] = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        f"<title>x</title>{tag}</head><body><p id='it'>text</p></body></html>"
    )
    page.goto(tracked_site.origin)
    page.wait_for_timeout(300)
    page.click("#it")
    leave(tracked_site, page)
    assert tracked_site.views == ["/"]
    assert [click["s"] for click in tracked_site.signals("$click")] == ["#it"]


def test_a_service_worker_that_answers_everything_changes_nothing(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.files["/worker.js"] = (
        "onactivate = (e) => e.waitUntil(clients.claim());"
        "onfetch = (e) => e.respondWith(fetch(e.request));"
    )
    page.goto(tracked_site.origin)
    page.evaluate(
        "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)"
    )
    page.goto(tracked_site.origin + "/b")
    page.wait_for_function("!!navigator.serviceWorker.controller && !!window.statflow")
    page.evaluate("statflow('Signup')")
    tracked_site.wait_for(page, lambda: tracked_site.named("Signup"))
    leave(tracked_site, page)
    assert tracked_site.views == ["/", "/b"]


def test_a_page_of_fifty_thousand_nodes_is_counted_as_any_other(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.modules = EVERY
    tracked_site.pages["/"] = render_page(HUGE)
    page.goto(tracked_site.origin)
    page.wait_for_function("window.statflow && statflow.r.length > 15")
    assert page.evaluate("document.querySelectorAll('*').length") > 49_000
    page.click("#it")
    page.evaluate("statflow('Signup'); history.pushState({}, '', '/b')")
    leave(tracked_site, page, engagements=2)
    assert tracked_site.views == ["/", "/b"]
    assert len(tracked_site.named("Signup")) == 1
    assert [click["s"] for click in tracked_site.signals("$click")] == ["#it"]


def test_a_page_that_its_own_policy_puts_into_a_sandbox_is_silent(
    tracked_site: TrackedSite, page: Page
) -> None:
    """There the visitor's opt-out cannot be read."""
    tracked_site.modules = EVERY
    tracked_site.headers["Content-Security-Policy"] = "sandbox allow-scripts allow-forms"
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.mouse.click(50, 50)
    page.evaluate("statflow('Signup')")
    page.goto("about:blank")
    page.wait_for_timeout(150)
    assert "/sf/e" not in {path for _, path, _ in tracked_site.requests}


def test_what_was_sent_before_a_tab_died_is_there(tracked_site: TrackedSite, page: Page) -> None:
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.evaluate("statflow('Signup')")
    tracked_site.wait_for(page, lambda: tracked_site.named("Signup"))
    with contextlib.suppress(PlaywrightError):
        page.goto("chrome://crash", timeout=3_000)
    assert [event["n"] for event in tracked_site.events][:2] == ["pageview", "Signup"]


def test_a_slow_network_loses_and_doubles_nothing(
    tracked_site: TrackedSite, context: BrowserContext, page: Page
) -> None:
    cdp = context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 800, "downloadThroughput": 8_000, "uploadThroughput": 4_000},
    )
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.evaluate("statflow('One'); setTimeout(() => statflow('Two'), 50)")
    tracked_site.wait_for(page, lambda: tracked_site.named("Two"))
    leave(tracked_site, page)
    names = [event["n"] for event in tracked_site.events if event["n"] != "engagement"]
    assert sorted(names) == ["One", "Two", "pageview"]


def test_nothing_of_ours_holds_up_scrolling(tracked_site: TrackedSite, page: Page) -> None:
    # What holds it up is a listener for wheels and touches; a scroll has happened when it is told.
    tracked_site.modules = EVERY
    tracked_site.pages["/"] = render_page("<form><input></form><div style='height:3000px'></div>")
    page.add_init_script(
        "window.heard = []; const { addEventListener } = EventTarget.prototype;"
        "EventTarget.prototype.addEventListener = function (type, ...rest) {"
        "  if (new Error().stack.includes('/sf/')) window.heard.push(type);"
        "  return addEventListener.call(this, type, ...rest) }"
    )
    page.goto(tracked_site.origin)
    page.wait_for_function("window.statflow && statflow.r.length > 15")
    types = set(page.evaluate("window.heard"))
    assert {"scroll", "click"} <= types
    assert not types & {"wheel", "mousewheel", "touchstart", "touchmove", "touchend"}
    assert (
        page.evaluate(
            "new Promise(done => { onscroll = (e) => done(e.cancelable); scrollTo(0, 500) })"
        )
        is False
    )


# --- cost -----------------------------------------------------------------------------------------

MOST_MS = 5.0
FACTOR = 4
HUGE = (
    "<script>document.write('<div class=row>' + '<p><b>x</b><i>y</i></p>'.repeat(16500) + '</div>')"
    "</script><button id=it>b</button><form name=f><input name=a></form>"
)


def longest_of_ours(events: list[dict[str, Any]]) -> dict[str, float]:
    """The longest time that each of our scripts held the main thread at a stretch, in ms."""
    longest: dict[str, float] = {}
    for event in events:
        data = event.get("args", {}).get("data") or {}
        url = str(data.get("url", ""))
        if "/sf/" in url and event.get("ph") == "X":
            # Of the thread's own time: what other processes take away is not ours.
            spent_ms = event.get("tdur", event["dur"]) / 1_000
            longest[event["name"]] = max(longest.get(event["name"], 0), spent_ms)
    return longest


@pytest.mark.parametrize("body", ["<button id=it>b</button><form><input name=a></form>", HUGE])
def test_no_task_of_ours_is_long_on_a_slow_phone(
    tracked_site: TrackedSite, context: BrowserContext, page: Page, body: str
) -> None:
    tracked_site.modules = EVERY
    tracked_site.pages["/"] = render_page(body)
    # A request costs several times more while a test driver listens to the network.
    page.add_init_script("window.fetch = () => Promise.resolve({status: 202})")
    cdp = context.new_cdp_session(page)
    rounds: list[float] = []
    # Of up to three rounds the best: what a busy machine adds is not ours.
    while len(rounds) < 3 and min(rounds, default=MOST_MS + 1) > MOST_MS:
        page.goto(tracked_site.origin)
        page.wait_for_function("window.statflow && statflow.r.length > 15")
        longest = longest_of_ours(trace(tracked_site, cdp, page))
        assert longest, "the trace shows nothing of ours"
        rounds.append(max(longest.values()))
    assert min(rounds) <= MOST_MS, rounds


def trace(site: TrackedSite, cdp: CDPSession, page: Page) -> list[dict[str, Any]]:
    """Use a page on a slow phone; gives the trace of its main thread."""
    events: list[dict[str, Any]] = []
    done: list[bool] = []
    cdp.on("Tracing.dataCollected", lambda found: events.extend(found["value"]))
    cdp.on("Tracing.tracingComplete", lambda _: done.append(True))
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": FACTOR})
    cdp.send("Tracing.start", {"categories": "devtools.timeline", "transferMode": "ReportEvents"})
    page.click("#it")
    page.click("[name=a]")
    page.keyboard.type("abc")
    for _ in range(5):
        page.mouse.wheel(0, 200)
        page.wait_for_timeout(60)
    page.evaluate("statflow('Signup', {props: {plan: 'pro'}}); history.pushState({}, '', '/b')")
    page.wait_for_timeout(2_800)
    cdp.send("Tracing.end")
    site.wait_for(page, lambda: done)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return events
