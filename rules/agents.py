"""Sort user agents into people and classes of automated traffic, and name who runs them.

The tables are the packs ``ai_crawlers``, ``bots``, ``listed_bots`` and ``agents``, and the package
``crawler-user-agents``. What a browser is called is ``edge.pipeline.agents``. The one invariant:
matching is linear-time on any agent, and an agent that nothing matches is a person.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import ua_parser_rs
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from rules.tables import read_table

HUMAN = ""
UNKNOWN = "unknown"
AUTOMATION = "automation"
CLASSES: tuple[str, ...] = (
    "search",
    "ai_training",
    "ai_search",
    "ai_assistant",
    "seo",
    "monitor",
    "social_preview",
    "feed",
    "library",
    AUTOMATION,
    "scanner",
    UNKNOWN,
)
"""Every class of bot; a person has none."""
_ANY_CASE = "(?i)"


@dataclass(frozen=True, slots=True)
class Named:
    """One row of the tables of bots: a pattern, its class, and who runs it, empty if not known."""

    pattern: str
    bot: str
    operator: str = ""


class AgentClasses:
    """The tables of classes and operators, compiled once."""

    def __init__(
        self, table: Mapping[str, Any], named: Iterable[Named], crawlers: list[dict[str, Any]]
    ) -> None:
        ignored = frozenset(table["not_bots"])
        rows = [row for row in named if row.pattern not in ignored]
        listed = [
            Named(crawler["pattern"], _tagged(table["tags"], crawler))
            for crawler in crawlers
            if crawler["pattern"] not in ignored
        ]
        owned = [row for row in rows if row.operator]
        # Rows that know no more than "a bot" come after those that know its purpose.
        purposes = sorted([*rows, *listed], key=lambda row: row.bot == UNKNOWN and not row.operator)
        self._known = _extractor((row.pattern, row.bot) for row in purposes)
        self._operators = _extractor((row.pattern, row.operator) for row in owned)
        self._words = _extractor(_worded(table["words"]))
        self._harmless = re.compile("|".join(table["harmless"]), re.IGNORECASE)
        self._platforms = re.compile(table["platforms"].replace(" |", "|"), re.IGNORECASE)

    def classify(self, agent: str) -> str:
        """Find the class of an agent, ``HUMAN`` if nothing speaks against it."""
        agent = self._readable(agent)
        if not agent:
            return UNKNOWN
        found = self._known.extract(agent)
        if found is None or found.family == UNKNOWN:
            found = self._words.extract(agent) or found
        if found is not None:
            return found.family
        return HUMAN if self._platforms.search(agent) else UNKNOWN

    def operator(self, agent: str) -> str:
        """Name who runs the bot of an agent, empty if no table knows."""
        found = self._operators.extract(self._readable(agent))
        return found.family if found is not None else ""

    def _readable(self, agent: str) -> str:
        """Take out what means nothing, and white space that is more than one space."""
        return " ".join(self._harmless.sub("", agent).split())


@cache
def known_agents() -> AgentClasses:
    """Compile the tables that come with the product, once a process."""
    return AgentClasses(read_table("agents"), named_bots(), CRAWLER_USER_AGENTS_DATA)


def named_bots() -> list[Named]:
    """List the rows of the packs of bots, in the order in which they are tried."""
    rows = [*_named(read_table("ai_crawlers")), *_named(read_table("bots"))]
    listed = read_table("listed_bots")["bots"]
    return rows + [Named(pattern, bot, operator) for pattern, bot, operator in listed]


def _named(table: Mapping[str, Any]) -> Iterator[Named]:
    for operator, classes in (*table["operators"].items(), ("", table["unowned"])):
        for bot, patterns in classes.items():
            for pattern in patterns:
                yield Named(_ANY_CASE + pattern, bot, operator)


def _tagged(tags: Mapping[str, str], crawler: Mapping[str, Any]) -> str:
    return next((tags[tag] for tag in tags if tag in crawler["tags"]), UNKNOWN)


def _extractor(rows: Iterable[tuple[str, str]]) -> ua_parser_rs.UserAgentExtractor:
    """Compile (pattern, class) rows into one matcher that tries all at once, first row first."""
    return ua_parser_rs.UserAgentExtractor(
        (pattern, name, None, None, None, None) for pattern, name in rows
    )


def _worded(table: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, patterns in table.items():
        for pattern in patterns:
            yield _ANY_CASE + pattern, name
