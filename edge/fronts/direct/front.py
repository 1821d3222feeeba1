"""The direct front's listeners, its sweep and its end.

Makes what all connections share, accepts clients, enforces every time limit by one task, and
drains. One connection is ``client_side``. The one invariant: after ``drain`` no connection of ours
is open.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.collector.client_ip import Networks
from edge.collector.endpoints import Endpoints
from edge.fronts.connections import CONNECTIONS
from edge.fronts.control import Control
from edge.fronts.direct.client_side import ClientSide
from edge.fronts.direct.desk import Desk
from edge.fronts.direct.pool import Pool
from edge.fronts.operating import DEFAULT, Operating
from edge.fronts.origins import Origins
from edge.fronts.reception import Reception
from edge.fronts.served import OnServed
from edge.inject.plan import Tag
from edge.sites import Site, Snapshot
from edge.wire.limits import DRAIN_IDLE_S

_log = logging.getLogger("statflow.edge.front")
_SWEEP_S = 1.0
_BACKLOG = 1024


@dataclass(eq=False)
class DirectFront:
    """Serve sites over plain HTTP/1.1 on any number of listeners.

    Args:
        sites: Gives the snapshot of the moment; asked once a request.
        endpoints: Answers what is ours.
        tag_for: Gives the tag of a site's pages.
        trusted: Proxies whose forwarding fields, and PROXY protocol, are believed.
        on_served: Told of every HTML answer, once.
        operating: What the operator chose for all sites.
        upstream_authorities: Certificate authorities for origins, instead of the public ones.
        now: Monotonic seconds.
    """

    sites: Callable[[], Snapshot]
    endpoints: Endpoints
    tag_for: Callable[[Site], Tag]
    trusted: Networks
    on_served: OnServed | None = None
    operating: Operating = DEFAULT
    upstream_authorities: Path | None = None
    new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    now: Callable[[], float] = time.monotonic
    _clients: set[ClientSide] = field(default_factory=set, init=False)
    _servers: list[asyncio.Server] = field(default_factory=list, init=False)
    _sweeper: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Build what all connections share."""
        origins = Origins(allowed=self.operating.allowed, now=self.now)
        self._desk = Desk(
            reception=Reception(self.sites, self.endpoints, self.trusted, self.operating),
            endpoints=self.endpoints,
            tag_for=self.tag_for,
            on_served=self.on_served,
            trusted=self.trusted,
            proxy_protocol=self.operating.proxy_protocol,
            pool=Pool(origins, self.now, self.upstream_authorities),
            now=self.now,
            new_id=self.new_id,
            on_answered=self.operating.on_answered,
            control=self.operating.control or Control(self.sites),
            pictures=self.operating.pictures,
            tick=self.now(),
        )
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._gauge = CONNECTIONS.labels("direct")

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen; returns the bound port. ``reuse_port``: other workers listen there as well.

        Raises:
            OSError: The address is taken or not ours to use.
        """
        server = await asyncio.get_running_loop().create_server(
            self._accept, host, port, backlog=_BACKLOG, reuse_port=reuse_port or None
        )
        self._servers.append(server)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, finish open requests, then close what is left."""
        self._desk.draining = True
        for server in self._servers:
            server.close()
        until = self.now() + timeout_s
        while self._clients and (left := until - self.now()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), min(DRAIN_IDLE_S, left))
            for client in list(self._clients):
                client.close_if_idle(self.now() - DRAIN_IDLE_S)
        for client in list(self._clients):
            client.abort()
        await self._all_gone.wait()
        self._desk.pool.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None

    def _accept(self) -> ClientSide:
        client = ClientSide(self._desk, self._ended)
        self._clients.add(client)
        self._all_gone.clear()
        self._gauge.inc()
        return client

    def _ended(self, client: ClientSide) -> None:
        self._gauge.dec()
        self._clients.discard(client)
        if not self._clients:
            self._all_gone.set()

    async def _sweep(self) -> None:
        """Enforce time limits for all connections: one task instead of a timer a request."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._desk.tick = self.now()
            try:
                for client in list(self._clients):
                    client.enforce(now)
                self._desk.pool.sweep()
            except Exception as error:  # noqa: BLE001 - the rim: without this task nothing times out.
                _log.error("the sweep failed: %s", type(error).__name__)
