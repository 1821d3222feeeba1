"""Every name and signature of mitmproxy's internals that the front relies on.

mitmproxy promises none of them. When this fails after an upgrade, read the layer named here again
before changing the expectation: the subclasses in ``edge/fronts/mitm_*.py`` repeat parts of it.
"""

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.connection import Client, Connection, Server
from mitmproxy.proxy import commands, context, events, layer, server, server_hooks, tunnel
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers import tcp, tls
from mitmproxy.proxy.layers.http import _base, _events, _hooks, _http1, _http2
from mitmproxy.proxy.utils import ReceiveBuffer

from edge.fronts.mitm_handler import _LayerOptions

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


def test_hooks_and_commands_exist() -> None:
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
        for module in (layers, _http1, _http2, tls, tcp, tunnel, server, layer)
    )
    read = {
        part.split("options.", 1)[1]
        for part in source.replace("(", " ").replace(")", " ").replace(",", " ").split()
        if "context.options." in part or part.startswith("options.")
    }
    names = {name.split(".")[0].rstrip(":") for name in read}
    assert names - {"Options", "add_option"} <= set(_LayerOptions.__dataclass_fields__)
