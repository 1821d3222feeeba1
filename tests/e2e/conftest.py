"""A stack as a user starts it, the demo shop behind it, and a real Chromium in front."""

import asyncio
import shutil
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from statflow.demo.shop import serve_shop
from tests.support.stack import Stack, free_port

CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-blink-features=AutomationControlled",
)
HOST = "shop.localhost"


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
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "the browser tests need Chromium: make setup"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_ARGS))


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
