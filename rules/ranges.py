"""Say whether a bot comes from an address that its owner publishes.

The pack ``bot_ranges`` is dated, so it can only confirm; files that the operator of an edge keeps
current can also deny. Both go by the agent's own name, such as ``Googlebot``. The one invariant: no
list, no verdict; and a list that cannot be read stops the start, never a request.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

import orjson

from rules.evidence import Evidence
from rules.tables import read_table

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network


class RangesError(ValueError):
    """A file of ranges cannot be read; the message says which, and what was expected."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Networks of one agent; ``complete`` ones deny whoever comes from elsewhere."""

    networks: frozenset[Network]
    lengths: tuple[tuple[int, int], ...]
    complete: bool

    def hold(self, address: Address) -> bool:
        """Say whether the address is in one of the networks; one look-up a prefix length."""
        return any(
            address.version == version
            and ip_network((int(address), length), strict=False) in self.networks
            for version, length in self.lengths
        )


class BotRanges:
    """Every list of ranges, by the lower-case name of the agent it is of."""

    def __init__(self, by_agent: Mapping[str, Ranges]) -> None:
        self._by_agent = dict(by_agent)
        longest_first = sorted(by_agent, key=len, reverse=True)
        self._names = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)

    def judge(self, agent: str, address: Address) -> Evidence:
        """Confirm or deny an agent by its address; nothing where no list is of it."""
        match = self._names.search(agent)
        if match is None:
            return Evidence(0)
        ranges = self._by_agent[match.group().lower()]
        if ranges.hold(_unmapped(address)):
            return Evidence.VERIFIED
        return Evidence.SPOOFED if ranges.complete else Evidence(0)


def read_ranges(folder: Path | None = None) -> BotRanges:
    """Read the pack, and the files of ``folder`` in the place of its rows of the same names.

    Raises:
        RangesError: A file cannot be read.
    """
    by_agent = dict(_packed())
    for path in sorted(folder.iterdir()) if folder is not None else ():
        if path.suffix in {".json", ".txt"}:
            by_agent[path.stem.lower()] = read_file(path)
    return BotRanges(by_agent)


def read_file(path: Path) -> Ranges:
    """Read one list: JSON as the large operators publish it, or one network a line.

    Raises:
        RangesError: The file holds neither.
    """
    try:
        raw = path.read_bytes()
        networks = _of_json(raw) if path.suffix == ".json" else raw.decode().split()
        return ranges(networks, complete=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RangesError(
            f"{path}: expected networks, one a line, or JSON with prefixes: {error}"
        ) from None


def ranges(networks: Iterable[str], *, complete: bool) -> Ranges:
    """Make ranges of networks in text.

    Raises:
        ValueError: One is no network, or there is none: an empty list would deny everybody.
    """
    found = frozenset(ip_network(network) for network in networks)
    if not found:
        raise ValueError("no networks")
    lengths = {(network.version, network.prefixlen) for network in found}
    return Ranges(found, tuple(sorted(lengths)), complete)


@cache
def _packed() -> Mapping[str, Ranges]:
    return {
        agent.lower(): ranges(source["networks"], complete=False)
        for source in read_table("bot_ranges")["sources"]
        for agent in source["agents"]
    }


def _of_json(raw: bytes) -> Iterator[str]:
    for prefix in orjson.loads(raw)["prefixes"]:
        yield prefix.get("ipv4Prefix") or prefix["ipv6Prefix"]


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
