"""What the lazily loaded parts send: do this, expect exactly these signals, and none besides."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.npm_clients import bundle, install_clients
from tests.support.tracked_site import TrackedSite, render_page

pytestmark = pytest.mark.browser

TALL = "<div style='height:3000px'>tall</div>"


def open_with(site: TrackedSite, page: Page, body: str, *modules: str) -> None:
    """Show a page with these modules, and wait until they listen."""
    site.modules = list(modules)
    site.pages["/"] = render_page(body)
    page.goto(site.origin)
    page.wait_for_function(f"window.statflow && statflow.r.length > {len(modules)}")
    for name in modules:
        site.wait_for(
            page, lambda name=name: any(p == f"/sf/m/{name}.js" for _, p, _ in site.requests)
        )
    page.wait_for_timeout(100)


def leave(site: TrackedSite, page: Page) -> None:
    page.goto("about:blank")
    site.wait_for(page, lambda: site.named("engagement"))
    page.wait_for_timeout(100)


def names(site: TrackedSite) -> set[str]:
    """Names of all signals that came."""
    return {event["n"] for event in site.events if event["n"].startswith("$")}


def test_without_modules_nothing_is_loaded_and_nothing_told(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.pages["/"] = render_page("<button>b</button>")
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.click("button")
    leave(tracked_site, page)
    assert names(tracked_site) == set()
    assert not any("/m/" in path for _, path, _ in tracked_site.requests)


def test_modules_are_silent_for_who_asks_for_it(tracked_site: TrackedSite, page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
    )
    every = ("clicks", "scroll", "vitals", "errors", "forms")
    open_with(tracked_site, page, "<button>b</button>", *every)
    page.click("button")
    page.wait_for_timeout(1_100)
    page.goto("about:blank")
    page.wait_for_timeout(200)
    assert tracked_site.bodies == []


# --- clicks ---------------------------------------------------------------------------------------


def test_a_click_says_where_on_which_element(tracked_site: TrackedSite, page: Page) -> None:
    body = (
        "<style>body{margin:0}</style><main id=main><p>one</p>"
        "<p><button style='width:200px;height:100px;border:0' onclick='this.append(1)'>b</button>"
        "</main>" + TALL
    )
    open_with(tracked_site, page, body, "clicks")
    page.click("button", position={"x": 50, "y": 75})
    leave(tracked_site, page)

    (click,) = tracked_site.signals("$click")
    assert click["s"] == "#main>p:nth-of-type(2)>button"
    assert click["x"] == pytest.approx(32_767 / 4, abs=200)
    assert click["y"] == pytest.approx(32_767 * 3 / 4, abs=400)
    width = 1_280
    assert click["px"] == pytest.approx(32_767 * 50 / width, abs=600)
    assert click["h"] > 3_000
    assert 75 <= click["py"] < 200
    assert names(tracked_site) == {"$click"}


@pytest.mark.parametrize(
    "body",
    [
        "<p data-sf-ignore><button id=it>b</button></p>",
        "<div contenteditable=true id=it>text</div>",
        "<input type=password id=it>",
        "<input autocomplete=cc-number id=it>",
        "<input name=cardNumber id=it>",
        "<div id=it onclick='0'>x</div><script>setTimeout(() => it.click(), 300)</script>",
    ],
)
def test_what_is_private_or_not_clicked_by_hand_is_not_told(
    tracked_site: TrackedSite, page: Page, body: str
) -> None:
    open_with(tracked_site, page, body, "clicks")
    if "setTimeout" not in body:
        page.click("#it")
    page.wait_for_timeout(400)
    leave(tracked_site, page)
    assert names(tracked_site) == set()


def test_a_label_and_the_keyboard_make_no_second_click(
    tracked_site: TrackedSite, page: Page
) -> None:
    open_with(tracked_site, page, "<label id=l>yes <input type=checkbox></label>", "clicks")
    page.click("#l", position={"x": 3, "y": 8})
    page.focus("input")
    page.keyboard.press("Space")
    leave(tracked_site, page)
    assert [click["s"] for click in tracked_site.signals("$click")] == ["#l"]


def test_three_quick_clicks_at_one_place_are_one_in_anger(
    tracked_site: TrackedSite, page: Page
) -> None:
    body = "<button style='width:300px;height:90px' onclick='this.title += 1'>b</button>"
    open_with(tracked_site, page, body, "clicks")
    for x in (20, 30, 40, 45):
        page.click("button", position={"x": x, "y": 20})
    leave(tracked_site, page)
    assert len(tracked_site.signals("$click")) == 4
    assert len(tracked_site.signals("$rage")) == 1
    assert tracked_site.signals("$dead") == []


@pytest.mark.parametrize(
    ("body", "places", "pause_ms"),
    [
        ("<button id=it style='width:300px;height:90px'>b</button>", [(5, 5), (60, 5), (5, 5)], 0),
        (
            "<button id=it style='width:300px;height:90px'>b</button>",
            [(5, 5), (5, 5), (5, 5)],
            1_100,
        ),
        ("<input id=it type=number style='width:300px'>", [(9, 9)] * 3, 0),
        ("<span><button id=it>+</button><input type=number></span>", [(9, 9)] * 3, 0),
    ],
)
def test_clicks_apart_slow_or_on_steppers_are_not_in_anger(
    tracked_site: TrackedSite, page: Page, body: str, places: list[tuple[int, int]], pause_ms: int
) -> None:
    open_with(tracked_site, page, body, "clicks")
    for x, y in places:
        page.click("#it", position={"x": x, "y": y})
        page.wait_for_timeout(pause_ms)
    leave(tracked_site, page)
    assert len(tracked_site.signals("$click")) == 3
    assert tracked_site.signals("$rage") == []


def test_a_triple_click_that_selects_text_is_neither_anger_nor_dead(
    tracked_site: TrackedSite, page: Page
) -> None:
    open_with(
        tracked_site, page, "<p id=it>Some words to be selected by a triple click</p>", "clicks"
    )
    page.click("#it", click_count=3)
    page.wait_for_timeout(2_700)
    leave(tracked_site, page)
    assert tracked_site.signals("$rage") == []
    assert tracked_site.signals("$dead") == []


@pytest.mark.parametrize(
    ("body", "is_dead"),
    [
        ("<button id=it>nothing</button>", True),
        ("<p id=it>text</p>", True),
        ("<a id=it href='#'>hash</a>", True),
        ("<button id=it onclick='document.title += 1'>title</button>", False),
        ("<button id=it onclick='setTimeout(() => this.append(1), 1500)'>late</button>", False),
        ("<button id=it onclick='setTimeout(() => this.append(1), 2600)'>too late</button>", True),
        (f"<button id=it onclick='window.scrollTo(0, 500)'>scrolls</button>{TALL}", False),
        ("<button id=it onclick='history.pushState({}, 0, \"/b\")'>goes on</button>", False),
        ("<input id=it>", False),
        ("<a id=it href='/f.pdf' download>file</a>", False),
    ],
)
def test_a_click_that_nothing_answers_is_dead(
    tracked_site: TrackedSite, page: Page, body: str, is_dead: bool
) -> None:
    open_with(tracked_site, page, body, "clicks")
    page.click("#it")
    page.wait_for_timeout(2_800)
    leave(tracked_site, page)
    assert len(tracked_site.signals("$click")) == 1
    assert bool(tracked_site.signals("$dead")) is is_dead


def test_a_click_belongs_to_the_page_on_which_it_was_made(
    tracked_site: TrackedSite, page: Page
) -> None:
    body = "<button onclick='history.pushState({}, 0, \"/b\"); this.append(1)'>b</button>"
    open_with(tracked_site, page, body, "clicks")
    page.click("button")
    leave(tracked_site, page)
    (click,) = tracked_site.named("$click")
    assert click["u"] == tracked_site.origin + "/"
    order = [event["n"] for event in tracked_site.events]
    assert order.index("$click") < order.index("pageview", 1)


# --- scroll ---------------------------------------------------------------------------------------


def test_the_scroll_map_says_which_parts_were_in_view_and_for_how_long(
    tracked_site: TrackedSite, page: Page
) -> None:
    height = 7_200  # Ten viewports: each shows two bands.
    body = f"<style>body{{margin:0}}</style><div style='height:{height}px'></div>"
    open_with(tracked_site, page, body, "scroll")
    page.wait_for_timeout(1_200)
    page.evaluate(f"scrollTo(0, {height // 2})")
    page.wait_for_timeout(600)
    leave(tracked_site, page)

    (seen,) = tracked_site.signals("$scroll")
    bands = [int(part) for part in seen["b"].split(",")]
    assert len(bands) == 20
    assert min(bands[0:2]) > 1_000
    assert 400 < bands[10] == bands[11] < 1_200
    assert bands[2:10] + bands[12:] == [0] * 16
    assert (seen["d"], seen["h"]) == (60, height)
    assert names(tracked_site) == {"$scroll"}


def test_each_page_of_a_single_page_site_has_a_map_of_its_own(
    tracked_site: TrackedSite, page: Page
) -> None:
    open_with(tracked_site, page, TALL, "scroll")
    page.wait_for_timeout(1_200)
    page.evaluate("history.pushState({}, '', '/b')")
    page.wait_for_timeout(1_200)
    page.goto("about:blank")
    tracked_site.wait_for(page, lambda: len(tracked_site.signals("$scroll")) == 2)
    urls = [event["u"] for event in tracked_site.named("$scroll")]
    assert urls == [tracked_site.origin + "/", tracked_site.origin + "/b"]


# --- errors ---------------------------------------------------------------------------------------


def test_errors_are_told_with_their_place_and_without_values(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.files["/app.js"] = (
        "\n  setTimeout(() => { null.price; });\n"
        "setTimeout(() => { throw new Error(\"No user 'jo@a.example' with id 4711\"); });\n"
        "Promise.reject(new RangeError('Order 99 of \"Jo\"'));\n"
        "Promise.reject({secret: 'value'});\n"
        "for (let i = 0; i < 3; i++) setTimeout(() => { null.price2; });\n"
    )
    body = (
        "<img src=/missing.png><script>setTimeout(() => { let s = document.createElement('script');"
    )
    body += "s.src = '/app.js?token=1'; document.body.append(s) }, 500)</script>"
    own = page.context.new_page()
    open_with(tracked_site, own, body, "errors")
    own.wait_for_timeout(900)
    leave(tracked_site, own)

    errors = {error["t"] + ": " + error["m"]: error for error in tracked_site.signals("$error")}
    assert set(errors) == {
        "TypeError: Cannot read properties of null (reading 'price')",
        "TypeError: Cannot read properties of null (reading 'price2')",
        "Error: No user '…' with id 0",
        'RangeError: Order 0 of "…"',
        "Rejection: object",
    }
    assert len(tracked_site.signals("$error")) == 5
    first = errors["TypeError: Cannot read properties of null (reading 'price')"]
    assert (first["f"], first["l"]) == (tracked_site.origin + "/app.js", 2)
    assert errors['RangeError: Order 0 of "…"']["l"] == 4
    assert "jo@" not in str(tracked_site.bodies)
    assert "4711" not in str(tracked_site.bodies)


# --- forms ----------------------------------------------------------------------------------------

FORM = """
<form name=signup action=/b>
  <input name=email><input name=pass type=password><textarea name=why></textarea>
  <select name=plan><option>a<option>b</select><input name=hush data-sf-ignore>
  <button>Send</button>
