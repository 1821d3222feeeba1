"""The collector over HTTP without a front: the same endpoints, on the edge's private side.

For benches and for senders behind the firewall; visitors come through a front. The site is found by
Host. The one invariant: it adapts only, every answer is ``Endpoints``'s.
"""

import time
from collections.abc import Callable
from ipaddress import ip_address

from aiohttp import web

from edge.collector.client_ip import Networks, client_address
from edge.collector.endpoints import Endpoints
from edge.collector.messages import (
    MAX_BODY_BYTES,
    EndpointRequest,
    EndpointResponse,
    render_error,
)
from edge.sites import Snapshot

_UNIX_PEER = ip_address("127.0.0.1")


def build_app(
    endpoints: Endpoints,
    sites: Callable[[], Snapshot],
    trusted: Networks,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> web.Application:
    """Make the application; ``sites`` gives the snapshot of the moment."""

    async def answer(request: web.Request) -> web.Response:
        response = await _respond(request, endpoints, sites(), trusted, now_ms())
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers
        ]
        return web.Response(status=response.status, body=response.body, headers=pairs)

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def _respond(
    request: web.Request, endpoints: Endpoints, sites: Snapshot, trusted: Networks, now_ms: int
) -> EndpointResponse:
    site = sites.find(request.host)
    if site is None:
        return render_error(421, "unknown_host", "This host is not served here.")
    path, _, query = request.raw_path.partition("?")
    if not endpoints.owns(site, path):
        return render_error(404, "not_found", "There is nothing here.")
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return endpoints.refuse_large()
    peer = ip_address(request.remote) if request.remote else _UNIX_PEER
    return await endpoints.respond(
        EndpointRequest(
            method=request.method,
            path=path,
            query=query,
            headers=request.raw_headers,
            body=body,
            address=client_address(site, peer, request.raw_headers, trusted),
            site=site,
            received_at_ms=now_ms,
            secure=request.secure,
        )
    )
