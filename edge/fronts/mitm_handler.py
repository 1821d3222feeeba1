"""One client connection: sockets, tasks, back-pressure and time limits around the layers.

Subclasses mitmproxy's connection handler, which turns commands into I/O. mitmproxy drains all
writers after every read, has one idle timeout for everything and reads on whatever it cannot pass
on; here each direction waits only for the socket it feeds, and nobody is read whose bytes have
nowhere to go. The one invariant: what one connection holds in memory is bounded, however slow,
silent or pipelined its two ends are.
"""

import asyncio
import logging
import socket
import struct
import sys
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, cast, override

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer, mode_specs, server, server_hooks

from edge.fronts.mitm_desk import AnswerHook, Desk, Drain
from edge.fronts.mitm_http1 import CUT_OFF, RESET
from edge.fronts.mitm_http1_server import EdgeHttp1Server
from edge.fronts.mitm_http2 import EdgeHttp2Server
from edge.fronts.mitm_layers import EdgeHttpLayer, EdgeStream
from edge.fronts.mitm_tls import Certificates, EdgeClientTls, UpstreamTls
from edge.wire.limits import CONNECT_TIMEOUT_S, HEAD_TIMEOUT_S, IDLE_TIMEOUT_S

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


class _Gate:
    """A reader that waits until there is room for what it reads, and remembers resets."""

    def __init__(self, handler: "EdgeHandler", connection: Connection, reader: Any) -> None:
        self._handler = handler
        self._connection = connection
        self._reader = reader

    async def read(self, n: int) -> bytes:
        await self._handler.wait_for_room(self._connection)
        try:
            data: bytes = await self._reader.read(n)
        except ConnectionError:
            self._connection.error = self._connection.error or RESET
            raise
        return data


