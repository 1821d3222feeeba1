"""Which pages may talk to the collector: the site's own, and nobody else's.

A browser says with Origin and Sec-Fetch-Site where a request comes from; whether the page that an
event names is the site's is a step of the pipeline. The one invariant: no header of ours ever lets
another origin read an answer.
"""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from edge.collector.messages import Headers
from edge.pipeline.page import is_own_host
from edge.sites import Site, normal_host


def is_own_origin(site: Site, named: Mapping[bytes, bytes]) -> bool:
    """Tell whether a request may come from where it says it comes from.

    A missing Origin is a server-side sender or an old browser. ``null`` is what a page with
    ``Referrer-Policy: no-referrer`` sends, and a sandboxed frame: then Sec-Fetch-Site decides.
    """
    origin = named.get(b"origin", b"")
    if not origin or origin == b"null":
        return named.get(b"sec-fetch-site", b"") != b"cross-site"
    return _is_own(site, origin)


def is_own_page(site: Site, named: Mapping[bytes, bytes]) -> bool:
    """Tell whether a picture may be asked for from where the browser says that it is shown."""
    if named.get(b"sec-fetch-site", b"") != b"cross-site":
        return True
    return _is_own(site, named.get(b"referer", b""))


def is_same_origin(site: Site, named: Mapping[bytes, bytes]) -> bool:
    """Tell whether a form was sent by a page of this very site; silence is a no."""
    if fetch_site := named.get(b"sec-fetch-site", b""):
        return fetch_site == b"same-origin"
    return _is_own(site, named.get(b"origin", b"") or named.get(b"referer", b""))


def cors_headers(site: Site, named: Mapping[bytes, bytes]) -> Headers:
    """Allow the site's own origin to read the answer, by name; nothing for anybody else."""
    origin = named.get(b"origin", b"")
    if not origin or not _is_own(site, origin):
        return ()
    return (
        (b"Access-Control-Allow-Origin", origin),
        (b"Access-Control-Expose-Headers", b"X-Statflow-Dropped"),
    )


def _is_own(site: Site, origin: bytes) -> bool:
    return is_own_host(site, _host(origin))


@lru_cache(maxsize=1_024)
def _host(origin: bytes) -> str:
    """Find the host of an origin, empty if it is none; the same few come with every beacon."""
    try:
        parts = urlsplit(origin.decode("ascii"))
    except ValueError:
        return ""
    return normal_host(parts.netloc) if parts.scheme in {"http", "https"} else ""
