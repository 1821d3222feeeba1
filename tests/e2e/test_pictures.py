"""A map of clicks over the page itself: a hostile page behind a login, taken, seen, kept, drawn."""

import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import edge_url, portal_url
from tests.support.stack import Stack
from tests.support.web import fetch, send_beacon

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]

HOST = "desk.localhost"
PATIENCE_S = 30.0
SHOTS = os.environ.get("PICTURE_SHOTS", "")
STYLE = b"""body { margin: 0; font: 16px sans-serif }
header { height: 80px; background: #234; color: #fff }
#hero { min-height: 100vh; background: #eee } #buy { position: absolute; left: 200px; top: 300px;
width: 240px; height: 60px }
footer { height: 300px; background: #ccc }"""
PAGE = b"""<!doctype html><html><head><title>Desk</title><link rel="stylesheet" href="/style.css">
<script>window.parent.alive = 1; document.documentElement.dataset.alive = "yes"</script>
<meta http-equiv="refresh" content="1; url=/gone"></head>
<body onload="document.body.id = 'alive'"><header><h1>Hello Ada Lovelace</h1></header>
<main id="main"><section id="hero"><img src="x" onerror="document.body.dataset.alive = 1">
<button id="buy">Buy now</button><input value="typed secret">
<iframe srcdoc="<script>parent.document.body.dataset.alive = 1</script>"></iframe>
<svg width="9" height="9"><script>document.body.dataset.alive = 1</script></svg>
<a href="javascript:document.body.dataset.alive = 1">Link</a></section></main>
<footer></footer></body></html>"""
LOOK = """() => {{
  const frame = document.querySelector('[data-drawn] iframe');
  const doc = frame.contentDocument;
  const box = doc.querySelector('#buy').getBoundingClientRect();
  const canvas = document.querySelector('.heat-canvas');
  const scale = canvas.width / parseInt(frame.style.width);
  const alpha = (x, y) =>
    canvas.getContext('2d').getImageData(x * scale, y * scale, 1, 1).data[3];
  return {0};
}}"""
ALPHA = "alpha(box.left + box.width * {0}, box.top + box.height / 2)"
"""How strong the colour is at a share of the button's width."""


