"""Answers of our own that are not the customer's: refusals and failures, as plain text.

Whoever reads one is a visitor of somebody else's site: it names no product, no upstream address
and no cause that would help an attacker. It carries a request id, which is also in the log line
where there is one. The one invariant: nothing that came from a client or an origin is ever
written into it.
"""

from dataclasses import dataclass
from http import HTTPStatus

from edge.wire.fields import Field


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request the edge answers itself because it must not or cannot reach an origin."""

    status: int
    text: str


BAD_REQUEST = Refusal(400, "The request could not be understood.")
BAD_HOST = Refusal(400, "The request must name exactly one host.")
TOO_LARGE = Refusal(413, "The request body is too large.")
TARGET_TOO_LONG = Refusal(414, "The address is too long.")
UNKNOWN_HOST = Refusal(421, "No site is served here under this name.")
HEAD_TOO_LARGE = Refusal(431, "The request header is too large.")
METHOD_REFUSED = Refusal(405, "This method is not supported here.")
BAD_GATEWAY = Refusal(502, "The site could not be reached. Please try again in a moment.")
BAD_ANSWER = Refusal(502, "The site sent an answer that could not be understood.")
GATEWAY_TIMEOUT = Refusal(504, "The site took too long to answer. Please try again in a moment.")


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """A whole answer, ready to be framed by any front."""

    status: int
    reason: bytes
    headers: tuple[Field, ...]
    body: bytes


def render_error(refusal: Refusal, request_id: str) -> ErrorPage:
    """Write a refusal as an answer that no cache keeps."""
    phrase = HTTPStatus(refusal.status).phrase
    body = f"{refusal.status} {phrase}\n\n{refusal.text}\nRequest {request_id}\n".encode()
    headers = (
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", str(len(body)).encode()),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"X-Request-Id", request_id.encode()),
    )
    return ErrorPage(refusal.status, phrase.encode(), headers, body)
