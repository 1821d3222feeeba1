"""``make bench-first-view``: the overview of a site of millions of events, in a browser, cold.

The real portal (``statflow portal``) on the embedded store that ``make bench-query`` fills, and
Chromium: each round a browser without a cache, a store whose caches were emptied, and a portal that
remembers no answer any more, as for whoever comes first. Timed by the browser itself, from the
start of the navigation until the last card has its rows and was painted; bytes are those of the
wire. Writes ``build/bench/first-view.json``. Source of the budgets: DESIGN 11.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, Page

from portal.commands import add_user
from portal.models import Site, SiteHost
from statflow.accounts import open_accounts
from statflow.output import print_table
from statflow.paths import Paths
from statflow.settings import read_settings
from store.client import Store
from store.query.remembered import FRESH_S
from tests.bench.machine import Running, free_port, processors, running
from tests.bench.query_data import LAST_DAY, SITE_ID, Size, fill
from tests.bench.report import Ratio, print_ratios, say, write_report
from tests.support.chromium import CHROMIUM_ARGS, launch_chromium
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

FILLED_MS, TRANSFERRED_KIB, DAYS_SHOWN = 1_000, 200, 28
ARGUMENTS = (*CHROMIUM_ARGS, "--headless", "--disable-quic")
_EMAIL, _PASSWORD, _HOST = "bench@shop.example", "seven quiet herons", "shop.example"
_OBSERVE = """
window.seen = {filled: 0, shift: 0, moved: []};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    seen.shift += entry.value;
    for (const {node} of entry.sources) seen.moved.push(node?.id || node?.className);
  }
}).observe({type: 'layout-shift', buffered: true});
addEventListener('htmx:afterSettle', () => requestAnimationFrame(() => requestAnimationFrame(
  () => { if (!document.querySelector('[hx-get] .skeleton, .htmx-request'))
    seen.filled = seen.filled || performance.now(); })));
