"""Make mitmproxy's message objects without its checks for hand-written flows.

mitmproxy type-checks every field of every message, for the sake of people who type them in; that is
an eighth of the time a page takes, and ours come out of parsers. The one invariant: what is made
here differs from mitmproxy's own only in how long it takes.
"""

from mitmproxy import http

from edge.wire.fields import Fields


class _RequestData(http.RequestData):
    def __post_init__(self) -> None:
        """Trust the parser."""


class _ResponseData(http.ResponseData):
    def __post_init__(self) -> None:
        """Trust the parser."""


def make_request(
    method: bytes, scheme: bytes, authority: bytes, path: bytes, version: bytes, headers: Fields
) -> http.Request:
    """Make a request as a client sent it; the exchange says where it goes."""
    request = http.Request.__new__(http.Request)
    request.data = _RequestData(
        http_version=version,
        headers=http.Headers(headers),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
        host="",
        port=0,
        method=method,
        scheme=scheme,
        authority=authority,
        path=path,
    )
    return request


def make_response(
    status: int, reason: bytes, headers: Fields, body: bytes | None = None
) -> http.Response:
    """Make an answer; a body that streams is None."""
    response = http.Response.__new__(http.Response)
    response.data = _ResponseData(
        http_version=b"HTTP/1.1",
        headers=http.Headers(headers),
        content=body,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
        status_code=status,
        reason=reason,
    )
    return response