</form>
"""


def fill(page: Page) -> None:
    page.click("[name=why]")
    page.keyboard.type("my secret reason")
    page.wait_for_timeout(300)
    page.click("[name=email]")
    page.keyboard.type("jo@a.example")
    page.click("[name=pass]")
    page.keyboard.type("hunter2")
    page.click("[name=hush]")
    page.click("[name=email]")


def check_fields(site: TrackedSite) -> None:
    fields = site.signals("$field")
    assert [(field["f"], field["s"], field["i"], field["n"]) for field in fields] == [
        ("signup", "why", 1, 1), ("signup", "email", 2, 2),
    ]  # fmt: skip
    assert 300 <= fields[0]["v"] < 5_000
    for typed in ("secret", "jo@a", "hunter2", "pass", "hush"):
        assert typed not in str(site.bodies)


def test_a_form_that_is_sent(tracked_site: TrackedSite, page: Page) -> None:
    open_with(tracked_site, page, FORM, "forms")
    fill(page)
    page.click("button")
    tracked_site.wait_for(page, lambda: len(tracked_site.views) == 2)
    (form,) = tracked_site.signals("$form")
    assert (form["f"], form["o"], form["s"], form["n"]) == ("signup", "submitted", "email", 2)
    assert form["v"] >= 300
    check_fields(tracked_site)


def test_a_form_that_is_left(tracked_site: TrackedSite, page: Page) -> None:
    open_with(tracked_site, page, FORM, "forms")
    fill(page)
    page.evaluate("dispatchEvent(new Event('blur'))")
    page.wait_for_timeout(100)
    assert tracked_site.signals("$form") == []
    leave(tracked_site, page)
    (form,) = tracked_site.signals("$form")
    assert (form["f"], form["o"], form["s"], form["n"]) == ("signup", "abandoned", "email", 2)
    check_fields(tracked_site)


def test_a_form_that_nobody_touched_is_not_told(tracked_site: TrackedSite, page: Page) -> None:
    open_with(tracked_site, page, FORM, "forms")
    page.mouse.click(600, 300)
    leave(tracked_site, page)
    assert names(tracked_site) == set()


def vitals_of(site: TrackedSite) -> dict[str, dict[str, Any]]:
    return {vital["m"]: vital for vital in site.signals("$vital")}


# --- vitals ---------------------------------------------------------------------------------------

LIBRARY = """
import {onLCP, onINP, onCLS, onFCP, onTTFB} from '/web-vitals.js';
window.theirs = {};
for (const on of [onLCP, onINP, onCLS, onFCP, onTTFB])
  on((metric) => { theirs[metric.name] = metric.value; }, {reportAllChanges: true});
