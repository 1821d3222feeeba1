"""Connections to origins: kept between requests, made when there is none, never lent twice.

One pool a process, for all clients. Which upstream to ask is the exchange's to choose, what is said
on a connection ``origin_side``'s. The one invariant: a connection that is handed out is open, idle,
and was made for exactly this upstream: address, port, TLS and name.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path

import certifi

from edge.fronts.direct.origin_side import OriginSide
from edge.fronts.origins import Origins, UpstreamRefusedError
from edge.fronts.reception import Upstream
from edge.wire.limits import CONNECT_TIMEOUT_S

IDLE_S = 30.0
"""How long an idle connection is kept; most servers close theirs after 60 or 75 s."""
FRESH_S = 1.0
"""A request that cannot be repeated takes no connection that was idle for longer: servers close
them without asking, some after two seconds."""


class Pool:
    """Lend and keep connections.

    Args:
        origins: Says which addresses an upstream has and which are allowed.
        now: Monotonic seconds.
        authorities: Certificate authorities for origins, instead of the public ones.
    """

    def __init__(
        self, origins: Origins, now: Callable[[], float], authorities: Path | None = None
    ) -> None:
        self.origins = origins
        self._now = now
        self._idle: dict[Upstream, deque[OriginSide]] = {}
        self._tls = _client_context(authorities)

    def take(self, upstream: Upstream, fresh_s: float = IDLE_S) -> OriginSide | None:
        """Lend the connection used last, if one is idle, and not for longer than ``fresh_s``."""
        kept = self._idle.get(upstream)
        while kept:
            connection = kept.pop()
            if not connection.is_usable:
                continue
            if self._now() - connection.idle_since <= fresh_s:
                return connection
            kept.append(connection)
            break
        return None

    def give_back(self, connection: OriginSide) -> None:
        """Keep a connection whose answer is complete."""
        connection.idle_since = self._now()
        self._idle.setdefault(connection.upstream, deque()).append(connection)

    def forget(self, connection: OriginSide) -> None:
        """Drop a connection that closed while it was idle."""
        kept = self._idle.get(connection.upstream)
        if kept and connection in kept:
            kept.remove(connection)

    def sweep(self) -> None:
        """Close what has been idle for long; the oldest stand first."""
        until = self._now() - IDLE_S
        for upstream, kept in list(self._idle.items()):
            while kept and kept[0].idle_since <= until:
                kept.popleft().close()
            if not kept:
                del self._idle[upstream]

    def close(self) -> None:
        """Close every idle connection."""
        for kept in self._idle.values():
            for connection in kept:
                connection.close()
        self._idle.clear()

    async def connect(self, upstream: Upstream) -> OriginSide:
        """Make a new connection.

        Raises:
            OSError: None could be made, at the first address or the next.
        """
        first, *others = await self.origins.addresses(upstream)
        if not others:
            return await self._attempt(upstream, first)
        try:
            return await self._attempt(upstream, first)
        except OSError:
            return await self._attempt(upstream, others[0])

    async def _attempt(self, upstream: Upstream, address: tuple[str, int]) -> OriginSide:
        loop = asyncio.get_running_loop()
        host, port = address
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: OriginSide(upstream, self),
                    host,
                    port,
                    ssl=self._tls if upstream.tls else None,
                    server_hostname=upstream.sni if upstream.tls else None,
                )
        except TimeoutError:
            raise OSError("connecting to the upstream took too long") from None
        except ssl.CertificateError as error:
            raise OSError("the upstream's certificate is not for its name") from error
        if not self.origins.allows(connection.address, upstream):
            connection.close()
            raise UpstreamRefusedError("the connected address is not in the allowed ranges")
        return connection


def _client_context(authorities: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authorities or certifi.where()))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
