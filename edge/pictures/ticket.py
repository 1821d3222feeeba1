"""The ticket in a page's address that lets the edge keep a picture of it.

The portal writes one for somebody who may edit the site; they open the address in their own
browser. The MAC is under the site's ``load_key``, so that nobody else writes one. The one
invariant: the origin never sees a ticket of its site, be it good for a picture or too old.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

NAME = b"sf_picture="
NONCE_BYTES = 9
GOOD_FOR_S = 900
_UNTIL_BYTES = 4
_PLAIN_BYTES = _UNTIL_BYTES + NONCE_BYTES + 1
_MAC_BYTES = 16
_KEY_BYTES = 64
_HIDES = 1
_PARAMETER = re.compile(rb"(?<=[?&])sf_picture=([A-Za-z0-9_=-]*)(?:&|\Z)")


class Ticket(NamedTuple):
    """Leave to take one picture; ``nonce`` names it. Units: ``until_s`` Unix seconds."""

    nonce: str
    until_s: int
    hides_words: bool = False
    """Letters, digits and images of the page are not kept."""


def write_ticket(site_id: int, load_key: str, ticket: Ticket) -> str:
    """Write a ticket as it travels; ``nonce`` is ``NONCE_BYTES`` in hex."""
    plain = ticket.until_s.to_bytes(_UNTIL_BYTES) + bytes.fromhex(ticket.nonce)
    plain += bytes([_HIDES if ticket.hides_words else 0])
    return urlsafe_b64encode(plain + _mac(site_id, load_key, plain)).decode().rstrip("=")


def take_out(target: bytes) -> tuple[bytes, bytes]:
    """Take the ticket out of a request's target; gives the rest, and what stood there."""
    found = _PARAMETER.search(target)
    if found is None:
        return target, b""
    rest = target[: found.start()] + target[found.end() :]
    return rest.rstrip(b"?&") if rest[-1:] in b"?&" else rest, found[1]


def read_ticket(site_id: int, load_key: str, raw: bytes, now_s: float) -> Ticket | None:
    """Read a ticket of a site; None if it is none of it, or too old."""
    try:
        whole = urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except Error:
        return None
    plain, mac = whole[:_PLAIN_BYTES], whole[_PLAIN_BYTES:]
    if not load_key or len(mac) != _MAC_BYTES:
        return None
    if not compare_digest(mac, _mac(site_id, load_key, plain)):
        return None
    until_s = int.from_bytes(plain[:_UNTIL_BYTES])
    if until_s < now_s:
        return None
    return Ticket(plain[_UNTIL_BYTES:-1].hex(), until_s, hides_words=bool(plain[-1] & _HIDES))


def _mac(site_id: int, load_key: str, plain: bytes) -> bytes:
    message = b"picture:%d:" % site_id + plain
    key = load_key.encode()[:_KEY_BYTES]
    return blake2b(message, digest_size=_MAC_BYTES, key=key).digest()
