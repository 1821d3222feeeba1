"""Which pages, or whose, get the tag while a site tries it on a share of them.

The HTML of a page that caches may keep depends on its URL only, so there the share is one of paths;
where an answer is ``private``, ``no-store`` or sets a cookie, nobody else will see it, and the
share is one of visitors, so that a visitor meets one behaviour for a day. The one invariant: the
same request gets the same answer in every process of every edge, without anything being stored.

A visitor is the keyed hash of address and agent, as in counting, but under a key of its own: the
site's public key and the day. It need not be secret, because neither the hash nor anything derived
from it leaves this module, but for one bit that nobody keeps: inside or outside. The day in it
makes sure that not even that bit follows a visitor for longer.
"""

from functools import lru_cache
from hashlib import blake2b

from edge.event import Address
from edge.inject.tag import Headers
from edge.sites import Site

_DAY_S = 86_400
_COOKIE = b"set-cookie"
_PRIVATE = frozenset({b"private", b"no-store"})


def is_path_inside(site: Site, target: bytes) -> bool:
    """Tell whether a page belongs to the share of paths; its query has no say."""
    return _bucket(site, b"path", target.partition(b"?")[0]) < site.canary_percent


def is_visitor_inside(site: Site, address: Address, agent: bytes, now_s: float) -> bool:
    """Tell whether a visitor belongs to today's share of visitors.

    Units: ``now_s`` Unix seconds.
    """
    day = b"%d" % (now_s // _DAY_S)
    return _bucket(site, b"visitor" + day, address.packed + agent) < site.canary_percent


def is_for_one_visitor(headers: Headers) -> bool:
    """Tell whether an answer is for nobody but whoever asked."""
    for name, value in headers:
        key = name.lower()
        if key == _COOKIE:
            return True
        if key == b"cache-control" and not _PRIVATE.isdisjoint(_directives(value)):
            return True
    return False


def _directives(value: bytes) -> list[bytes]:
    """List directives by name; ``private="a-field"`` is about that field, not about the answer."""
    return [part.strip().lower() for part in value.split(b",")]


def _bucket(site: Site, kind: bytes, what: bytes) -> int:
    """Spread evenly over 0 to 99, differently for every site."""
    digest = blake2b(what, digest_size=8, key=_key(site.public_key, kind)).digest()
    return int.from_bytes(digest) * 100 >> 64


@lru_cache(maxsize=1024)
def _key(public_key: str, kind: bytes) -> bytes:
    return blake2b(public_key.encode(), digest_size=32, person=kind).digest()
