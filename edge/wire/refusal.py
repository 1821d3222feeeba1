"""Answers of our own that are not the customer's: refusals, failures, redirects, challenges.

Whoever reads one is a visitor of somebody else's site: it names no product, no upstream address
and no cause that would help an attacker. It carries a request id, which is also in the log line
where there is one. Who gets which is ``edge.fronts.reception``. The one invariant: nothing that
came from a client or an origin is ever written into a body.
"""

from dataclasses import dataclass
from http import HTTPStatus

from edge.wire.fields import Field


class Prepared:
    """An answer that needs no origin; fronts hand it to ``render_error`` as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Refusal(Prepared):
    """A request the edge answers itself because it must not or cannot reach an origin."""

    status: int
    text: str
    headers: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect(Prepared):
    """A request that should be made at another address; ``location`` is safe in a field."""

    status: int
    location: bytes
    headers: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Challenge(Prepared):
    """The file that an ACME server asks for."""

    body: bytes


BAD_REQUEST = Refusal(400, "The request could not be understood.")
BAD_HOST = Refusal(400, "The request must name exactly one host.")
TOO_LARGE = Refusal(413, "The request body is too large.")
TARGET_TOO_LONG = Refusal(414, "The address is too long.")
UNKNOWN_HOST = Refusal(421, "No site is served here under this name.")
HEAD_TOO_LARGE = Refusal(431, "The request header is too large.")
METHOD_REFUSED = Refusal(405, "This method is not supported here.")
BAD_GATEWAY = Refusal(502, "The site could not be reached. Please try again in a moment.")
BAD_ANSWER = Refusal(502, "The site sent an answer that could not be understood.")
MAINTENANCE = Refusal(
    503,
    "The site is being worked on. Please try again in a few minutes.",
    ((b"Retry-After", b"300"),),
)
GATEWAY_TIMEOUT = Refusal(504, "The site took too long to answer. Please try again in a moment.")


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """A whole answer, ready to be framed by any front."""

    status: int
    reason: bytes
    headers: tuple[Field, ...]
    body: bytes


def render_error(answer: Prepared, request_id: str) -> ErrorPage:
    """Write an answer of ours as one that no cache keeps.

    A redirect is kept by nobody either: a browser that remembered one for ever would keep going
    where an operator's mistake of a minute sent it.
    """
    if isinstance(answer, Challenge):
        return _page(200, answer.body, (), request_id)
    if isinstance(answer, Redirect):
        text = "This page is at another address."
        extra = ((b"Location", answer.location), *answer.headers)
        return _page(answer.status, _body(answer.status, text, request_id), extra, request_id)
    assert isinstance(answer, Refusal)
    body = _body(answer.status, answer.text, request_id)
    return _page(answer.status, body, answer.headers, request_id)


def _body(status: int, text: str, request_id: str) -> bytes:
    return f"{status} {HTTPStatus(status).phrase}\n\n{text}\nRequest {request_id}\n".encode()


def _page(status: int, body: bytes, extra: tuple[Field, ...], request_id: str) -> ErrorPage:
    headers = (
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", str(len(body)).encode()),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"X-Request-Id", request_id.encode()),
        *extra,
    )
    return ErrorPage(status, HTTPStatus(status).phrase.encode(), headers, body)
