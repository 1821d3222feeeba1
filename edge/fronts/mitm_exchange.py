"""One request through the mitmproxy front: its flow's fields in and out, nothing of its framing.

Adapts the front-neutral parts, ``reception`` and ``page``, to mitmproxy's request and response
objects. The one invariant: a flow leaves here with end-to-end fields only, and with its upstream
chosen by the snapshot, never by the client.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from mitmproxy import http

from edge.collector.endpoints import MAX_BODY_BYTES, EndpointRequest, EndpointResponse, Endpoints
from edge.event import Address
from edge.fronts.control import Control
from edge.fronts.mitm_messages import make_response
from edge.fronts.operating import Answered, OnAnswered
from edge.fronts.page import Page
from edge.fronts.reception import Forward, Incoming, Own, Reception, Upstream
from edge.fronts.served import OnServed
from edge.inject.plan import Tag
from edge.pictures.desk import PictureDesk
from edge.sites import Site
from edge.wire.fields import values_of
from edge.wire.framing import request_length
from edge.wire.head import is_token, is_valid_target, is_valid_value
from edge.wire.hop import end_to_end_response
from edge.wire.refusal import BAD_REQUEST, TOO_LARGE, ErrorPage, Prepared, Refusal, render_error

_SWITCHING = 101
_BINARY = frozenset({b"HTTP/2.0", b"HTTP/3"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What every exchange of a front shares."""

    reception: Reception
    endpoints: Endpoints
    tag_for: Callable[[Site], Tag]
    on_served: OnServed | None
    now: Callable[[], float]
    new_id: Callable[[], str]
    alt_svc: Callable[[], bytes]
    """Where HTTP/3 is served, empty if nowhere."""
    control: Control
    on_answered: OnAnswered | None
    pictures: PictureDesk | None


@dataclass(slots=True)
class _Record:
    """What the request log will be told."""

    method: str
    began_at: float
    site_id: int = 0
    status: int = 0
    sent_bytes: int = 0
    request_id: str = ""
    outcome: str = "cut"

    def tell(self, parts: Parts) -> None:
        """Tell it."""
        assert parts.on_answered
        parts.on_answered(
            Answered(
                self.site_id,
                self.method,
                self.status,
                self.sent_bytes,
                (parts.now() - self.began_at) * 1000,
                self.request_id or parts.new_id(),
                self.outcome,
            )
        )


