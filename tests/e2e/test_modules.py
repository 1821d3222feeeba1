"""The tracker's modules through the real proxy, under strict policies, to rows in the store."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from statflow.paths import Paths
from statflow.services import running_store_url
from store.client import Store
from tests.support.stack import Stack
from tests.support.web import fetch, send_beacon

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(180)]

HOST = "modules.localhost"
OFF = "plain.localhost"
PATIENCE_S = 30.0
POLICIES = {
    "/open": "",
    "/nonce": "script-src 'nonce-abc'; object-src 'none'",
    "/dynamic": "script-src 'nonce-abc' 'strict-dynamic'; object-src 'none'",
    "/strict": "default-src 'none'; style-src 'unsafe-inline'",
    "/types": "script-src 'nonce-abc'; require-trusted-types-for 'script'; trusted-types 'none'",
}
PAGE = b"""<!doctype html><html><head><title>x</title></head><body><main id="main">
<form name="ask"><input name="topic"></form><button id="it">nothing</button>
<script nonce="abc">setTimeout(() => { null.price }, 600)</script></main></body></html>"""


class Handler(BaseHTTPRequestHandler):
    """Pages that differ in their policy only."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        if policy := POLICIES.get(self.path.partition("?")[0]):
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def served(stack: Stack) -> Iterator[Stack]:
    """Two sites before one origin: one has every module on, the other none."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for host in (HOST, OFF):
        stack.run("site", "add", host, "--upstream", f"http://127.0.0.1:{server.server_port}")
    stack.run("site", "set", HOST, "modules=clicks,scroll,vitals,errors,forms")
    deadline = time.monotonic() + PATIENCE_S
    while b"import(" not in fetch(stack.ports["edge"], "/sf/tracker.js", host=HOST)[2]:
        assert time.monotonic() < deadline, "the edge does not load the modules"
        time.sleep(0.1)
    yield stack
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(served: Stack) -> Iterator[Store]:
    url = running_store_url(Paths(served.data))
    assert url is not None
    opened = Store(url)
    yield opened
    opened.close()


def rows(store: Store, path: str, kinds: set[str]) -> list[dict[str, Any]]:
    """Wait until a page's signals of these kinds are stored."""
    columns = ("kind", "selector", "label", "message", "line", "form", "bands", "width_class",
               "source", "visit_id", "value", "selector_hash", "error_hash")  # fmt: skip
    sql = (
        f"select {', '.join(columns)} from signals where path = {{path:String}}"
        " order by stream_ms, stream_seq"
    )
    deadline = time.monotonic() + PATIENCE_S
    found: list[dict[str, Any]] = []
    while not kinds <= {row["kind"] for row in found}:
        assert time.monotonic() < deadline, f"so far {found}"
        time.sleep(0.2)
        found = [dict(zip(columns, row, strict=True)) for row in store.query(sql, {"path": path})]
    return found


def use(page: Page, stack: Stack, path: str) -> list[str]:
    """Do a little of everything on a page; return what the console said of policies."""
    said: list[str] = []
    loaded: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("requestfinished", lambda request: loaded.append(request.url))
    page.goto(f"http://{HOST}:{stack.ports['edge']}{path}?utm_source=letter")
    deadline = time.monotonic() + PATIENCE_S
    while sum("/sf/m/" in url for url in loaded) < 5:
        assert time.monotonic() < deadline, loaded
        page.wait_for_timeout(50)
    page.wait_for_timeout(200)
    page.click("[name=topic]")
    page.keyboard.type("my secret")
    page.click("#it")
    page.wait_for_timeout(2_900)
    # Hidden, not left: what Chromium sends for a page that is gone has not the agent of the test.
    page.evaluate(
        """
        Object.defineProperty(document, 'hidden', {value: true});
        dispatchEvent(new Event('pagehide'));
        document.dispatchEvent(new Event('visibilitychange'));
        """
    )
    return said


@pytest.mark.parametrize("path", POLICIES)
def test_all_that_modules_see_is_in_the_store_whatever_the_policy(
    served: Stack, page: Page, store: Store, path: str
) -> None:
    has_errors = path != "/strict"  # There the page's own script does not run.
    wanted = {"click", "dead", "scroll", "vital", "form", "field"} | (
        {"error"} if has_errors else set()
    )
    said = use(page, served, path)
    found = rows(store, path, wanted)

    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_kind.setdefault(row["kind"], []).append(row)
    assert set(by_kind) == wanted, by_kind.get("error")
    assert [row["selector"] for row in by_kind["click"]] == ["#main>form>input", "#it"]
    assert [row["selector"] for row in by_kind["dead"]] == ["#it"]
    assert {row["label"] for row in by_kind["vital"]} >= {"TTFB", "FCP", "CLS"}
    assert [(row["form"], row["label"]) for row in by_kind["form"]] == [("ask", "abandoned")]
    assert all(sum(row["bands"]) > 0 for row in by_kind["scroll"])
    if has_errors:
        (error,) = by_kind["error"]
        assert error["label"] == "TypeError"
        assert "price" in error["message"]
        assert error["error_hash"]
    assert {row["source"] for row in found} == {"letter"}
    assert {row["width_class"] for row in found} == {"Laptop"}
    assert len({row["visit_id"] for row in found}) == 1
    assert "secret" not in str(found)
    # The page's own inline script may be refused; nothing of ours is.
    assert not [text for text in said if "/sf/" in text and "inline script" not in text]


def test_signals_count_in_no_number_of_the_visit(
    served: Stack, browser: Browser, store: Store
) -> None:
    path = "/counted"
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
    with browser.new_context(user_agent=agent) as context:
        use(context.new_page(), served, path)
    rows(store, path, {"click", "form"})
    sql = (
        "select sum(sign * pageviews), sum(sign * events), sum(sign * interactive_events),"
        " sum(sign * is_bounce) from sessions where entry_page = {path:String}"
    )
    assert store.query(sql, {"path": path}) == [(1, 1, 0, 1)]
    names = store.query(
        "select distinct name from events where path = {path:String}", {"path": path}
    )
    assert {name for (name,) in names} <= {"pageview", "engagement"}


def test_a_site_without_modules_loads_none_and_keeps_none(served: Stack, store: Store) -> None:
    script = fetch(served.ports["edge"], "/sf/tracker.js", host=OFF)[2]
    assert b"import(" not in script
    page = f"http://{OFF}/quiet"
    view = {"n": "pageview", "u": page}
    click = {"n": "$click", "u": page, "p": {"s": "a", "x": 1, "y": 1, "px": 1, "py": 1, "h": 1}}
    assert send_beacon(served.ports["edge"], OFF, [view, click]) == 202
    deadline = time.monotonic() + PATIENCE_S
    count = "select count() from {} where path = '/quiet'"
    while store.query(count.format("events")) != [(1,)]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert store.query(count.format("signals")) == [(0,)]


def test_modules_are_immutable_precompressed_and_nothing_else_is_there(served: Stack) -> None:
    port = served.ports["edge"]
    script = fetch(port, "/sf/tracker.js", host=HOST)[2].decode()
    name = script.rpartition('for(let m of["')[2][:10]
    status, headers, body = fetch(
        port, f"/sf/m/{name}.js", host=HOST, headers={"Accept-Encoding": "br"}
    )
    assert (status, headers["content-encoding"]) == (200, "br")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert 0 < len(body) < 1_536
    assert fetch(port, "/sf/m/0123456789.js", host=HOST)[0] == 404
