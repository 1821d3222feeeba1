"""Ask an endpoint of ours what a request that it owns is answered with.

What endpoints there are is ``edge.collector``; reading the body up to its limit is the exchange's.
The one invariant: no connection to an origin is made for such a request.
"""

import time

from edge.collector.endpoints import EndpointRequest, EndpointResponse
from edge.fronts.direct.desk import Desk
from edge.fronts.reception import Own
from edge.wire.head import RequestHead


async def respond(desk: Desk, head: RequestHead, own: Own, body: bytes) -> EndpointResponse:
    """Hand a whole request over."""
    return await desk.endpoints.respond(
        EndpointRequest(
            method=head.method.decode("latin-1"),
            path=own.path,
            query=own.query,
            headers=tuple(head.headers),
            body=body,
            address=own.address,
            site=own.site,
            received_at_ms=time.time_ns() // 1_000_000,
            secure=own.secure,
        )
    )
