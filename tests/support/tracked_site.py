"""A site with the tracker on its pages, for tests with a real browser.

The site is a small HTTP server: it serves the pages a test puts in, the frozen tracker with the
placeholder replaced as the edge does it, and it keeps every beacon that arrives.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from playwright.sync_api import Page

from tracker import DIST

LEDGER: dict[str, dict[str, Any]] = json.loads((DIST / "versions.json").read_text())
LATEST = max(LEDGER, key=lambda version: [int(part) for part in version.split(".")])
USUAL = "downloads+forms"
"""The parts of the core that sites have which changed nothing."""
SOURCE = (DIST / f"{LATEST}.js").read_text()
CORES = {USUAL: SOURCE} | {
    path.stem: path.read_text() for path in (DIST / LATEST / "core").glob("*.js")
}
SELECTORS = (DIST / "selectors" / f"{LATEST}.js").read_text()
PATIENCE_S = 30.0
"""A browser on a busy machine takes its time; a test that goes well waits for none of it."""
TAG = '<script async="async" src="/sf/1a2b3c4d5e.js"></script>'


def render_page(body: str = "", head: str = "", tag: str = TAG) -> str:
    """Write a page that carries the tag."""
    return f"<!doctype html><html><head>{tag}{head}</head><body>{body}</body></html>"


class Shown(Protocol):
    """A page in any browser."""

    def goto(self, url: str, /) -> object: ...

    def wait_for_timeout(self, ms: float, /) -> None: ...


class TrackedSite:
    """The pages, the tracker's settings, and what has arrived."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.settings = ["/sf/e", "/sf/p.gif", 0, 0]
        self.parts = USUAL
        self.rules: list[tuple[str, str, str, dict[str, str]]] = []
        self.modules: list[str] = []
        self.files: dict[str, str] = {}
        self.pages: dict[str, str] = {path: render_page(f"Page {path}") for path in ("/", "/b")}
        self.headers: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self.answers: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.on_request: dict[str, Callable[[], object]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def script(self) -> str:
        script = CORES[self.parts].replace('"__SF__"', json.dumps(self.settings))
        if self.rules:
            script += SELECTORS.replace('"__SF_RULES__"', json.dumps(self.rules))
        if self.modules:
            script += (
                f"if(window.statflow&&statflow.r)for(let m of{json.dumps(self.modules)})"
                'try{setTimeout(()=>import("/sf/m/"+m+".js").catch(()=>{}))}catch(e){}'
            )
        return script

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was acknowledged, in order of arrival."""
        return [event for body in self.bodies for event in body["e"]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["n"] == name]

    def signals(self, name: str) -> list[dict[str, Any]]:
        """The props of every signal of a name, in order of arrival."""
        return [event["p"] for event in self.named(name)]

    @property
    def views(self) -> list[str]:
        """The pages counted, as path and query."""
        return [event["u"].removeprefix(self.origin) for event in self.named("pageview")]

    @property
    def pixels(self) -> list[str]:
        """Where the pixel was asked for from."""
        return [
            headers.get("referer", "").removeprefix(self.origin)
            for method, path, headers in self.requests
            if path.startswith(self.settings[1]) and method == "GET"
        ]

    def wait_for(self, page: Shown, ready: Callable[[], object]) -> None:
        """Let the browser go on until something has arrived; fail after ``PATIENCE_S``."""
        wait_until(ready, self, pause=lambda: page.wait_for_timeout(20))


def wait_until(
    ready: Callable[[], object],
    site: TrackedSite,
    pause: Callable[[], object] = lambda: time.sleep(0.02),
) -> None:
    """Wait for something to arrive; fail after ``PATIENCE_S``."""
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline, f"nothing more came; so far {site.events}"
        pause()


def stop_clock(page: Page) -> None:
    """Let the page's clock stand still; only ``page.clock.run_for`` moves it, timers included."""
    page.clock.install(time=0)
    page.clock.pause_at(1_000)


def leave(site: TrackedSite, page: Shown, engagements: int = 0) -> None:
    """Leave the page and wait until its last words have arrived: by default one for each view."""

    def has_all() -> bool:
        return len(site.named("engagement")) >= (engagements or max(len(site.views), 1))

    page.goto("about:blank")
    site.wait_for(page, has_all)
    page.wait_for_timeout(50)


@contextmanager
def serve_tracked_site() -> Iterator[TrackedSite]:
    """Serve a site on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    site = TrackedSite(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = _handler(site)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(site: TrackedSite) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one small class
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._note()
            path = self.path.partition("?")[0]
            if path == "/sf/1a2b3c4d5e.js":
                self._answer(200, "text/javascript", site.script)
            elif path.startswith("/sf/m/"):
                module = DIST / LATEST / path.removeprefix("/sf/m/")
                self._answer(200, "text/javascript", module.read_text())
            elif path in site.files:
                self._answer(200, "text/javascript", site.files[path])
            elif path == site.settings[1]:
                self._answer(200, "image/gif", "GIF89a")
            elif path in site.pages:
                status = site.statuses.get(path, 200)
                self._answer(status, "text/html; charset=utf-8", site.pages[path], site.headers)
            else:
                self._answer(404, "text/plain", "")

        def do_POST(self) -> None:
            self._note()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = 202
            if self.path == site.settings[0]:
                status = site.answers.pop(0) if site.answers else 202
                if status == 202:
                    site.bodies.append(json.loads(body))
            self._answer(status, "application/json", "{}")

        def _note(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.requests.append((self.command, self.path, headers))
            site.on_request.get(self.path, lambda: None)()

        def _answer(
            self, status: int, kind: str, text: str, headers: dict[str, str] | None = None
        ) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet."""

    return Handler