"""
_PAINTED = """() => new Promise((done) => {
  const look = () => seen.filled ? done() : requestAnimationFrame(look);
  look();
})"""
_FIGURES = """() => {
  const at = (name) => performance.getEntriesByName(name)[0]?.startTime ?? 0;
  const page = performance.getEntriesByType('navigation')[0];
  return {filled_ms: seen.filled, shift: seen.shift, moved: seen.moved.join(' '),
          html_ms: page.responseEnd,
          painted_ms: at('first-contentful-paint')};
}"""


@dataclass(frozen=True, slots=True)
class View:
    """One first view: milliseconds since the navigation began, bytes of the wire, and the rest.

    ``server_cpu_ms`` is what portal and store used, ``shift`` the sum of layout shifts
    and ``moved`` what moved.
    """

    html_ms: float
    painted_ms: float
    filled_ms: float
    server_cpu_ms: float
    kib: float
    requests: int
    shift: float
    moved: str


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90, help="days that the events lie in")
    parser.add_argument("--rounds", type=int, default=7, help="first views")
    options = parser.parse_args()
    size = Size(options.events, options.days)
    folder = Path(f"build/bench/query-{size.events}-{size.days}")
    folder.mkdir(parents=True, exist_ok=True)
    with running_store(folder, memory_bytes=6 << 30) as process:
        store = Store(process.url)
        stored = fill(store, size, say)
        store_cpu_s = Running("store", process.process, process.port).cpu_s  # type: ignore[arg-type] # its pid counts
        with _portal(process.url) as portal, launch_chromium(ARGUMENTS) as chromium:
            cpu_s = partial(_sum, portal.cpu_s, store_cpu_s)
            with chromium.active() as browser:
                views = list(_views(browser, portal.port, store, options.rounds, cpu_s))
        store.close()
    _report(views, stored)


def _sum(*parts: Any) -> float:
    return float(sum(part() for part in parts))


@contextmanager
def _portal(store_url: str) -> Iterator[Running]:
    """Run the portal with one site, whose numbers the store has, and somebody who may see them."""
    redis = RedisServer().start()
    try:
        with TemporaryDirectory(prefix="first-view-") as folder:
            environ = {
                "STATFLOW_DATA_DIR": folder,
                "STATFLOW_CLICKHOUSE_URL": store_url,
                "STATFLOW_REDIS_URL": redis.url,
            }
            settings = read_settings(environ)
            paths = Paths(settings.data_dir)
            paths.prepare()
            with open_accounts(settings, paths) as accounts, accounts.writing() as session:
                add_user(session, _EMAIL, _PASSWORD, admin=True)
                session.add(
                    Site(
                        id=SITE_ID, team_id=1, host=_HOST, public_key="stk_bench",
                        created_at=datetime(2026, 1, 1, tzinfo=UTC), upstreams=["http://127.0.0.1:1"],
                        hosts=[SiteHost(host=_HOST)],
                    )
                )  # fmt: skip
            port = free_port()
            command = [sys.executable, "-m", "statflow.cli", "portal", "--port", str(port)]
            log = Path(folder) / "portal.log"
            on = set(processors())
            with running("portal", command, port, on, log, os.environ | environ) as started:
                yield started
    finally:
        redis.remove()


def _views(browser: Browser, port: int, store: Store, rounds: int, cpu_s: Any) -> Iterator[View]:
    """Open the overview again and again, each time as somebody who was never here."""
    url = f"http://127.0.0.1:{port}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/login?next=/account")
    page.fill("#email", _EMAIL)
    page.fill("#password", _PASSWORD)
    page.click("button.primary")
    page.wait_for_url(f"{url}/account")
    state = context.storage_state()
    context.close()
    last = date.fromisoformat(LAST_DAY)
    first = date.fromordinal(last.toordinal() - DAYS_SHOWN + 1)
    address = f"{url}/sites/{_HOST}?period=custom&from={first}&to={last}"
    for turn in range(rounds + 1):
        say(f"first view {turn} of {rounds}")
        time.sleep(FRESH_S)  # Until no answer is fresh enough to be given again.
        for cache in ("mark", "uncompressed"):
            store.command(f"system drop {cache} cache")
        context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 900})
        view = _view(context.new_page(), address, cpu_s)
        context.close()
        if turn:  # The first one also imports and compiles what the portal needs once a start.
            yield view


def _view(page: Page, address: str, cpu_s: Any) -> View:
    sizes: list[float] = []
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.add_init_script(_OBSERVE)
    began = cpu_s()
    page.goto(address, wait_until="load")
    page.wait_for_selector("[hx-get] .skeleton, .htmx-request", state="detached", timeout=60_000)
    page.evaluate(_PAINTED)
    spent = 1000 * (cpu_s() - began)
    cards = page.locator(".card").count()
    filled = page.locator(".card .card-body:not([aria-busy])").count()
    if not cards or filled < cards or page.locator(".card [role=alert]").count():
        raise SystemExit(
            f"{filled} of {cards} cards are filled: {page.locator('main').inner_text()}"
        )
    found = page.evaluate(_FIGURES)
    kib = sum(sizes) / 1024
    return View(**found, server_cpu_ms=spent, kib=kib, requests=len(sizes))


def _report(views: list[View], stored: int) -> None:
    names = list(asdict(views[0]))
    rows = [asdict(view) for view in views]
    print_table([names, *([_written(row[name]) for name in names] for row in rows)])
    ratios = [
        Ratio("first view filled, ms", median(v.filled_ms for v in views), FILLED_MS, at_most=True),
        Ratio("transferred, KiB", max(v.kib for v in views), TRANSFERRED_KIB, at_most=True),
        Ratio("layout shift", max(v.shift for v in views), 0, at_most=True),
    ]
    print_ratios(ratios)
    document: list[Mapping[str, Any]] = [row | {"events": stored} for row in rows]
    write_report(Path("build/bench/first-view.json"), document, ratios)


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.0f}" if value >= 1 else f"{value:.3g}"


if __name__ == "__main__":
    main()
