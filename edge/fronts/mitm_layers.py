"""The named subclasses of mitmproxy's HTTP layer and origin connection.

mitmproxy's layers are sans-I/O generators, events in and commands out; they were written for a
debugging proxy, and each class here repairs what a server must do otherwise. Nothing of mitmproxy
is patched: ``EdgeHttpLayer`` overrides the methods in which mitmproxy makes streams and
connections, and makes ours. One request is ``mitm_stream``; HTTP/1, 2 and 3 are in ``mitm_http1``,
``mitm_http2`` and ``mitm_http3``, sockets in ``mitm_handler``. The one invariant: an upstream
connection is used only for the address, the encryption and the name it was opened for.

``tests/edge/fronts/test_mitm_internals.py`` asserts every name and signature relied on.
"""

from collections.abc import Callable, Iterator
from typing import override

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http as layers

from edge.fronts.mitm_connect import OriginConnection
from edge.fronts.mitm_desk import Desk, Drain, Room
from edge.fronts.mitm_http1_client import EdgeHttp1Client
from edge.fronts.mitm_http1_server import EdgeHttp1Server
from edge.fronts.mitm_http2 import EdgeHttp2Server
from edge.fronts.mitm_http3 import EdgeHttp3Server
from edge.fronts.mitm_multiplexed import Multiplexed, Takes
from edge.fronts.mitm_stream import ConnectOrigin, EdgeStream
from edge.fronts.mitm_tls import EdgeServerTls, UpstreamTls
from edge.fronts.reception import peer_address

IDLE_ORIGINS = 4
"""Upstream connections that wait for one client's next request; origins have only so many."""


class EdgeHttpClient(layers.HttpClient):
    """Open a connection to an origin and speak HTTP/1.1 on it."""

    def __init__(self, context: Context, may_keep: Callable[[], bool]) -> None:
        super().__init__(context)
        self._may_keep = may_keep

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        server = self.context.server
        error = yield commands.OpenConnection(server)
        if not error:
            self.child_layer = EdgeHttp1Client(self.context, self._may_keep)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
            yield from self.child_layer.handle_event(event)
        yield layers.RegisterHttpConnection(server, error)


class EdgeHttpLayer(layers.HttpLayer):
    """All streams and upstream connections of one client connection."""

    def __init__(
        self, context: Context, desk: Desk, upstream_tls: UpstreamTls, takes: Takes
    ) -> None:
        super().__init__(context, layers.HTTPMode.transparent)
        self._desk = desk
        self._upstream_tls = upstream_tls
        self.takes = takes
        self._peer = peer_address(context.client.peername)
        self.server: EdgeHttp1Server | Multiplexed | None = None

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, Drain | Room):
            if self.server is not None:
                yield from self.event_to_child(self.connections[self.context.client], event)
            return
        if isinstance(event, events.Start):
            self.server = self.connections[self.context.client] = self._make_server()
        elif isinstance(event, events.ConnectionEvent) and event.connection not in self.connections:
            return
        yield from super()._handle_event(event)
        if isinstance(event, events.ConnectionClosed):
            self._forget_closed()

    def _make_server(self) -> EdgeHttp1Server | EdgeHttp2Server | EdgeHttp3Server:
        context = self.context.fork()
        match self.context.client.alpn:
            case b"h2":
                return EdgeHttp2Server(context, self._desk, self.takes)
            case b"h3":
                return EdgeHttp3Server(context, self._desk, self.takes)
            case _:
                return EdgeHttp1Server(context, self._desk)

    @override
    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        exchange = self._desk.open_exchange(self._peer, tls=self.context.client.tls)
        stream = EdgeStream(self.context.fork(), stream_id, exchange, self._desk)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    @override
    def get_connection(
        self, event: layers.GetHttpConnection, *, reuse: bool = True
    ) -> CommandGenerator[None]:
        assert isinstance(event, ConnectOrigin)
        if reuse and (connection := self._reusable(event)) is not None:
            event.reused = True
            stream = self.command_sources.pop(event)
            done = layers.GetHttpConnectionCompleted(event, (connection, None))
            yield from self.event_to_child(stream, done)
            return
        context = self.context.fork()
        context.server = OriginConnection(address=event.address)
        context.server.upstream = event.upstream
        stack = tunnel.LayerStack()
        if event.tls:
            context.server.sni = event.upstream.sni
            stack /= EdgeServerTls(context, self._upstream_tls)
        stack /= EdgeHttpClient(context, self._may_keep)
        self.connections[context.server] = stack[0]
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    @override
    def register_connection(self, command: layers.RegisterHttpConnection) -> CommandGenerator[None]:
        yield from super().register_connection(command)
        if command.err:
            self.connections.pop(command.connection, None)

    def _reusable(self, event: ConnectOrigin) -> Connection | None:
        """Find an idle connection.

        An HTTP/1 client has one, and its origin may tie things to it. Of the others' each may have
        just been closed by its origin, so only what can be asked again is sent there.
        """
        if not event.repeatable and isinstance(self.server, Multiplexed):
            return None
        for connection in self._idle():
            if connection.connected and event.connection_spec_matches(connection):
                return connection
        return None

    def _idle(self) -> Iterator[OriginConnection]:
        for connection in self.connections:
            if isinstance(connection, OriginConnection) and connection.is_idle:
                yield connection

    def _may_keep(self) -> bool:
        """Tell whether one more connection may stay open for the client's next request."""
        return sum(1 for _ in self._idle()) < IDLE_ORIGINS

    def _forget_closed(self) -> None:
        """Drop closed connections; mitmproxy keeps every one until the client goes."""
        used = {stream.context.server for stream in self.streams.values()}
        for connection in list(self.connections):
            if (
                connection.state is ConnectionState.CLOSED
                and connection is not self.context.client
                and connection not in used
                and connection not in self.waiting_for_establishment
            ):
                del self.connections[connection]
