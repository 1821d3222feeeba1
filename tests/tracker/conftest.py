"""A tracked site, and a real Chromium to visit it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.tracked_site import CHROMIUM, CHROMIUM_ARGS, TrackedSite, serve_tracked_site


@pytest.fixture
def tracked_site() -> Iterator[TrackedSite]:
    with serve_tracked_site() as site:
        yield site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium a worker, with its back/forward cache left on."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=list(CHROMIUM_ARGS),
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Give a fresh profile. Programs drive it, so every event would carry ``b``: see the test."""
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Give a page in which any error that the tracker lets out fails the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page heard of an error: {error}"))
    return page
