"""The nginx front for tests: a real nginx, with a Python edge behind it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge.collector.client_ip import parse_networks
from edge.fronts.direct import DirectFront
from edge.fronts.nginx import NginxOptions, render_nginx
from edge.fronts.nginx_certificates import find_certificates
from edge.sites import Snapshot
from statflow.front_command import NGINX_SCRIPTS
from tests.support.front_stack import Running, StackParts
from tests.support.nginx_server import NJS_MODULE, NginxServer, free_port

LOOPBACK = parse_networks("loopback")


async def start_edge(parts: StackParts, port: int = 0) -> tuple[DirectFront, int]:
    """Start the edge behind nginx; it believes what comes from this machine."""
    edge = DirectFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=LOOPBACK,
        on_served=parts.on_served,
        operating=parts.operating,
        upstream_authorities=parts.authorities,
    )
    return edge, await edge.start("127.0.0.1", port)


def options_for(parts: StackParts, edge_port: int, **changes: Any) -> NginxOptions:
    port = parts.port or free_port()
    options: dict[str, Any] = {
        "edge": f"127.0.0.1:{edge_port}",
        "bind": "127.0.0.1",
        "port": port,
        "tls_port": free_port(),
        "certificates": find_certificates(parts.tls_dir),
        "trusted": ("127.0.0.0/8", "::1/128") if parts.trusted else (),
        "authorities": str(parts.authorities),
        "run_dir": str(parts.tls_dir.parent / f"nginx-{port}"),
        "njs_module": str(NJS_MODULE),
        "scripts": str(NGINX_SCRIPTS),
    }
    return NginxOptions(**{**options, **changes})


async def start_nginx(parts: StackParts) -> Running:
    """Start the variant that the conformance suite runs: documents through a Python edge."""
    return await NginxStart()(parts)


@dataclass
class NginxStart:
    """A start of nginx, and of an edge behind it unless ``options`` name another.

    ``site`` are changes to every site, ``sites`` to those with an id; ``edit`` has the last word
    on the text. Afterwards ``edge`` is the edge, and ``server`` nginx.
    """

    options: dict[str, Any] = field(default_factory=dict)
    site: dict[str, Any] = field(default_factory=dict)
    sites: dict[int, dict[str, Any]] = field(default_factory=dict)
    default_host: str = ""
    edit: Callable[[str], str] = str
    edge: DirectFront | None = None

    async def __call__(self, parts: StackParts) -> Running:
        snapshot = self._snapshot(parts.sites())
        behind = replace(parts, sites=lambda: self._snapshot(parts.sites()))
        port = 1
        if "edge" not in self.options:
            self.edge, port = await start_edge(behind)
        options = options_for(parts, port, **self.options)
        text = render_nginx(snapshot, options).replace("processes auto;", "processes 1;")
        self.server = NginxServer(self.edit(text), Path(options.run_dir), options.port)
        try:
            await self.server.start()
        except BaseException:
            await self._stop_edge()
            raise
        return Running(options.port, options.tls_port, self._drain)

    def _snapshot(self, snapshot: Snapshot) -> Snapshot:
        if not (self.site or self.sites or self.default_host):
            return snapshot
        sites = tuple(
            replace(site, **{**self.site, **self.sites.get(site.id, {})}) for site in snapshot.sites
        )
        return replace(snapshot, sites=sites, default_host=self.default_host)

    async def _drain(self, timeout_s: float) -> None:
        await self.server.stop(timeout_s)
        await self._stop_edge()

    async def _stop_edge(self) -> None:
        if self.edge is not None:
            await self.edge.drain(0.2)
