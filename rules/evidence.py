"""Weigh the signs that a client is a program: a mask of independent signals, sorted into kinds.

Signals come from the user agent (``rules.agents``), the request's headers, the beacon and the pace
of a client; the pipeline (``edge.pipeline.bots``) and the hits gather them. The one invariant: a
client becomes a bot only on a definite signal, or on signals of two kinds; two signs that one cause
may have, such as a proxy that takes ``Sec-`` headers off, are of one kind and count once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from functools import lru_cache


class Evidence(IntFlag):
    """The signals, bit by bit; bits are stored, so a number never changes its meaning."""

    AGENT = 1
    AUTOMATION = 1 << 1
    HINTS_MISSING = 1 << 2
    HINTS_CONTRADICT = 1 << 3
    FETCH_MISSING = 1 << 4
    FETCH_CONTRADICT = 1 << 5
    LANGUAGE_MISSING = 1 << 6
    NO_SCRIPT = 1 << 7
    PROBED_PATH = 1 << 8
    RATE = 1 << 9
    VIEWPORT = 1 << 10
    HEADLESS = 1 << 11
    VERIFIED = 1 << 12
    SPOOFED = 1 << 13


class Kind(StrEnum):
    """What a signal is drawn from; signals of one kind may have one cause."""

    DEFINITE = "definite"
    HEADERS = "headers"
    LANGUAGE = "language"
    SCRIPT = "script"
    PATH = "path"
    RATE = "rate"
    SCREEN = "screen"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Signal:
    """One row of the table of signals."""

    bit: Evidence
    kind: Kind
    meaning: str


SIGNALS: tuple[Signal, ...] = (
    Signal(Evidence.AGENT, Kind.DEFINITE, "The user agent is one of a program."),
    Signal(Evidence.AUTOMATION, Kind.DEFINITE, "The browser says that a program drives it."),
    Signal(Evidence.HEADLESS, Kind.DEFINITE, "The client hints name a browser without a window."),
    Signal(Evidence.HINTS_MISSING, Kind.HEADERS, "Chrome or Edge over HTTPS without Sec-CH-UA."),
    Signal(Evidence.HINTS_CONTRADICT, Kind.HEADERS, "The client hints deny the user agent."),
    Signal(Evidence.FETCH_MISSING, Kind.HEADERS, "A modern browser over HTTPS without Sec-Fetch."),
    Signal(Evidence.FETCH_CONTRADICT, Kind.HEADERS, "Sec-Fetch tells of no request of a page."),
    Signal(Evidence.LANGUAGE_MISSING, Kind.LANGUAGE, "No Accept-Language."),
    Signal(Evidence.NO_SCRIPT, Kind.SCRIPT, "A page with the script was taken and it never ran."),
    Signal(Evidence.PROBED_PATH, Kind.PATH, "A path was asked for that only scanners ask for."),
    Signal(Evidence.RATE, Kind.RATE, "More page views in ten seconds than a person opens."),
    Signal(Evidence.VIEWPORT, Kind.SCREEN, "A window of a width that no screen has."),
    Signal(Evidence.VERIFIED, Kind.ADDRESS, "The address is one that the agent's owner publishes."),
    Signal(Evidence.SPOOFED, Kind.DEFINITE, "The agent is not at an address of its owner's."),
)
"""Every signal; ``VERIFIED`` confirms an agent and never makes a bot of anybody."""

KINDS_FOR_A_BOT = 2
_KIND_OF = {signal.bit: signal.kind for signal in SIGNALS if signal.bit is not Evidence.VERIFIED}

_CHROME = re.compile(rb" Chrome/(\d+)[. ]")
_EDGE = re.compile(rb" Edg/(\d+)")
_FIREFOX = re.compile(rb" Firefox/(\d+)")
_SAFARI = re.compile(rb" Version/(\d+)[.\d]* (?:Mobile/\w+ )?Safari/")
# Of a Chrome that is nobody else's: derivatives and web views drop or change hints.
_PLAIN_CHROME = re.compile(
    rb"Mozilla/5\.0 \([^()]*\) AppleWebKit/537\.36 \(KHTML, like Gecko\) "
    rb"Chrome/[\d.]+(?: Mobile)? Safari/537\.36(?: Edg(?:A)?/[\d.]+)?"
)
_BRANDED = re.compile(rb'"(?:Google Chrome|Chromium|Microsoft Edge)";v="(\d+)"')
_HEADLESS = re.compile(rb"headless", re.IGNORECASE)
_SYSTEMS = {
    b"windows": re.compile(rb"Windows"),
    b"macos": re.compile(rb"Mac OS X|Macintosh"),
    b"android": re.compile(rb"Android"),
    b"linux": re.compile(rb"Linux|X11"),
    b"chrome os": re.compile(rb"CrOS"),
    b"chromeos": re.compile(rb"CrOS"),
    b"ios": re.compile(rb"iPhone|iPad|iPod|Macintosh"),
}

FIRST_WITH_HINTS = 90
"""Chrome with ``Sec-CH-UA`` for everybody. Source: chromestatus 5995832180473856 (89), plus one."""
FIRST_WITH_FETCH: tuple[tuple[re.Pattern[bytes], int], ...] = (
    (_CHROME, 80),
    (_FIREFOX, 90),
    (_SAFARI, 17),
)
"""First versions with ``Sec-Fetch-*``: Chrome 76, Firefox 90, Safari 16.4, with a margin."""
_MODES = frozenset({b"cors", b"no-cors", b"same-origin"})
_NAVIGATES = frozenset({b"navigate"})
_JUDGED = (
    b"accept-language",
    b"sec-ch-ua",
    b"sec-ch-ua-platform",
    b"sec-ch-ua-mobile",
    b"sec-fetch-site",
    b"sec-fetch-mode",
)
"""The headers that are looked at."""
_SITES = frozenset({b"same-origin", b"same-site", b"cross-site", b"none"})

_NOTHING = Evidence(0)
NARROWEST_PX = 50
WIDEST_PX = 20_000

PROBED_PATHS = re.compile(
    r"(?:^|/)(?:wp-login\.php|xmlrpc\.php|wp-config\.php[^/]*|phpinfo\.php|phpunit/.*|eval-stdin\.php"
    r"|\.env(?:\.[a-z]+)?|\.git/(?:config|head)|\.svn/entries|\.aws/credentials|\.ssh/.*|\.ds_store"
    r"|phpmyadmin(?:/.*)?|pma(?:/.*)?|cgi-bin/(?:luci|test-cgi|\.%2e).*|boaform/.*|hnap1/?"
    r"|actuator/(?:env|health|heapdump|gateway.*)|solr/admin.*|_ignition/.*|owa/auth/.*"
    r"|(?:backup|dump|database|db)\.(?:sql|zip|tar\.gz|bak)|id_rsa|server-status|autodiscover\.xml)$",
    re.IGNORECASE,
)
"""Paths that no link of a site leads to. A site that runs WordPress is asked for some by people;
one sign alone marks nobody."""


@lru_cache(maxsize=4_096)
def weigh(evidence: int) -> bool:
    """Say whether the signals make a bot of a client: a definite one, or two kinds."""
    kinds = {kind for bit, kind in _KIND_OF.items() if evidence & bit}
    return Kind.DEFINITE in kinds or len(kinds) >= KINDS_FOR_A_BOT


@lru_cache(maxsize=4_096)
def names(evidence: int) -> tuple[str, ...]:
    """List the signals of a mask by name, in the table's order."""
    return tuple(str(signal.bit.name).lower() for signal in SIGNALS if evidence & signal.bit)


