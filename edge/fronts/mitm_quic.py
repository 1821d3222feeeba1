"""QUIC towards clients: the named subclasses of aioquic's connection and mitmproxy's layer of it.

aioquic opens its windows as data comes in, raises the number of streams without end, knows one
certificate and keeps spare connection ids for clients that move; mitmproxy reads the ClientHello
with a second connection and asserts where a client can send what it likes. Here windows open as
far as origins take what was sent, requests are counted, certificates are chosen by name and a
client that moves must connect anew. No session tickets and so no early data: a request that can be
replayed is not worth a round trip. UDP itself is ``mitm_quic_listener``. The one invariant: a
client is only ever shown a certificate that lies on disk under the name it asked for.
"""

from collections.abc import Callable, Container
from typing import override

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.h3.connection import ErrorCode as H3Error
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import (
    CONNECTION_LIMIT_FRAME_CAPACITY,
    END_STATES,
    MAX_STREAM_DATA_FRAME_CAPACITY,
    Limit,
    QuicConnection,
    QuicReceiveContext,
)
from aioquic.quic.packet import QuicFrameType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream
from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.quic import QuicTlsSettings, SendQuicStreamData
from mitmproxy.proxy.layers.quic import _commands as quic_commands
from mitmproxy.proxy.layers.quic._stream_layers import QuicLayer

from edge.fronts.mitm_certificates import Certificates
from edge.fronts.mitm_http3 import EdgeHttp3Server
from edge.fronts.mitm_layers import EdgeHttpLayer
from edge.fronts.mitm_multiplexed import (
    CONNECTION_WINDOW_BYTES,
    STREAMS,
    UPLOAD_WINDOW_BYTES,
    Takes,
)
from edge.wire.limits import IDLE_TIMEOUT_S

_CONTROL_STREAMS = 16
"""One-way streams of a client: HTTP/3 has three, and greases some more."""
_STEP_STREAMS = STREAMS // 4
_HELD_STREAMS = CONNECTION_WINDOW_BYTES // UPLOAD_WINDOW_BYTES
"""Uploads that may wait at once before the whole connection does."""
_REQUEST = 4
"""Ids of streams that a client opens both ways are multiples of it."""


_SENDS = (SendQuicStreamData, quic_commands.ResetQuicStream)


class _UnrecognizedNameError(tls.Alert):
    description = tls.AlertDescription.unrecognized_name


class EdgeQuicConnection(QuicConnection):
    """aioquic's connection, with the limits of a server and certificates by name.

    ``held`` are the streams whose client waits for room; ``takes`` tells whether there is.
    """

    def __init__(
        self, certificates: Certificates, *, original_cid: bytes, retry_cid: bytes | None
    ) -> None:
        super().__init__(
            configuration=QuicConfiguration(
                is_client=False,
                alpn_protocols=["h3"],
                certificate="",
                private_key="",
                idle_timeout=IDLE_TIMEOUT_S,
                max_data=CONNECTION_WINDOW_BYTES,
                max_stream_data=UPLOAD_WINDOW_BYTES,
            ),
            original_destination_connection_id=original_cid,
            retry_source_connection_id=retry_cid,
        )
        self._certificates = certificates
        self.sni: str | None = None
        self.takes: Takes = lambda _: True
        self.held: set[int] = set()
        for limit, value in (
            (self._local_max_streams_bidi, STREAMS),
            (self._local_max_streams_uni, _CONTROL_STREAMS),
        ):
            limit.value = limit.sent = value

    @property
    def has_begun(self) -> bool:
        """Tell whether a datagram of the client's has been taken in."""
        return bool(self._network_paths)

    @property
    def has_ended(self) -> bool:
        """Tell whether either end has closed the connection, and said so."""
        return self._state in END_STATES

    def unsent(self) -> dict[int, int]:
        """Tell, for each request, how much of its answer the client has not acknowledged."""
        requests = (item for item in self._streams.items() if item[0] % _REQUEST == 0)
        sizes = {stream_id: _unsent(stream) for stream_id, stream in requests}
        return {stream_id: size for stream_id, size in sizes.items() if size}

    def live(self) -> Container[int]:
        """Tell the streams that are not over in both directions."""
        return self._streams.keys()

    def may_send(self, stream_id: int) -> bool:
        """Tell whether a request's stream still takes an answer."""
        if stream_id % _REQUEST:
            return True
        stream = self._streams.get(stream_id)
        if stream is None:
            return False
        ended = stream.sender._buffer_fin is not None  # noqa: SLF001 - aioquic asserts instead.
        return not ended and self.may_reset(stream_id)

    def may_reset(self, stream_id: int) -> bool:
        """Tell whether a stream has not been reset yet."""
        return self._streams[stream_id].sender._reset_error_code is None  # noqa: SLF001 - as above.

    def farewell(self, now: float) -> list[bytes]:
        """End the connection; returns the datagrams that say so."""
        if not self.has_begun:
            return []
        self.close(H3Error.H3_NO_ERROR if self._handshake_complete else 0)
        return [data for data, _ in self.datagrams_to_send(now)]

    @override
    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        handle_hello = self.tls._server_handle_hello  # noqa: SLF001 - aioquic has no hook for names.

        def choose(hello: Buffer, first: Buffer, handshake: Buffer, last: Buffer) -> None:
            at = hello.tell()
            self._identify(tls.pull_client_hello(hello).server_name)
            hello.seek(at)
            handle_hello(hello, first, handshake, last)

        self.tls._server_handle_hello = choose  # type: ignore[assignment]  # noqa: SLF001

    def _identify(self, name: str | None) -> None:
        identity = self._certificates.find_identity(name)
        if identity is None:
            raise _UnrecognizedNameError
        self.sni = name
        self.tls.certificate = identity.certificate
        self.tls.certificate_chain = list(identity.chain)
        self.tls.certificate_private_key = identity.key

    @override
    def _handle_stop_sending_frame(
        self, context: QuicReceiveContext, frame_type: int, buf: Buffer
    ) -> None:
        """Overlook one for a stream that we have ended already; aioquic asserts."""
        at = buf.tell()
        stream_id, _ = buf.pull_uint_var(), buf.pull_uint_var()
        if stream_id in self._streams and not self.may_reset(stream_id):
            return
        buf.seek(at)
        super()._handle_stop_sending_frame(context, frame_type, buf)

    @override
    def _replenish_connection_ids(self) -> None:
        """Give no spare ids: who moves must connect anew."""

    @override
    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        data, requests = self._local_max_data, self._local_max_streams_bidi
        if len(self.held) < _HELD_STREAMS:
            _raise(data, data.used + CONNECTION_WINDOW_BYTES, CONNECTION_WINDOW_BYTES // 2)
        open_now = sum(1 for stream_id in self._streams if stream_id % _REQUEST == 0)
        _raise(requests, requests.used - open_now + STREAMS, _STEP_STREAMS)
        for limit in (data, requests, self._local_max_streams_uni):
            if limit.value != limit.sent:
                buffer = builder.start_frame(
                    limit.frame_type,
                    capacity=CONNECTION_LIMIT_FRAME_CAPACITY,
                    handler=self._on_connection_limit_delivery,
                    handler_args=(limit,),
                )
                buffer.push_uint_var(limit.value)
                limit.sent = limit.value

    @override
    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream
    ) -> None:
        stream_id, wanted = stream.stream_id, stream.receiver.starting_offset()
        if not stream.max_stream_data_local or stream.receiver.is_finished or stream_id is None:
            return
        wanted += UPLOAD_WINDOW_BYTES
        if wanted - stream.max_stream_data_local >= UPLOAD_WINDOW_BYTES // 2:
            if not self.takes(stream_id):
                self.held.add(stream_id)
                return
            stream.max_stream_data_local = wanted
        self.held.discard(stream_id)
        if stream.max_stream_data_local_sent != stream.max_stream_data_local:
            buffer = builder.start_frame(
                QuicFrameType.MAX_STREAM_DATA,
                capacity=MAX_STREAM_DATA_FRAME_CAPACITY,
                handler=self._on_max_stream_data_delivery,
                handler_args=(stream,),
            )
            buffer.push_uint_var(stream_id)
            buffer.push_uint_var(stream.max_stream_data_local)
            stream.max_stream_data_local_sent = stream.max_stream_data_local


