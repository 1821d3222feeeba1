"""The parts of a URL that a page has, split once: every step asks for them.

A beacon's URL is checked by ``edge.collector.payload`` and read by ``edge.pipeline``. The one
invariant: what is remembered is a handful of the latest, and forgotten with ``forget_pages``.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_REMEMBERED = 64
_PLAIN = re.compile(
    r"(https?)://([a-z0-9.-]+)(?::[0-9]{1,4})?((?:/[^?#\x00-\x20\x7f]*)?)"
    r"(?:\?([^#\x00-\x20\x7f]*))?(?:\#([^\x00-\x20\x7f]*))?"
)
"""Nearly every URL that a browser writes, which needs no more than this to be split."""


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
    if plain := _PLAIN.fullmatch(url):
        scheme, host, path, query, fragment = plain.groups("")
        return PageUrl(scheme, host.rstrip("."), path, query, fragment, has_fair_port=True)
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        has_fair_port = parts.port is None or parts.port >= 0
    except ValueError:
        has_fair_port = False
    return PageUrl(
        parts.scheme, host.rstrip("."), parts.path, parts.query, parts.fragment, has_fair_port
    )


def forget_pages() -> None:
    """Forget what was split of late, here and in the library: as sent, it may name a person."""
    split_page.cache_clear()
    urlsplit.cache_clear()  # type: ignore[attr-defined]
