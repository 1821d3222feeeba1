"""Which paths of a site are ours, and what is behind each: plain, renamed and quiet names.

By default everything lies under ``/sf``; a site may have a prefix and a script name of its own, or
be *quiet*: then all paths are drawn from the site's secret seed and a number that grows every week,
so that every edge and worker finds the same ones without talking. This module only names and
recognises; answering is ``edge.collector.endpoints``, the tag is ``edge.collector.builds``.

Because pages live in caches, names of a week answer from a week before it until 35 days after it,
and what a site was called before a change (``Site.former_names``) for 30 days. The two invariants:
a former name never leads elsewhere than today's names do, and no two names of a seed that answer at
one time are alike, for each week's prefix starts with another letter than those of the seven next.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hmac import digest as hmac_digest
from math import inf

from edge.sites import Site

WEEK_S = 604_800
KEPT_WEEKS = 5
"""Weeks after its own in which a week's names answer: at least 30 days, for whoever came last."""
COMING_WEEKS = 1
"""Weeks before its own in which they answer: another edge's clock may be ahead."""
FORMER_S = 30 * 86_400
"""How long before ``FormerNames.until_s`` the change was that gave the names up."""

BEACON, PIXEL, OPT_OUT, SCRIPT, MODULES = "e", "p.gif", "opt-out", "tracker.js", "m/"
"""Inner names: what an endpoint is called whatever its path."""


class Api(StrEnum):
    """Where another tracker comes in: its path under a prefix, and under ``/`` of the portal."""

    PLAUSIBLE = "api/event"
    UMAMI = "api/send"
    UMAMI_BATCH = "api/batch"


FOREIGN = frozenset(str(api) for api in Api)
"""Their inner names; they lie only under a configured prefix and stand in no page of ours."""
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
_CONSONANTS, _VOWELS, _HEX, _DIGITS = "bcfhlmnrsv", "aeiou", "abcdef012", "123"
_SPELLS = _CONSONANTS + "13"
"""With letters that the script is full of anyway, a name compresses better."""
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
class _Index:
    """Look-up by path: whole paths, and folders in which a hash names a script.

    ``hashed``: folder without its final slash → what its inner names begin with, and its set.
    """

    exact: dict[str, Found]
    hashed: dict[str, tuple[str, Names]]

    def find(self, path: str) -> Found | None:
        found = self.exact.get(path)
        if found is not None:
            return found
        folder, _, name = path.rpartition("/")
        under = self.hashed.get(folder)
        if under is None or not _HASHED.fullmatch(name):
            return None
        return Found(under[0] + name, under[1])


@dataclass(frozen=True, slots=True)
class Known:
    """All names that a site answers to from ``since_s`` until ``until_s``.

    ``sets``: those in force first, then the configured ones, then former ones.
    """

    site: Site
    since_s: float
    until_s: float
    sets: tuple[Names, ...]
    scripts: tuple[str, ...]
    """Paths of every script that means a page is tagged; a final slash: any hash in there."""
    _today: _Index
    _former: _Index

    @property
    def current(self) -> Names:
        """The names that new pages get."""
        return self.sets[0]

    def find(self, path: str) -> Found | None:
        """Find what a raw path leads to; None is the origin's."""
        return self._today.find(path) or self._former.find(path)


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
    before = former_sites(site, now_s)
    today = (*_drawn_now(site, now_s), _configured(site))
    former = [n for one in before for n in (*_drawn_now(one, now_s), _configured(one))]
    sets = tuple(dict.fromkeys((*today, *former)))
    configured = dict.fromkeys(one.prefix for one in (site, *before))
    scripts = (*(names.script for names in sets if names.script), *(f"{p}/" for p in configured))
    since_s, until_s = _span(site, now_s)
    return Known(
        site, since_s, until_s, sets, tuple(dict.fromkeys(scripts)), _index(today), _index(former)
    )


def former_sites(site: Site, now_s: float) -> list[Site]:
    """Give a site as it was before each change whose former names still answer."""
    return [
        replace(
            site,
            prefix=former.prefix,
            script_name=former.script_name,
            quiet_seed=former.quiet_seed,
            former_names=(),
        )
        for former in site.former_names
        if now_s < former.until_s
    ]


def list_paths(site: Site, now_s: float, weeks_ahead: int = COMING_WEEKS) -> list[str]:
    """List the paths of quiet mode, also a former one, for a router without this code.

    Not in it is what lies under configured prefixes. A path that ends in a slash means all that is
    under it. ``weeks_ahead`` is for how long the list is to serve.
    """
    sets = _drawn_now(site, now_s, weeks_ahead)
    for one in former_sites(site, now_s):
        sets += _drawn_now(one, now_s)
    return list(dict.fromkeys(p for names in sets for p in (*_paths(names), names.modules)))


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