class EdgeClientQuic(QuicLayer):
    """mitmproxy's layer of QUIC around a connection that the listener made."""

    child_layer: EdgeHttpLayer
    quic: EdgeQuicConnection

    def __init__(
        self,
        context: Context,
        quic: EdgeQuicConnection,
        clock: Callable[[], float],
        on_established: Callable[[], None],
    ) -> None:
        super().__init__(context, context.client, clock)
        self.quic = quic
        self.tls = QuicTlsSettings()
        self._on_established = on_established
        self._has_closed = False

    @property
    def _side(self) -> EdgeHttp3Server | None:
        side = self.child_layer.server
        return side if isinstance(side, EdgeHttp3Server) else None

    @override
    def start_handshake(self) -> CommandGenerator[None]:
        yield from ()

    @override
    def _handshake_finished(self, err: str | None) -> CommandGenerator[None]:
        """Begin HTTP/3, and read what came along with the end of the handshake."""
        if err is None:
            self._on_established()
            self.conn.sni = self.quic.sni
        yield from super()._handshake_finished(err)
        if err is None:
            if self._side is not None:
                self.quic.takes, self._side.held_uploads = self.child_layer.takes, self.quic.held
            yield from self.receive_data(b"")

    @override
    def _handle_command(self, command: commands.Command) -> CommandGenerator[None]:
        """Leave out what is for a stream that is over; aioquic would raise."""
        if not isinstance(command, _SENDS) or self.quic.may_send(command.stream_id):
            yield from super()._handle_command(command)

    @override
    def tls_interact(self) -> CommandGenerator[None]:
        if not self.quic.has_begun:
            return
        yield from super().tls_interact()
        if self._side is not None:
            self._side.settle(self.quic.unsent(), self.quic.live())
            if self._side.is_over and not self.quic.has_ended:
                self.quic.close(H3Error.H3_NO_ERROR)
                yield from super().tls_interact()
        if self.quic.has_ended and not self._has_closed:
            # Nothing that comes now would be heard, so nobody waits for it.
            self._has_closed = True
            yield commands.CloseConnection(self.tunnel_connection)


def _unsent(stream: QuicStream) -> int:
    sender = stream.sender
    ends = sender._buffer_fin is not None and not sender.is_finished  # noqa: SLF001 - as above.
    return len(sender._buffer) or int(ends)  # noqa: SLF001 - as above.


def _raise(limit: Limit, value: int, step: int) -> None:
    """Raise a limit, but not for every little thing."""
    if value - limit.value >= step:
        limit.value = value
