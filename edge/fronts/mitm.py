"""The mitmproxy front: own listeners around mitmproxy's protocol layers.

A server and not a debugger. Speaks HTTP/1 and, over TLS, HTTP/2 and 3 with clients and HTTP/1.1
with origins; streams both ways; answers the endpoints of a site without an upstream connection. No
``Master``, no addons, no event loop of mitmproxy's: ``mitm_handler`` holds a connection,
``mitm_layers`` the protocols, ``mitm_exchange`` one request. What to inject and where requests go
is in the front-neutral ``edge.fronts.page`` and ``edge.fronts.reception``. The one invariant:
whatever fails here, no visitor is shown another site's page, a made-up certificate or an address
of the origin.

Kept limits, measured in ``docs/fronts-mitmproxy.md``: no pool of upstream connections across
clients; one upstream connection for each request of an HTTP/2 or 3 client, 64 at a time; a client
that ends its side before reading its answer counts as gone; interim answers come from HTTP/1.1
origins only; HTTP/3 is an experiment, off unless asked for.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mitmproxy.proxy.context import Context
from mitmproxy.proxy.tunnel import TunnelLayer

from edge.collector.client_ip import Networks
from edge.collector.endpoints import Endpoints
from edge.event import Address
from edge.fronts.connections import CONNECTIONS
from edge.fronts.control import Control
from edge.fronts.mitm_certificates import Certificates
from edge.fronts.mitm_exchange import MitmExchange, Parts
from edge.fronts.mitm_handler import EdgeHandler
from edge.fronts.mitm_pipes import ClientReader, ClientWriter
from edge.fronts.mitm_quic import EdgeClientQuic, EdgeQuicConnection
from edge.fronts.mitm_quic_listener import DatagramPipe, QuicListener, listen_quic
from edge.fronts.mitm_tls import EdgeClientTls, UpstreamTls
from edge.fronts.operating import DEFAULT, Operating
from edge.fronts.origins import Origins
from edge.fronts.reception import Reception
from edge.fronts.served import OnServed
from edge.inject.plan import Tag
from edge.sites import Site, Snapshot
from edge.wire.limits import DRAIN_IDLE_S
from edge.wire.refusal import ErrorPage, Refusal, render_error

_log = logging.getLogger("statflow.edge.front")

logging.getLogger("hpack").setLevel(logging.WARNING)
"""It would write every field of every HTTP/2 request into the debug log."""

_SWEEP_S = 1.0
_CERTIFICATES_S = 30.0
_BACKLOG = 1024
_ALT_SVC_S = 3600
"""How long browsers remember that HTTP/3 is here; they try it beside TCP all the same."""


@dataclass(eq=False)
class MitmFront:
    """Serve sites on any number of listeners.

    Args:
        sites: Gives the snapshot of the moment; asked once a request.
        endpoints: Answers what is ours.
        tag_for: Gives the tag of a site's pages.
        trusted: Proxies whose forwarding fields are believed.
        on_served: Told of every HTML answer, once.
        tls_dir: Folder of certificates; needed for ``start_tls``.
        upstream_authorities: Certificate authorities for origins, instead of the public ones.
        operating: What the operator chose for all sites.
    """

    sites: Callable[[], Snapshot]
    endpoints: Endpoints
    tag_for: Callable[[Site], Tag]
    trusted: Networks
    on_served: OnServed | None = None
    tls_dir: Path | None = None
    upstream_authorities: Path | None = None
    new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    operating: Operating = DEFAULT
    draining: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Build what all connections share."""
        reception = Reception(self.sites, self.endpoints, self.trusted, self.operating)
        self._alt_svc = b""
        self._parts = Parts(
            reception,
            self.endpoints,
            self.tag_for,
            self.on_served,
            self.now,
            self.new_id,
            lambda: b"" if self.draining else self._alt_svc,
            self.operating.control or Control(self.sites),
            self.operating.on_answered,
            self.operating.pictures,
        )
        self.origins = Origins(allowed=self.operating.allowed, now=self.now)
        self._upstream_tls = UpstreamTls(self.upstream_authorities)
        self._certificates = Certificates(self.tls_dir) if self.tls_dir else None
        self._handlers: set[EdgeHandler] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._servers: list[asyncio.Server] = []
        self._quic: list[QuicListener] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen for plain HTTP; returns the bound port. Workers share one with ``reuse_port``.

        Raises:
            OSError: The address is taken or not ours to use.
        """
        return await self._listen(host, port, None, reuse_port=reuse_port)

    async def start_tls(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen for HTTPS; returns the bound port.

        Raises:
            OSError: The address is taken or not ours to use.
            ValueError: The front was made without a folder of certificates.
        """
        if self._certificates is None:
            raise ValueError("HTTPS needs a folder of certificates (tls_dir)")
        return await self._listen(host, port, self._certificates, reuse_port=reuse_port)

    async def start_quic(
        self,
        host: str,
        port: int,
        *,
        reuse_port: bool = False,
        public_port: int | None = None,
    ) -> int:
        """Listen for HTTP/3, an experiment; returns the bound port.

        HTTPS answers of sites then name ``public_port``, or else the bound one, in ``Alt-Svc``.

        Raises:
            OSError: The address is taken or not ours to use.
            ValueError: The front was made without a folder of certificates.
        """
        if self._certificates is None:
            raise ValueError("HTTP/3 needs a folder of certificates (tls_dir)")
        certificates = self._certificates
        listener, bound = await listen_quic(
            lambda: QuicListener(certificates, self._serve_quic, lambda: not self.draining),
            host,
            port,
            reuse_port=reuse_port,
        )
        self._quic.append(listener)
        self._alt_svc = b'h3=":%d"; ma=%d' % (public_port or bound, _ALT_SVC_S)
        self._start_sweeping()
        return bound

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, finish open requests, then close what is left."""
        self.draining = True
        for server in self._servers:
            server.close()
        for handler in list(self._handlers):
            await handler.drain(final=False)
        await self._wait_until_gone(min(DRAIN_IDLE_S, timeout_s))
        for handler in list(self._handlers):
            await handler.drain(final=True)
        await self._wait_until_gone(timeout_s)
        for handler in list(self._handlers):
            handler.abort()
        await self._all_gone.wait()
        for listener in self._quic:
            listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None

    async def _wait_until_gone(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_gone.wait(), timeout_s)

    def open_exchange(self, peer: Address, *, tls: bool) -> MitmExchange:
        """Start an exchange for the next request of a client."""
        return MitmExchange(self._parts, peer, tls)

    def error_page(self, refusal: Refusal) -> ErrorPage:
        """Write an error page for something that did not become a request."""
        return render_error(refusal, self.new_id())

    def now(self) -> float:
        """Read the monotonic clock, in seconds."""
        return time.monotonic()

    def reload_certificates(self) -> None:
        """Read new and changed certificates; also done twice a minute. Old ones stay in need."""
        if self._certificates is None:
            return
        try:
            self._certificates.reload()
        except OSError as error:
            _log.error("certificates: the folder cannot be read: %s", error.strerror)

    async def _listen(
        self, host: str, port: int, certificates: Certificates | None, *, reuse_port: bool
    ) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await self._serve(reader, writer, secure)

        def secure_by(context: Context) -> TunnelLayer:
            assert certificates
            return EdgeClientTls(context, certificates)

        secure = secure_by if certificates else None
        server = await asyncio.start_server(
            serve, host, port, backlog=_BACKLOG, reuse_port=reuse_port or None
        )
        self._servers.append(server)
        self._start_sweeping()
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def _serve_quic(
        self, pipe: DatagramPipe, quic: EdgeQuicConnection, on_established: Callable[[], None]
    ) -> None:
        clock = asyncio.get_running_loop().time

        def secure(context: Context) -> TunnelLayer:
            return EdgeClientQuic(context, quic, clock, on_established)

        try:
            await self._serve(pipe, pipe, secure)
        finally:
            for datagram in quic.farewell(clock()):
                pipe.write(datagram)

    async def _serve(
        self,
        reader: ClientReader,
        writer: ClientWriter,
        secure: Callable[[Context], TunnelLayer] | None,
    ) -> None:
        handler = EdgeHandler(
            reader, writer, desk=self, upstream_tls=self._upstream_tls, secure=secure
        )
        self._handlers.add(handler)
        self._all_gone.clear()
        gauge = CONNECTIONS.labels("mitmproxy")
        gauge.inc()
        try:
            await handler.handle_client()
        finally:
            gauge.dec()
            writer.close()
            self._handlers.discard(handler)
            if not self._handlers:
                self._all_gone.set()

    def _start_sweeping(self) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Enforce time limits for all connections: one task instead of one a connection."""
        reload_at = self.now() + _CERTIFICATES_S
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self.now()
            try:
                for handler in list(self._handlers):
                    handler.enforce(now)
                if now >= reload_at:
                    reload_at = now + _CERTIFICATES_S
                    await asyncio.to_thread(self.reload_certificates)
            except Exception as error:  # noqa: BLE001 - the rim: without this task nothing times out.
                _log.error("the sweep failed: %s", type(error).__name__)