def _paths(names: Names) -> dict[str, str]:
    """Map each path that needs no pattern to its inner name."""
    paths = {names.beacon: BEACON, names.pixel: PIXEL, names.opt_out: OPT_OUT}
    return paths | {names.script: SCRIPT} if names.script else paths


def _index(sets: Sequence[Names]) -> _Index:
    """Index sets of names; where two have the same path, the first one's holds."""
    exact: dict[str, Found] = {}
    hashed: dict[str, tuple[str, Names]] = {}
    for names in sets:
        for path, name in _paths(names).items():
            exact.setdefault(path, Found(name, names))
        hashed.setdefault(names.modules[:-1], (MODULES, names))
    for names in sets:
        if names.beacon == f"{names.prefix}/{BEACON}":
            exact.setdefault(f"{names.prefix}/{SCRIPT}", Found(SCRIPT, names))
            exact.setdefault(f"{names.prefix}/{PIXEL_ALIAS}", Found(PIXEL, names))
            for api in FOREIGN:
                exact.setdefault(f"{names.prefix}/{api}", Found(api, names))
            hashed.setdefault(names.prefix, ("", names))
    return _Index(exact, hashed)


def _span(site: Site, now_s: float) -> tuple[float, float]:
    """Tell since when a site has had all its names, and until when it will."""
    changes = [former.until_s - FORMER_S for former in site.former_names]
    ends = [former.until_s for former in site.former_names if now_s < former.until_s]
    since_s, until_s = -inf, inf
    if site.quiet_seed:
        since_s = _week(site.quiet_seed, now_s) * WEEK_S - _turn_s(site.quiet_seed)
        until_s = since_s + WEEK_S
    return max([since_s, *(at for at in changes if at <= now_s)]), min([until_s, *ends])


# --- quiet mode -----------------------------------------------------------------------------------


def _drawn_now(site: Site, now_s: float, weeks_ahead: int = COMING_WEEKS) -> list[Names]:
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

    def shuffled(self, items: str) -> str:
        return "".join(sorted(items, key=lambda _: self.below(2**32)))


def _word(draws: _Draws, length: int) -> str:
    return "".join(draws.one_of(_VOWELS if i % 2 else _CONSONANTS) for i in range(length))


def _numbered(draws: _Draws, length: int) -> str:
    return _word(draws, length - 1) + draws.one_of(_DIGITS)


def _hexadecimal(draws: _Draws, length: int) -> str:
    return "".join(draws.one_of(_HEX) for _ in range(length))


def _spelled(draws: _Draws, length: int) -> str:
    return "".join(draws.one_of(_SPELLS) for _ in range(length))


_STYLES: tuple[tuple[str, Callable[[_Draws, int], str]], ...] = (
    (_CONSONANTS, _word),
    (_CONSONANTS, _numbered),
    (_HEX, _hexadecimal),
    (_SPELLS, _spelled),
)
"""What a name may look like: the letters that it may start with, and how it is drawn."""

_FOLDER_LENGTH, _OUTER_LENGTH, _NAME_LENGTH = 4, 3, 2
"""Letters of a folder, of one with another folder in it, and of what is inside: the script, whose
budget has no room for more, holds two such paths."""


def _drawn(site: Site, week: int) -> Names:
    """Draw the names of a week: the look is the site's for good, the names are the week's."""
    look = _Draws(site.quiet_seed, "look")
    letters, draw_folder = _STYLES[look.below(len(_STYLES))]
    _, draw_name = _STYLES[look.below(len(_STYLES))]
    is_deep = look.below(3) == 0
    lead = look.shuffled(letters)[:_LEADS][week % _LEADS]
    draws = _Draws(site.quiet_seed, f"week {week}")
    taken = {site.prefix.split("/")[1]}
    length = _OUTER_LENGTH if is_deep else _FOLDER_LENGTH
    prefix = "/" + _new(lambda: lead + draw_folder(draws, length)[1:], taken)
    if is_deep:
        prefix += "/" + _new(lambda: draw_name(draws, _NAME_LENGTH), taken)
    script, beacon, pixel, modules, opt_out = (
        f"{prefix}/{_new(lambda: draw_name(draws, _NAME_LENGTH), taken)}" for _ in range(5)
    )
    return Names(prefix, f"{script}.js", beacon, pixel, f"{modules}/", opt_out)


def _new(draw: Callable[[], str], taken: set[str]) -> str:
    """Draw until a name is neutral and none has it yet."""
    while (name := draw()) in taken or not is_neutral(name):
        continue
    taken.add(name)
    return name
