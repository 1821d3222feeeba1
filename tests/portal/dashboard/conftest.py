"""The portal in a browser: a small shop, somebody signed in, a page that must not complain."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from waitress.server import create_server

from portal.models import Role, Site, SiteFunnel, SiteGoal, SiteHost
from portal.sharing.links import Wanted, make_link
from store.client import Store
from tests.portal.conftest import NOW, PASSWORD, Portal
from tests.store.query.dataset import a_visit, store_traffic
from tests.support.chromium import Chromium, launch_chromium

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
def browser_shop_id(store: Store) -> int:
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
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture
def served(
    make_portal: Callable[..., Portal], store: Store, browser_shop_id: int, blog_port: int
) -> Iterator[tuple[Portal, str]]:
    """A served portal in which those visits are shop.example's."""
    portal = make_portal(store, live_every_s=0.3, gallery=True)
    with portal.database.writing() as session:
        session.add(
            Site(
                id=browser_shop_id,
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
        site = session.get_one(Site, browser_shop_id)
        framed = Wanted(name="Press", embed_origins=(f"http://127.0.0.1:{blog_port}",))
        make_link(session, site, framed, NOW).slug = "press"
        make_link(session, site, Wanted(name="Two", password=PASSWORD), NOW).slug = "closed"
        session.add_all(
            SiteGoal(site_id=browser_shop_id, name=name, kind=kind, target=target, created_at=NOW)
            for name, kind, target in (("Home", "page", "/"), ("Signup", "event", "Signup"))
        )
        session.flush()
        steps = list(session.scalars(select(SiteGoal.id).order_by(SiteGoal.id)))
        terms = {"between": "any", "within": "visitor", "window_s": 86_400}
        session.add(
            SiteFunnel(site_id=browser_shop_id, name="Way in", steps=steps, created_at=NOW, **terms)
        )
    portal.user("a@b.c", Role.OWNER)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=6)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield portal, f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    # A loop that was awake anyway may close the trigger's pipe before it is written to.
    with contextlib.suppress(OSError):
        server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


@pytest.fixture
def address(served: tuple[Portal, str]) -> str:
    return served[1]


@pytest.fixture
def said() -> list[str]:
    """What the browser complained of; a test that wants a complaint takes it out."""
    return []


@pytest.fixture
def page(browser: Browser, address: str, said: list[str]) -> Iterator[Page]:
    """Somebody signed in, before the dashboard; whatever the browser complains of is a failure."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
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


def settle(page: Page) -> None:
    """Wait until everything has come; a stream never leaves the network idle."""
    page.wait_for_load_state("load")
    page.wait_for_selector("[hx-get] .skeleton, .htmx-request", state="detached")
