"""Bring other products' words for browsers, systems, devices and countries to ours.

Pure. What is not listed stays as it is, so nothing is lost.
"""

import re
from functools import cache
from urllib.parse import parse_qs, urlencode, urlsplit

from store.query.dimensions import country_names

_BROWSERS = {
    "chromium": "Chrome",
    "chrome mobile": "Chrome",
    "google chrome": "Chrome",
    "mobile safari": "Safari",
    "safari (in-app)": "iOS WebView",
    "microsoft edge": "Edge",
    "firefox mobile": "Firefox",
    "samsung browser": "Samsung Internet",
    "android webview": "Android WebView",
    "opera mobile": "Opera",
}
_SYSTEMS = {
    "mac": "macOS",
    "macos": "macOS",
    "macintosh": "macOS",
    "mac os": "macOS",
    "mac os x": "macOS",
    "gnu/linux": "Linux",
    "ubuntu": "Linux",
    "debian": "Linux",
    "fedora": "Linux",
    "chrome os": "ChromeOS",
    "chromeos": "ChromeOS",
    "web": "",
}
_DEVICES = {
    "smartphone": "Mobile",
    "phablet": "Mobile",
    "feature phone": "Mobile",
    "mobile": "Mobile",
    "tablet": "Tablet",
    "desktop": "Desktop",
    "laptop": "Desktop",
    "tv": "TV",
    "smart tv": "TV",
    "console": "Console",
}
_UNKNOWN = frozenset({"(not set)", "(none)", "unknown", "unk", "-", "(other)", "null"})


def known(text: str) -> str:
    """Give a word, or nothing where it says that it is not known."""
    found = text.strip()
    return "" if found.lower() in _UNKNOWN else found


def browser(text: str) -> str:
    """Name a browser."""
    return _BROWSERS.get(text.strip().lower(), known(text))


def system(text: str) -> str:
    """Name an operating system."""
    return _SYSTEMS.get(text.strip().lower(), known(text))


def device(text: str) -> str:
    """Name a class of device."""
    return _DEVICES.get(text.strip().lower(), known(text))


def major(version: str) -> str:
    """Keep of a version its first number: 109 of 109.0.5414, 12 of Android 12."""
    found = re.search(r"\d{1,9}", known(version), re.ASCII)
    return found.group() if found else ""


def country(text: str) -> str:
    """Give a country's code, from its code or its English name; else nothing."""
    found = known(text)
    if len(found) == 2:  # noqa: PLR2004 - an ISO code's length
        return found.upper()
    return _by_name().get(found.lower(), "")


@cache
def _by_name() -> dict[str, str]:
    names = {name.lower(): code for code, name in country_names().items() if len(code) == 2}  # noqa: PLR2004
    return names | {"united states of america": "US", "türkiye": "TR", "turkey": "TR"}


def with_campaign(url: str, campaign: dict[str, str]) -> str:
    """Put a campaign's words into an address that lacks them, where a source is derived from."""
    try:
        parts = urlsplit(url)
        there = parse_qs(parts.query)
    except ValueError:
        return url
    lacking = {name: word for name, word in campaign.items() if word and name not in there}
    if not lacking:
        return url
    query = "&".join(filter(None, (parts.query, urlencode(lacking))))
    return parts._replace(query=query).geturl()
