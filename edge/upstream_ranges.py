"""At which addresses an upstream may lie: pure, asked with the address that was connected to.

An upstream that the operator wrote (a command, ``sites.json``, an administrator) may lie anywhere
but at the addresses that stand for the machine's surroundings rather than for a website: link-local
ones, the metadata services of clouds, multicast. One that somebody of a team typed into the portal
is *guarded*: it must be public, or an account would be a way into the operator's network. The
operator's own list, ``STATFLOW_UPSTREAM_RANGES``, is the whole answer for both. The one invariant:
it is the address itself that is judged, never how a name or a number spells it.

Source: ADR 33; OWASP, Server-Side Request Forgery Prevention; RFC 6052 and 3056 for IPv4 addresses
inside IPv6 ones. (Teredo's, RFC 4380, are not public.)
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from edge.collector.client_ip import Networks, list_networks, unmapped
from edge.event import Address
from rules.tables import read_table

PUBLIC = "public"
"""A word of the setting: every public address, beside the networks that are listed."""
_SEPARATOR = re.compile(r"[\s,]+")
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_SURROUNDINGS = "surroundings"
"""The named set of networks that no website lies in."""


class UpstreamRanges:
    """The operator's choice, or without a list the two rules above.

    Args:
        text: ``STATFLOW_UPSTREAM_RANGES``: CIDR networks, addresses, named sets and ``public``.

    Raises:
        ValueError: A word is none of them.
    """

    __slots__ = ("_listed", "_public", "_surroundings", "_written")

    def __init__(self, text: str = "") -> None:
        words = [word for word in _SEPARATOR.split(text) if word]
        listed = [word for word in words if word.lower() != PUBLIC]
        self._public = len(listed) < len(words)
        self._listed = Networks(list_networks(" ".join(listed))) if words else None
        self._written = Networks([net for word in listed if (net := _network(word)) is not None])
        self._surroundings = Networks(list_networks(_SURROUNDINGS))

    def __bool__(self) -> bool:
        """Whether the operator gave a list."""
        return self._listed is not None

    def allows(self, address: str, *, guarded: bool) -> bool:
        """Tell whether the edge may talk to an address; what is none is refused."""
        try:
            found = unmapped(ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        inner = _inner(found)
        if found in self._surroundings or (inner is not None and inner in self._surroundings):
            return found in self._written  # A name such as `private` is not meant for these.
        if self._listed is None:
            return is_public(found) if guarded else True
        return found in self._listed or (self._public and is_public(found))


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the internet's, also by the IPv4 address within it."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    is_old_private = isinstance(address, IPv6Address) and address.is_site_local  # RFC 3879
    return address.is_global and not (address.is_multicast or address.is_reserved or is_old_private)


def _inner(address: Address) -> IPv4Address | None:
    """Give the IPv4 address that packets to an IPv6 address may end at: 6to4, NAT64."""
    if not isinstance(address, IPv6Address):
        return None
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _network(word: str) -> IPv4Network | IPv6Network | None:
    """Read a word that is no name of a set."""
    return None if word.lower() in read_table("networks") else ip_network(word, strict=False)