class Desk(BaseHTTPRequestHandler):
    """A page for who has signed in; it forbids every frame."""

    def do_GET(self) -> None:
        signed_in = "desk=in" in (self.headers["Cookie"] or "")
        if self.path == "/style.css":
            self.answer(STYLE, "text/css")
        elif self.path == "/sign-in":
            self.answer(b"<p>In", "text/html", "desk=in; Path=/")
        else:
            self.answer(PAGE if signed_in else b"<!doctype html><p>Sign in first", "text/html")

    def answer(self, body: bytes, kind: str, cookie: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Frame-Options", "DENY")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def desk(stack: Stack) -> Iterator[Stack]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    stack.run("site", "add", HOST, "--upstream", f"http://127.0.0.1:{server.server_port}")
    stack.run("site", "set", HOST, "modules=clicks,scroll")
    until(lambda: b"import(" in fetch(stack.ports["edge"], "/sf/tracker.js", host=HOST)[2])
    yield stack
    server.shutdown()
    server.server_close()


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def look(portal: Page, at: str) -> Any:
    """Look at the picture from the portal's page."""
    return portal.evaluate(LOOK.format(at))


def send_clicks(stack: Stack) -> None:
    """Ten clicks on the button's right half, and three on something that no picture has."""
    url = f"http://{HOST}/desk"
    at = {"px": 8_000, "py": 300, "h": 1_000}
    on_button = {"s": "#buy", "x": 26_000, "y": 16_383, **at}
    elsewhere = {"s": "#widget>div", "x": 1, "y": 1, "px": 29_000, "py": 900, "h": 1_000}
    events = [{"n": "pageview", "u": url, "w": 1_300}]
    events += [{"n": "$click", "u": url, "w": 1_300, "p": on_button}] * 10
    events += [{"n": "$click", "u": url, "w": 1_300, "p": elsewhere}] * 3
    for seen in (5, 10, 15, 20):
        bands = ",".join(["4000"] * seen + ["0"] * (20 - seen))
        view = {"d": seen * 5, "h": 1_000, "b": bands}
        events.append({"n": "$scroll", "u": url, "w": 1_300, "p": view})
    assert send_beacon(stack.ports["edge"], HOST, events) == 202


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def take_it(desk: Stack, portal: Page, sheet: str) -> None:
    """Take the picture as a person does: first without having signed in to the site, then again."""
    until(lambda: portal.goto(sheet) and portal.locator(".page-map").count())
    shoot(portal, "sheet")
    portal.get_by_role("link", name="Take a picture of the page").click()
    shoot(portal, "form")
    expect(portal.get_by_label("Its address")).to_have_value(edge_url(desk, HOST, "/desk"))
    portal.get_by_role("button", name="Go on").click()
    shoot(portal, "waiting")
    with portal.expect_popup() as opened:
        portal.get_by_role("link", name="Open /desk").click()
    expect(opened.value.get_by_text("Sign in first")).to_be_visible()
    expect(portal.get_by_role("heading", name="This is what would be kept")).to_be_visible()

    opened.value.goto(edge_url(desk, HOST, "/sign-in"))
    with portal.expect_popup() as again:
        portal.get_by_role("link", name="Open the page again").click()
    again.value.wait_for_load_state("domcontentloaded")
    assert "/sf/" not in again.value.locator("head").inner_html(), "the visit is not counted"
    body = portal.frame_locator(".shot").locator("body")
    until(lambda: "Hello" in (portal.reload() and body.inner_text()))
    shoot(portal, "seen")
    portal.get_by_role("button", name="Keep it").click()


def shoot_all(portal: Page, sheet: str) -> None:
    shoot(portal, "map")
    for theme, width in (("dark", 1_280), ("light", 390), ("light", 1_280)):
        portal.emulate_media(color_scheme=theme)  # type: ignore[arg-type] # a literal
        portal.set_viewport_size({"width": width, "height": 900})
        portal.goto(sheet)
        expect(portal.locator("[data-drawn=yes]")).to_be_visible()
        shoot(portal, f"map-{theme}-{width}")


def test_clicks_lie_on_the_page_that_was_taken_behind_a_login(desk: Stack, portal: Page) -> None:
    send_clicks(desk)
    sheet = portal_url(desk, f"/sites/{HOST}/behaviour/map?page=/desk")
    take_it(desk, portal, sheet)
    expect(portal.locator("[data-drawn=yes]")).to_be_visible()
    portal.wait_for_timeout(1_500)  # Longer than the page's refresh would take.
    shoot_all(portal, sheet)

    assert portal.frames[1].url.endswith("/page")
    markup = str(look(portal, "doc.documentElement.outerHTML"))
    assert "Hello Ada Lovelace" in markup
    for gone in ("alive", "typed secret", "<script"):
        assert gone not in markup
    style = "doc.defaultView.getComputedStyle(doc.querySelector('#buy')).width"
    assert look(portal, style) == "240px", "the site's own style sheet holds"
    height = look(portal, "doc.querySelector('#hero').getBoundingClientRect().height")
    assert height < 900, "a page of 100vh does not grow with its frame"

    right, left = look(portal, f"[{ALPHA.format(0.78)}, {ALPHA.format(0.3)}]")
    assert right > 150 > left == 0
    expect(portal.locator(".stage-room .help")).to_have_text(
        "10 of 13 clicks lie on elements of the picture. 3 are drawn at their place on the page."
    )
    portal.get_by_role("rowheader", name="#buy").hover()
    expect(portal.locator(".heat-outline")).to_be_visible()
    portal.get_by_role("link", name="Scroll", exact=True).click()
    expect(portal.locator(".reach-line")).to_have_text(["75%", "50%"])
    shoot(portal, "scroll")
