"""One client connection: sockets, tasks, back-pressure and time limits around the layers.

Subclasses mitmproxy's connection handler, which turns commands into I/O. mitmproxy drains all
writers after every read, has one idle timeout for everything and reads on whatever it cannot pass
on; here each direction waits only for the socket it feeds, and nobody is read whose bytes have
nowhere to go. The one invariant: what one connection holds in memory is bounded, however slow,
silent or pipelined its two ends are.
"""

import asyncio
import contextlib
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, cast, override

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer, mode_specs, server, tunnel
from mitmproxy.proxy.context import Context

from edge.crash import place_of
from edge.fronts.mitm_connect import OriginConnection, connect
from edge.fronts.mitm_desk import AnswerHook, Desk, Drain, Room
from edge.fronts.mitm_http1 import CUT_OFF, RESET
from edge.fronts.mitm_http1_server import EdgeHttp1Server
from edge.fronts.mitm_layers import EdgeHttpLayer
from edge.fronts.mitm_multiplexed import Multiplexed
from edge.fronts.mitm_pipes import ClientReader, ClientWriter, Gate, Outbox
from edge.fronts.mitm_stream import EdgeStream
from edge.fronts.mitm_tls import UpstreamTls
from edge.wire.limits import (
    BETWEEN_BYTES_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    HEAD_TIMEOUT_S,
    IDLE_TIMEOUT_S,
)

if TYPE_CHECKING:
    from mitmproxy.options import Options

_log = logging.getLogger("statflow.edge.connection")

UPSTREAMS_PER_CLIENT = 64
"""Upstream connections at one address for one client; an HTTP/2 client has 100 streams at most."""
_ROOM_BYTES = 262_144
"""Bytes that may wait inside for one direction of one stream before its source is not read."""
_NEVER_S = 10**9


@dataclass(frozen=True)
class _LayerOptions:
    """What mitmproxy's layers read of its options, whose own manager copies deeply at each read."""

    body_size_limit: None = None
    connection_strategy: str = "lazy"
    http2_ping_keepalive: int = 0
    keep_host_header: bool = True
    normalize_outbound_headers: bool = True
    proxy_debug: bool = False
    rawtcp: bool = True
    store_streamed_bodies: bool = False
    stream_large_bodies: None = None
    tcp_timeout: int = _NEVER_S
    validate_inbound_headers: bool = True
    websocket: bool = False


_OPTIONS = cast("Options", _LayerOptions())
_MODE = mode_specs.ProxyMode.parse("reverse:http://origin.invalid:80")


class _Entrance(layer.Layer):
    """Stands below TLS: mitmproxy's client TLS looks at the layer under it."""

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from ()


