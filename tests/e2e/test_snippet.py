"""A site that is not behind the edge: one script in its pages, from the edge's own host."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser

from statflow.paths import Paths
from statflow.services import running_store_url
from store.client import Store
from tests.support.stack import Stack, free_port
from tests.support.web import fetch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("snippet"), pytest.mark.timeout(180)]

PATIENCE_S = 30.0
HOST = "away.localhost"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """``statflow up`` with a host of the edge's own."""
    ports = {name: free_port() for name in ("edge", "edge-tls", "portal", "private", "shop")}
    origin = f"http://edge.localhost:{ports['edge']}"
    running = Stack(ports=ports, environment={"STATFLOW_EDGE_HOST": origin})
    try:
        yield running.start()
    finally:
        running.remove()


def test_a_snippets_views_events_and_modules_reach_the_store(
    stack: Stack, browser: Browser
) -> None:
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = pages.get(self.path.partition("?")[0], "")
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site = json.loads(
        stack.run("site", "add", HOST, "--upstream", f"http://127.0.0.1:{server.server_port}")
    )
    stack.run("site", "set", HOST, "modules=clicks")
    edge = f"edge.localhost:{stack.ports['edge']}"
    key = site["public_key"]
    name = wait_for_script(stack, edge, key)
    pages["/tea"] = f"<!doctype html><script async src='http://{edge}/sf/{name}.js'></script><p>x"

    with browser.new_context() as context:
        page = context.new_page()
        loaded: list[str] = []
        page.on("requestfinished", lambda request: loaded.append(request.url))
        page.goto(f"http://{HOST}:{server.server_port}/tea")
        page.wait_for_function("window.statflow && statflow.r")
        deadline = time.monotonic() + PATIENCE_S
        while not any("/sf/m/" in url for url in loaded):
            assert time.monotonic() < deadline, loaded
            page.wait_for_timeout(50)
        page.wait_for_timeout(200)
        page.evaluate("statflow('Signup')")
        page.click("p")
        page.evaluate("dispatchEvent(new Event('blur')); dispatchEvent(new Event('pagehide'))")
        check_rows(stack)
    server.shutdown()
    server.server_close()


def wait_for_script(stack: Stack, edge: str, key: str) -> str:
    """Wait until the edge knows the site; return the hash in its script's entity tag."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status, headers, body = fetch(stack.ports["edge"], f"/sf/tracker.js?k={key}", host=edge)
        if status == 200 and b"import(" in body:
            assert f'["http://{edge}/sf/e?k={key}"'.encode() in body
            return headers["etag"].strip('"')
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def check_rows(stack: Stack) -> None:
    url = running_store_url(Paths(stack.data))
    assert url is not None
    store = Store(url)
    deadline = time.monotonic() + PATIENCE_S
    names: set[str] = set()
    clicks = 0
    while not (names >= {"pageview", "Signup"} and clicks):
        assert time.monotonic() < deadline, (names, clicks)
        time.sleep(0.2)
        names = {name for (name,) in store.query("select name from events where path = '/tea'")}
        ((clicks,),) = store.query("select count() from signals where kind = 'click'")
    store.close()


def test_the_edges_own_host_serves_nothing_else(stack: Stack) -> None:
    edge = f"edge.localhost:{stack.ports['edge']}"
    for path in ("/", "/tea", "/sf/opt-out", "/sf/0123456789.js", "/sf/e?k=stk_none"):
        assert fetch(stack.ports["edge"], path, host=edge)[0] == 421
