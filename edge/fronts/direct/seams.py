"""What an exchange asks of the client's connection, and the origin's connection of an exchange.

Only signatures, so that each side can be read, and tested, without the other. The one invariant:
after a call that says so, the callee is done with the exchange and makes no further call.
"""

from typing import Protocol

from edge.wire.answer import AnswerHead
from edge.wire.fields import Field
from edge.wire.refusal import ErrorPage


class Client(Protocol):
    """The client's side, as an exchange sees it."""

    def send_interim(self, head: AnswerHead) -> None:
        """Send an interim answer, if the client can take one."""

    def send_head(
        self, status: int, reason: bytes, fields: list[Field], *, switches: bool = False
    ) -> None:
        """Send the head of the answer; from now on ``send_data``."""

    def send_data(self, data: bytes) -> None:
        """Send a piece of the body, framed as the head said, or of the tunnel as it is."""

    def send_end(self, trailers: list[Field]) -> None:
        """End the answer; the exchange is over."""

    def send_page(self, page: ErrorPage) -> None:
        """Send an answer of ours instead of any other; the exchange is over."""

    def send_own(self, status: int, fields: tuple[Field, ...], body: bytes) -> None:
        """Send the answer of an endpoint; the exchange is over."""

    def flush(self) -> None:
        """Write what was sent."""

    def cut(self) -> None:
        """End the connection so that the client cannot take the body for complete."""

    def go_on(self) -> None:
        """Tell a client that waits with its body to send it."""

    def pause_upload(self) -> None:
        """Read no more of the body."""

    def resume_upload(self) -> None:
        """Read on."""

    def close_tunnel(self) -> None:
        """End the connection after what was sent."""


class Asker(Protocol):
    """Who asked, and is told of the answer."""

    method: bytes

    def interim(self, head: AnswerHead) -> None:
        """Take an interim answer; the final one comes later."""

    def answer(self, head: AnswerHead) -> None:
        """Take the final answer's head."""

    def answer_data(self, data: bytes) -> None:
        """Take a piece of the answer's body, or, once switched, of the tunnel."""

    def answer_end(self, trailers: list[Field]) -> None:
        """Take the end of the answer; the connection is no longer the asker's."""

    def answer_written(self) -> None:
        """Note that all callbacks of one arrival of bytes have been made."""

    def origin_lost(self, *, silent: bool) -> None:
        """Take it that no (more) answer comes; ``silent``: not a byte of one has come."""

    def pause_upload(self) -> None:
        """Stop sending a body: the origin reads no faster."""

    def resume_upload(self) -> None:
        """Go on sending."""
