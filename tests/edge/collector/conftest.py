"""A whole collector in memory: no Redis, a salt file of its own, a tiny tracker."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from edge.buffer.protocol import BufferUnavailable
from edge.collector.builds import TrackerBuilds
from edge.collector.collect import Collector
from edge.collector.endpoints import EndpointRequest, EndpointResponse, Endpoints
from edge.collector.rate import RateLimits
from edge.event import Event, decode_event
from edge.outcomes import DropReason
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.pipeline.salts_file import FileSalts
from edge.sites import Site
from tests.support.factories import a_site

START_S = 1_767_225_600.5
NOON_MS = 1_767_268_800_000
TRACKER = b'(()=>{const settings="__SF__";console.log(settings)})();'
BROWSER = (
    (b"Host", b"shop.example"),
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
    (b"Accept-Language", b"fr-FR,fr;q=0.9"),
    (b"Origin", b"https://shop.example"),
    (b"Sec-Fetch-Site", b"same-origin"),
    (b"Content-Type", b"text/plain;charset=UTF-8"),
    (b"Cookie", b"session=secret-session"),
    (b"Authorization", b"Bearer secret-bearer"),
)


class MemoryBuffer:
    """Keeps what it is given; away while ``is_away``."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.drops: Counter[DropReason] = Counter()
        self.is_away = False

    async def append(self, _site: Site, events: Sequence[bytes]) -> None:
        if self.is_away:
            raise BufferUnavailable("away", 7)
        self.events += [decode_event(raw) for raw in events]

    def count_drop(self, _site_id: int, reason: DropReason, n: int = 1) -> None:
        self.drops[reason] += n


@dataclass
class Edge:
    """The endpoints, and a way to ask them."""

    endpoints: Endpoints
    buffer: MemoryBuffer
    site: Site
    asked: dict[str, Any] = field(default_factory=dict)

    def request(self, method: str, path: str, body: bytes = b"", **changes: Any) -> EndpointRequest:
        """A request of a browser on a page of the shop; ``add`` and ``drop`` change its headers."""
        added = tuple(changes.pop("add", ()))
        dropped = {name.lower() for name in changes.pop("drop", ())}
        dropped |= {name.lower() for name, _ in added}
        kept = tuple(pair for pair in BROWSER if pair[0].lower() not in dropped)
        fields = {
            "method": method,
            "path": path,
            "query": "",
            "headers": kept + added,
            "body": body,
            "address": ip_address("192.0.2.1"),
            "site": self.site,
            "received_at_ms": NOON_MS,
            "secure": True,
        }
        return EndpointRequest(**(fields | changes))

    def ask(self, method: str, path: str, body: bytes = b"", **changes: Any) -> EndpointResponse:
        return asyncio.run(self.endpoints.respond(self.request(method, path, body, **changes)))


AGENTS = Agents()


@pytest.fixture
def an_edge(tmp_path: Path) -> Callable[..., Edge]:
    def make(
        limits: RateLimits | None = None,
        salts: Any = None,
        now: Callable[[], float] = lambda: START_S,
        geo: Path | None = None,
        **site: Any,
    ) -> Edge:
        buffer = MemoryBuffer()
        salts = salts or FileSalts(tmp_path / "salts")
        collector = Collector(
            buffer=buffer, salts=salts, geo=Geo(geo), agents=AGENTS, limits=limits
        )
        builds = TrackerBuilds(TRACKER, now=now)
        return Edge(Endpoints(builds=builds, collector=collector), buffer, a_site(**site))

    return make


@pytest.fixture
def edge(an_edge: Callable[..., Edge]) -> Edge:
    return an_edge()


def header(response: EndpointResponse, name: bytes) -> bytes | None:
    """The one value of a response header, or None."""
    found = [value for key, value in response.headers if key.lower() == name.lower()]
    assert len(found) <= 1
    return found[0] if found else None
