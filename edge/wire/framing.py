"""How long a body is, and how the edge frames it for the next hop.

The requests' side is strict: a length that two readers could understand differently is refused. The
answers' side only chooses among three frames; whether an answer of an origin is well-formed is the
front's parser. The one invariant: an HTTP/1.0 client never gets a chunked body.

Source: RFC 9112 section 6.
"""

import re
from enum import StrEnum

from edge.wire.fields import Field, Fields, values_of, without
from edge.wire.refusal import BAD_REQUEST, Refusal

_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
_TRANSFER = frozenset({b"transfer-encoding"})
_BODILESS = frozenset({204, 304})

CHUNKED = None
"""The value of a request's length when it is sent in chunks."""


class Frame(StrEnum):
    """How an answer's body ends."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


def request_length(fields: Fields, version: bytes) -> int | Refusal | None:
    """Tell the length of a request's body: a number, ``CHUNKED``, or why it cannot be told."""
    codings = values_of(fields, b"transfer-encoding")
    lengths = values_of(fields, b"content-length")
    if codings:
        plain = len(codings) == 1 and codings[0].lower() == b"chunked"
        if lengths or not plain or version != b"HTTP/1.1":
            return BAD_REQUEST
        return CHUNKED
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        return BAD_REQUEST
    return int(lengths[0])


def response_frame(method: bytes, version: bytes, status: int, fields: Fields) -> Frame:
    """Choose the frame of an answer; ``version`` is the client's."""
    if method == b"HEAD" or status in _BODILESS or status < 200:  # noqa: PLR2004 - 1xx has no body.
        return Frame.NONE
    if values_of(fields, b"content-length"):
        return Frame.LENGTH
    return Frame.CLOSE if version == b"HTTP/1.0" else Frame.CHUNKED


def framed(fields: Fields, frame: Frame) -> list[Field]:
    """Write the frame into an answer's fields; a length stays where it stood."""
    kept = without(fields, _TRANSFER)
    if frame is Frame.CHUNKED:
        kept.append((b"Transfer-Encoding", b"chunked"))
    return kept