@dataclass(slots=True)
class MitmExchange:
    """The front's side of one request; implements ``mitm_desk.Exchange``."""

    parts: Parts
    peer: Address
    tls: bool
    is_own: bool = False
    upgrades: bool = False
    expects_continue: bool = False
    endless: bool = False
    body_limit: int = 0
    upstreams: tuple[Upstream, ...] = ()
    _own: Own | None = None
    _page: Page | None = None
    _headers: tuple[tuple[bytes, bytes], ...] = ()
    _received_at_ms: int = 0
    _record: _Record | None = None
    _closed: bool = field(default=False)

    def receive(self, request: http.Request, *, has_body: bool) -> ErrorPage | None:
        """Route a request and write the origin's fields into it, or refuse it."""
        self._received_at_ms = time.time_ns() // 1_000_000
        data = request.data
        self._headers = data.headers.fields
        if self.parts.on_answered is not None:
            self._record = _Record(data.method.decode("latin-1"), self.parts.now())
        binary = data.http_version in _BINARY
        if binary and not _is_sound(request, has_body=has_body):
            return self.error_page(BAD_REQUEST)
        incoming = Incoming(
            data.method,
            data.path,
            data.authority,
            self._headers,
            self.peer,
            self.tls,
            binary=binary,
        )
        route = self.parts.reception.receive(incoming)
        if isinstance(route, Prepared):
            return self.error_page(route)
        expects = values_of(self._headers, b"expect")
        self.expects_continue = [value.lower() for value in expects] == [b"100-continue"]
        if isinstance(route, Own):
            return self._take(route)
        self._forward(route, request, has_body=has_body)
        return None

    def _take(self, own: Own) -> ErrorPage | None:
        self._own, self.is_own, self.body_limit = own, True, MAX_BODY_BYTES
        if self._record is not None:
            self._record.site_id = own.site.id
        return self.refuse_body() if own.too_large else None

    def _forward(self, route: Forward, request: http.Request, *, has_body: bool) -> None:
        data = request.data
        self.upstreams, self.upgrades = route.upstreams, route.upgrades
        self.body_limit = route.site.max_body_bytes
        if self._record is not None:
            self._record.site_id = route.site.id
        parts = self.parts
        self._page = Page(
            route.site,
            parts.tag_for,
            parts.now,
            parts.on_served,
            parts.control,
            route.address,
            route.opted_out,
            parts.pictures,
            route.ticket,
        )
        data.path = route.target
        method = data.method.decode("latin-1")
        headers = self._page.request(method, data.path, route.headers, route.origin)
        if has_body and not values_of(headers, b"content-length"):
            headers = [*headers, (b"Transfer-Encoding", b"chunked")]
        data.headers = http.Headers(headers)
        data.authority = b""

    async def answer(self, request: http.Request) -> http.Response:
        """Answer a request of ours; never raises."""
        assert self._own
        own, method = self._own, request.data.method
        answer = await self.parts.endpoints.respond(
            EndpointRequest(
                method=method.decode("latin-1"),
                path=own.path,
                query=own.query,
                headers=self._headers,
                body=request.data.content or b"",
                address=own.address,
                site=own.site,
                received_at_ms=self._received_at_ms,
                secure=own.secure,
            )
        )
        body = b"" if method == b"HEAD" else answer.body
        self._note(answer.status, len(body), "own")
        reason = HTTPStatus(answer.status).phrase.encode()
        return make_response(answer.status, reason, answer.headers, body)

    def respond(self, response: http.Response, *, has_body: bool) -> None:
        """Write the client's fields into the origin's answer and say how its body passes."""
        fields = response.headers.fields
        self._note(response.status_code, 0, "page")
        if response.status_code == _SWITCHING or self._page is None:
            return
        headers = self._page.response(
            response.status_code, end_to_end_response(fields), has_body=has_body
        )
        if self.tls and (alt_svc := self.parts.alt_svc()):
            headers = [*headers, (b"Alt-Svc", alt_svc)]
        response.headers = http.Headers(headers)
        types = values_of(fields, b"content-type")
        self.endless = any(kind.lower().startswith(b"text/event-stream") for kind in types)
        response.stream = self._pass_on if self._page.watches or self._record else True

    @property
    def withholds_head(self) -> bool:
        """Tell whether the answer's head must wait for ``explain``."""
        return self._page is not None and self._page.withholds_head

    def explain(self, response: http.Response) -> None:
        """Write what was done to the page into a head that waited for it."""
        assert self._page
        response.headers = http.Headers([*response.headers.fields, self._page.explanation])

    def refuse_body(self) -> ErrorPage:
        """Answer a body that passed ``body_limit``."""
        if self._own is None:
            return self.error_page(TOO_LARGE)
        page = _as_page(self.parts.endpoints.refuse_large())
        self._note(page.status, len(page.body), "refused")
        return page

    def error_page(self, refusal: Prepared) -> ErrorPage:
        """Write an error page of ours."""
        request_id = self.parts.new_id()
        page = render_error(refusal, request_id)
        self._note(page.status, len(page.body), "refused", request_id)
        return page

    def close(self, *, complete: bool) -> None:
        """End the exchange; only the first call counts."""
        if self._closed:
            return
        self._closed = True
        if self._page is not None:
            self._page.close(complete=complete)
        if self._record is not None:
            if not complete and self._record.outcome != "refused":
                self._record.outcome = "cut"
            self._record.tell(self.parts)

    def _note(self, status: int, sent_bytes: int, outcome: str, request_id: str = "") -> None:
        """Note the first answer that is begun; a second one is never seen by the client."""
        record = self._record
        if record is not None and not record.status:
            record.status, record.sent_bytes, record.outcome = status, sent_bytes, outcome
            record.request_id = request_id

    def _pass_on(self, chunk: bytes) -> list[bytes]:
        """Rewrite a chunk; mitmproxy calls with an empty one at the end."""
        assert self._page
        out = chunk
        if self._page.watches:
            out = self._page.feed(chunk) if chunk else self._page.finish()
        if self._record is not None:
            self._record.sent_bytes += len(out)
        return [out] if out else []


def _is_sound(request: http.Request, *, has_body: bool) -> bool:
    """Check what binary framing lets through and HTTP/1 would read as something else."""
    data = request.data
    fields = data.headers.fields
    length = request_length(fields, b"HTTP/1.1")
    return (
        is_token(data.method)
        and is_valid_target(data.path)
        and all(is_token(name) and is_valid_value(value) for name, value in fields)
        and not values_of(fields, b"transfer-encoding")
        and not isinstance(length, Refusal)
        and (has_body or not length)
    )


def _as_page(answer: EndpointResponse) -> ErrorPage:
    reason = HTTPStatus(answer.status).phrase.encode()
    return ErrorPage(answer.status, reason, answer.headers, answer.body)