"""
LIVELY = """
<style>body{margin:0} img{display:block;width:600px;height:400px}</style>
<main id=main><p>first</p><img id=big src="%s"><button id=slow>b</button></main>
<script>
  slow.onclick = () => {
    for (const t = performance.now(); performance.now() - t < 130;);
    slow.append(1);
  };
  const late = '<div style="height:90px">late</div>';
  setTimeout(() => { main.insertAdjacentHTML('afterbegin', late) }, 900);
</script>
"""
PICTURE = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='600' height='400'>"
    "<rect width='600' height='400' fill='red'/><circle r='99' cx='99' cy='99'/></svg>"
)


def test_the_vitals_are_those_of_the_library(tracked_site: TrackedSite, page: Page) -> None:
    install_clients()
    tracked_site.files["/web-vitals.js"] = bundle("web-vitals")
    body = LIVELY % PICTURE.replace('"', "'") + f"<script type=module>{LIBRARY}</script>"
    open_with(tracked_site, page, body, "vitals")
    page.wait_for_timeout(1_300)
    page.click("#slow")
    page.wait_for_function("'INP' in theirs")
    page.wait_for_timeout(200)
    theirs: dict[str, float] = page.evaluate("theirs")
    leave(tracked_site, page)

    ours = vitals_of(tracked_site)
    assert set(ours) == set(theirs) == {"LCP", "INP", "CLS", "FCP", "TTFB"}
    for name, value in theirs.items():
        assert ours[name]["v"] == pytest.approx(value, abs=0.001), name
    assert ours["CLS"]["v"] > 0
    assert ours["INP"]["v"] >= 130
    assert ours["INP"]["s"] == "#slow"
    assert "processing duration" in ours["INP"]["w"]
    assert ours["LCP"]["s"] == "#main>p"  # The picture has too few bits to be content.
    assert ours["CLS"]["s"]
    assert len(tracked_site.signals("$vital")) == 5


HIDE = """
  Object.defineProperty(document, 'hidden', {value: %s, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
"""
SHIFT = """document.querySelector('main').insertAdjacentHTML(
  'afterbegin', '<div style="height:90px">late</div>')"""


def test_a_vital_that_grew_is_told_again_and_bears_the_same_key(
    tracked_site: TrackedSite, page: Page
) -> None:
    open_with(tracked_site, page, "<main><p>text</p><p>more</p></main>", "vitals")
    page.wait_for_timeout(300)
    page.evaluate(HIDE % "true")
    tracked_site.wait_for(page, lambda: len(tracked_site.signals("$vital")) == 4)
    page.evaluate(HIDE % "false")
    page.evaluate(SHIFT)
    page.wait_for_timeout(400)
    page.evaluate(HIDE % "true")
    tracked_site.wait_for(page, lambda: len(tracked_site.signals("$vital")) == 5)
    page.evaluate(HIDE % "false")
    # What comes on another page of a single-page site is not the loaded page's.
    page.evaluate("history.pushState({}, '', '/b')")
    page.evaluate(SHIFT)
    page.wait_for_timeout(400)
    page.goto("about:blank")
    tracked_site.wait_for(page, lambda: len(tracked_site.views) == 2)
    page.wait_for_timeout(200)

    vitals = tracked_site.signals("$vital")
    assert sorted(vital["m"] for vital in vitals) == ["CLS", "CLS", "FCP", "LCP", "TTFB"]
    first, last = (vital["v"] for vital in vitals if vital["m"] == "CLS")
    assert first == 0 < last
    assert len({vital["k"] for vital in vitals}) == 1
    assert vitals[0]["k"] > 0


def test_vitals_of_a_quiet_page_have_no_interaction(tracked_site: TrackedSite, page: Page) -> None:
    open_with(tracked_site, page, "<p>text</p>", "vitals")
    page.wait_for_timeout(300)
    leave(tracked_site, page)
    ours = vitals_of(tracked_site)
    assert set(ours) == {"LCP", "CLS", "FCP", "TTFB"}
    assert ours["CLS"]["v"] == 0


def test_vitals_stay_with_the_page_that_was_loaded(tracked_site: TrackedSite, page: Page) -> None:
    open_with(tracked_site, page, "<p>text</p>", "vitals")
    page.wait_for_timeout(300)
    page.evaluate("history.pushState({}, '', '/b')")
    page.wait_for_timeout(100)
    leave(tracked_site, page)
    assert {event["u"] for event in tracked_site.named("$vital")} == {tracked_site.origin + "/"}
