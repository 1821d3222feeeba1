"""Tell the origin who asked, for what and how: X-Forwarded-* and Forwarded.

A peer that is no trusted proxy can write anything into these fields, so what it sent is taken out
and only what the edge saw itself is written; a trusted proxy's values are kept and appended to.
Whose address counts for analytics is ``edge.collector.client_ip``. The one invariant: the last
element of every chain was written by the edge, or by the web server that is its first half.

Source: RFC 7239; DESIGN 5.3.
"""

from edge.event import Address
from edge.wire.fields import Field, Fields, Indexed, values_of, without

_ADDRESS_CLAIMS = frozenset(
    {
        b"cf-connecting-ip",
        b"forwarded",
        b"true-client-ip",
        b"x-client-ip",
        b"x-forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-scheme",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-real-ip",
        b"x-sf-front",
    }
)
_REWRITTEN = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
)

FRONT = b"x-sf-front"
"""Sent by a web server before us that is part of this edge (``edge.fronts.nginx``): it has written
the forwarding fields for the origin already, and it cannot pass on interim answers."""


def claims(*, trusted: bool) -> frozenset[bytes]:
    """Name the fields that ``with_forwarded`` writes itself, or that must not be believed."""
    return _REWRITTEN if trusted else _ADDRESS_CLAIMS


def with_forwarded(
    fields: Fields, *, peer: Address, trusted: bool, secure: bool, authority: bytes
) -> list[Field]:
    """Replace, or after a trusted proxy extend, what a request claims about its way here.

    A trusted web server that is part of this edge (``FRONT``) has done so; nothing is added.
    """
    if not trusted:
        return [*without(fields, _ADDRESS_CLAIMS), *seen_by_us(peer, secure, authority)]
    scheme, address = (b"https" if secure else b"http"), str(peer).encode()
    element = _element(peer, address, scheme, authority)
    if values_of(fields, FRONT):
        return without(fields, frozenset({FRONT}))
    written = (
        (b"X-Forwarded-For", _appended(fields, b"x-forwarded-for", address)),
        (b"X-Forwarded-Proto", _scheme(fields) or scheme),
        (b"X-Forwarded-Host", _first(fields, b"x-forwarded-host") or authority),
        (b"Forwarded", _appended(fields, b"forwarded", element)),
    )
    if isinstance(fields, Indexed):
        return fields.but(_REWRITTEN, *written)
    return [*without(fields, _REWRITTEN), *written]


def takes_interim(version: bytes, fields: Fields) -> bool:
    """Tell whether the sender of a request can be sent interim answers (1xx)."""
    return version != b"HTTP/1.0" and not values_of(fields, FRONT)


def seen_by_us(peer: Address, secure: bool, authority: bytes) -> tuple[Field, ...]:
    """Write what the edge saw itself: all that there is of a request from nobody in particular."""
    scheme = b"https" if secure else b"http"
    address = str(peer).encode()
    return (
        (b"X-Forwarded-For", address),
        (b"X-Forwarded-Proto", scheme),
        (b"X-Forwarded-Host", authority),
        (b"Forwarded", _element(peer, address, scheme, authority)),
    )


def _element(peer: Address, address: bytes, scheme: bytes, authority: bytes) -> bytes:
    node = b'"[%s]"' % address if peer.version == 6 else address  # noqa: PLR2004 - IP version six.
    return b'for=%s;host="%s";proto=%s' % (node, authority, scheme)


def is_secure(fields: Fields, *, tls: bool, trusted: bool) -> bool:
    """Tell whether the browser spoke TLS, to us or to a trusted proxy before us."""
    claimed = _scheme(fields) if trusted else None
    return tls if claimed is None else claimed == b"https"


def _scheme(fields: Fields) -> bytes | None:
    value = _first(fields, b"x-forwarded-proto").lower()
    return value if value in {b"http", b"https"} else None


def _first(fields: Fields, name: bytes) -> bytes:
    values = values_of(fields, name)
    return values[0].partition(b",")[0].strip(b" \t") if values else b""


def _appended(fields: Fields, name: bytes, element: bytes) -> bytes:
    return b", ".join([*(value for value in values_of(fields, name) if value), element])
