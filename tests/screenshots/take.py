"""Take a picture of every view of the demo: ``python -m tests.screenshots.take [FOLDER]``.

Starts the demo on free ports, waits until its 90 days are there, and writes each view for a
desktop, a phone and in the dark as WebP. The pictures of ``docs/images`` are made so; the README
shows some.
"""

import argparse
import base64
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.chromium import launch_chromium
from tests.support.stack import Stack

IMAGES = Path("docs/images")
SITE = "/sites/shop.localhost"
START_S = 600.0
SEEDED_S = 1_200
QUALITY = 72
MAX_HEIGHT = 2_200
"""Longer pages are cut: who wants more runs the demo."""


@dataclass(frozen=True)
class View:
    """One page; its picture is taken for a desktop, a phone, and in the dark."""

    name: str
    path: str


VIEWS = (
    View("overview", f"{SITE}?period=28d"),
    View("overview-filtered", f"{SITE}?f=is,goal,Order&period=91d"),
    View("details", f"{SITE}/details/pages/top?period=28d"),
    View("live", f"{SITE}/live"),
    View("funnels", f"{SITE}/funnels?by=source"),
    View("journeys", f"{SITE}/journeys?at=/shop"),
    View("retention", f"{SITE}/retention"),
    View("pages", f"{SITE}/behaviour"),
    View("map", f"{SITE}/behaviour/map"),
    View("clicks", f"{SITE}/behaviour/clicks"),
    View("vitals", f"{SITE}/behaviour/vitals"),
    View("errors", f"{SITE}/behaviour/errors"),
    View("forms", f"{SITE}/behaviour/forms"),
    View("capture", f"{SITE}/capture"),
    View("crawlers", f"{SITE}/edge/crawlers"),
    View("answers", f"{SITE}/edge/answers"),
    View("edge", f"{SITE}/edge"),
    View("settings", f"{SITE}/settings"),
    View("rules", f"{SITE}/rules"),
    View("goals", f"{SITE}/settings/goals"),
    View("properties", f"{SITE}/settings/properties"),
    View("funnel-builder", f"{SITE}/settings/funnels/1"),
    View("segments", f"{SITE}/settings/segments/1"),
    View("notes", f"{SITE}/notes"),
    View("sites", "/"),
)
_KINDS: dict[str, dict[str, object]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "is_mobile": True,
        "has_touch": True,
    },
}


def main(arguments: list[str]) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", default=str(IMAGES))
    parser.add_argument("--only", default="", help="views whose name begins so")
    asked = parser.parse_args(arguments)
    folder = Path(asked.folder)
    folder.mkdir(parents=True, exist_ok=True)
    stack = Stack("--demo")
    try:
        stack.start(START_S)
        portal, login = stack.run_json["urls"]["portal"], stack.run_json["login"]
        with launch_chromium() as chromium, chromium.active() as browser:
            sizes = _take_all(browser, portal, login, folder, asked.only)
    finally:
        stack.stop()
        shutil.rmtree(stack.folder, ignore_errors=True)
    told = f"{len(sizes)} pictures, {sum(sizes) // 1024} KiB in all, in {folder}"
    print(told)  # noqa: T201 - a command's own output
    return 0


def _take_all(
    browser: Browser, portal: str, login: dict[str, str], folder: Path, only: str
) -> list[int]:
    sizes = []
    with signed_in(browser, portal, login, {}) as page:
        wait_for_the_past(page)
    for kind, device in _KINDS.items():
        with signed_in(browser, portal, login, device) as page:
            wanted = [v for v in VIEWS if v.name.startswith(only)]
            sizes += [_take(page, view, folder / f"{view.name}-{kind}.webp") for view in wanted]
    return sizes


@contextmanager
def signed_in(
    browser: Browser, portal: str, login: dict[str, str], device: dict[str, object]
) -> Iterator[Page]:
    """Sign in to the demo for a block."""
    context: BrowserContext = browser.new_context(
        base_url=portal, reduced_motion="reduce", **device
    )
    context.set_default_timeout(120_000)
    # A picture holds still: nothing new may come into the live page.
    context.route("**/live/stream", lambda route: route.abort())
    context.route("**/live/view", lambda route: route.abort())
    page = context.new_page()
    page.goto("/login")
    page.fill("#email", login["email"])
    page.fill("#password", login["password"])
    page.click("button.primary")
    page.wait_for_url("**/")
    yield page
    context.close()


def wait_for_the_past(page: Page) -> None:
    """Wait until the seeding is over: it goes from the oldest day to today."""
    deadline, before = time.monotonic() + SEEDED_S, 0
    while time.monotonic() < deadline:
        page.goto(f"{SITE}?period=day")
        shown = page.locator('[data-metric="pageviews"]')
        now = int(shown.get_attribute("data-value") or 0) if shown.count() else 0
        if now and now == before:
            return
        before = now
        time.sleep(5)
    raise TimeoutError("the demo's days did not come")


def _take(page: Page, view: View, file: Path) -> int:
    page.goto(view.path)
    page.wait_for_load_state("load")
    page.wait_for_selector("[hx-get] .skeleton, .htmx-request", state="detached")
    # Flags below the fold are fetched when they come near; a picture shows all of the page.
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode().catch(() => 0)))")
    page.wait_for_timeout(600)
    height = min(int(page.evaluate("document.documentElement.scrollHeight")), MAX_HEIGHT)
    width = page.viewport_size["width"] if page.viewport_size else 0
    # Playwright writes no WebP; the browser itself does.
    session = page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    taken = session.send(
        "Page.captureScreenshot",
        {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True},
    )
    session.detach()
    return file.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
