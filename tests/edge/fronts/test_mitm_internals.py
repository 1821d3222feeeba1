"""Every name and signature of mitmproxy's internals that the front relies on.

mitmproxy promises none of them. When this fails after an upgrade, read the layer named here again
before changing the expectation: the subclasses in ``edge/fronts/mitm_*.py`` repeat parts of it.
"""

import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aioquic import tls as aioquic_tls
from aioquic.h3.connection import H3Connection, HeadersState
from aioquic.quic.connection import QuicConnection
from aioquic.quic.stream import QuicStream
from mitmproxy import http
from mitmproxy.connection import Client, Connection, Server
from mitmproxy.proxy import commands, context, events, layer, server, server_hooks, tunnel
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers import quic, tcp, tls
from mitmproxy.proxy.layers.http import (
    _base,
    _events,
    _hooks,
    _http1,
    _http2,
    _http3,
    _http_h2,
    _http_h3,
)
from mitmproxy.proxy.layers.quic import _stream_layers
from mitmproxy.proxy.utils import ReceiveBuffer

from edge.fronts.mitm_certificates import Certificates
from edge.fronts.mitm_handler import _LayerOptions
from edge.fronts.mitm_http3 import _Connection as _Http3Connection
from edge.fronts.mitm_quic import EdgeQuicConnection

