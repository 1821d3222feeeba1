"""The nginx front for tests: a real nginx, with a Python edge behind it."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from edge.collector.client_ip import parse_networks
from edge.fronts.direct import DirectFront
from edge.fronts.nginx import Inject, NginxOptions, render_nginx
from edge.fronts.nginx_certificates import find_certificates
from edge.inject.tag import Tag
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


def server_for(snapshot: Snapshot, options: NginxOptions, parts: StackParts) -> NginxServer:
    text = render_nginx(snapshot, options).replace("worker_processes auto;", "worker_processes 1;")
    return NginxServer(text, parts.tls_dir.parent / f"nginx-{options.port}", options.port)


async def start_nginx(parts: StackParts) -> Running:
    """Start the variant that the conformance suite runs: documents through a Python edge."""
    return await _start(parts, parts.sites())


def starter(
    inject: Inject, tag: Tag, **changes: Any
) -> Callable[[StackParts], Coroutine[Any, Any, Running]]:
    """Make the start of a variant without Python in the page's path."""

    async def start(parts: StackParts) -> Running:
        sites = tuple(replace(site, **changes) for site in parts.sites().sites)
        snapshot = replace(parts.sites(), sites=sites)
        return await _start(parts, snapshot, inject=inject, tags={s.id: tag for s in sites})

    return start


async def _start(parts: StackParts, snapshot: Snapshot, **changes: Any) -> Running:
    edge, edge_port = await start_edge(parts)
    options = options_for(parts, edge_port, **changes)
    server = server_for(snapshot, options, parts)
    try:
        await server.start()
    except BaseException:
        await edge.drain(0)
        raise

    async def drain(timeout_s: float) -> None:
        await server.stop(timeout_s)
        await edge.drain(0.2)

    return Running(options.port, options.tls_port, drain)
