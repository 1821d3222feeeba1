"""The public edge and the private portal are apart, seen by a real installation and a real browser.

The portal stands at ``stats.localhost`` and the customer's site at ``shop.localhost``: names of
their own, as in production.
"""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser

from tests.portal.dashboard.conftest import browser, chromium
from tests.support.stack import Stack

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
SHOP = "shop.localhost"
THEIRS = ("session=of-the-shop; Path=/; HttpOnly", "basket=7; Path=/", "wide=1; Domain=localhost")


class Shop(BaseHTTPRequestHandler):
    """A customer's site that sets cookies and notes which ones come back."""

    protocol_version = "HTTP/1.1"
    came: list[str]

    def do_GET(self) -> None:
        self.came.append(self.headers.get("Cookie", ""))
        body = b"<!doctype html><html><head><title>Shop</title></head><body>Shop</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        for cookie in THEIRS:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[ThreadingHTTPServer]:
    Shop.came = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture
def stack(shop: ThreadingHTTPServer) -> Iterator[Stack]:
    found = Stack("--upstream", f"http://127.0.0.1:{shop.server_port}", "--host", SHOP)
    try:
        found.run(
            "user", "add", "a@b.c", "--admin", STATFLOW_PASSWORD="seven lamps over 3 harbours"
        )
        yield found.start()
    finally:
        found.remove()


def test_cookies_stay_on_their_side(stack: Stack, browser: Browser) -> None:
    portal = f"http://stats.localhost:{stack.ports['portal']}"
    edge = f"http://{SHOP}:{stack.ports['edge']}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{portal}/login")
    page.fill("#email", "a@b.c")
    page.fill("#password", "seven lamps over 3 harbours")
    page.click("button.primary")
    page.wait_for_url(f"{portal}/")
    ours = {c["name"]: c for c in context.cookies(portal)}
    assert set(ours) == {"statflow", "device"}
    assert all(cookie["domain"] == "stats.localhost" for cookie in ours.values())
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in ours.values())
    for _ in range(2):
        page.goto(f"{edge}/")
    assert page.title() == "Shop"
    came = Shop.came[-1]
    assert "session=of-the-shop" in came
    assert "basket=7" in came
    for name, cookie in ours.items():
        assert f"{name}=" not in came
        assert cookie["value"] not in came
    # The visitor opts out: the edge takes its own pair away, and nothing of the shop's.
    context.add_cookies([{"name": "sf_out", "value": "1", "url": edge}])
    page.goto(f"{edge}/")
    assert Shop.came[-1] == came
    # And back at the portal, nothing of the shop's has come along.
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.all_headers().get("cookie", "")))
    page.goto(f"{portal}/account")
    assert page.title()
    assert all("of-the-shop" not in cookies and "basket" not in cookies for cookies in seen)
    assert "statflow=" in "".join(seen)
    assert json.dumps(context.cookies(portal)).count("of-the-shop") == 0
    context.close()