REQUEST = (
    "self, host, port, method, scheme, authority, path, http_version, headers, content, "
    "trailers, timestamp_start, timestamp_end"
)
RESPONSE = (
    "self, http_version, status_code, reason, headers, content, trailers, timestamp_start, "
    "timestamp_end"
)
SIGNATURES: list[tuple[Callable[..., Any], str]] = [
    (layer.Layer.__init__, "self, context"),
    (layer.Layer.handle_event, "self, event"),
    (layers.HttpLayer.__init__, "self, context, mode"),
    (layers.HttpLayer._handle_event, "self, event"),
    (layers.HttpLayer.event_to_child, "self, child, event"),
    (layers.HttpLayer.make_stream, "self, stream_id"),
    (layers.HttpLayer.get_connection, "self, event, *, reuse"),
    (layers.HttpLayer.register_connection, "self, command"),
    (layers.HttpClient._handle_event, "self, event"),
    (layers.GetHttpConnection.__init__, "self, address, tls, via, transport_protocol"),
    (layers.GetHttpConnection.connection_spec_matches, "self, connection"),
    (layers.GetHttpConnectionCompleted.__init__, "self, command, reply"),
    (layers.RegisterHttpConnection.__init__, "self, connection, err"),
    (layers.SendHttp.__init__, "self, event, connection"),
    (layers.DropStream.__init__, "self, stream_id"),
    (layers.HttpStream.__init__, "self, context, stream_id"),
    (layers.HttpStream._handle_event, "self, event"),
    (layers.HttpStream.state_wait_for_request_headers, "self, event"),
    (layers.HttpStream.state_stream_request_body, "self, event"),
    (layers.HttpStream.state_consume_request_body, "self, event"),
    (layers.HttpStream.state_wait_for_response_headers, "self, event"),
    (layers.HttpStream.state_stream_response_body, "self, event"),
    (layers.HttpStream.start_request_stream, "self"),
    (layers.HttpStream.check_body_size, "self, request"),
    (layers.HttpStream.send_response, "self, already_streamed"),
    (layers.HttpStream.flow_done, "self"),
    (layers.HttpStream.make_server_connection, "self"),
    (layers.HttpStream.handle_protocol_error, "self, event"),
    (layers.HttpStream.passthrough, "self, event"),
    (_base.ReceiveHttp.__init__, "self, event"),
    (_http1.Http1Connection.read_body, "self, event"),
    (_http1.Http1Connection.make_pipe, "self"),
    (_http1.Http1Connection.wait, "self, event"),
    (_http1.Http1Connection.done, "self, event"),
    (_http1.Http1Connection.passthrough, "self, event"),
    (_http1.Http1Connection.mark_done, "self, *, request, response"),
    (_http1.Http1Server.__init__, "self, context"),
    (_http1.Http1Server.send, "self, event"),
    (_http1.Http1Server.read_headers, "self, event"),
    (_http1.Http1Client.__init__, "self, context"),
    (_http1.Http1Client.send, "self, event"),
    (_http1.Http1Client.read_headers, "self, event"),
    (_http1.make_body_reader, "expected_size"),
    (_http2.Http2Server.__init__, "self, context"),
    (_http2.Http2Server._handle_event, "self, event"),
    (_http2.Http2Server.handle_h2_event, "self, event"),
    (_http2.Http2Connection.is_closed, "self, stream_id"),
    (_http2.Http2Connection.is_open_for_us, "self, stream_id"),
    (_http2.split_pseudo_headers, "h2_headers"),
    (_events.RequestHeaders.__init__, "self, stream_id, request, end_stream, replay_flow"),
    (_events.ResponseHeaders.__init__, "self, stream_id, response, end_stream"),
    (_events.ResponseProtocolError.__init__, "self, stream_id, message, code"),
    (_events.RequestProtocolError.__init__, "self, stream_id, message, code"),
    (tls.TLSLayer.start_tls, "self"),
    (tls.TLSLayer.send_close, "self, command"),
    (tls.TLSLayer.tls_interact, "self"),
    (tls.ClientTLSLayer.__init__, "self, context"),
    (tls.ServerTLSLayer.__init__, "self, context, conn"),
    (tcp.TCPLayer.__init__, "self, context, ignore"),
    (tunnel.TunnelLayer.__init__, "self, context, tunnel_connection, conn"),
    (server.LiveConnectionHandler.__init__, "self, reader, writer, options, mode"),
    (server.ConnectionHandler.handle_client, "self"),
    (server.ConnectionHandler.handle_connection, "self, connection"),
    (server.ConnectionHandler.handle_hook, "self, hook"),
    (server.ConnectionHandler.open_connection, "self, command"),
    (server.ConnectionHandler.server_event, "self, event"),
    (server.ConnectionHandler.drain_writers, "self"),
    (server.ConnectionHandler.close_connection, "self, connection, half_close"),
    (server.ConnectionHandler.log, "self, message, level, exc_info"),
    (server.ConnectionHandler.wakeup, "self, request"),
    (_http_h2.BufferedH2Connection.__init__, "self, config"),
    (_http_h2.BufferedH2Connection.initiate_connection, "self"),
    (_http2.Http2Connection.protocol_error, "self, message, error_code"),
    (_http2.Http2Connection.done, "self, _"),
    (_http3.Http3Server.__init__, "self, context"),
    (_http3.Http3Connection._handle_event, "self, event"),
    (_http3.Http3Connection.done, "self, _"),
    (_http_h3.LayeredH3Connection.__init__, "self, conn, is_client, enable_webtransport"),
    (_http_h3.LayeredH3Connection.handle_stream_event, "self, event"),
    (_http_h3.LayeredH3Connection.close_stream, "self, stream_id, error_code, stop_send"),
    (
        _http_h3.LayeredH3Connection.close_connection,
        "self, error_code, frame_type, reason_phrase",
    ),
    (_http_h3.LayeredH3Connection.send_headers, "self, stream_id, headers, end_stream"),
    (_http_h3.LayeredH3Connection.send_data, "self, stream_id, data, end_stream"),
    (_http_h3.LayeredH3Connection.has_sent_headers, "self, stream_id"),
    (_http_h3.LayeredH3Connection.transmit, "self"),
    (_http_h3.MockQuic.stop_send, "self, stream_id, error_code"),
    (H3Connection._get_local_settings, "self"),
    (H3Connection._get_or_create_stream, "self, stream_id"),
    (_stream_layers.QuicLayer.__init__, "self, context, conn, time"),
    (_stream_layers.QuicLayer._handle_command, "self, command"),
    (_stream_layers.QuicLayer.tls_interact, "self"),
    (_stream_layers.QuicLayer.receive_data, "self, data"),
    (tunnel.TunnelLayer.start_handshake, "self"),
    (tunnel.TunnelLayer._handshake_finished, "self, err"),
    (QuicConnection._initialize, "self, peer_cid"),
    (QuicConnection._replenish_connection_ids, "self"),
    (QuicConnection._handle_stop_sending_frame, "self, context, frame_type, buf"),
    (QuicConnection._write_connection_limits, "self, builder, space"),
    (QuicConnection._write_stream_limits, "self, builder, space, stream"),
    (QuicConnection._on_connection_limit_delivery, "self, delivery, limit"),
    (QuicConnection._on_max_stream_data_delivery, "self, delivery, stream"),
    (QuicConnection.receive_datagram, "self, data, addr, now"),
    (QuicConnection.datagrams_to_send, "self, now"),
    (
        aioquic_tls.Context._server_handle_hello,
        "self, input_buf, initial_buf, handshake_buf, onertt_buf",
    ),
    (aioquic_tls.pull_client_hello, "buf"),
    (http.Request.__init__, REQUEST),
    (http.Response.__init__, RESPONSE),
]


def written(function: Callable[..., Any]) -> str:
    parameters = inspect.signature(function).parameters.values()
    names: list[str] = []
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and "*" not in names:
            names.append("*")
        names.append(each.name)
    return ", ".join(names)


def test_the_version_is_the_one_the_subclasses_were_written_for() -> None:
    assert version("mitmproxy") == "12.2.3"
    assert version("aioquic") == "1.2.0"
    assert version("h2") == "4.3.0"


@pytest.mark.parametrize(
    ("function", "parameters"), SIGNATURES, ids=[each.__qualname__ for each, _ in SIGNATURES]
)
def test_a_signature(function: Callable[..., Any], parameters: str) -> None:
    assert written(function) in {parameters, parameters.replace("event", "_")}


