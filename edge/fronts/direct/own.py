"""One request that an endpoint of ours answers: its body taken in, its answer handed out.

What endpoints there are is ``edge.collector``; requests for an origin are ``exchange``'s. The one
invariant: no connection to an origin is made for such a request.
"""

import asyncio
import time
from http import HTTPStatus

from edge.collector.endpoints import MAX_BODY_BYTES, EndpointRequest
from edge.fronts.direct.desk import Desk
from edge.fronts.direct.seams import Client
from edge.fronts.reception import Own
from edge.wire.fields import Field
from edge.wire.head import RequestHead
from edge.wire.refusal import BAD_REQUEST, ErrorPage


class OwnExchange:
    """Everything about one such request; made when its head has been read."""

    __slots__ = (
        "_body",
        "_client",
        "_desk",
        "_head",
        "_own",
        "_request_done",
        "_since",
        "_taken",
        "_task",
        "_touched_at",
        "is_over",
    )

    def __init__(
        self, desk: Desk, client: Client, head: RequestHead, length: int | None, own: Own
    ) -> None:
        self._desk = desk
        self._client = client
        self._head = head
        self._own = own
        self._request_done = length == 0
        self._body: list[bytes] = []
        self._taken = 0
        self._touched_at = desk.tick
        self._since = desk.begin()
        self._task: asyncio.Task[None] | None = None
        self.is_over = False

    def begin(self) -> None:
        """Answer, or ask for the body."""
        if self._own.too_large:
            self._refuse_body()
        elif self._request_done:
            self._start()
        else:
            self._client.go_on()

    def request_data(self, data: bytes) -> None:
        """Take a piece of the request's body; what comes after the answer is dropped."""
        if self.is_over:
            return
        self._touched_at = self._desk.tick
        self._taken += len(data)
        if self._taken > MAX_BODY_BYTES:
            self._refuse_body()
        else:
            self._body.append(data)

    def request_end(self, _trailers: list[Field]) -> None:
        """Take the end of the request's body."""
        if not self.is_over:
            self._request_done = True
            self._start()

    def tunnel_data(self, data: bytes) -> None:
        """Take nothing: no endpoint switches protocols."""

    def body_broken(self) -> None:
        """Refuse a request whose body nobody can read."""
        if not self.is_over:
            self._refuse()

    def client_lost(self) -> None:
        """Go on without a client: an event that has come whole is kept, whoever has left."""
        if not self.is_over:
            self._finish("cut")

    def pause_download(self) -> None:
        """Do nothing: the answer is handed out whole."""

    def resume_download(self) -> None:
        """Do nothing, as for ``pause_download``."""

    def enforce(self, first_byte_s: float, _between_bytes_s: float) -> None:
        """Refuse a body that stopped coming; how long an endpoint takes is its own affair."""
        silent = self._desk.tick - self._touched_at
        if silent > first_byte_s and not (self._request_done or self.is_over):
            self._refuse()

    def _start(self) -> None:
        """Answer in the loop's next round.

        Begun at once it takes a tenth longer: requests that arrive together are best read one after
        the other and then answered one after the other, while each step's code is at hand.
        """
        self._task = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        head, own = self._head, self._own
        answer = await self._desk.endpoints.respond(
            EndpointRequest(
                head.method.decode("latin-1"),
                own.path,
                own.query,
                tuple(head.headers),
                b"".join(self._body),
                own.address,
                own.site,
                time.time_ns() // 1_000_000,
                own.secure,
            )
        )
        if not self.is_over:
            body = b"" if head.method == b"HEAD" else answer.body
            self._finish("own", status=answer.status, sent_bytes=len(body))
            self._client.send_own(answer.status, answer.headers, body)

    def _refuse_body(self) -> None:
        answer = self._desk.endpoints.refuse_large()
        self._finish("own", status=answer.status)
        phrase = HTTPStatus(answer.status).phrase.encode()
        self._client.send_page(ErrorPage(answer.status, phrase, answer.headers, answer.body))

    def _refuse(self) -> None:
        request_id = self._desk.new_id()
        page = self._desk.error_page(BAD_REQUEST, request_id)
        self._finish("refused", page.status, len(page.body), request_id)
        self._client.send_page(page)

    def _finish(
        self, outcome: str, status: int = 0, sent_bytes: int = 0, request_id: str = ""
    ) -> None:
        self.is_over = True
        self._desk.note_answered(
            self._since,
            self._own.site.id,
            self._head.method,
            outcome=outcome,
            status=status,
            sent_bytes=sent_bytes,
            request_id=request_id,
        )
