"""A stack as a user starts it, the demo shop behind it, and a real Chromium in front."""

import asyncio
import re
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from statflow.demo.shop import serve_shop
from tests.support.chromium import CHROMIUM_ARGS as PLAIN_ARGS
from tests.support.chromium import Chromium, launch_chromium
from tests.support.stack import Stack, free_port
from tests.support.web import fetch

CHROMIUM_ARGS = (*PLAIN_ARGS, "--disable-quic", "--disable-blink-features=AutomationControlled")
HOST = "shop.localhost"
PATIENCE_S = 30.0
EMAIL = "owner@shop.example"
PASSWORD = "a-long-enough-secret-17"


@pytest.fixture(scope="session")
def shop_port() -> Iterator[int]:
    """The demo shop as an origin, outside of any stack."""
    port = free_port()
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve_shop("127.0.0.1", port))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield port
    loop.call_soon_threadsafe(task.cancel)
    thread.join(10)


@pytest.fixture(scope="session")
def stack(shop_port: int) -> Iterator[Stack]:
    """``statflow up`` before the shop, without any other traffic."""
    running = Stack("--upstream", f"http://127.0.0.1:{shop_port}", "--host", HOST)
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A Chromium that does not say that it is automated: its visits count as a person's."""
    with launch_chromium(CHROMIUM_ARGS) as running:
        yield running


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    with chromium.active() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of their own: nothing shared with other tests."""
    agent = (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/141.0.0.0 Safari/537.36"
    )
    opened = browser.new_context(user_agent=agent, locale="fr-FR")
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def other_site(stack: Stack, shop_port: int) -> str:
    """Another site before the same shop: what a test does there changes no other test's numbers."""
    host = f"s{secrets.token_hex(4)}.localhost"
    stack.run("site", "add", host, "--upstream", f"http://127.0.0.1:{shop_port}")
    deadline = time.monotonic() + PATIENCE_S
    while fetch(stack.ports["edge"], "/", host=host)[0] != 200:
        assert time.monotonic() < deadline, "the edge does not serve the new site"
        time.sleep(0.1)
    return host


@pytest.fixture(scope="session")
def owner(stack: Stack, chromium: Chromium) -> dict[str, Any]:
    """Make the administrator through the one-time link that ``up`` prints; give what signs in."""
    found = re.search(r"http://\S+(/setup\?token=\S+)", stack.log.read_text())
    assert found, "up prints no set-up link"
    with chromium.active() as browser, browser.new_context() as context:
        page = context.new_page()
        page.goto(portal_url(stack, found[1]))
        page.fill("[name=email]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.click("form button[type=submit]")
        page.wait_for_selector("h1:has-text('Sites')")
        return dict(context.storage_state())


@pytest.fixture
def portal(owner: dict[str, Any], browser: Browser) -> Iterator[Page]:
    """The portal, signed in."""
    with browser.new_context(storage_state=owner) as context:  # type: ignore[arg-type]
        yield context.new_page()


def portal_url(stack: Stack, path: str) -> str:
    return f"http://127.0.0.1:{stack.ports['portal']}{path}"


def edge_url(stack: Stack, host: str, path: str = "/") -> str:
    return f"http://{host}:{stack.ports['edge']}{path}"


def make_token(stack: Stack, host: str) -> str:
    printed = stack.run("token", "create", EMAIL, "--site", host, "--scope", "stats:read")
    found = re.search(r'"token": "([^"]+)"', printed)
    assert found, printed
    return found[1]
