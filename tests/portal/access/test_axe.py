"""axe finds nothing on any page of the portal: with numbers and without, in the light and the dark.

The pages are the routes of the application itself, so a new page is looked at without being listed.
"""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from waitress.server import create_server

from portal.needs import Who, declared
from store.client import Store
from tests.portal.access.slots import BESIDE, HOSTS, OWN
from tests.portal.access.walk import Ask, asks, send
from tests.portal.access.world import Caller, World, build, store_own_traffic
from tests.portal.dashboard.conftest import browser, chromium, problems

__all__ = ["browser", "chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
_ALONE = {Who.ANYBODY, Who.READER, Who.LINK_HOLDER}
_CONTRAST = """async () => {
  const found = await axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast']}});
  return found.violations.map((v) => v.nodes.map((n) => n.html).join(' '));
}"""
"""All that the dark changes is colours."""
GONE = "/sites/nowhere.example"


@pytest.fixture(scope="session")
def world(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, store: Store
) -> Iterator[World]:
    store_own_traffic(store)
    file = tmp_path_factory.mktemp("axe") / "portal.sqlite"
    shutil.copy(migrated_file, file)
    yield from build(f"sqlite:///{file}", store)


@pytest.fixture
def address(world: World) -> Iterator[str]:
    server = create_server(world.portal.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.task_dispatcher.shutdown(timeout=5)
    server.trigger.pull_trigger(server.close)
    thread.join(timeout=5)


def reader(world: World, ask: Ask) -> Caller:
    """Choose somebody who may open the page."""
    need = declared(world.portal.app, ask.endpoint)
    if need in _ALONE:
        return world.callers["anonymous"]
    return world.callers["administrator" if need is Who.ADMINISTRATOR else "owner"]


def pages(world: World, site: str) -> Iterator[tuple[Caller, str]]:
    """List every whole page there is of a site, or of none."""
    for ask in asks(world.portal.app):
        of_this = ask.changed == ("host" if site == BESIDE else "") and ask.place == site
        if ask.method != "GET" or not of_this or ask.endpoint.startswith("sharing.public"):
            continue
        caller = reader(world, ask)
        answer = send(world, caller, ask)
        if answer.mimetype == "text/html" and "</html>" in answer.get_data(as_text=True):
            yield caller, ask.path(caller)
    yield world.callers["stranger"], "/"
    yield world.callers["stranger"], GONE
    yield world.callers["anonymous"], "/public/open.example"
    yield world.callers["anonymous"], "/share/slug-with-password"


@pytest.mark.parametrize("site", [OWN, BESIDE], ids=["with numbers", "without"])
def test_axe_finds_nothing_on_any_page(
    world: World, browser: Browser, address: str, site: str
) -> None:
    found = list(dict.fromkeys((caller.name, path) for caller, path in pages(world, site)))
    assert len(found) > 10
    assert any(HOSTS[site] in path for _, path in found)
    wrong = []
    for name in dict.fromkeys(name for name, _ in found):
        page = opened(browser, address, world.callers[name])
        for path in (path for whose, path in found if whose == name):
            page.goto(address + path)
            page.wait_for_load_state("networkidle")
            wrong += [f"{name} {path}: {said}" for said in problems(page)]
            page.emulate_media(color_scheme="dark")
            wrong += [f"{name} {path}: dark: {said}" for said in page.evaluate(_CONTRAST)]
            page.emulate_media(color_scheme="light")
        page.context.close()
    assert wrong == []


def opened(browser: Browser, address: str, caller: Caller) -> Page:
    # Without motion, so that a colour is the new one as soon as the scheme is.
    context = browser.new_context(reduced_motion="reduce")
    pairs = [pair.partition("=") for pair in caller.cookie.split("; ") if pair]
    cookies: Any = [{"name": name, "value": value, "url": address} for name, _, value in pairs]
    context.add_cookies(cookies)
    return context.new_page()
