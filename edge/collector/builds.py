"""From the frozen tracker build and a site's settings to the bytes that are served, and the tag.

A frozen file has one placeholder; the served script is that file with the site's settings put in
and, where the site has modules on, one line more that loads them. What a site does without is not
in its file: there is one for each choice of parts (``core_of``).
Which request gets it, and with what headers, is ``edge.collector.script``; the names in it come
from ``edge.names``. The one invariant: a hash names exactly the bytes served, so whatever lies in a
cache under it never changes, and a tag's version stands for everything that a page may hold of it.
"""

import gzip
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import brotli
import orjson
import zstandard

from edge.inject.tag import Tag
from edge.names import PIXEL_ALIAS, Known, NameBook, Names
from edge.sites import Site

PLACEHOLDER = b'"__SF__"'
RULES_PLACEHOLDER = b'"__SF_RULES__"'
HASH_DIGITS = 10
_MOST_VARIANTS = 4_096
"""Different settings kept at once; far more than there are prefixes and switches."""


@dataclass(frozen=True, slots=True)
class Script:
    """One served script: its bytes plain and precompressed."""

    hash: str
    body: bytes
    br: bytes
    gzip: bytes
    zstd: bytes


@dataclass(frozen=True, slots=True)
class Build:
    """What a site's pages get now: the script and the tag that points at it."""

    script: Script
    tag: Tag


@dataclass(frozen=True, slots=True)
class _Made:
    """The build of a site under the names of its time; ``since_s``: the site is as it is."""

    known: Known
    since_s: float
    build: Build


class TrackerBuilds:
    """Builds of one frozen tracker for each combination of settings, made on first use.

    A tag is dated by the latest of: when the tracker was installed, when a change of the site was
    seen, when its quiet names began. So workers and edges say the same, and so does a restart.

    Units: ``now`` gives Unix seconds, ``installed_at`` is one.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each kind of frozen file.
        self,
        source: bytes,
        *,
        cores: Mapping[str, bytes] | None = None,
        selectors: bytes = b"",
        now: Callable[[], float] = time.time,
        installed_at: float | None = None,
        modules: Mapping[str, bytes] | None = None,
        older_modules: Iterable[bytes] = (),
    ) -> None:
        """Take the frozen build; without ``installed_at`` it counts as installed now.

        ``cores`` are its like with other parts, by the names of ``core_of``; ``source`` serves for
        whichever is not there. ``selectors`` is appended for sites that have rules by selector.
        ``modules`` are those of this build by name; ``older_modules``, of earlier builds, answer
        for the scripts that lie in caches.

        Raises:
            ValueError: One does not hold its placeholder exactly once.
        """
        for core in (source, *(cores or {}).values()):
            _check_placeholder(core, PLACEHOLDER)
        if selectors:
            _check_placeholder(selectors, RULES_PLACEHOLDER)
        self.names = NameBook(now)
        self._source = source
        self._cores = dict(cores or {})
        self._selectors = selectors
        self._now = now
        self._installed_at = now() if installed_at is None else installed_at
        self._modules = {name: _compress(body) for name, body in (modules or {}).items()}
        served = (*map(_compress, older_modules), *self._modules.values())
        self._module_by_hash = {module.hash: module for module in served}
        self._made: dict[int, _Made] = {}
        self._scripts: dict[tuple[str, bytes, bytes, bytes], Script] = {}

    def for_site(self, site: Site) -> Build:
        """Give the build that new pages of a site get."""
        known = self.names.known(site)
        made = self._made.get(site.id)
        if made is None or made.known is not known:
            since_s = self._since(site, made)
            made = _Made(known, since_s, self._make(known, since_s))
            self._made[site.id] = made
        return made.build

    def script(self, site: Site, names: Names) -> Script:
        """Give the script of pages with these names, which may be older than today's.

        It sends to the endpoint of its time, the one that such a page's policy allows.
        """
        made_of = self._made_of(site, names)
        found = self._scripts.get(made_of)
        if found is None:
            if len(self._scripts) >= _MOST_VARIANTS:
                self._scripts.clear()
            found = self._scripts[made_of] = _compress(self._body(*made_of))
        return found

    def script_hash(self, site: Site) -> str:
        """Name the script of a site's new pages, without making ready to serve it."""
        return _digest(self._body(*self._made_of(site, self.names.known(site).current)))

    def _made_of(self, site: Site, names: Names) -> tuple[str, bytes, bytes, bytes]:
        settings, rules = script_settings(site, names), selector_rules(site)
        return core_of(site), settings, rules, self._loader(site, names)

    def _body(self, core: str, settings: bytes, rules: bytes, loader: bytes) -> bytes:
        body = self._cores.get(core, self._source).replace(PLACEHOLDER, settings)
        if rules:
            body += self._selectors.replace(RULES_PLACEHOLDER, rules)
        return body + loader

    def module(self, module_hash: str) -> Script | None:
        """Give the module whose bytes have this hash, of this build or of an earlier one."""
        return self._module_by_hash.get(module_hash)

    def _loader(self, site: Site, names: Names) -> bytes:
        """Write what loads a site's modules, each in a task of its own so that a slow phone pauses.

        Not where the core is silent, as in a frame; a page's own ``setTimeout`` may throw.
        """
        hashes = [self._modules[name].hash for name in site.modules if name in self._modules]
        if not hashes:
            return b""
        return (
            b"if(window.statflow&&statflow.r)for(let m of%s)"
            b'try{setTimeout(()=>import(%s+m+".js").catch(()=>{}))}catch(e){}\n'
            % (orjson.dumps(hashes), orjson.dumps(site.snippet_origin + names.modules))
        )

    def _since(self, site: Site, made: _Made | None) -> float:
        """Tell since when a site is as it is, as far as this process saw it."""
        if made is None:
            return self._installed_at
        return made.since_s if made.known.site == site else self._now()

    def _make(self, known: Known, since_s: float) -> Build:
        names = known.current
        script = self.script(known.site, names)
        url = names.script or f"{names.prefix}/{script.hash}.js"
        seen = f"{url} {names.beacon} {names.pixel} {names.modules} {script.hash}"
        return Build(
            script,
            Tag(
                script_url=url,
                endpoint_url=names.beacon,
                module_prefix=names.modules,
                version=_digest(seen.encode()),
                modified_at=int(max(since_s, known.since_s)),
                others=known.scripts,
            ),
        )


