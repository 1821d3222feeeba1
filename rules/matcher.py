"""Apply rules: globs, networks, hosts, and the first rule of a list that matches.

What a rule is says ``rules.model``; only checked rules come here. The one invariant: matching is
linear in the length of the input for any rule and any input: a glob is cut at its stars and each
piece is looked for once, left to right, behind the one before; nothing ever goes back.

In a glob ``*`` and ``**`` both stand for any characters, ``/`` included, and a glob matches a whole
path (NUMBERS 7). A trailing ``/**`` also matches the folder itself.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import NamedTuple
from urllib.parse import unquote

from rules.model import Rule, Subject
from rules.tables import read_table

type Address = IPv4Address | IPv6Address
type Matches[T] = Callable[[T], bool]

_STARS = re.compile(r"\*+")
_SLOT = re.compile(r"\$([1-9])")
_ENCODED_DELIMITER = re.compile(r"%(?:2[35f]|3f|[01][0-9a-f]|7f)", re.IGNORECASE)
"""Escapes that would mean something else when decoded: ``#``, ``%``, ``/``, ``?`` and controls."""


class Glob:
    """One compiled pattern."""

    __slots__ = ("_first", "_folder", "_last", "_middle", "_whole")

    def __init__(self, pattern: str) -> None:
        pieces = _STARS.split(pattern)
        self._whole = pattern if len(pieces) == 1 else None
        self._first, self._last = pieces[0], pieces[-1]
        self._middle = tuple(pieces[1:-1])
        self._folder = pattern[:-3] if pattern.endswith("/**") and len(pieces) == 2 else None  # noqa: PLR2004 - one star.

    def matches(self, text: str) -> bool:
        """Tell whether the pattern stands for the whole text."""
        if self._whole is not None:
            return text == self._whole
        if not self._middle:
            long_enough = len(text) >= len(self._first) + len(self._last)
            if long_enough and text.startswith(self._first) and text.endswith(self._last):
                return True
            return self._folder is not None and self._folder == text != ""
        return self.stars(text) is not None

    def stars(self, text: str) -> tuple[str, ...] | None:
        """Give what each star stood for, each as short as can be but the last; None: no match."""
        if self._whole is not None:
            return () if text == self._whole else None
        end = len(text) - len(self._last)
        at = len(self._first)
        if at > end or not text.startswith(self._first) or not text.endswith(self._last):
            return ("",) if self._folder is not None and self._folder == text else None
        found: list[str] = []
        for piece in self._middle:
            start = find_within(text, piece, at, end)
            if start < 0:
                return None
            found.append(text[at:start])
            at = start + len(piece)
        found.append(text[at:end])
        return tuple(found)


def find_within(text: str, piece: str, start: int, end: int) -> int:
    """Find a piece of a pattern; CPython's two-way search is linear in text and piece together."""
    return text.find(piece, start, end)


class Networks:
    """Ranges of addresses, sorted; a look-up is one bisection."""

    __slots__ = ("_ranges",)

    def __init__(self, networks: Iterable[str]) -> None:
        self._ranges: dict[int, tuple[list[int], list[int]]] = {}
        for version in (4, 6):
            spans = sorted(
                (int(net.network_address), int(net.broadcast_address))
                for net in map(ip_network, networks)
                if net.version == version
            )
            self._ranges[version] = _joined(spans)

    def matches(self, address: Address) -> bool:
        """Tell whether an address is in one of the ranges; a mapped one counts as IPv4."""
        address = getattr(address, "ipv4_mapped", None) or address
        starts, ends = self._ranges[address.version]
        at = bisect_right(starts, int(address)) - 1
        return at >= 0 and int(address) <= ends[at]


def _joined(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    for start, end in spans:
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


class Domains:
    """Host names, each standing for itself and all its subdomains."""

    __slots__ = ("_hosts",)

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(hosts)

    def matches(self, host: str) -> bool:
        """Tell whether a lower-case host is one of them or under one."""
        while host:
            if host in self._hosts:
                return True
            host = host.partition(".")[2]
        return False


class Tried[T](NamedTuple):
    """One rule that was asked, and whether it matched."""

    rule: Rule
    matched: bool


@dataclass(frozen=True, slots=True)
class Ordered[T]:
    """One list of rules over one kind of value, in the order in which they are asked."""

    rows: tuple[tuple[Rule, Matches[T]], ...]

    def first(self, value: T) -> Rule | None:
        """Find the rule that wins, or None."""
        for rule, matches in self.rows:
            if matches(value):
                return rule
        return None

    def trace(self, value: T) -> tuple[Tried[T], ...]:
        """List the rules asked, up to the one that wins."""
        tried: list[Tried[T]] = []
        for rule, matches in self.rows:
            tried.append(Tried(rule, matches(value)))
            if tried[-1].matched:
                break
        return tuple(tried)

    @property
    def last(self) -> Rule | None:
        """The last rule, whose opposite holds where none matches."""
        return self.rows[-1][0] if self.rows else None


def any_glob(patterns: Sequence[str]) -> Matches[str]:
    """Compile patterns of which one must match; those without a star are looked up at once."""
    exact = frozenset(pattern for pattern in patterns if "*" not in pattern)
    globs = tuple(Glob(pattern).matches for pattern in patterns if "*" in pattern)
    if not globs:
        return exact.__contains__
    if len(globs) == 1 and not exact:
        return globs[0]
    return lambda text: text in exact or any(matches(text) for matches in globs)


def plain_path(path: str) -> str:
    """Decode a path for people to read, unless that would change what it means."""
    if "%" not in path or _ENCODED_DELIMITER.search(path):
        return path
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        return path


def write_mask(rule: Rule, path: str) -> str:
    """Write what a mask makes of a path that it matches."""
    for pattern in rule.values:
        stars = Glob(pattern).stars(path)
        if stars is not None:
            return _filled(rule.to, stars)
    return path


def _filled(to: str, stars: tuple[str, ...]) -> str:
    slots = dict(enumerate(stars, 1))
    return _SLOT.sub(lambda slot: slots.get(int(slot[1]), ""), to)


def write_segments(names: Sequence[str], path: str) -> str:
    """Replace the segments of a path that are ids of one of the classes in ``paths.yaml``."""
    classes = [known_segments()[name] for name in names]
    return "/".join(
        next((to for pattern, to in classes if pattern.fullmatch(segment)), segment)
        for segment in path.split("/")
    )


@cache
def known_segments() -> dict[str, tuple[re.Pattern[str], str]]:
    """Compile the classes of segments, once a process."""
    table = read_table("paths")["segments"]
    return {name: (re.compile(row["pattern"], re.ASCII), row["to"]) for name, row in table.items()}


def matches_of(rule: Rule) -> Matches[str]:
    """Compile a rule that looks at text: a path, a host, a country, a referrer's host."""
    match rule.subject:
        case Subject.PATHS | Subject.HOSTS:
            return any_glob(rule.values)
        case Subject.REFERRERS:
            return Domains(rule.values).matches
        case Subject.SEGMENTS:
            return lambda path: write_segments(rule.values, path) != path
        case _:
            return frozenset(rule.values).__contains__
