"""Which paths of a site are ours, and what is behind each: plain, renamed and quiet names.

By default everything lies under ``/sf``; a site may have a prefix and a script name of its own, or
be *quiet*: then all paths are drawn from the site's secret seed and a number that grows every week,
so that every edge and worker finds the same ones without talking. This module only names and
recognises; answering is ``edge.collector.endpoints``, the tag is ``edge.collector.builds``.

Names of a week answer from a week before it until 35 days after it, the configured prefix answers
as long as it is configured, and what a site was called before a change for the time that the change
gave it (``Site.former_names``), because pages live in caches. Where former names and today's are
the same path, it is today's. The one invariant: no two names that answer at one
time are alike, for each week's prefix starts with another letter than those of the seven next.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hmac import digest as hmac_digest
from math import inf

from edge.sites import FormerNames, Site

WEEK_S = 604_800
KEPT_WEEKS = 5
"""Weeks after its own in which a week's names answer: at least 30 days, for whoever came last."""
COMING_WEEKS = 1
"""Weeks before its own in which they answer: another edge's clock may be ahead."""

BEACON, PIXEL, OPT_OUT, SCRIPT, MODULES = "e", "p.gif", "opt-out", "tracker.js", "m/"
"""Inner names: what an endpoint is called whatever its path."""
PIXEL_ALIAS = "p"
"""The pixel for who adds a query: ``p.gif?`` is on lists."""

LISTED_WORDS = (
    *("track", "event", "collect", "beacon", "pixel", "stat", "analytic", "metric", "count"),
    *("ad", "log", "ip=", "click", "visit", "view", "banner", "promo", "spons", "affil", "pop"),
    *("telemetr", "measure", "insight", "report", "monitor", "matomo", "piwik", "umami", "gtm"),
    *("plausible", "fingerprint", "session", "ping", "hit", "?", "&", ".gif"),
)
"""What filter lists look for in addresses; no drawn name has any of these in it."""

_HASHED = re.compile(r"[0-9a-f]{8,12}\.js")
_CONSONANTS, _VOWELS, _HEX, _DIGITS = "bflmnrvw", "aeiou", "0123456789abcdef", "23456789"
_SPELLS = "bfhmnrvwz" + _DIGITS
_LEADS = 8
"""First letters that take turns; more than there are weeks that answer at one time."""


@dataclass(frozen=True, slots=True)
class Names:
    """The paths of one site at one time; without a ``script`` it is ``<prefix>/<hash>.js``."""

    prefix: str
    script: str | None
    beacon: str
    pixel: str
    modules: str
    """The folder of lazily loaded scripts, with its final slash."""
    opt_out: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a path leads to: an inner name (``e``, ``p.gif``, ``m/…``) and the set it is one of."""

    name: str
    names: Names


@dataclass(frozen=True, slots=True)
class Known:
    """All names that a site answers to from ``since_s`` until ``until_s``.

    ``sets``: those in force first, former ones last. ``hashed``: folders in which any hash names
    the script, with their names.
    """

    site: Site
    since_s: float
    until_s: float
    sets: tuple[Names, ...]
    exact: dict[str, Found]
    hashed: dict[str, Names]
    folders: tuple[str, ...]

    @property
    def current(self) -> Names:
        """The names that new pages get."""
        return self.sets[0]

    @property
    def scripts(self) -> tuple[str, ...]:
        """Paths of every script that means a page is tagged; a final slash: any hash in there."""
        named = [names.script for names in self.sets if names.script]
        return (*named, *(f"{folder}/" for folder in self.hashed))

    def find(self, path: str) -> Found | None:
        """Find what a raw path leads to; None is the origin's."""
        found = self.exact.get(path)
        if found is not None or not path.startswith(self.folders):
            return found
        return self._find_hashed(path)

    def _find_hashed(self, path: str) -> Found | None:
        """Find a script that is named by a hash: a module, or one under a configured prefix."""
        folder, _, name = path.rpartition("/")
        if not _HASHED.fullmatch(name):
            return None
        for names in self.sets:
            if names.modules[:-1] == folder:
                return Found(MODULES + name, names)
        return Found(name, self.hashed[folder]) if folder in self.hashed else None


