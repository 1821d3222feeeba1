"""Sort user agents into people and classes of automated traffic.

The tables are ``packs/agents.yaml`` and the package ``crawler-user-agents``. What a browser is
called is ``edge.pipeline.agents``. The one invariant: matching is linear-time on any agent, and an
agent that nothing matches is a person.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import ua_parser_rs
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from rules.tables import read_table

HUMAN = ""
UNKNOWN = "unknown"
_ANY_CASE = "(?i)"


class AgentClasses:
    """The table of classes, compiled once."""

    def __init__(self, table: Mapping[str, Any], crawlers: list[dict[str, Any]]) -> None:
        ignored = frozenset(table["not_bots"])
        crawlers = [crawler for crawler in crawlers if crawler["pattern"] not in ignored]
        self._known = _extractor([*_named(table["named"]), *_listed(table["tags"], crawlers)])
        self._words = _extractor(list(_worded(table["words"])))
        self._harmless = re.compile("|".join(table["harmless"]), re.IGNORECASE)
        self._platforms = re.compile(table["platforms"].replace(" |", "|"), re.IGNORECASE)

    def classify(self, agent: str, *, is_spider: bool = False) -> str:
        """Find the class of an agent, ``HUMAN`` if nothing speaks against it.

        ``is_spider`` tells that the library of devices takes it for a crawler.
        """
        if not agent.strip():
            return UNKNOWN
        agent = self._harmless.sub("", agent)
        found = self._known.extract(agent) or self._words.extract(agent)
        if found is not None:
            return found.family
        if is_spider or not self._platforms.search(agent):
            return UNKNOWN
        return HUMAN


@cache
def known_agents() -> AgentClasses:
    """Compile the table that comes with the product, once a process."""
    return AgentClasses(read_table("agents"), CRAWLER_USER_AGENTS_DATA)


def _extractor(rows: list[tuple[str, str]]) -> ua_parser_rs.UserAgentExtractor:
    """Compile (pattern, class) rows into one matcher that tries all at once, first row first."""
    return ua_parser_rs.UserAgentExtractor(
        (pattern, name, None, None, None, None) for pattern, name in rows
    )


def _named(table: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, words in table.items():
        for word in words:
            yield _ANY_CASE + word, name


def _listed(tags: Mapping[str, str], crawlers: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for crawler in crawlers:
        name = next((tags[tag] for tag in tags if tag in crawler["tags"]), UNKNOWN)
        yield crawler["pattern"], name


def _worded(table: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, patterns in table.items():
        for pattern in patterns:
            yield _ANY_CASE + pattern, name
