"""One request for an origin and its answer: between the client's connection and the origin's.

Finds an origin, hands bytes from one side to the other and lets ``edge.fronts.page`` at those of a
page; what an endpoint of ours answers is ``own``'s. Framing towards the client is
``client_side``'s, towards the origin ``origin_side``'s. The one invariant: a request is sent a
second time only if the first cannot have had an effect.
"""

import asyncio

from edge.fronts.direct.desk import Desk
from edge.fronts.direct.lines import chunk, last_chunk, request_head
from edge.fronts.direct.origin_side import OriginSide
from edge.fronts.direct.pool import FRESH_S
from edge.fronts.direct.seams import Client
from edge.fronts.page import Page, PageCorruptError
from edge.fronts.reception import Forward, Upstream
from edge.wire.answer import AnswerHead
from edge.wire.fields import Field, values_of
from edge.wire.framing import CHUNKED, Frame
from edge.wire.head import RequestHead
from edge.wire.hop import end_to_end_response
from edge.wire.refusal import (
    BAD_ANSWER,
    BAD_GATEWAY,
    BAD_REQUEST,
    GATEWAY_TIMEOUT,
    TOO_LARGE,
    Prepared,
    Refusal,
)

_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_SWITCHING = 101
_MOST_WAITING = 65_536
"""Bytes of an upload that wait for a connection before the client is slowed down."""