def _check_placeholder(source: bytes, mark: bytes) -> None:
    if source.count(mark) != 1:
        raise ValueError(f"tracker build: expected {mark.decode()} exactly once")


def core_of(site: Site) -> str:
    """Name the parts of the core that a site has, as ``tracker/build.mjs`` names its files."""
    parts = (
        ("downloads", site.count_downloads),
        ("forms", site.count_forms),
        ("hash", site.hash_routes),
    )
    return "+".join(name for name, is_in in parts if is_in) or "none"


def script_settings(site: Site, names: Names) -> bytes:
    """Write what the tracker must know of a site, as tracker/src/settings.js lists it.

    The endpoint, the pixel, and two flags, which are absent where nothing follows them: that the
    site keeps parameters of its own, so the script leaves the query to the pipeline; and that it
    does not follow Do Not Track and Global Privacy Control.
    """
    beacon, pixel = names.beacon, names.pixel
    if site.snippet_origin:
        end = f"?k={site.public_key}"
        beacon = f"{site.snippet_origin}{names.beacon}{end}"
        pixel = f"{site.snippet_origin}{names.prefix}/{PIXEL_ALIAS}{end}"
    flags = [int(bool(site.kept_params or site.policy.kept_params)), int(not site.respect_dnt)]
    while flags and not flags[-1]:
        flags.pop()
    return orjson.dumps([beacon, pixel, *flags])


def selector_rules(site: Site) -> bytes:
    """Write a site's rules by selector as tracker/src/selectors.js reads them; empty: none."""
    listened = site.policy.listened
    rows = [[rule.when, ",".join(rule.values), rule.name, dict(rule.props)] for rule in listened]
    return orjson.dumps(rows) if rows else b""


def _compress(body: bytes) -> Script:
    return Script(
        hash=_digest(body),
        body=body,
        br=brotli.compress(body, mode=brotli.MODE_TEXT),
        gzip=gzip.compress(body, 9, mtime=0),
        zstd=zstandard.ZstdCompressor(level=19).compress(body),
    )


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:HASH_DIGITS]
