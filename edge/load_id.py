"""The number of one load of a document, so that its first page view can be told for what it is.

The edge gives one to each document that no cache keeps and whose script may report (INGESTION 5.6);
the tracker sends it back with the first page view. Of its 64 bits 48 are drawn, and 16 are a MAC of
those under the site's ``load_key``, so that nobody else makes one up. Of the drawn ones the lowest
says that the document was fetched ahead, the next that it is an error page, and then the eight
above hold its status. The one invariant: a number that this module reads back was given out for
this site.
"""

from hashlib import blake2b
from hmac import compare_digest

from edge.sites import Site

RANDOM_BITS = 48
_AHEAD, _ERROR = 1, 2
_STATUS_AT, _STATUS_BITS = 2, 8
_LEAST_ERROR, _MOST_ERROR = 400, 599
_MAC_BYTES = 2
_HEX_DIGITS = 16
_KEY_BYTES = 64
"""The longest key that BLAKE2b takes."""


def make_load_id(site: Site, random_bits: int, *, is_ahead: bool, status: int = 200) -> int:
    """Make the id of a load out of 48 random bits; the lowest give way to what it tells."""
    drawn = random_bits & ((1 << RANDOM_BITS) - 1) & ~(_AHEAD | _ERROR) | is_ahead
    if is_error(status):
        drawn &= ~(((1 << _STATUS_BITS) - 1) << _STATUS_AT)
        drawn |= _ERROR | (status - _LEAST_ERROR) << _STATUS_AT
    return drawn << 8 * _MAC_BYTES | int.from_bytes(_mac(site, drawn))


def render_load_id(load_id: int) -> str:
    """Write an id as it travels: 16 hexadecimal digits."""
    return f"{load_id:0{_HEX_DIGITS}x}"


def read_load_id(site: Site, text: str) -> int:
    """Read an id of this site back; 0 is none, or one that this site never gave out."""
    if len(text) != _HEX_DIGITS or not site.load_key:
        return 0
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return 0
    drawn = int.from_bytes(raw[:-_MAC_BYTES])
    return int.from_bytes(raw) if compare_digest(raw[-_MAC_BYTES:], _mac(site, drawn)) else 0


def was_ahead(load_id: int) -> bool:
    """Tell whether the document was fetched before anybody asked to see it."""
    return bool(load_id >> 8 * _MAC_BYTES & _AHEAD)


def error_status(load_id: int) -> int:
    """Give the status of the document if it was an error page, else 0."""
    drawn = load_id >> 8 * _MAC_BYTES
    if not drawn & _ERROR:
        return 0
    return _LEAST_ERROR + (drawn >> _STATUS_AT & (1 << _STATUS_BITS) - 1)


def is_error(status: int) -> bool:
    """Tell whether a status says that the page is not what was asked for."""
    return _LEAST_ERROR <= status <= _MOST_ERROR


def _mac(site: Site, drawn: int) -> bytes:
    message = b"%d:%d" % (site.id, drawn)
    return blake2b(
        message, digest_size=_MAC_BYTES, key=site.load_key.encode()[:_KEY_BYTES]
    ).digest()