class NameBook:
    """Each site's names, worked out once a week: a front asks for every request.

    Units: ``now`` gives Unix seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[int, Known] = {}

    def known(self, site: Site) -> Known:
        """Give the names that a site answers to now."""
        known = self._known.get(site.id)
        if known is not None and known.site is site and self._now() < known.until_s:
            return known
        if known is not None and known.site == site and self._now() < known.until_s:
            known = replace(known, site=site)
        else:
            known = known_names(site, self._now())
        self._known[site.id] = known
        return known

    def find(self, site: Site, path: str) -> Found | None:
        """Find what a raw path of a site leads to; None is the origin's."""
        return self.known(site).find(path)

    def owns(self, site: Site, path: str) -> bool:
        """Tell whether a raw path of a site is ours to answer; all else is the origin's."""
        return self.find(site, path) is not None


def names_of(site: Site, now_s: float) -> Names:
    """Give the names that new pages of a site get."""
    if not site.quiet_seed:
        return _configured(site)
    return _drawn(site, _week(site.quiet_seed, now_s))


def recognise(site: Site, path: str, now_s: float) -> str:
    """Find the inner name behind a raw path, empty for one of the origin's.

    It works everything out anew; whoever asks often asks a ``NameBook``.
    """
    found = known_names(site, now_s).find(path)
    return found.name if found else ""


def known_names(site: Site, now_s: float) -> Known:
    """Work out all names that a site answers to."""
    since_s, until_s = -inf, inf
    if site.quiet_seed:
        since_s = _week(site.quiet_seed, now_s) * WEEK_S - _turn_s(site.quiet_seed)
        until_s = since_s + WEEK_S
    former = [names for names in site.former_names if now_s < names.until_s]
    called = (site, *(_as_it_was(site, names) for names in former))
    return _index(
        site,
        since_s,
        min([until_s, *(names.until_s for names in former)]),
        tuple(names for one in called for names in (*_all_drawn(one, now_s), _configured(one))),
        tuple(map(_configured, called)),
    )


def list_paths(site: Site, now_s: float, weeks_ahead: int = COMING_WEEKS) -> list[str]:
    """List the paths of ours outside the configured prefix, for a router without this code.

    A path that ends in a slash means all that is under it. ``weeks_ahead`` is for how long the
    list is to serve.
    """
    former = [_as_it_was(site, names) for names in site.former_names if now_s < names.until_s]
    drawn = [names for one in (site, *former) for names in _all_drawn(one, now_s, weeks_ahead)]
    prefixes = {one.prefix: f"{one.prefix}/" for one in former if one.prefix != site.prefix}
    listed = [path for names in drawn for path in (*_paths(names), names.modules)]
    return list(dict.fromkeys((*listed, *prefixes.values())))


def is_neutral(text: str) -> bool:
    """Tell whether an address has nothing in it that filter lists look for."""
    lower = text.lower()
    return not any(word in lower for word in LISTED_WORDS)


def _configured(site: Site) -> Names:
    under = f"{site.prefix}/"
    return Names(
        prefix=site.prefix,
        script=f"{under}{site.script_name}.js" if site.script_name else None,
        beacon=under + BEACON,
        pixel=under + PIXEL,
        modules=under + MODULES,
        opt_out=under + OPT_OUT,
    )


def _as_it_was(site: Site, names: FormerNames) -> Site:
    return replace(
        site,
        prefix=names.prefix,
        script_name=names.script_name,
        quiet_seed=names.quiet_seed,
        former_names=(),
    )


def _paths(names: Names) -> dict[str, str]:
    """Map each path that needs no pattern to its inner name."""
    paths = {names.beacon: BEACON, names.pixel: PIXEL, names.opt_out: OPT_OUT}
    return paths | {names.script: SCRIPT} if names.script else paths


def _index(
    site: Site,
    since_s: float,
    until_s: float,
    sets: tuple[Names, ...],
    configured: tuple[Names, ...],
) -> Known:
    exact: dict[str, Found] = {}
    for names in sets:
        for path, name in _paths(names).items():
            exact.setdefault(path, Found(name, names))
    hashed: dict[str, Names] = {}
    for names in configured:
        exact.setdefault(f"{names.prefix}/{SCRIPT}", Found(SCRIPT, names))
        exact.setdefault(f"{names.prefix}/{PIXEL_ALIAS}", Found(PIXEL, names))
        hashed.setdefault(names.prefix, names)
    folders = (*(names.modules for names in sets), *(f"{folder}/" for folder in hashed))
    return Known(site, since_s, until_s, sets, exact, hashed, folders)