def beacon_headers(headers: Mapping[bytes, bytes], agent: bytes, *, secure: bool) -> Evidence:
    """Read the headers of a beacon, a request of a page's script.

    ``headers`` have lower-case names. ``secure`` tells that the page was HTTPS: browsers leave
    ``Sec-`` headers away elsewhere.
    """
    return _judge(tuple(map(headers.get, _JUDGED)), agent, secure, _MODES)


def document_headers(headers: Mapping[bytes, bytes], agent: bytes, *, secure: bool) -> Evidence:
    """Read the headers of a request for a document, as ``beacon_headers`` does."""
    return _judge(tuple(map(headers.get, _JUDGED)), agent, secure, _NAVIGATES)


@lru_cache(maxsize=4_096)
def _judge(
    values: tuple[bytes | None, ...], agent: bytes, secure: bool, modes: frozenset[bytes]
) -> Evidence:
    """Judge the headers that say something; browsers of one make send the same ones."""
    headers = {name: value for name, value in zip(_JUDGED, values, strict=True) if value}
    found = _language(headers)
    if secure:
        found |= _hints(headers, agent) | _fetch(headers, agent, modes)
    return found


def probed_path(path: str) -> Evidence:
    """Say whether a path, without its query, is one that only scanners ask for."""
    return Evidence.PROBED_PATH if PROBED_PATHS.search(path[:512]) else _NOTHING


