"""Connect to an upstream by the rule of all fronts.

``CONNECT_TIMEOUT_S`` an attempt, at most one retry, at another address; which upstream to try next
is the stream's to ask of ``Origins``. The one invariant: no byte is sent to an address outside the
ranges the operator allows, not even one that was connected to by way of a translation.

Source: DESIGN 5.6, "Origins".
"""

import asyncio

from mitmproxy.connection import Server

from edge.fronts.origins import Origins, UpstreamRefusedError
from edge.fronts.reception import Upstream
from edge.wire.limits import CONNECT_TIMEOUT_S


class OriginConnection(Server):
    """An upstream connection that knows which upstream it is for, and whether it has work."""

    upstream: Upstream
    is_idle: bool = False


async def connect(
    origins: Origins, upstream: Upstream
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TCP connection.

    Raises:
        OSError: No address could be connected to in time.
    """
    first, *others = await origins.addresses(upstream)
    if not others:
        return await _attempt(origins, upstream, first)
    try:
        return await _attempt(origins, upstream, first)
    except OSError:
        return await _attempt(origins, upstream, others[0])


async def _attempt(
    origins: Origins, upstream: Upstream, address: tuple[str, int]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(*address)
    if not origins.allows(writer.get_extra_info("peername")[0], upstream):
        writer.transport.abort()
        raise UpstreamRefusedError("the connected address is not in the allowed ranges")
    return reader, writer
