"""A page out of a cache after its site's names changed: through the fronts, over real sockets."""

import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.collector.builds import TrackerBuilds
from edge.collector.collect import Collector
from edge.collector.endpoints import Endpoints
from edge.fronts.direct import DirectFront
from edge.names import list_paths
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.pipeline.salts_file import FileSalts
from edge.sites import FormerNames, Site
from tests.conformance.asking import get
from tests.conformance.cases import HTML, PAGE
from tests.edge.collector.conftest import MemoryBuffer
from tests.support.front_stack import SHOP, FrontStack, Running, StackParts
from tests.support.nginx_front import NginxStart
from tests.support.origin import ok
from tests.support.raw_client import RawClient, Reply
from tracker import newest_build

NOW = 1_767_225_600.0
KEPT_S = 30 * 86_400
BODY = b'{"n":"pageview","u":"http://shop.localhost/page"}'
BROWSER = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0\r\n"
AGENTS = Agents()

type Start = Callable[[StackParts], Coroutine[Any, Any, Running]]


async def start_nginx(parts: StackParts) -> Running:
    """Start nginx with what the command would list for the sites as they are."""
    names = {site.id: tuple(list_paths(site, NOW)) for site in parts.sites().sites}
    return await NginxStart({"names": names})(parts)


async def start_direct(parts: StackParts) -> Running:
    front = DirectFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
        upstream_authorities=parts.authorities,
    )
    return Running(await front.start("127.0.0.1", 0), 0, front.drain)


class Shop(FrontStack):
    """A front with the real endpoints behind it, whose clock is set by hand."""

    def __init__(self, start: Start, folder: Path) -> None:
        super().__init__(start, folder)
        self.now = NOW
        self.buffer = MemoryBuffer()
        self.builds = TrackerBuilds(newest_build().read_bytes(), now=lambda: self.now)
        salts = FileSalts(folder / "salts")
        collector = Collector(buffer=self.buffer, salts=salts, geo=Geo(), agents=AGENTS)
        endpoints = Endpoints(builds=self.builds, collector=collector)
        self.endpoints = endpoints  # type: ignore[assignment]

    def _tag(self, site: Site) -> Any:
        return self.builds.for_site(site).tag

    def change(self, **changes: Any) -> None:
        """Do to the shop what the portal's next snapshot does, at once."""
        first, *others = self.snapshot.sites
        self.snapshot = replace(self.snapshot, sites=(replace(first, **changes), *others))

    def ask(self, method: str, path: str, body: bytes = b"") -> Reply:
        head = f"{method} {path} HTTP/1.1\r\nHost: {SHOP}\r\n{BROWSER}"
        with RawClient(self.port) as client:
            length = f"Content-Length: {len(body)}\r\n\r\n" if body else "\r\n"
            return client.ask(f"{head}{length}".encode() + body, method=method.encode())

    def restart(self) -> None:
        """Start the front anew, as nginx must be with a new configuration."""
        self.run(self.running.drain(0.2))
        self.running = self.run(self.start_front(self.parts))


@pytest.fixture(params=[start_direct, start_nginx])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    started = Shop(request.param, tmp_path)
    started.start()
    started.origin.script("/page", ok(PAGE, HTML))
    yield started
    started.stop()


def cached_addresses(shop: Shop) -> tuple[str, str, str]:
    """Take from a page what it goes on asking for: script, beacon, pixel."""
    with RawClient(shop.port) as client:
        page = client.ask(get("/page", "Sec-Fetch-Dest: document")).body
    tag = re.search(rb'<script async="async" src="([^"]+)">', page)
    assert tag is not None
    settings = re.search(rb'=\["(/[^"]+)","(/[^"]+)"', shop.ask("GET", tag[1].decode()).body)
    assert settings is not None
    return tag[1].decode(), settings[1].decode(), settings[2].decode()


def was(**names: str) -> FormerNames:
    plain = {"prefix": "/sf", "script_name": "", "quiet_seed": ""}
    return FormerNames(**plain | names, until_s=int(NOW) + KEPT_S)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"quiet_seed": "a seed of the shop"}, {"quiet_seed": ""}),
        ({"quiet_seed": "a seed of the shop"}, {"quiet_seed": "another"}),
        ({"prefix": "/old/path", "script_name": "menu"}, {"prefix": "/new", "script_name": ""}),
        ({"script_name": "menu"}, {"script_name": "main"}),
    ],
)
def test_a_cached_page_is_counted_for_thirty_days(
    shop: Shop, before: dict[str, str], after: dict[str, str]
) -> None:
    shop.change(**before)
    shop.restart()
    script, beacon, pixel = cached_addresses(shop)
    source = shop.ask("GET", script).body
    shop.change(**after, former_names=(was(**before),))
    shop.restart()
    new = cached_addresses(shop)
    assert new[0] != script
    for days in (0, 29.9):
        shop.now = NOW + days * 86_400
        assert shop.ask("GET", script).body == source
        assert shop.ask("POST", beacon, BODY).status == 202
        assert shop.ask("GET", pixel).value("content-type") == b"image/gif"
    assert [event.path for event in shop.buffer.events[:1]] == ["/page"]

    shop.now = NOW + KEPT_S
    for path in {script, beacon, pixel} - {*new}:
        shop.origin.script(path, ok(b"the origin's"))
        assert shop.ask("GET", path).body == b"the origin's"


def test_pages_under_a_former_prefix_survive_a_dead_edge(tmp_path: Path) -> None:
    """What only may be ours is asked of the origin, as under the prefix of today."""
    start = NginxStart()
    shop = Shop(start, tmp_path)
    shop.start()
    try:
        shop.change(prefix="/new", former_names=(was(prefix="/assets"),))
        shop.restart()
        shop.origin.script("/assets/app.css", ok(b"body{}"))
        assert shop.ask("GET", "/assets/app.css").body == b"body{}"
        assert start.edge is not None
        shop.run(start.edge.drain(0.2))
        assert shop.ask("GET", "/assets/app.css").body == b"body{}"
        assert shop.ask("GET", "/assets/e").status == 502
    finally:
        shop.stop()
