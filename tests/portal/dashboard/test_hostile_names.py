"""Names that visitors send are text wherever they are shown: cards, details, tooltips, titles."""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect
from waitress.server import create_server

from portal.models import Role, Site, SiteHost
from store.client import Store
from tests.portal.conftest import NOW, PASSWORD, Portal
from tests.portal.dashboard.conftest import browser, chromium
from tests.store.query.dataset import a_visit, store_traffic

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
EVIL = '/"><img src=x onerror="document.title=\'owned\'"><svg onload=alert(1)>{{constructor}}'
ATTRIBUTES = {"source": EVIL, "referrer": f"https://x.example{EVIL}", "utm_campaign": EVIL,
              "city": EVIL, "browser": EVIL, "os": EVIL, "country": "FR"}  # fmt: skip
CARDS = ("sources", "pages", "places", "technology", "events")


@pytest.fixture
def address(make_portal: Callable[..., Portal], store: Store) -> Iterator[str]:
    number = 821_000
    visit = a_visit("UTC", "2026-11-10T09:00:00", None, **ATTRIBUTES).view(EVIL).add(EVIL, 3)
    store_traffic(store, number, visit.events, "portal-hostile")
    portal = make_portal(store)
    with portal.database.writing() as session:
        site = Site(id=number, team_id=1, host="shop.example", public_key="stk_x", created_at=NOW,
                    upstreams=["http://a:1"], hosts=[SiteHost(host="shop.example")])  # fmt: skip
        session.add(site)
    portal.user("a@b.c", Role.OWNER)
    server = create_server(portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


def test_a_hostile_name_is_only_text_in_every_card_and_tooltip(
    browser: Browser, address: str
) -> None:
    page = browser.new_context(base_url=address).new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto("/login?next=/sites/shop.example")
    page.fill("#email", "a@b.c")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.locator("#card-pages .rows")).to_contain_text("onerror")
    page.locator(".chart").hover()
    chart = page.locator(".chart canvas").bounding_box()
    assert chart is not None
    for share in (0.3, 0.6, 0.95):
        page.mouse.move(chart["x"] + chart["width"] * share, chart["y"] + chart["height"] / 2)
    for path in (
        "?inline=1",
        "/details/pages/top",
        "/details/sources/sources",
        "?f=is,page," + EVIL,
    ):
        page.goto(f"/sites/shop.example{path}")
        page.wait_for_load_state("networkidle")
        assert page.title() != "owned"
        assert page.locator("img[src=x], svg[onload]").count() == 0, path
        assert "onerror" in page.content()
    page.context.close()
    assert said == []
