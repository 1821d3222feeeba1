"""A Chromium that is driven by Playwright and leaves the other tests of its process alone.

Playwright's synchronous interface keeps an event loop running in the thread, between tests too, and
asyncio then refuses to run any other: every asynchronous test after a browser test would fail. So
the loop is put aside unless a browser test is on.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Chromium:
    """A running Chromium; its browser may be used inside ``active`` only."""

    browser: Browser
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def active(self) -> Iterator[Browser]:
        """Take Playwright's loop up for the time of one test."""
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@contextmanager
def launch_chromium(
    args: Sequence[str] = CHROMIUM_ARGS, without: Sequence[str] = ()
) -> Iterator[Chromium]:
    """Start Chromium; ``without`` names arguments of Playwright's own to leave out."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(args), ignore_default_args=list(without)
        )
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield Chromium(browser, loop)
        asyncio._set_running_loop(loop)
        browser.close()
