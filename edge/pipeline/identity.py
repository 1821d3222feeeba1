"""Steps: who, for one salt period only: the visitor hash and the country.

The salt comes from ``edge.pipeline.salts``; these are the last steps that see the address. The one
invariant: without the period's salt the hash cannot be computed again, by anybody.

Source: INGESTION 1.2 and 1.5.
"""

import hmac
from functools import lru_cache

from edge.event import Address, Sender
from edge.pipeline.draft import Draft

_V4_IN_V6 = b"\x00" * 10 + b"\xff\xff"


def put_place(draft: Draft) -> None:
    """Set country, and region and city where the database has them."""
    draft.place = draft.context.places.find(draft.sender.address)


def put_visitor(draft: Draft) -> None:
    """Set the hash of the event's period, and the one before's in the first hour of a period."""
    salts = draft.context.salts
    salt = salts[draft.local_day]
    draft.visitor = visitor_hash(salt, draft.sender)
    before = salts.get(draft.local_day - 1) if draft.is_first_hour else None
    if before is not None and before != salt:
        draft.previous = visitor_hash(before, draft.sender)


def visitor_hash(salt: bytes, sender: Sender) -> int:
    """Hash site, address and agent into 64 bits; agents differ by every byte."""
    hashed = keyed(salt).copy()
    hashed.update(_prefix(sender.site.id) + packed_address(sender.address) + sender.agent)
    return int.from_bytes(hashed.digest()[:8])


@lru_cache(maxsize=1_024)
def keyed(salt: bytes) -> hmac.HMAC:
    """Begin a hash under a salt, which takes longer than to go on with one.

    It is as secret as the salt, so it goes with it: ``forget_keyed``.
    """
    return hmac.new(salt, digestmod="sha256")


def forget_keyed() -> None:
    """Forget every hash that was begun; those of living salts are begun again."""
    keyed.cache_clear()


def packed_address(address: Address) -> bytes:
    """Pack an address into 16 bytes, IPv4 as mapped, so that one client is one on any socket."""
    packed = address.packed
    return _V4_IN_V6 + packed if address.version == 4 else packed  # noqa: PLR2004 - IP version four.


@lru_cache(maxsize=65_536)
def _prefix(site_id: int) -> bytes:
    text = str(site_id).encode()
    return len(text).to_bytes(2) + text
