"""A front between a raw client and an odd origin, in a thread of its own.

``FrontStack`` starts origins, certificates and one front; tests talk to it over sockets only, so
any front that can be started by a function ``(StackParts) -> Running`` runs the same suite.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.collector.client_ip import Networks, parse_networks
from edge.collector.endpoints import EndpointRequest, EndpointResponse
from edge.fronts.operating import DEFAULT, Operating
from edge.fronts.served import Served
from edge.inject.plan import Tag
from edge.pictures.desk import PictureDesk, Taken
from edge.pictures.ticket import Ticket
from edge.sites import Mode, Site, Snapshot
from edge.sites import Origin as SiteOrigin
from tests.support.certificates import Authority
from tests.support.origin import Origin

SHOP = "shop.localhost"
PICTURE_KEY = "p" * 64
TAG = Tag("/sf/0123456789.js", "/sf/e", "/sf/m/", "0123456789", 1_700_000_000)


class StubEndpoints:
    """The collector's face with boring answers; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[EndpointRequest] = []
        self.delay_s = 0.0

    def owns(self, site: Site, path: str) -> bool:
        rest = path.removeprefix(site.prefix)
        return rest != path and rest in {"/e", "/tracker.js", "/0123456789.js"}

    async def respond(self, request: EndpointRequest) -> EndpointResponse:
        self.asked.append(request)
        await asyncio.sleep(self.delay_s)
        if request.path.endswith("/e"):
            return EndpointResponse(202, ((b"Content-Length", b"2"),), b"{}")
        body = b"" if request.method == "HEAD" else b"/* tracker */"
        return EndpointResponse(200, ((b"Content-Length", b"13"),), body)

    def refuse_large(self) -> EndpointResponse:
        return EndpointResponse(413, ((b"Content-Length", b"9"),), b"too large")


class RememberedPictures(PictureDesk):
    """Takes pictures, and hands them to nobody."""

    def __init__(self) -> None:
        super().__init__("", lambda: True)
        self.taken: list[Taken] = []
        self.fails = False

    def admit(self, site: Site, target: bytes) -> tuple[bytes, Ticket | None]:
        if self.fails:
            raise RuntimeError("no pictures today")
        return super().admit(site, target)

    def take(self, taken: Taken) -> None:
        self.taken.append(taken)


@dataclass
class Running:
    """A started front."""

    port: int
    tls_port: int
    drain: Callable[[float], Coroutine[Any, Any, None]]


@dataclass
class StackParts:
    """What a front is given; a ``port`` of 0 is any."""

    sites: Callable[[], Snapshot]
    endpoints: StubEndpoints
    tag_for: Callable[[Site], Tag]
    trusted: Networks
    on_served: Callable[[Served], None]
    tls_dir: Path
    authorities: Path
    port: int = 0
    operating: Operating = DEFAULT


@dataclass
class FrontStack:
    """Everything around one front; ``start`` and ``stop`` are for the fixture."""

    start_front: Callable[[StackParts], Coroutine[Any, Any, Running]]
    folder: Path
    trusted: str = ""
    front: str = ""
    served: list[Served] = field(default_factory=list)
    endpoints: StubEndpoints = field(default_factory=StubEndpoints)
    pictures: "RememberedPictures" = field(default_factory=RememberedPictures)
    tag_fails: bool = False

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.authority = Authority(self.folder)
        self.run(self._start())

    def stop(self) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run[T](self, work: Coroutine[Any, Any, T], timeout_s: float = 20.0) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def submit[T](self, work: Coroutine[Any, Any, T]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def port(self) -> int:
        return self.running.port

    @property
    def tls_port(self) -> int:
        return self.running.tls_port

    def client_context(self, *protocols: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    async def _start(self) -> None:
        self.origin, self.other = Origin(), Origin()
        self.tls_origin = Origin(self.authority.server_context("one.localhost", "two.localhost"))
        plain, other = await self.origin.start(), await self.other.start()
        secure = await self.tls_origin.start()
        self.tls_dir = self.folder / "tls"
        self.authority.write_pair(self.tls_dir / SHOP, SHOP)
        self.authority.write_pair(self.tls_dir / "_.wild.localhost", "*.wild.localhost")
        self.snapshot = Snapshot(1, tuple(_sites(plain, other, secure)))
        self.parts = StackParts(
            lambda: self.snapshot,
            self.endpoints,
            self._tag,
            parse_networks(self.trusted),
            self.served.append,
            self.tls_dir,
            self.authority.path,
            operating=Operating(pictures=self.pictures),
        )
        self.running = await self.start_front(self.parts)

    async def _stop(self) -> None:
        await self.running.drain(0.2)
        for origin in (self.origin, self.other, self.tls_origin):
            await origin.stop()

    def _tag(self, _site: Site) -> Tag:
        if self.tag_fails:
            raise RuntimeError("no tag today")
        return TAG


def _sites(plain: int, other: int, secure: int) -> list[Site]:
    def at(port: int, scheme: str = "http", host: str = "127.0.0.1") -> SiteOrigin:
        return SiteOrigin(scheme, host, port)

    return [
        Site(1, SHOP, (at(plain),), "k1", aliases=("www.wild.localhost",)),
        Site(2, "blog.localhost", (at(other),), "k2"),
        Site(3, "one.localhost", (at(secure, "https"),), "k3"),
        Site(4, "two.localhost", (at(secure, "https"),), "k4"),
        Site(5, "dead.localhost", (at(1),), "k5"),
        Site(6, "second.localhost", (at(1), at(plain)), "k6"),
        Site(7, "off.localhost", (at(plain),), "k7", mode=Mode.OFF),
        Site(8, "small.localhost", (at(plain),), "k8", max_body_bytes=100_000),
        Site(9, "renamed.localhost", (at(plain),), "k9", upstream_host="inner.example"),
        Site(10, "liar.localhost", (at(secure, "https"),), "k10"),
        Site(11, "pictured.localhost", (at(plain),), "k11", load_key=PICTURE_KEY, hits=False),
        Site(12, "events.localhost", (), "k12"),
    ]