class Exchange:
    """Everything about one request; made when its head has been read."""

    __slots__ = (
        "_asked",
        "_began_at",
        "_client",
        "_desk",
        "_endless",
        "_framed",
        "_held_head",
        "_length",
        "_limit",
        "_origin",
        "_page",
        "_repeatable",
        "_request_done",
        "_request_head",
        "_sent",
        "_site_id",
        "_started",
        "_status",
        "_taken",
        "_task",
        "_upgrades",
        "_waiting",
        "head",
        "is_over",
        "is_tunnel",
        "method",
        "touched_at",
        "upstreams",
    )

    def __init__(self, desk: Desk, client: Client, head: RequestHead, length: int | None) -> None:
        self._desk = desk
        self._client = client
        self.head = head
        self.method = head.method
        self._length = length
        self.touched_at = desk.tick
        self.is_tunnel = False
        self.upstreams: list[Upstream] = []
        self._page: Page | None = None
        self._origin: OriginSide | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._request_head = b""
        self._request_done = length == 0
        self._started = False
        self._began_at = desk.begin()
        self._site_id = self._status = self._sent = 0
        self.is_over = False
        self._endless = False
        self._upgrades = False
        self._repeatable = length == 0 and head.method in _REPEATABLE
        self._framed = length is CHUNKED
        self._limit = 0
        self._taken = 0
        self._asked = False
        self._held_head: tuple[int, bytes, list[Field]] | None = None

    def begin(self, route: Prepared | Forward) -> None:
        """Carry out where the request goes."""
        if isinstance(route, Forward):
            self._forward(route)
        else:
            self._refuse(route)

    def request_data(self, data: bytes) -> None:
        """Take a piece of the request's body; what comes after the answer is dropped."""
        if self.is_over:
            return
        self.touched_at = self._desk.tick
        self._taken += len(data)
        if 0 < self._limit < self._taken:
            self._give_up(TOO_LARGE)
        else:
            self._upload(chunk(data) if self._framed else data)

    def request_end(self, trailers: list[Field]) -> None:
        """Take the end of the request's body."""
        if self.is_over:
            return
        self._request_done = True
        if self._framed:
            self._upload(last_chunk(trailers))
        self.touched_at = self._desk.tick

    def tunnel_data(self, data: bytes) -> None:
        """Take bytes for the origin after both sides have switched."""
        self.touched_at = self._desk.tick
        if self._origin is not None:
            self._origin.write(data)

    def body_broken(self) -> None:
        """Refuse a request whose body nobody can read; what was begun is cut."""
        if not self.is_over:
            self._give_up(BAD_REQUEST)

    def client_lost(self) -> None:
        """End everything: there is nobody to answer."""
        if self.is_over:
            return
        self._finish("cut")
        if self._task is not None:
            self._task.cancel()
        if self._origin is not None:
            self._origin.abort() if not self.is_tunnel else self._origin.close()
            self._origin = None

    def pause_download(self) -> None:
        """Read no more of the answer: the client reads no faster."""
        if self._origin is not None:
            self._origin.pause()

    def resume_download(self) -> None:
        """Read on."""
        self.touched_at = self._desk.tick
        if self._origin is not None:
            self._origin.resume()

    def enforce(self, first_byte_s: float, between_bytes_s: float) -> None:
        """End what has been silent for too long."""
        silent = self._desk.tick - self.touched_at
        if self.is_over:
            return
        if not self._started and self._request_done:
            if silent > first_byte_s:
                self._give_up(GATEWAY_TIMEOUT)
        elif silent > between_bytes_s and not (self._endless or self.is_tunnel):
            self._give_up(GATEWAY_TIMEOUT)

    def interim(self, head: AnswerHead) -> None:
        """Pass an interim answer on."""
        self.touched_at = self._desk.tick
        self._client.send_interim(head)

    def answer(self, head: AnswerHead) -> None:
        """Pass the answer's head on, as the page's plan has it."""
        self.touched_at = self._desk.tick
        self._started = True
        self._status = head.status
        if head.status == _SWITCHING:
            self._switch(head)
            return
        assert self._page
        fields = self._page.response(
            head.status, end_to_end_response(head.headers), has_body=head.frame is not Frame.NONE
        )
        for kind in values_of(head.headers, b"content-type"):
            self._endless = self._endless or kind.lower().startswith(b"text/event-stream")
        if self._page.withholds_head:
            self._held_head = (head.status, head.reason, fields)
        else:
            self._client.send_head(head.status, head.reason, fields)

    def _release_head(self) -> None:
        """Send a head that had to wait for what it explains."""
        held, self._held_head = self._held_head, None
        if held is not None:
            assert self._page
            status, reason, fields = held
            self._client.send_head(status, reason, [*fields, self._page.explanation])

    def answer_data(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        self.touched_at = self._desk.tick
        page = self._page
        if page is not None and page.watches and not self.is_tunnel:
            try:
                data = page.feed(data)
            except PageCorruptError:
                self._cut()
                return
        if data:
            if self._held_head is not None:
                self._release_head()
            self._sent += len(data)
            self._client.send_data(data)

    def answer_end(self, trailers: list[Field]) -> None:
        """End the answer, and let the origin's connection go."""
        page = self._page
        if page is not None and page.watches:
            try:
                rest = page.finish()
            except PageCorruptError:
                self._cut()
                return
            self._release_head()
            if rest:
                self._sent += len(rest)
                self._client.send_data(rest)
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.release() if self._request_done else origin.abort()
        self._finish("page")
        self._client.send_end(trailers)

    def answer_written(self) -> None:
        """Write what came in one piece in one piece."""
        self._client.flush()

    def origin_lost(self, *, silent: bool) -> None:
        """Ask again where that is safe; else say that the answer is lost."""
        origin, self._origin = self._origin, None
        if self.is_over:
            return
        if self.is_tunnel:
            self._finish("page")
            self._client.close_tunnel()
        elif self._started:
            self._cut()
        elif silent and self._repeatable and origin is not None and origin.is_reused:
            self._repeatable = False
            self._task = asyncio.create_task(self._connect())
        else:
            self._refuse(BAD_ANSWER if not silent else BAD_GATEWAY)

    def pause_upload(self) -> None:
        """Slow the client down."""
        self._client.pause_upload()

    def resume_upload(self) -> None:
        """Let the client go on."""
        self._client.resume_upload()

    def _forward(self, route: Forward) -> None:
        desk, head = self._desk, self.head
        self._limit, self._site_id = route.site.max_body_bytes, route.site.id
        self._upgrades = route.upgrades
        self._page = desk.open_page(route)
        headers = self._page.request(
            head.method.decode("latin-1"), route.target, route.headers, route.origin
        )
        self._request_head = request_head(head.method, route.target, headers, chunked=self._framed)
        self.upstreams = desk.pool.origins.order(route.upstreams)
        origin = desk.pool.take(self.upstreams[0]) if self._repeatable else None
        if origin is not None:
            self._attach(origin)
        else:
            self._task = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        """Ask the upstreams one after the other for a connection."""
        pool = self._desk.pool
        for upstream in self.upstreams:
            origin = None if self._asked else pool.take(upstream, FRESH_S)
            try:
                origin = origin or await pool.connect(upstream)
            except (OSError, UnicodeError):  # A host that is no name at all is the latter.
                pool.origins.failed(upstream)
                continue
            pool.origins.succeeded(upstream)
            if self.is_over:
                pool.give_back(origin)
            else:
                self._attach(origin)
            return
        self._refuse(BAD_GATEWAY)

    def _attach(self, origin: OriginSide) -> None:
        self._origin = origin
        self._asked = True
        self.touched_at = self._desk.tick
        if self._length == 0:
            origin.ask(self, self._request_head)
            return
        waiting, self._waiting = self._waiting, []
        self._client.go_on()
        self._client.resume_upload()  # Before the origin may say that it is too much again.
        origin.ask(self, b"".join((self._request_head, *waiting)))

    def _upload(self, data: bytes) -> None:
        if self._origin is not None:
            self._origin.write(data)
            return
        self._waiting.append(data)
        if sum(map(len, self._waiting)) > _MOST_WAITING:
            self._client.pause_upload()

    def _switch(self, head: AnswerHead) -> None:
        if not self._upgrades:
            self._started = False
            self._give_up(BAD_ANSWER)
            return
        self.is_tunnel = True
        self._client.send_head(head.status, head.reason, head.headers, switches=True)

    def _refuse(self, answer: Prepared) -> None:
        request_id = self._desk.new_id()
        page = self._desk.error_page(answer, request_id)
        self._sent = len(page.body)
        self._finish("refused", status=page.status, request_id=request_id)
        self._client.send_page(page)

    def _give_up(self, refusal: Refusal) -> None:
        self._drop_origin()
        if self._task is not None:
            self._task.cancel()
        if self._started:
            self._cut()
        else:
            self._refuse(refusal)

    def _cut(self) -> None:
        self._drop_origin()
        self._finish("cut")
        self._client.cut()

    def _drop_origin(self) -> None:
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.abort()

    def _finish(self, outcome: str, *, status: int = 0, request_id: str = "") -> None:
        """End the exchange: the page and the request log hear of it once."""
        self.is_over = True
        if self._page is not None:
            self._page.close(complete=outcome == "page")
        self._desk.note_answered(
            self._began_at,
            self._site_id,
            self.method,
            outcome=outcome,
            status=status or self._status,
            sent_bytes=self._sent,
            request_id=request_id,
        )
