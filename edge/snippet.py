"""Sites that are not behind the edge: their pages name one script on a host of the edge's own.

``STATFLOW_EDGE_HOST`` is that host, for all sites: ``<script async
src="https://EDGE/sf/<hash>.js">``. The hash names the build of one site, with its public key and
the absolute endpoint in it. What is answered is ``edge.collector.endpoints``'; here it is only
found out for which site. The one invariant: a request that names no site of ours gets nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from edge.names import OPT_OUT
from edge.sites import Site, Snapshot, normal_host

PREFIX = "/sf"
KEY = "k"
"""Query parameter that holds a site's public key."""

type Headers = Sequence[tuple[bytes, bytes]]


def parse_edge_origin(text: str) -> str:
    """Read the host of all sites' snippets as an origin; a bare name means HTTPS.

    Raises:
        ValueError: It is neither a host nor an origin.
    """
    origin = text.strip().lower()
    origin = f"https://{origin}" if origin and "://" not in origin else origin
    origin = origin.removesuffix("/")
    parts = urlsplit(origin)
    if origin and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path):
        raise ValueError("expected a host such as edge.example.com")
    return origin


def as_snippet(site: Site, origin: str) -> Site:
    """Give a site as its snippet's requests see it: plain names under ``/sf``."""
    return replace(
        site,
        prefix=PREFIX,
        script_name="",
        quiet_seed="",
        former_names=(),
        snippet_origin=origin,
    )


class Snippets:
    """Finds the site of a request to the edge's own host.

    Args:
        origin: That host, as ``parse_edge_origin`` gives it.
        script_hash: Names the build of a site, as ``as_snippet`` gives it.
    """

    def __init__(self, origin: str, script_hash: Callable[[Site], str]) -> None:
        self.origin = origin
        self._host = normal_host(urlsplit(origin).netloc)
        self._script_hash = script_hash
        self._known: dict[int, tuple[Site, Site]] = {}

    def is_host(self, authority: str, snapshot: Snapshot) -> bool:
        """Tell whether a request is for the edge's own host, which no site has as its name."""
        host = normal_host(authority)
        return host == self._host and host not in snapshot.by_host

    def find(self, snapshot: Snapshot, path: str, query: str, headers: Headers) -> Site | None:
        """Find the site: by its key, else by the page that asks, else by the script's hash."""
        if path == f"{PREFIX}/{OPT_OUT}":
            return None  # Its cookie would be this host's, which no page of the site can see.
        key = parse_qs(query).get(KEY, [""])[0]
        found = next((site for site in snapshot.sites if site.public_key == key), None)
        found = found or _of_page(snapshot, headers) or self._of_hash(snapshot, path)
        return None if found is None else self._seen(found)

    def _of_hash(self, snapshot: Snapshot, path: str) -> Site | None:
        name = path.rpartition("/")[2].removesuffix(".js")
        return next((s for s in snapshot.sites if self._script_hash(self._seen(s)) == name), None)

    def _seen(self, site: Site) -> Site:
        """Keep what is made of a site as long as the site is the same object."""
        kept = self._known.get(site.id)
        if kept is None or kept[0] is not site:
            kept = self._known[site.id] = (site, as_snippet(site, self.origin))
        return kept[1]


def _of_page(snapshot: Snapshot, headers: Headers) -> Site | None:
    for wanted in (b"origin", b"referer"):
        for name, value in headers:
            if name.lower() == wanted and (site := _named(snapshot, value)) is not None:
                return site
    return None


def _named(snapshot: Snapshot, url: bytes) -> Site | None:
    try:
        host = normal_host(urlsplit(url.decode("ascii")).netloc)
    except ValueError:
        return None
    return snapshot.by_host.get(host) or snapshot.by_host.get(host.removeprefix("www."))
