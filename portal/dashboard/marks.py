"""Marks beside the values of dimensions: sources, browsers, systems, devices; flags of countries.

They are decoration: the name beside a mark says the same. All come from installed packages
(``portal/assets.json``); what has no mark of its own gets a neutral one, and without the installed
files a row is its name. The one invariant: no value that came from outside becomes part of an
address unless it is one of our names.
"""

import json
import re
from functools import cache
from pathlib import Path

from rules.sources import known_sources

_MARKED = frozenset({"source", "referrer", "browser", "browser_version", "os", "os_version"})
_DRAWN = frozenset({"device", "screen"})
"""Dimensions whose values have a mark or none at all."""
_COUNTRY = re.compile(r"([A-Z]{2})(?:-[A-Z0-9]{1,3})?")
_VERSION = re.compile(r"(?:[ -]\d[\w.]*)$")
_NEUTRAL = "globe"
_ALIASES = {
    "direct-none": "direct",
    "google-news": "google",
    "google-ads": "google",
    "messenger": "facebook",
    "ios": "apple",
    "macos": "apple",
    "mac-os-x": "apple",
    "mobile-safari": "safari",
    "ios-webview": "apple",
    "android-webview": "android",
    "android-browser": "android",
    "chrome-mobile": "chrome",
    "chromeos": "chrome",
    "opera-mini": "opera",
}


@cache
def _names() -> frozenset[str]:
    table = json.loads((Path(__file__).parents[1] / "assets.json").read_text())
    return frozenset(table["marks"])


def mark(dimension: str, value: str) -> str:
    """Name the mark of a value in ``vendor/marks.svg``; empty where the dimension has none."""
    if dimension not in _MARKED | _DRAWN:
        return ""
    name = _slug(_source_of(value) if dimension == "referrer" else value)
    name = _ALIASES.get(name, name)
    if name in _names():
        return name
    return _NEUTRAL if dimension in _MARKED else ""


def flag(dimension: str, value: str) -> str:
    """Name the file of the flag of a country or a region's country; empty where there is none."""
    match = _COUNTRY.fullmatch(value) if dimension in {"country", "region"} else None
    return f"vendor/flags/{match[1]}.svg" if match else ""


def _source_of(referrer: str) -> str:
    host = referrer.removeprefix("android-app://").partition("/")[0]
    known = known_sources().of_host(host.lower())
    return known.name if known else referrer


def _slug(value: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", _VERSION.sub("", value).lower()).strip("-")