class _Outbox:
    """A writer that sends what one event brought in one go: one packet, not four."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def flush(self) -> None:
        """Send what is here; asyncio's ``writelines`` forgets back-pressure (CPython 3.13.0)."""
        if self._parts:
            data = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
            self._parts.clear()
            if not self._writer.is_closing():
                self._writer.write(data)

    def write_eof(self) -> None:
        self.flush()
        self._writer.write_eof()

    def close(self) -> None:
        self.flush()
        self._writer.close()

    def reset(self) -> None:
        """End the connection in a way that no client takes for the end of the answer."""
        self.flush()
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class EdgeHandler(server.LiveConnectionHandler):
    """Serve one client until it goes."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        desk: Desk,
        upstream_tls: UpstreamTls,
        certificates: Certificates | None,
    ) -> None:
        super().__init__(reader, writer, _OPTIONS, _MODE)
        self.max_conns = defaultdict(lambda: asyncio.Semaphore(UPSTREAMS_PER_CLIENT))
        self._desk = desk
        self._opened_at = self._touched_at = desk.now()
        self._progress = asyncio.Event()
        self._connecting: dict[Connection, float] = {}
        self._outboxes: dict[Connection, _Outbox] = {}
        self._wrap(self.client)
        context = self.layer.context
        if certificates is None:
            self.http = EdgeHttpLayer(context, desk, upstream_tls)
            self.layer = self.http
        else:
            _Entrance(context)
            outer = EdgeClientTls(context, certificates)
            self.http = EdgeHttpLayer(context, desk, upstream_tls)
            outer.child_layer = self.http
            self.layer = outer

    @override
    async def handle_hook(self, hook: commands.StartHook) -> None:
        if isinstance(hook, AnswerHook):
            hook.flow.response = await hook.exchange.answer(hook.flow.request)
        elif isinstance(hook, server_hooks.ServerConnectHook):
            self._connecting[hook.data.server] = 0.0
        elif isinstance(hook, server_hooks.ServerConnectedHook):
            self._wrap(hook.data.server)

    @override
    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Connect as mitmproxy does, and leave nothing behind if that fails."""
        try:
            await super().open_connection(command)
        finally:
            self._connecting.pop(command.connection, None)
            self._outboxes.pop(command.connection, None)
            self.transports.pop(command.connection, None)

    @override
    async def server_event(self, event: events.Event) -> None:
        await super().server_event(event)
        for outbox in self._outboxes.values():
            outbox.flush()
        self._progress.set()

    @override
    async def drain_writers(self) -> None:
        """Wait for the sockets that the current task feeds, not for all.

        A client task feeds the origins; only between requests does it also wait for the client, or
        a client that pipelines and never reads would fill the memory.
        """
        is_client = asyncio.current_task() is self.transports[self.client].handler
        for connection, io in list(self.transports.items()):
            if connection is self.client:
                feeds = not is_client or self._answers_itself()
            else:
                feeds = is_client
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
        for connection in list(self._connecting):
            self._enforce_connect(connection)
        for stream in list(self.http.streams.values()):
            if isinstance(stream, EdgeStream) and stream.expire(now):
                self._cancel(stream.origin)
        if not self.http.streams and now - self._waiting_since() > self._patience_s():
            self._cancel(self.client)

    async def drain(self) -> None:
        """Finish what is open, take nothing new."""
        await self.server_event(Drain())

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
        _log.error("a connection failed: %s", _describe(error))
        self.abort()

    @override
    def close_connection(self, connection: Connection, half_close: bool = False) -> None:
        """Close as mitmproxy does; an answer that was cut off ends in a reset."""
        if connection.error == CUT_OFF:
            self._outboxes[connection].reset()
        super().close_connection(connection, half_close)

    def _wrap(self, connection: Connection) -> None:
        io = self.transports[connection]
        assert isinstance(io.writer, asyncio.StreamWriter)
        io.reader = cast("asyncio.StreamReader", _Gate(self, connection, io.reader))
        outbox = self._outboxes[connection] = _Outbox(io.writer)
        io.writer = cast("asyncio.StreamWriter", outbox)

    def _answers_itself(self) -> bool:
        """Tell whether a read from the client may make the edge write to the client."""
        http1 = self.http.server
        return not (isinstance(http1, EdgeHttp1Server) and http1.state == http1.read_body)

    def _waiting_bytes(self, connection: Connection) -> int:
        if connection is self.client:
            held = sum(
                stream.held_bytes
                for stream in self.http.streams.values()
                if isinstance(stream, EdgeStream)
            )
            http1 = self.http.server
            return held + (len(http1.buf) if isinstance(http1, EdgeHttp1Server) else 0)
        if isinstance(self.http.server, EdgeHttp2Server):
            return self.http.server.queued_bytes(self._stream_of(connection))
        return 0

    def _stream_of(self, connection: Connection) -> int:
        """Find the one stream an upstream connection serves for an HTTP/2 client."""
        for stream_id, stream in self.http.streams.items():
            if stream.context.server is connection:
                return stream_id
        return 0

    def _waiting_since(self) -> float:
        side = self.http.server
        if isinstance(side, EdgeHttp1Server):
            return side.waiting_since
        return self._opened_at if side is None else self._touched_at

    def _patience_s(self) -> float:
        side = self.http.server
        if isinstance(side, EdgeHttp1Server):
            return HEAD_TIMEOUT_S if side.has_partial_head else IDLE_TIMEOUT_S
        return HEAD_TIMEOUT_S if side is None else IDLE_TIMEOUT_S

    def _enforce_connect(self, connection: Connection) -> None:
        """Give up connecting, handshake included; waiting for a free slot does not count."""
        done = connection.tls_established if connection.tls else connection.connected
        if done:
            del self._connecting[connection]
            return
        started_at = connection.timestamp_start
        if started_at is not None and time.time() - started_at > CONNECT_TIMEOUT_S:
            self._cancel(connection)

    def _cancel(self, connection: Connection) -> None:
        """End a connection from our side; what an origin had begun to send counts as cut off."""
        io = self.transports.get(connection)
        if io is not None and io.handler is not None:
            if connection is not self.client:
                connection.error = connection.error or RESET
            io.handler.cancel("over")


def _describe(error: BaseException | None) -> str:
    """Name an error by type and place: its text may quote a request."""
    error = error or sys.exception()
    if error is None:
        return "unknown"
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} in {places}"