# --- quiet mode -----------------------------------------------------------------------------------


def _all_drawn(site: Site, now_s: float, weeks_ahead: int = COMING_WEEKS) -> list[Names]:
    """Draw the names of this week, then of the coming ones, then of those that still answer."""
    if not site.quiet_seed:
        return []
    week = _week(site.quiet_seed, now_s)
    others = (*range(1, weeks_ahead + 1), *range(-1, -KEPT_WEEKS - 1, -1))
    return [_drawn(site, week + number) for number in (0, *others)]


def _week(seed: str, now_s: float) -> int:
    return int((now_s + _turn_s(seed)) // WEEK_S)


def _turn_s(seed: str) -> int:
    """Spread the sites' changes over the week: a common moment would give them all away."""
    return _Draws(seed, "turn").below(WEEK_S)


class _Draws:
    """Draws that every edge repeats alike: HMAC-SHA256 of a label, counted on as needed."""

    def __init__(self, seed: str, label: str) -> None:
        self._numbers = self._draw(seed.encode(), label)

    @staticmethod
    def _draw(seed: bytes, label: str) -> Iterator[int]:
        block = 0
        while True:
            drawn = hmac_digest(seed, f"{label} {block}".encode(), "sha256")
            yield from (int.from_bytes(drawn[i : i + 4]) for i in range(0, len(drawn), 4))
            block += 1

    def below(self, limit: int) -> int:
        return next(self._numbers) % limit

    def one_of(self, items: Sequence[str]) -> str:
        return items[self.below(len(items))]

    def several_of(self, items: str, least: int, most: int) -> str:
        length = least + self.below(most - least + 1)
        return "".join(self.one_of(items) for _ in range(length))

    def shuffled(self, items: str) -> str:
        return "".join(sorted(items, key=lambda _: self.below(2**32)))


def _word(draws: _Draws) -> str:
    syllables = range(2 + draws.below(2))
    return "".join(draws.one_of(_CONSONANTS) + draws.one_of(_VOWELS) for _ in syllables)


def _numbered(draws: _Draws) -> str:
    return _word(draws) + draws.several_of(_DIGITS, 1, 2)


def _hexadecimal(draws: _Draws) -> str:
    return draws.several_of(_HEX, 5, 8)


def _spelled(draws: _Draws) -> str:
    return draws.several_of(_SPELLS, 4, 7)


_STYLES: tuple[tuple[str, Callable[[_Draws], str]], ...] = (
    (_CONSONANTS, _word),
    (_CONSONANTS, _numbered),
    (_HEX, _hexadecimal),
    (_SPELLS, _spelled),
)
"""What a name may look like: the letters that it may start with, and how it is drawn."""


def _drawn(site: Site, week: int) -> Names:
    """Draw the names of a week: the look is the site's for good, the names are the week's."""
    look = _Draws(site.quiet_seed, "look")
    letters, draw_folder = _STYLES[look.below(len(_STYLES))]
    _, draw_name = _STYLES[look.below(len(_STYLES))]
    is_deep = look.below(3) == 0
    lead = look.shuffled(letters)[:_LEADS][week % _LEADS]
    draws = _Draws(site.quiet_seed, f"week {week}")
    taken = {site.prefix.split("/")[1]}
    prefix = "/" + _new(lambda: lead + draw_folder(draws)[1:], taken)
    if is_deep:
        prefix += "/" + _new(lambda: draw_name(draws), taken)
    script, beacon, pixel, modules, opt_out = (
        f"{prefix}/{_new(lambda: draw_name(draws), taken)}" for _ in range(5)
    )
    return Names(prefix, f"{script}.js", beacon, pixel, f"{modules}/", opt_out)


def _new(draw: Callable[[], str], taken: set[str]) -> str:
    """Draw until a name is neutral and none has it yet."""
    while (name := draw()) in taken or not is_neutral(name):
        continue
    taken.add(name)
    return name
