"""The nginx front for the conformance suite: a real nginx with a Python edge behind it."""

from edge.collector.client_ip import parse_networks
from edge.fronts.mitm import MitmFront
from edge.fronts.nginx import NginxOptions, render_nginx
from edge.fronts.nginx_certificates import find_certificates
from tests.support.front_stack import Running, StackParts
from tests.support.nginx_server import NginxServer, free_port

LOOPBACK = parse_networks("loopback")


async def start_edge(parts: StackParts, port: int = 0) -> tuple[MitmFront, int]:
    """Start the edge behind nginx; it believes what comes from this machine."""
    edge = MitmFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=LOOPBACK,
        on_served=parts.on_served,
        upstream_authorities=parts.authorities,
    )
    return edge, await edge.start("127.0.0.1", port)


def options_for(parts: StackParts, edge_port: int, name: str) -> NginxOptions:
    port = parts.port or free_port()
    return NginxOptions(
        edge=f"127.0.0.1:{edge_port}",
        bind="127.0.0.1",
        port=port,
        tls_port=free_port(),
        certificates=find_certificates(parts.tls_dir),
        trusted=("127.0.0.0/8", "::1/128") if parts.trusted else (),
        authorities=str(parts.authorities),
        run_dir=str(parts.tls_dir.parent / f"{name}-{port}"),
    )


async def start_nginx(parts: StackParts) -> Running:
    edge, edge_port = await start_edge(parts)
    options = options_for(parts, edge_port, "nginx")
    text = render_nginx(parts.sites(), options).replace(
        "worker_processes auto;", "worker_processes 1;"
    )
    server = NginxServer(text, parts.tls_dir.parent / f"nginx-{options.port}", options.port)
    try:
        await server.start()
    except BaseException:
        await edge.drain(0)
        raise

    async def drain(timeout_s: float) -> None:
        await server.stop(timeout_s)
        await edge.drain(0.2)

    return Running(options.port, options.tls_port, drain)
