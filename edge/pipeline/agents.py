"""Read user agents: browser, system, device class, bot class; major versions only.

``ua-parser`` with its Rust matcher knows the families, ``rules.agents`` the bots. Families are
folded to the names people use, so that one browser is one row. The one invariant: reading never
raises, whatever the bytes.
"""

import re
from functools import lru_cache

from ua_parser import Domain
from ua_parser.core import OS, PartialResult, UserAgent
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver

from edge.pipeline.draft import Device
from rules.agents import known_agents

_LONGEST_AGENT = 1_024
_OTHER = "Other"
_BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "Android": "Android Browser",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Firefox Focus": "Firefox",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Edge Mobile": "Edge",
    "Edge iOS": "Edge",
    "Opera Mobile": "Opera",
    "Opera Touch": "Opera",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Yandex Browser": "Yandex Browser",
    "UC Browser": "UC Browser",
    "MiuiBrowser": "Miui Browser",
}
_SYSTEMS = {
    "Mac OS X": "macOS",
    "Chrome OS": "ChromeOS",
    "Windows Phone": "Windows Phone",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Red Hat": "Linux",
    "SUSE": "Linux",
    "Arch Linux": "Linux",
    "Linux Mint": "Linux",
}
_TV = re.compile(
    r"smart-?tv|hbbtv|netcast|web0s|appletv|apple tv|googletv|google tv|android tv|\baft[a-z]+\b"
    r"|crkey|roku|viera|bravia|tizen.+\btv\b|large screen",
    re.IGNORECASE,
)
_CONSOLE = re.compile(r"playstation|xbox|nintendo", re.IGNORECASE)
_WATCH = re.compile(r"\bwatch|wear ?os", re.IGNORECASE)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|nexus (?:7|9|10)\b", re.IGNORECASE)
_PHONE = re.compile(
    r"iphone|ipod|mobi|phone|blackberry|bb10|symbian|series ?[46]0|midp|opera mini|kaios|j2me",
    re.IGNORECASE,
)


class Agents:
    """Reads agents and remembers the last ``size`` distinct ones."""

    def __init__(self, size: int = 10_000) -> None:
        self._resolve = Resolver(load_builtins())
        self._classes = known_agents()
        self._cached = lru_cache(maxsize=size)(self._read)

    def read(self, agent: bytes) -> Device:
        """Give what is known of an agent; see ``Devices.read``."""
        return self._cached(agent[:_LONGEST_AGENT])

    def _read(self, raw: bytes) -> Device:
        agent = raw.decode("utf-8", "replace").replace("\x00", "")
        found: PartialResult = self._resolve(agent, Domain.USER_AGENT | Domain.OS)
        browser, browser_version = _browser(found.user_agent)
        system, system_version = _system(found.os)
        bot = self._classes.classify(agent)
        return Device(
            browser=browser,
            browser_version=browser_version,
            os=system,
            os_version=system_version,
            device=device_class(agent, system),
            bot=bot,
            operator=self._classes.operator(agent) if bot else "",
        )


def device_class(agent: str, system: str) -> str:
    """Sort an agent into a device class; an agent without a system has none.

    An iPad that asks for desktop pages says it is a Mac, and is counted as one.
    """
    if _TV.search(agent):
        return "TV"
    if _CONSOLE.search(agent):
        return "Console"
    if _WATCH.search(agent):
        return "Watch"
    is_android_tablet = system == "Android" and "mobi" not in agent.lower()
    if _TABLET.search(agent) or is_android_tablet:
        return "Tablet"
    if _PHONE.search(agent):
        return "Mobile"
    return "Desktop" if system else ""


def _browser(found: UserAgent | None) -> tuple[str, str]:
    if found is None or found.family == _OTHER:
        return "", ""
    return _BROWSERS.get(found.family, found.family), found.major or ""


def _system(found: OS | None) -> tuple[str, str]:
    if found is None or found.family == _OTHER:
        return "", ""
    return _SYSTEMS.get(found.family, found.family), found.major or ""
