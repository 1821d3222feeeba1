"""What concerns one connection only, and therefore stops at the edge.

Takes connection-level fields out of a message in both directions; a front adds its own framing
(``edge.wire.framing``) afterwards. Only upgrades to WebSocket are passed on: ``h2c`` would let a
client talk to the origin past the edge. The one invariant: a client cannot make the edge drop an
end-to-end field by naming it in Connection.

Source: RFC 9110 section 7.6.1.
"""

from functools import lru_cache

from edge.wire.fields import Field, Fields, Indexed, tokens_of, without

_HOP = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
_FROM_ORIGIN = _HOP | {b"alt-svc"}
"""Alt-Svc names ports of the origin; a browser that followed it would miss the edge."""
_NEVER_NAMED = frozenset(
    {
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"cookie",
        b"forwarded",
        b"host",
        b"set-cookie",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    }
)
UNFIT_FOR_TRAILERS = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"proxy-authorization",
        b"range",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-real-ip",
    }
)
"""What would change framing, routing or who asks, to those who merge trailers into the header."""
_UPGRADE = (
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
)


def is_websocket(fields: Fields) -> bool:
    """Tell whether a message asks for, or grants, an upgrade to WebSocket."""
    return b"upgrade" in tokens_of(fields, b"connection") and (
        tokens_of(fields, b"upgrade") == (b"websocket",)
    )


def end_to_end_request(
    fields: Fields, besides: frozenset[bytes] = frozenset(), more: tuple[Field, ...] = ()
) -> list[Field]:
    """Keep what a request says to the origin; a WebSocket upgrade is asked for again.

    ``besides``: lower-case names of further fields to leave out; ``more``: fields to add, of names
    that are then not there.
    """
    more = (*_UPGRADE, *more) if is_websocket(fields) else more
    return _end_to_end(fields, _joined(_HOP, besides) if besides else _HOP, more)


def end_to_end_response(fields: Fields) -> list[Field]:
    """Keep what an answer says to the client."""
    return _end_to_end(fields, _FROM_ORIGIN)


def wants_close(version: bytes, fields: Fields) -> bool:
    """Tell whether a message is the last one on its connection."""
    tokens = tokens_of(fields, b"connection")
    return b"close" in tokens or (version == b"HTTP/1.0" and b"keep-alive" not in tokens)


def _end_to_end(fields: Fields, hop: frozenset[bytes], more: tuple[Field, ...] = ()) -> list[Field]:
    tokens = tokens_of(fields, b"connection")
    dropped = _dropped(tokens, hop) if tokens else hop
    if isinstance(fields, Indexed):
        return fields.but(dropped, *more)
    return [*without(fields, dropped), *more]


@lru_cache(maxsize=256)
def _dropped(named: tuple[bytes, ...], hop: frozenset[bytes]) -> frozenset[bytes]:
    """Add what Connection names, as far as it may; senders of a kind name the same."""
    return hop | (frozenset(named) - _NEVER_NAMED)


@lru_cache(maxsize=16)
def _joined(some: frozenset[bytes], others: frozenset[bytes]) -> frozenset[bytes]:
    return some | others
