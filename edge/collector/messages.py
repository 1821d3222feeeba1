"""Request and response of the first-party endpoints, as fronts exchange them with the collector.

Framework-neutral values and the few ways a response is made. What is answered is decided in
``edge.collector.endpoints``. The one invariant: a response carries its own length and may not be
sniffed as anything else than it says.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson

from edge.event import Address
from edge.sites import Site

type Headers = tuple[tuple[bytes, bytes], ...]

MAX_BODY_BYTES = 65_536
"""Longest body of a beacon; CONTRACT 3."""

JSON = b"application/json"
NO_STORE = (b"Cache-Control", b"no-store")


class EndpointRequest(NamedTuple):
    """A request under a site's prefix.

    ``path`` is raw and without its query; ``headers`` are as received; ``address`` is what
    ``client_ip.client_address`` found; ``secure`` tells whether the visitor's side is HTTPS.
    ``named`` are the first values by lower-case name, without what identifies a person to the site;
    ``Endpoints`` sets it.

    Units: ``received_at_ms`` Unix milliseconds.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    address: Address
    site: Site
    received_at_ms: int
    secure: bool
    named: Mapping[bytes, bytes] = MappingProxyType({})


class EndpointResponse(NamedTuple):
    """The whole answer; ``headers`` hold Content-Length, a HEAD answer has an empty body."""

    status: int
    headers: Headers
    body: bytes


def first_value(headers: Headers, name: bytes) -> bytes:
    """Find the first value of a lower-case header name; empty if there is none."""
    for key, value in headers:
        if key == name:
            return value
    return b""


def render_response(
    status: int, content_type: bytes, body: bytes, extra: Headers = (), *, head: bool = False
) -> EndpointResponse:
    """Make a response; ``head`` keeps the length and leaves the body out."""
    headers = (
        (b"Content-Type", content_type),
        (b"Content-Length", b"%d" % len(body)),
        (b"X-Content-Type-Options", b"nosniff"),
        *extra,
    )
    return EndpointResponse(status, headers, b"" if head else body)


def render_empty(status: int, extra: Headers = ()) -> EndpointResponse:
    """Make a response without a body; 204 and 304 may not state a length."""
    length: Headers = () if status in {204, 304} else ((b"Content-Length", b"0"),)
    return EndpointResponse(status, (*length, *extra), b"")


def render_error(
    status: int, code: str, message: str, field: str | None = None, extra: Headers = ()
) -> EndpointResponse:
    """Make the one shape in which a refusal is told."""
    body = orjson.dumps({"error": {"code": code, "message": message, "field": field}})
    return render_response(status, JSON, body, (NO_STORE, *extra))


def refuse_method(allowed: bytes) -> EndpointResponse:
    """Answer 405 with the methods that would have worked."""
    return render_error(
        405, "method_not_allowed", "This method is not allowed here.", None, ((b"Allow", allowed),)
    )