def test_the_attributes_that_are_touched() -> None:
    client = Client(peername=("a", 1), sockname=("b", 2), timestamp_start=0.0)
    base = context.Context(client, _LayerOptions())  # type: ignore[arg-type]
    http_layer = layers.HttpLayer(base, layers.HTTPMode.transparent)
    for name in ("connections", "streams", "command_sources", "waiting_for_establishment"):
        assert hasattr(http_layer, name), name
    stream = layers.HttpStream(base.fork(), 1)
    for name in ("client_state", "server_state", "request_body_buf", "child_layer", "_paused",
                 "_paused_event_queue", "state_done", "state_errored"):  # fmt: skip
        assert hasattr(stream, name), name
    side = _http1.Http1Server(base.fork())
    for name in ("buf", "state", "stream_id", "request", "response", "request_done",
                 "response_done", "conn"):  # fmt: skip
        assert hasattr(side, name), name
    two = _http2.Http2Server(base.fork())
    for name in ("streams", "h2_conn"):
        assert hasattr(two, name), name
    assert hasattr(two.h2_conn, "stream_buffers")
    assert hasattr(two.h2_conn, "highest_inbound_stream_id")
    assert _http2.StreamState.HEADERS_RECEIVED.name
    assert isinstance(ReceiveBuffer(), ReceiveBuffer)  # type: ignore[no-untyped-call]
    assert hasattr(server.LiveConnectionHandler, "handle_client")


def test_the_attributes_of_http3_and_quic_that_are_touched(tmp_path: Path) -> None:
    client = Client(peername=("a", 1), sockname=("b", 2), timestamp_start=0.0)
    three = _http_h3.LayeredH3Connection(client, is_client=False)
    for name in ("_mock", "_closed_streams", "_stream", "_quic", "_local_control_stream_id",
                 "_blocked_streams", "_max_table_capacity"):  # fmt: skip
        assert hasattr(three, name), name
    stream = three._get_or_create_stream(0)
    for name in ("buffer", "ended", "headers_send_state"):
        assert hasattr(stream, name), name
    assert HeadersState.INITIAL.name
    connection = EdgeQuicConnection(
        Certificates(tmp_path), original_cid=b"12345678", retry_cid=None
    )
    limits = ("_local_max_data", "_local_max_streams_bidi", "_local_max_streams_uni")
    for name in (*limits, "_state", "_streams", "_network_paths", "_handshake_complete"):
        assert hasattr(connection, name), name
    for name in ("frame_type", "sent", "used", "value"):
        assert hasattr(connection._local_max_data, name), name
    one = QuicStream(stream_id=0)
    for name in ("_buffer", "_buffer_fin", "_reset_error_code", "is_finished"):
        assert hasattr(one.sender, name), name
    for name in ("max_stream_data_local", "max_stream_data_local_sent"):
        assert hasattr(one, name), name
    assert one.receiver.starting_offset() == 0
    assert aioquic_tls.AlertDescription.unrecognized_name == 112


def test_http3_offers_only_what_is_served() -> None:
    """No dynamic table, no extended CONNECT: see ``mitm_http3``."""
    client = Client(peername=("a", 1), sockname=("b", 2), timestamp_start=0.0)
    settings = _Http3Connection(client, is_client=False).sent_settings
    assert settings == {1: 0, 7: 0, 6: 65_536}


def test_hooks_and_commands_exist() -> None:
    assert issubclass(quic.SendQuicStreamData, quic._commands.QuicStreamCommand)
    assert issubclass(quic.QuicConnectionClosed, events.ConnectionClosed)
    assert issubclass(quic.QuicStreamDataReceived, quic._events.QuicStreamEvent)
    names = ("HttpRequestHook", "HttpResponseHeadersHook", "HttpResponseHook", "HttpErrorHook")
    assert all(hasattr(_hooks, name) for name in names)
    assert hasattr(server_hooks, "ServerConnectHook")
    assert hasattr(server_hooks, "ServerConnectedHook")
    assert issubclass(commands.CloseTcpConnection, commands.CloseConnection)
    assert commands.RequestWakeup.__init__.__annotations__.keys() >= {"delay"}
    assert issubclass(events.Wakeup, events.CommandCompleted)
    assert Server(address=None).connected is False
    assert {
        "error",
        "tls",
        "sni",
        "timestamp_start",
        "peername",
    } <= Connection.__annotations__.keys()


def test_the_options_that_layers_read_are_given() -> None:
    """Options are an object of ours; a layer that asks for another one would crash."""
    source = "".join(
        inspect.getsource(module)
        for module in (
            layers,
            _http1,
            _http2,
            _http3,
            tls,
            tcp,
            tunnel,
            server,
            layer,
            _stream_layers.QuicLayer,
        )
    )
    read = {
        part.split("options.", 1)[1]
        for part in source.replace("(", " ").replace(")", " ").replace(",", " ").split()
        if "context.options." in part or part.startswith("options.")
    }
    names = {name.split(".")[0].rstrip(":") for name in read}
    assert names - {"Options", "add_option"} <= set(_LayerOptions.__dataclass_fields__)
