"""A tracked site, and a real Chromium to visit it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.chromium import Chromium, launch_chromium
from tests.support.tracked_site import TrackedSite, serve_tracked_site


@pytest.fixture
def tracked_site() -> Iterator[TrackedSite]:
    with serve_tracked_site() as site:
        yield site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One Chromium a worker, with its back/forward cache left on."""
    with launch_chromium(without=["--disable-back-forward-cache"]) as running:
        yield running


@pytest.fixture
def context(chromium: Chromium) -> Iterator[BrowserContext]:
    """Give a fresh profile. Programs drive it, so every event would carry ``b``: see the test."""
    with chromium.active() as browser:
        context = browser.new_context()
        context.set_default_timeout(10_000)
        yield context
        context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Give a page in which any error that the tracker lets out fails the test."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page heard of an error: {error}"))
    return page
