"""Every live address of a site as browsers ask for it, and addresses that any list must block.

Values only: the engine is ``engine``, the verdict is ``check``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.collector.builds import TrackerBuilds
from edge.names import PIXEL_ALIAS, Names, known_names
from edge.sites import Origin, Site
from tests.adblock.engine import Asked
from tracker import newest_build

QUIET_SITES = 100
HASH = "0123456789"
BEACON_TYPES = ("fetch", "xmlhttprequest", "ping")


@dataclass(frozen=True)
class Address:
    """One request for something of ours; ``site`` and ``what`` name its row of the table."""

    site: str
    what: str
    asked: Asked


def own_addresses(now_s: float, sites: Sequence[Site] = ()) -> list[Address]:
    """List the addresses of sites of every kind, or of the operator's own ``sites``."""
    labelled = [(site.host, site) for site in sites] or list(_kinds_of_sites())
    builds = TrackerBuilds(newest_build().read_bytes(), now=lambda: now_s)
    return [address for label, site in labelled for address in _of_site(label, site, builds, now_s)]


def _kinds_of_sites() -> Iterator[tuple[str, Site]]:
    yield "default", _a_site(1)
    yield "own prefix", _a_site(2, prefix="/assets/q7")
    yield "own prefix and script name", _a_site(3, prefix="/q7", script_name="menu")
    for host in ("stats.example.com", "analytics.example.com"):
        yield f"default on {host}", _a_site(4, host=host)
        yield f"quiet on {host}", _a_site(5, host=host, quiet_seed="seed")
    for number in range(QUIET_SITES):
        yield f"quiet ({QUIET_SITES} seeds)", _a_site(10 + number, quiet_seed=f"seed {number}")


def _a_site(site_id: int, host: str = "shop.example.com", **changes: str) -> Site:
    origins = (Origin("http", "127.0.0.1", 80),)
    return Site(id=site_id, host=host, origins=origins, public_key="key", **changes)


def _of_site(label: str, site: Site, builds: TrackerBuilds, now_s: float) -> Iterator[Address]:
    """List the addresses of every set of names that a site answers to now."""
    page = f"https://{site.host}/some/page"
    known = known_names(site, now_s)
    sets = known.sets[:-1] if site.quiet_seed else known.sets
    for names in sets:
        scripts = [f"{names.prefix}/{builds.script(site, names).hash}.js"]
        if names.script:
            scripts = [names.script] if site.quiet_seed else [names.script, *scripts]
        for what, kind, path in _requests(site, names, scripts):
            yield Address(label, what, Asked(f"https://{site.host}{path}", page, kind))
    if not site.quiet_seed and site.host == "shop.example.com":
        url = f"https://{site.host}{site.prefix}/tracker.js"
        yield Address(label, "script alias", Asked(url, page, "script"))


def _requests(site: Site, names: Names, scripts: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for script in scripts:
        yield "script", "script", script
    yield "module", "script", f"{names.modules}{HASH}.js"
    for kind in BEACON_TYPES:
        yield f"beacon as {kind}", kind, names.beacon
    yield "pixel", "image", names.pixel
    named = names.pixel if site.quiet_seed else f"{names.prefix}/{PIXEL_ALIAS}"
    yield "pixel that names its page", "image", f"{named}?u=https%3A%2F%2Fexample.com%2F"
    yield "opt-out page", "document", names.opt_out


def known_trackers() -> list[Address]:
    """List addresses that lists against trackers block: the check must see that they do."""
    page = "https://shop.example.com/some/page"
    third = (
        "https://www.google-analytics.com/analytics.js",
        "https://plausible.io/js/script.js",
    )
    first = (
        "https://shop.example.com/js/plausible.js",
        "https://shop.example.com/matomo.js",
        "https://shop.example.com/umami.js",
    )
    return [
        Address("known tracker", url.removeprefix("https://"), Asked(url, page, "script"))
        for url in (*third, *first)
    ]
