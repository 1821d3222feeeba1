"""A visitor with uBlock Origin in their browser: nothing of ours is blocked, every event arrives.

With the lists that the extension brings; ``make adblock`` runs it with those of a folder besides
(``ADBLOCK_LISTS``), today's and Brave's. In the same visits a known tracker has to be blocked.
"""

import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from statflow.paths import Paths
from statflow.services import running_store_url
from store.client import Store
from tests.adblock.engine import find_lists
from tests.support.firefox import Firefox, Tab, launch_firefox
from tests.support.stack import Stack
from tests.support.ublock import copy_ublock
from tests.support.web import fetch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]

PATIENCE_S = 90.0
PLAIN, QUIET = "plain-names.localhost", "quiet-names.localhost"
BROWSER = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}
MODULES = "clicks,scroll,vitals,errors,forms"
PAGE = b"""<!doctype html><html><head><title>x</title></head><body>
<script src="/matomo.js"></script><script src="/js/plausible.js"></script>
<form name="ask"><input name="topic"></form><button id="it">nothing</button>
<a id="file" href="/price.pdf">pdf</a><script>file.onclick = (e) => e.preventDefault();
function fail() { setTimeout(() => { null.price }) }</script>
<noscript><img src="/sf/p" alt=""></noscript></body></html>"""


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """What the origin was asked for."""
    return []


@pytest.fixture(scope="module")
def served(stack: Stack, asked: list[str]) -> Iterator[Stack]:
    """Two sites with every module before one origin, of which one has quiet names."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for host in (PLAIN, QUIET):
        stack.run("site", "add", host, "--upstream", f"http://127.0.0.1:{server.server_port}")
    stack.run("site", "set", PLAIN, f"modules={MODULES}")
    stack.run("site", "set", QUIET, f"modules={MODULES}", "quiet=on")
    deadline = time.monotonic() + PATIENCE_S
    for host in (PLAIN, QUIET):
        while (
            b"<script async" not in fetch(stack.ports["edge"], "/", host=host, headers=BROWSER)[2]
        ):
            assert time.monotonic() < deadline, "the edge does not tag the pages"
            time.sleep(0.1)
    time.sleep(2)  # Until the last of the changes has come to the edge.
    yield stack
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def blocking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox with uBlock Origin."""
    folder = tmp_path_factory.mktemp("ublock")
    given = os.environ.get("ADBLOCK_LISTS")
    extension = copy_ublock(folder, find_lists(Path(given)) if given else [])
    with launch_firefox(folder) as firefox:
        where = {"type": "path", "path": str(extension)}
        firefox.send("webExtension.install", extensionData=where)
        yield firefox


def visit(tab: Tab, stack: Stack, host: str, path: str) -> None:
    tab.goto(f"http://{host}:{stack.ports['edge']}{path}")


def wait_until_it_blocks(tab: Tab, stack: Stack, asked: list[str]) -> None:
    """Wait for the extension to have read its lists: known trackers are then asked for no more."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        asked.clear()
        visit(tab, stack, PLAIN, "/first")
        tab.wait_for_timeout(300)
        if "/first" in asked and not {"/matomo.js", "/js/plausible.js"} & {*asked}:
            return
        assert time.monotonic() < deadline, f"nothing is blocked: {asked}"


@pytest.mark.parametrize("host", [PLAIN, QUIET])
def test_nothing_of_ours_is_blocked_where_known_trackers_are(
    served: Stack, blocking: Firefox, asked: list[str], host: str
) -> None:
    path = f"/watched-{host[:5]}"
    with blocking.open_tab() as tab:
        wait_until_it_blocks(tab, served, asked)
        asked.clear()
        visit(tab, served, host, path)
        tab.wait_for_function("window.statflow && statflow.r.length > 15")
        tab.evaluate("fail()")
        for selector in ("[name=topic]", "#file", "#it"):
            tab.click(selector)
        tab.wait_for_timeout(2_700)
        tab.evaluate("statflow('Signup'); history.pushState({}, '', location.pathname + '-2')")
        tab.wait_for_timeout(200)
        tab.goto("about:blank")
        found = stored(served, path)
    assert path in asked
    assert not {"/matomo.js", "/js/plausible.js"} & {*asked}
    assert found == {
        "pageview", "File Download", "Signup", "engagement",
        "click", "dead", "scroll", "vital", "error", "form", "field",
    }  # fmt: skip


def stored(stack: Stack, path: str) -> set[str]:
    """Give the names of all that arrived of a page, once the last that was sent is there."""
    url = running_store_url(Paths(stack.data))
    assert url is not None
    store = Store(url)
    of = {"path": path}
    last = "select count() from events where path = {path:String} and name = 'engagement'"
    deadline = time.monotonic() + PATIENCE_S
    while store.query(last, {"path": f"{path}-2"}) == [(0,)]:
        assert time.monotonic() < deadline, store.query("select name, path from events order by ts")
        time.sleep(0.2)
    names = store.query("select distinct name from events where path = {path:String}", of)
    kinds = store.query("select distinct kind from signals where path = {path:String}", of)
    store.close()
    return {str(name) for (name,) in [*names, *kinds]}
