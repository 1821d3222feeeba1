"""The parts of a URL that a page has, split once: every step asks for them.

A beacon's URL is checked by ``edge.collector.payload`` and read by ``edge.pipeline``. The one
invariant: what is remembered is a handful of the latest, so none outlives the next few beacons.
"""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_REMEMBERED = 64


class PageUrl(NamedTuple):
    """A split URL; ``host`` is in lower case, without port and final dot, empty where none is."""

    scheme: str
    host: str
    path: str
    query: str
    fragment: str
    has_fair_port: bool
    """Whether the port, if it names one, is one."""


@lru_cache(maxsize=_REMEMBERED)
def split_page(url: str) -> PageUrl:
    """Split a URL.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        has_fair_port = parts.port is None or parts.port >= 0
    except ValueError:
        has_fair_port = False
    return PageUrl(
        parts.scheme, host.rstrip("."), parts.path, parts.query, parts.fragment, has_fair_port
    )
