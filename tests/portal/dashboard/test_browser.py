"""The dashboard in a real browser: chart, filters, back, keys, and what axe and the policy say."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from waitress.server import create_server

from portal.models import Role, Site, SiteHost
from portal.sharing.links import Wanted, make_link
from store.client import Store
from tests.portal.conftest import NOW, PASSWORD, Portal
from tests.store.query.dataset import a_visit, store_traffic
from tests.support.chromium import Chromium, launch_chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
expect.set_options(timeout=30_000)

_AXE = Path("build/npm/node_modules/axe-core/axe.min.js")
_RUN_AXE = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await axe.run(document, {runOnly: tags});
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`);
}"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with launch_chromium() as running:
        yield running


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    with chromium.active() as browser:
        yield browser


@pytest.fixture(scope="session")
def shop_id(store: Store) -> int:
    """Three visits: two of today, one of yesterday."""
    number = 820_000
    google = {"source": "Google", "channel": "Organic Search", "country": "FR"}
    visits = [
        a_visit("UTC", "2026-11-10T09:00:00", None, **google).view("/").view("/a", 30),
        a_visit("UTC", "2026-11-10T10:00:00", None, **google).view("/"),
        a_visit("UTC", "2026-11-09T11:00:00").view("/b").add("Signup", 3),
    ]
    events = [found for visit in visits for found in visit.events]
    store_traffic(store, number, events, "portal-browser")
    return number


class Blog(BaseHTTPRequestHandler):
    """A page of somebody else's that frames the address in its query."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        src = self.path.partition("?")[2]
        frame = f'<iframe src="{src}" width="900" height="900"></iframe>' if src else ""
        self.wfile.write(f"<!doctype html><title>Blog</title>{frame}".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def blog_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blog)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture
def address(
    make_portal: Callable[..., Portal], store: Store, shop_id: int, blog_port: int
) -> Iterator[str]:
    """A served portal in which those visits are shop.example's."""
    portal = make_portal(store)
    with portal.database.writing() as session:
        session.add(
            Site(
                id=shop_id,
                team_id=1,
                host="shop.example",
                public_key="stk_x",
                created_at=NOW,
                upstreams=["http://a:1"],
                hosts=[SiteHost(host="shop.example")],
                public=True,
            )
        )
        session.flush()
        site = session.get_one(Site, shop_id)
        framed = Wanted(name="Press", embed_origins=(f"http://127.0.0.1:{blog_port}",))
        make_link(session, site, framed, NOW).slug = "press"
        make_link(session, site, Wanted(name="Two", password=PASSWORD), NOW).slug = "closed"
    portal.user("a@b.c", Role.OWNER)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Somebody signed in, before the dashboard; whatever the browser complains of is a failure."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("/login?next=/sites/shop.example")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.locator("#card-pages .rows")).to_be_visible()
    yield page
    context.close()
    assert said == []


def problems(page: Page) -> Any:
    page.evaluate(_AXE.read_text() + "; 0")
    return page.evaluate(_RUN_AXE)


def test_a_click_on_a_row_filters_and_back_undoes_it(page: Page) -> None:
    visitors = page.locator('[data-metric="visitors"]')
    expect(visitors).to_have_attribute("data-value", "3")
    expect(page.locator(".chart canvas")).to_have_count(1)
    page.click("#card-sources a:text('Google')")
    expect(visitors).to_have_attribute("data-value", "2")
    expect(page.locator(".chart canvas")).to_have_count(1)
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
        "/tokens",
        "/public/shop.example",
        "/share/press",
        "/share/closed",
        "/share/press/embed/system/page/all",
        "/share/press/embed/light/ffffff/pages",
    )
    for path in (*paths, "/sites/shop.example/details/pages/top"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert problems(page) == [], path


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    for path in ("/", "/sites/shop.example", "/sites/shop.example/settings"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
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
