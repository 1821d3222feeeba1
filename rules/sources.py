"""Name the source behind a referring host or a campaign's source word.

The table is ``packs/sources.yaml``; behind it stands ``listed_sources.yaml``, made from a package.
Which of a page view's hints counts is decided elsewhere, in the edge's pipeline; the channel is
``rules.channels``. The one invariant: a look-up takes a few dictionary accesses, however many hosts
the tables hold.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from rules.tables import read_table

CATEGORIES = ("search", "social", "video", "shopping", "ai", "email", "audio", "referral")
_WILD = ".*"
_LONGEST_SUFFIX = 2
_LONGEST_SUFFIX_LABEL = 3


class Source(NamedTuple):
    """A known source: the name that reports show and the category that channels go by."""

    name: str
    category: str


class Sources:
    """The table of sources, indexed by host, by wildcard and by word."""

    def __init__(
        self, table: Mapping[str, Any], listed: Mapping[str, Mapping[str, list[str]]] | None = None
    ) -> None:
        self._hosts: dict[str, Source] = {}
        self._wild: dict[str, Source] = {}
        self._words: dict[str, Source] = {}
        for category in CATEGORIES:
            for name, hosts in table[category].items():
                self._add(Source(str(name), category), hosts)
        for word, name in table["aliases"].items():
            self._words[str(word)] = self._words[name.lower()]
        for category, names in (listed or {}).items():
            for name, hosts in names.items():
                self._add_listed(Source(str(name), category), hosts)
        self.click_ids: dict[str, Source] = {
            parameter: self._words[name.lower()] for parameter, name in table["click_ids"].items()
        }
        self.paid_search_ids = frozenset(table["paid_search_ids"])

    def of_host(self, host: str) -> Source | None:
        """Find the source of a lower-case host, by its longest known suffix."""
        labels = host.split(".")
        for start in range(len(labels)):
            found = self._hosts.get(".".join(labels[start:])) or self._of_wildcard(labels, start)
            if found:
                return found
        return None

    def of_word(self, word: str) -> Source | None:
        """Find the source that a campaign's word means: a name, an alias or a host."""
        lowered = word.lower()
        return self._words.get(lowered) or (self.of_host(lowered) if "." in lowered else None)

    def _add(self, source: Source, hosts: list[str]) -> None:
        self._words.setdefault(source.name.lower(), source)
        for host in hosts:
            index = self._wild if host.endswith(_WILD) else self._hosts
            if index.setdefault(host.removesuffix(_WILD), source) != source:
                raise ValueError(f"sources.yaml: {host} stands for two sources")

    def _add_listed(self, source: Source, hosts: list[str]) -> None:
        """Add hosts that the table does not say; no words, for names such as Free are words too."""
        source = self._words.get(source.name.lower(), source)
        for host in hosts:
            if self.of_host(host) is None:
                self._hosts[host] = source

    def _of_wildcard(self, labels: list[str], start: int) -> Source | None:
        """Match ``google.*``: the labels behind must look like a public suffix."""
        for rest in range(1, _LONGEST_SUFFIX + 1):
            head, suffix = labels[start:-rest], labels[-rest:]
            if head and all(len(label) <= _LONGEST_SUFFIX_LABEL for label in suffix):
                found = self._wild.get(".".join(head))
                if found:
                    return found
        return None


@cache
def known_sources() -> Sources:
    """Load the table that comes with the product, once a process."""
    return Sources(read_table("sources"), read_table("listed_sources")["hosts"])