def viewport(width_px: int) -> Evidence:
    """Judge the width of a window; 0 is unknown and no sign."""
    if width_px > 0 and not NARROWEST_PX <= width_px <= WIDEST_PX:
        return Evidence.VIEWPORT
    return _NOTHING


def _language(headers: Mapping[bytes, bytes]) -> Evidence:
    return _NOTHING if headers.get(b"accept-language") else Evidence.LANGUAGE_MISSING


def _hints(headers: Mapping[bytes, bytes], agent: bytes) -> Evidence:
    hints = headers.get(b"sec-ch-ua", b"")
    if _HEADLESS.search(hints):
        return Evidence.HEADLESS
    if not hints:
        is_plain = _PLAIN_CHROME.fullmatch(agent) is not None
        is_missing = is_plain and _version(_CHROME, agent) >= FIRST_WITH_HINTS
        return Evidence.HINTS_MISSING if is_missing else _NOTHING
    return Evidence.HINTS_CONTRADICT if _is_denied(headers, hints, agent) else _NOTHING


def _is_denied(headers: Mapping[bytes, bytes], hints: bytes, agent: bytes) -> bool:
    """Tell whether brand, platform or form factor say another browser than the agent does.

    A phone that asks for desktop pages changes agent and hints together.
    """
    if not _CHROME.search(agent):
        return bool(_FIREFOX.search(agent) or _SAFARI.search(agent))
    if not _PLAIN_CHROME.fullmatch(agent):
        return False
    versions = {int(version) for version in _BRANDED.findall(hints)}
    if versions and not versions & {_version(_CHROME, agent), _version(_EDGE, agent)}:
        return True
    platform = headers.get(b"sec-ch-ua-platform", b"").strip(b'" ').lower()
    system = _SYSTEMS.get(platform)
    if system is not None and not system.search(agent):
        return True
    return headers.get(b"sec-ch-ua-mobile") == b"?1" and b"Mobile" not in agent


def _fetch(headers: Mapping[bytes, bytes], agent: bytes, modes: frozenset[bytes]) -> Evidence:
    site, mode = headers.get(b"sec-fetch-site", b""), headers.get(b"sec-fetch-mode", b"")
    if not site and not mode:
        is_modern = any(_version(name, agent) >= first for name, first in FIRST_WITH_FETCH)
        return Evidence.FETCH_MISSING if is_modern else _NOTHING
    is_known = site in _SITES and (not mode or mode in modes)
    return _NOTHING if is_known else Evidence.FETCH_CONTRADICT


def _version(pattern: re.Pattern[bytes], agent: bytes) -> int:
    match = pattern.search(agent)
    return int(match.group(1)[:6]) if match else 0
