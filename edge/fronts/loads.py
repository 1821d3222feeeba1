"""Which documents get a load id, so that the tracker can confirm them (INGESTION 5.6).

An id must come back from one load only, so it goes to answers that no cache shows again unasked, to
a 304 too; and it must be able to come back, so not to frames, which report with their page, not
over connections on which browsers keep ``Server-Timing`` from scripts, and not to visitors who do
not want to be counted. Making and reading ids is ``edge.load_id``. The one invariant: the id is in
a header and nowhere else, so the HTML still depends on the URL only.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from edge.fronts.served import Asked
from edge.load_id import RANDOM_BITS, make_load_id, render_load_id
from edge.wire.fields import Field, Fields, tokens_of, values_of

_ASIDE = frozenset({b"iframe", b"frame"})
_ASKS_ALWAYS = frozenset({b"no-store", b"no-cache"})
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def is_fetched_ahead(headers: Fields) -> bool:
    """Tell whether a browser prefetches or prerenders, before anybody asked to see the page."""
    return any(
        b"prefetch" in value.lower()
        for name in (b"sec-purpose", b"purpose", b"x-moz")
        for value in values_of(headers, name)
    )


def is_in_frame(headers: Fields) -> bool:
    """Tell whether the document is for a frame of another page."""
    return not _ASIDE.isdisjoint(values_of(headers, b"sec-fetch-dest"))


def refusal_of(asked: Asked) -> str:
    """Name how the visitor said not to count them: ``opted_out``, ``dnt``, ``gpc``, or nothing."""
    if asked.opted_out:
        return "opted_out"
    if asked.site.respect_dnt:
        for name, value in ((b"dnt", "dnt"), (b"sec-gpc", "gpc")):
            if b"1" in values_of(asked.headers, name):
                return value
    return ""


def is_kept(headers: Fields) -> bool:
    """Tell whether a cache, be it the browser's own, may show the answer again without asking.

    An answer that browsers ask about before each use is as good as one that is never kept: each
    use comes by here, and a 304 brings an id of its own. What says nothing of this is kept.

    Source: RFC 9111, section 4.2; Chromium shows scripts the ``Server-Timing`` of the 304 (tried).
    """
    control = tokens_of(headers, b"cache-control")
    if not _ASKS_ALWAYS.isdisjoint(control):
        return False
    seconds = dict(token.split(b"=", 1) for token in control if b"=" in token)
    if any(_is_positive(seconds.get(name)) for name in (b"s-maxage", b"stale-while-revalidate")):
        return True
    if b"max-age" in seconds:
        return _is_positive(seconds[b"max-age"])
    if values_of(headers, b"last-modified") or values_of(headers, b"expires"):
        return True
    return b"private" not in control and not values_of(headers, b"set-cookie")


def can_confirm(asked: Asked) -> bool:
    """Tell whether a tracker on this page could send an id back, as far as the request tells."""
    return (
        asked.site.hits
        and bool(asked.site.load_key)
        and _is_trustworthy(asked.origin)
        and not is_in_frame(asked.headers)
        and not refusal_of(asked)
    )


def draw_load(asked: Asked, status: int, draw: Callable[[int], int]) -> tuple[int, Field]:
    """Draw an id and the field that carries it."""
    is_ahead = is_fetched_ahead(asked.headers)
    load_id = make_load_id(asked.site, draw(RANDOM_BITS), is_ahead=is_ahead, status=status)
    return load_id, (b"Server-Timing", b'sf;desc="%s"' % render_load_id(load_id).encode())


def _is_trustworthy(origin: str) -> bool:
    """Tell whether browsers show ``Server-Timing`` to scripts there: HTTPS, or this machine.

    Source: https://www.w3.org/TR/server-timing/, PerformanceServerTiming is [SecureContext].
    """
    if origin.startswith("https:"):
        return True
    host = urlsplit(origin).hostname or ""
    return host in _LOCAL_HOSTS or host.endswith(".localhost")


def _is_positive(seconds: bytes | None) -> bool:
    return seconds is not None and seconds.strip(b'"0') != b""
