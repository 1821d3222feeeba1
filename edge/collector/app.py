"""The collector over HTTP without a front: the same endpoints, on the edge's private side.

For benches and for senders behind the firewall; visitors come through a front. The site is found by
Host. The one invariant: it adapts only, every answer is ``Endpoints``'s.
"""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from edge.collector.client_ip import Networks, client_address
from edge.collector.endpoints import Endpoints
from edge.collector.messages import (
    MAX_BODY_BYTES,
    EndpointRequest,
    EndpointResponse,
    Headers,
    render_error,
)
from edge.sites import Snapshot

_UNIX_PEER = ip_address("127.0.0.1")


def build_server(
    endpoints: Endpoints,
    sites: Callable[[], Snapshot],
    trusted: Networks,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> web.Server:
    """Make the server, inside a running loop; ``sites`` gives the snapshot of the moment.

    There is nothing to route by, so it is aiohttp's server without the application around it.
    """
    loop = asyncio.get_running_loop()

    async def answer(request: web.BaseRequest) -> web.Response:
        response = await _respond(request, endpoints, sites(), trusted, now_ms())
        headers = _headers(response.headers)
        return web.Response(status=response.status, body=response.body, headers=headers)

    def limited(head: Any, body: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        limit = MAX_BODY_BYTES
        return web.BaseRequest(head, body, protocol, writer, task, loop, client_max_size=limit)

    return web.Server(answer, request_factory=limited)


@lru_cache(maxsize=256)
def _headers(headers: Headers) -> CIMultiDictProxy[str]:
    """Write headers as aiohttp has them, which copies them; nearly all answers have the same."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    return CIMultiDictProxy(CIMultiDict(pairs))


async def _respond(
    request: web.BaseRequest, endpoints: Endpoints, sites: Snapshot, trusted: Networks, now_ms: int
) -> EndpointResponse:
    site = sites.find(request.host)
    if site is None:
        return render_error(421, "unknown_host", "This host is not served here.")
    path, _, query = request.raw_path.partition("?")
    if not endpoints.owns(site, path):
        return render_error(404, "not_found", "There is nothing here.")
    content = request.content
    if content.is_eof() and (request.content_length or MAX_BODY_BYTES) < MAX_BODY_BYTES:
        body = content.read_nowait()  # It has come whole, with the head.
    else:
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
