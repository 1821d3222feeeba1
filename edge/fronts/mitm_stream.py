"""One request and its answer between the client's side and the origin's: mitmproxy's HTTP stream.

The named subclass asks the exchange where mitmproxy would call addons, connects to the upstreams in
the order of their health, and ends an exchange by what went wrong where. What a request means is
the ``Exchange``'s business, connections are ``mitm_layers``'. The one invariant: every exchange is
closed exactly once, as complete only if its answer came to the end that the origin gave it.
"""

from typing import override

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers import tcp
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _hooks
from mitmproxy.proxy.utils import ReceiveBuffer

from edge.fronts.mitm_desk import AnswerHook, Desk, Exchange, OriginClosed, Refused
from edge.fronts.mitm_messages import make_response
from edge.fronts.page import PageCorruptError
from edge.fronts.reception import Upstream
from edge.wire.limits import BETWEEN_BYTES_TIMEOUT_S, FIRST_BYTE_TIMEOUT_S
from edge.wire.refusal import BAD_ANSWER, BAD_GATEWAY, GATEWAY_TIMEOUT, ErrorPage

_FINAL = 200
_SWITCHING = 101
_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_BEHIND_A_HEAD = (
    http_events.ResponseData,
    http_events.ResponseTrailers,
    http_events.ResponseEndOfMessage,
)


class ConnectOrigin(layers.GetHttpConnection):
    """Ask for a connection to an upstream; mitmproxy would share one between two names."""

    def __init__(self, upstream: Upstream, *, repeatable: bool) -> None:
        super().__init__((upstream.host, upstream.port), upstream.tls, None)
        self.upstream = upstream
        self.repeatable = repeatable
        self.reused = False

    def __hash__(self) -> int:
        return id(self)

    @override
    def connection_spec_matches(self, connection: Connection) -> bool:
        """Tell whether an open connection is good for this request."""
        same = super().connection_spec_matches(connection)
        return same and (not self.tls or connection.sni == self.upstream.sni)


