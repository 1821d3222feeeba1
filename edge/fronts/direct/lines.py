"""Write heads and chunks of HTTP/1.1, both ways.

What may be in them was decided before; nothing is checked here. The one invariant: fields are
written as they are, in their order.
"""

from functools import lru_cache
from http import HTTPStatus

from edge.wire.fields import Field

CLOSE = (b"Connection", b"close")


def request_head(method: bytes, target: bytes, fields: list[Field], *, chunked: bool) -> bytes:
    """Write the head of a request; ``chunked`` says how its body comes."""
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, target, written(fields), framing)


def answer_head(status: int, reason: bytes, fields: list[Field]) -> bytes:
    """Write the head of an answer."""
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, reason, written(fields))


@lru_cache(maxsize=256)
def own_head(status: int, fields: tuple[Field, ...], *, closes: bool) -> bytes:
    """Write the head of an endpoint's answer; nearly all answers have one of a few."""
    written_fields = [*fields, CLOSE] if closes else list(fields)
    return answer_head(status, HTTPStatus(status).phrase.encode(), written_fields)


def chunk(data: bytes) -> bytes:
    """Write one chunk of a body; empty data would end it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def last_chunk(trailers: list[Field]) -> bytes:
    """End a body in chunks."""
    return b"0\r\n%s\r\n" % written(trailers)


def written(fields: list[Field]) -> bytes:
    """Write fields as lines."""
    return b"".join([b"%s: %s\r\n" % field for field in fields])
