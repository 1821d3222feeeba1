"""From the frozen tracker build and a site's settings to the bytes that are served.

The frozen file has one placeholder; the served script is that file with the site's settings put in.
Which request gets it, and with what headers, is ``edge.collector.script``. The one invariant: the
hash names exactly the bytes served, so whatever lies in a cache under it never changes.
"""

import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import brotli
import orjson
import zstandard

from edge.inject.tag import Tag
from edge.sites import Site

PLACEHOLDER = b'"__SF__"'
HASH_DIGITS = 10
_MOST_VARIANTS = 4_096
"""Different settings kept at once; far more than there are prefixes and switches."""


@dataclass(frozen=True, slots=True)
class Build:
    """One served script: its bytes plain and precompressed, and the tag that points at it."""

    hash: str
    body: bytes
    br: bytes
    gzip: bytes
    zstd: bytes
    tag: Tag


class TrackerBuilds:
    """Builds of one frozen tracker for each combination of settings, made on first use.

    Units: ``now`` gives Unix seconds; it dates a build for ``Last-Modified``.
    """

    def __init__(self, source: bytes, *, now: Callable[[], float] = time.time) -> None:
        """Take the frozen build.

        Raises:
            ValueError: It does not hold the placeholder exactly once.
        """
        if source.count(PLACEHOLDER) != 1:
            raise ValueError(f"tracker build: expected {PLACEHOLDER.decode()} exactly once")
        self._source = source
        self._now = now
        self._builds: dict[bytes, Build] = {}

    def for_site(self, site: Site) -> Build:
        """Give the build with this site's settings."""
        key = script_settings(site)
        build = self._builds.get(key)
        if build is None:
            if len(self._builds) >= _MOST_VARIANTS:
                self._builds.clear()
            build = self._builds[key] = self._make(site.prefix, key)
        return build

    def _make(self, prefix: str, settings: bytes) -> Build:
        body = self._source.replace(PLACEHOLDER, settings)
        version = sha256(body).hexdigest()[:HASH_DIGITS]
        return Build(
            hash=version,
            body=body,
            br=brotli.compress(body, mode=brotli.MODE_TEXT),
            gzip=gzip.compress(body, 9, mtime=0),
            zstd=zstandard.ZstdCompressor(level=19).compress(body),
            tag=Tag(
                script_url=f"{prefix}/{version}.js",
                endpoint_url=f"{prefix}/e",
                module_prefix=f"{prefix}/m/",
                version=version,
                modified_at=int(self._now()),
            ),
        )


def script_settings(site: Site) -> bytes:
    """Write what the tracker must know of a site; it names the keys in tracker/src/settings.js.

    ``k``: the site keeps parameters of its own, so the script leaves the query to the pipeline.
    ``n``: the site does not follow Do Not Track and Global Privacy Control.
    """
    settings: dict[str, str | int] = {"e": f"{site.prefix}/e", "h": int(site.hash_routes)}
    if site.kept_params:
        settings["k"] = 1
    if not site.respect_dnt:
        settings["n"] = 1
    return orjson.dumps(settings)