class EdgeStream(layers.HttpStream):
    """One request and its answer; asks the exchange where mitmproxy would call addons."""

    def __init__(self, context: Context, stream_id: int, exchange: Exchange, desk: Desk) -> None:
        super().__init__(context, stream_id)
        self.exchange = exchange
        self.active_at = desk.now()
        self._desk = desk
        self._taken = 0
        self._has_request_body = False
        self._has_answer_body = True
        self._reused = False
        self._repeated = False
        self._ended = False
        self._timed_out = False
        self._held_head: layers.SendHttp | None = None

    @property
    def origin(self) -> Connection:
        """The upstream connection, once there is one."""
        return self.context.server

    @property
    def held_bytes(self) -> int:
        """How much of the request waits for the upstream connection or for our endpoint."""
        return sum(
            len(event.data)
            for event in self._paused_event_queue
            if isinstance(event, http_events.RequestData)
        )

    def expire(self, now: float) -> bool:
        """Tell whether the origin, or a client in mid-body, has been silent for too long."""
        if self._paused or self.exchange.is_own or self.child_layer is not None:
            return False
        waits_for_answer = (
            self.client_state == self.state_done
            and self.server_state == self.state_wait_for_response_headers
        )
        if self.exchange.endless and not waits_for_answer:
            return False
        limit = FIRST_BYTE_TIMEOUT_S if waits_for_answer else BETWEEN_BYTES_TIMEOUT_S
        self._timed_out = now - self.active_at > limit
        return self._timed_out

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        self.active_at = self._desk.now()
        generator = super()._handle_event(event)
        reply = None
        while True:
            try:
                command = generator.send(reply)
            except StopIteration:
                return
            except PageCorruptError:
                yield from self._cut()
                return
            if isinstance(command, commands.StartHook):
                yield from self._ask(command)
                reply = None
            elif isinstance(command, layers.SendHttp):
                yield from self._in_turn(command)
                reply = None
            else:
                reply = yield command

    def _in_turn(self, command: layers.SendHttp) -> CommandGenerator[None]:
        """Send, but keep a head back that has to say what becomes of its page."""
        event = command.event
        if isinstance(event, http_events.ResponseHeaders) and self.exchange.withholds_head:
            self._held_head = command
            return
        held = self._held_head
        if held is not None and isinstance(event, _BEHIND_A_HEAD):
            self._held_head = None
            assert isinstance(held.event, http_events.ResponseHeaders)
            self.exchange.explain(held.event.response)
            yield held
        yield command

    def _ask(self, hook: commands.StartHook) -> CommandGenerator[None]:
        """Answer mitmproxy's hooks on the spot: a task for each would cost a third of the time."""
        if isinstance(hook, _hooks.HttpRequestHook):
            if self.exchange.is_own:
                yield AnswerHook(self.exchange, self.flow)
        elif isinstance(hook, _hooks.HttpResponseHeadersHook):
            if not self.exchange.is_own:
                assert self.flow.response
                self.exchange.respond(self.flow.response, has_body=self._has_answer_body)
        elif isinstance(hook, _hooks.HttpResponseHook):
            self.exchange.close(complete=True)
        elif isinstance(hook, _hooks.HttpErrorHook):
            self.exchange.close(complete=False)

    @override
    def state_wait_for_request_headers(
        self, event: http_events.RequestHeaders
    ) -> CommandGenerator[None]:
        self.flow = http.HTTPFlow(self.context.client, self.context.server)
        self.flow.request = event.request
        self.flow.live = True
        self._has_request_body = not event.end_stream
        page = self.exchange.receive(event.request, has_body=self._has_request_body)
        if page is not None:
            yield from self._refuse(page)
            return
        if self.exchange.expects_continue and self._has_request_body:
            goahead = make_response(100, b"Continue", ())
            interim = http_events.ResponseHeaders(self.stream_id, goahead)
            yield layers.SendHttp(interim, self.context.client)
        self.server_state = self.state_wait_for_response_headers
        if self._has_request_body and not self.exchange.is_own:
            yield from self.start_request_stream()
        else:
            self.client_state = self.state_consume_request_body

    @override
    def state_stream_request_body(
        self, event: http_events.RequestData | http_events.RequestEndOfMessage
    ) -> CommandGenerator[None]:
        if isinstance(event, http_events.RequestData):
            self._taken += len(event.data)
            if 0 < self.exchange.body_limit < self._taken:
                code = http_events.ErrorCode.REQUEST_TOO_LARGE
                stop = http_events.RequestProtocolError(self.stream_id, "too large", code)
                yield layers.SendHttp(stop, self.context.server)
                yield from self._refuse(self.exchange.refuse_body())
                return
        yield from super().state_stream_request_body(event)

    @override
    def check_body_size(self, request: bool) -> CommandGenerator[bool]:
        """Bound the bodies that are kept in memory: those for endpoints of ours."""
        if not request or not 0 < self.exchange.body_limit < len(self.request_body_buf):
            return False
        self.request_body_buf = ReceiveBuffer()  # type: ignore[no-untyped-call]
        yield from self._refuse(self.exchange.refuse_body())
        return True

    @override
    def state_wait_for_response_headers(
        self, event: http_events.ResponseHeaders
    ) -> CommandGenerator[None]:
        status = event.response.status_code
        if status < _FINAL and status != _SWITCHING:
            yield layers.SendHttp(event, self.context.client)
            return
        if status == _SWITCHING and not self.exchange.upgrades:
            yield commands.CloseConnection(self.context.server)
            yield from self._refuse(self.exchange.error_page(BAD_ANSWER))
            return
        self._has_answer_body = not event.end_stream
        yield from super().state_wait_for_response_headers(event)

    @override
    def send_response(self, already_streamed: bool = False) -> CommandGenerator[None]:
        """End an answer that is complete before its request is; the upload goes on."""
        yield from super().send_response(already_streamed)
        if self.client_state == self.state_stream_request_body and not self._ended:
            self._ended = True
            end = http_events.ResponseEndOfMessage(self.stream_id)
            yield layers.SendHttp(end, self.context.client)

    @override
    def flow_done(self) -> CommandGenerator[None]:
        """Finish; an upgraded connection is relayed as bytes, with whatever extensions it has."""
        assert self.flow.response
        self.flow.live = False
        if self.flow.response.status_code == _SWITCHING:
            self.child_layer = tcp.TCPLayer(self.context, ignore=True)
            self._handle_event = self.passthrough  # type: ignore[method-assign]
            yield from self.child_layer.handle_event(events.Start())
        else:
            yield layers.DropStream(self.stream_id)
        if not self._ended:
            end = http_events.ResponseEndOfMessage(self.stream_id)
            yield layers.SendHttp(end, self.context.client)

    @override
    def make_server_connection(self) -> CommandGenerator[bool]:
        """Connect to the first origin that answers."""
        origins = self._desk.origins
        for upstream in origins.order(self.exchange.upstreams):
            wish = ConnectOrigin(upstream, repeatable=self._is_repeatable())
            connection, error = yield wish
            if not error:
                if not wish.reused:
                    origins.succeeded(upstream)
                self.context.server = self.flow.server_conn = connection
                self._reused = wish.reused
                if self._is_abandoned():
                    yield commands.CloseConnection(connection)
                    return False
                return True
            if self.context.client.connected:
                origins.failed(upstream)
        page = self.exchange.error_page(BAD_GATEWAY)
        yield from super().handle_protocol_error(Refused(self.stream_id, page))
        return False

    def _is_abandoned(self) -> bool:
        """Tell whether the client has cancelled the request while it waited for a connection."""
        return any(
            isinstance(event, http_events.RequestProtocolError)
            for event in self._paused_event_queue
        )

    @override
    def handle_protocol_error(
        self, event: http_events.RequestProtocolError | http_events.ResponseProtocolError
    ) -> CommandGenerator[None]:
        if isinstance(event, OriginClosed):
            if self._may_repeat():
                yield from self._repeat()
                return
            refusal = GATEWAY_TIMEOUT if self._timed_out else BAD_GATEWAY
            event = Refused(self.stream_id, self.exchange.error_page(refusal))
        yield from super().handle_protocol_error(event)
        self.exchange.close(complete=False)

    def _may_repeat(self) -> bool:
        """Allow one more try where a kept-alive connection died before the first byte."""
        return (
            self._reused
            and not self._repeated
            and not self._timed_out
            and self._is_repeatable()
            and self.client_state == self.state_done
            and self.server_state == self.state_wait_for_response_headers
        )

    def _is_repeatable(self) -> bool:
        return not self._has_request_body and self.flow.request.data.method in _SAFE

    def _repeat(self) -> CommandGenerator[None]:
        self._repeated = True
        if (yield from self.make_server_connection()):
            headers = http_events.RequestHeaders(self.stream_id, self.flow.request, end_stream=True)
            yield layers.SendHttp(headers, self.context.server)
            end = http_events.RequestEndOfMessage(self.stream_id)
            yield layers.SendHttp(end, self.context.server)

    def _refuse(self, page: ErrorPage) -> CommandGenerator[None]:
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        self.exchange.close(complete=False)
        yield layers.SendHttp(Refused(self.stream_id, page), self.context.client)
        yield layers.DropStream(self.stream_id)

    def _cut(self) -> CommandGenerator[None]:
        yield commands.CloseConnection(self.context.server)
        yield from self._refuse(self.exchange.error_page(BAD_ANSWER))