class EdgeHandler(server.LiveConnectionHandler):
    """Serve one client until it goes.

    Args:
        reader: Where the client's bytes come from: a stream's, or whole datagrams.
        writer: Where the client's bytes go to.
        desk: The front.
        upstream_tls: How origins are spoken to over TLS.
        secure: Makes the layer of TLS or QUIC; None for a client in the clear.
    """

    def __init__(
        self,
        reader: ClientReader,
        writer: ClientWriter,
        *,
        desk: Desk,
        upstream_tls: UpstreamTls,
        secure: Callable[[Context], tunnel.TunnelLayer] | None,
    ) -> None:
        super().__init__(
            cast("asyncio.StreamReader", reader),
            cast("asyncio.StreamWriter", writer),
            _OPTIONS,
            _MODE,
        )
        self.timeout_watchdog.timeout = _NEVER_S
        self.max_conns = defaultdict(lambda: asyncio.Semaphore(UPSTREAMS_PER_CLIENT))
        self._desk = desk
        self._opened_at = self._touched_at = desk.now()
        self._progress = asyncio.Event()
        self._handshakes: dict[Connection, float] = {}
        self._outboxes: dict[Connection, Outbox] = {}
        self._watches: dict[Connection, asyncio.Task[None]] = {}
        if isinstance(writer, asyncio.StreamWriter):
            self._wrap(self.client)
        context = self.layer.context
        if secure is None:
            self.layer = self.http = EdgeHttpLayer(context, desk, upstream_tls, self._takes)
        else:
            _Entrance(context)
            outer = secure(context)
            self.http = EdgeHttpLayer(context, desk, upstream_tls, self._takes)
            outer.child_layer = self.http
            self.layer = outer

    @override
    async def handle_hook(self, hook: commands.StartHook) -> None:
        if isinstance(hook, AnswerHook):
            hook.flow.response = await hook.exchange.answer(hook.flow.request)

    @override
    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Connect where ``Origins`` says, serve the connection, and leave nothing behind."""
        connection = command.connection
        assert isinstance(connection, OriginConnection)
        assert connection.address
        try:
            async with self.max_conns[connection.address]:
                await self._serve_origin(connection, command)
        finally:
            self._handshakes.pop(connection, None)
            self._outboxes.pop(connection, None)
            self.transports.pop(connection, None)

    async def _serve_origin(
        self, connection: OriginConnection, command: commands.OpenConnection
    ) -> None:
        connection.timestamp_start = time.time()
        try:
            reader, writer = await connect(self._desk.origins, connection.upstream)
        except (OSError, ValueError, asyncio.CancelledError) as error:
            connection.error = type(error).__name__
            await self.server_event(events.OpenConnectionCompleted(command, connection.error))
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        connection.state = ConnectionState.OPEN
        connection.peername = writer.get_extra_info("peername")
        connection.sockname = writer.get_extra_info("sockname")
        task = asyncio.current_task()
        self.transports[connection] = server.ConnectionIO(task, reader, writer)
        self._wrap(connection)
        if connection.tls:
            self._handshakes[connection] = self._desk.now()
        await self.server_event(events.OpenConnectionCompleted(command, None))
        await self.handle_connection(connection)

    @override
    async def server_event(self, event: events.Event) -> None:
        await super().server_event(event)
        self._flush()
        side = self.http.server
        if isinstance(side, Multiplexed) and side.held_uploads:
            await self._settle_uploads(side)
        self._progress.set()

    async def _settle_uploads(self, side: Multiplexed) -> None:
        """Let go on whose origin has room again; for the others, wait beside everything else."""
        if any(self._takes(stream_id) for stream_id in side.held_uploads):
            await super().server_event(Room())
            self._flush()
        for stream_id in side.held_uploads:
            stream = self.http.streams.get(stream_id)
            outbox = stream and self._outboxes.get(stream.context.server)
            if stream and outbox and stream.context.server not in self._watches:
                watch = asyncio.create_task(self._watch(stream.context.server, outbox))
                self._watches[stream.context.server] = watch

    async def _watch(self, connection: Connection, outbox: Outbox) -> None:
        with contextlib.suppress(OSError):
            await outbox.drain()
        self._watches.pop(connection, None)
        if self.client in self.transports:
            await self.server_event(Room())

    @override
    async def drain_writers(self) -> None:
        """Wait for the sockets that the current task feeds, not for all.

        A client task feeds the origins; only between requests does it also wait for the client, or
        a client that pipelines and never reads would fill the memory. A client with many streams
        is held back by its windows, stream by stream.
        """
        is_client = asyncio.current_task() is self.transports[self.client].handler
        for connection, io in list(self.transports.items()):
            if connection is self.client:
                feeds = not is_client or self._answers_itself()
            else:
                feeds = is_client and not isinstance(self.http.server, Multiplexed)
            if io.writer is None or not feeds:
                continue
            try:
                await io.writer.drain()
            except OSError:
                self._cancel(connection)
        if is_client:
            self._touched_at = self._desk.now()

    async def wait_for_room(self, connection: Connection) -> None:
        """Hold a source back until what it sent before has found its way."""
        while self._waiting_bytes(connection) > _ROOM_BYTES:
            self._progress.clear()
            await self._progress.wait()

    def enforce(self, now: float) -> None:
        """Close what has been silent for too long; called once a second."""
        for connection, began_at in list(self._handshakes.items()):
            if connection.tls_established:
                del self._handshakes[connection]
            elif now - began_at > CONNECT_TIMEOUT_S:
                self._cancel(connection)
        for stream in list(self.http.streams.values()):
            if isinstance(stream, EdgeStream) and stream.expire(now):
                self._cancel(stream.origin)
        if not self.http.streams and now - self._waiting_since() > self._patience_s():
            self._cancel(self.client)

    async def drain(self, *, final: bool) -> None:
        """Finish what is open; once it is ``final``, take nothing new."""
        await self.server_event(Drain(final=final))

    def abort(self) -> None:
        """Close at once."""
        self._cancel(self.client)

    @override
    def log(
        self,
        message: str,
        level: int = logging.INFO,
        exc_info: Literal[True]
        | tuple[type[BaseException], BaseException, TracebackType | None]
        | None = None,
    ) -> None:
        """Keep mitmproxy quiet: its messages hold addresses. A crash is told by its place."""
        if level < logging.ERROR:
            return
        error = exc_info[1] if isinstance(exc_info, tuple) else None
        error = error or sys.exception()
        _log.error("a connection failed: %s", place_of(error) if error else "unknown")
        self.abort()

    @override
    def close_connection(self, connection: Connection, half_close: bool = False) -> None:
        """Close as mitmproxy does; an answer that was cut off ends in a reset."""
        if connection.error == CUT_OFF:
            self._outboxes[connection].reset()
        super().close_connection(connection, half_close)

    def _wrap(self, connection: Connection) -> None:
        io = self.transports[connection]
        assert isinstance(io.reader, asyncio.StreamReader)
        assert isinstance(io.writer, asyncio.StreamWriter)
        gate = Gate(connection, io.reader, self.wait_for_room)
        io.reader = cast("asyncio.StreamReader", gate)
        outbox = self._outboxes[connection] = Outbox(io.writer)
        io.writer = cast("asyncio.StreamWriter", outbox)

    def _flush(self) -> None:
        for outbox in self._outboxes.values():
            outbox.flush()

    def _takes(self, stream_id: int) -> bool:
        """Tell whether there is room for more of an upload."""
        stream = self.http.streams.get(stream_id)
        if not isinstance(stream, EdgeStream):
            return True
        outbox = self._outboxes.get(stream.origin)
        held = stream.held_bytes + (outbox.waiting_bytes() if outbox else 0)
        return held <= _ROOM_BYTES

    def _answers_itself(self) -> bool:
        """Tell whether a read from the client may make the edge write to the client."""
        http1 = self.http.server
        return not (isinstance(http1, EdgeHttp1Server) and http1.state == http1.read_body)

    def _waiting_bytes(self, connection: Connection) -> int:
        side = self.http.server
        if isinstance(side, Multiplexed):
            return (
                0 if connection is self.client else side.queued_bytes(self._stream_of(connection))
            )
        if connection is not self.client:
            return 0
        held = sum(
            stream.held_bytes
            for stream in self.http.streams.values()
            if isinstance(stream, EdgeStream)
        )
        return held + (len(side.buf) if side is not None else 0)

    def _stream_of(self, connection: Connection) -> int:
        """Find the one stream an upstream connection serves for a client with many."""
        for stream_id, stream in self.http.streams.items():
            if stream.context.server is connection:
                return stream_id
        return 0

    def _waiting_since(self) -> float:
        side = self.http.server
        if side is None:
            return self._opened_at
        if isinstance(side, Multiplexed) and side.has_queued:
            return self._touched_at
        return side.waiting_since

    def _patience_s(self) -> float:
        side = self.http.server
        if side is None:
            return HEAD_TIMEOUT_S
        if isinstance(side, Multiplexed):
            return BETWEEN_BYTES_TIMEOUT_S if side.has_queued else IDLE_TIMEOUT_S
        return HEAD_TIMEOUT_S if side.has_partial_head else IDLE_TIMEOUT_S

    def _cancel(self, connection: Connection) -> None:
        """End a connection from our side; what an origin had begun to send counts as cut off."""
        io = self.transports.get(connection)
        if io is not None and io.handler is not None:
            if connection is not self.client:
                connection.error = connection.error or RESET
            io.handler.cancel("over")
