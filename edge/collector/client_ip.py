"""Whose address counts: the peer's, or one that a trusted proxy tells (DESIGN 5.3).

Anybody can write a header, so one is read only when the peer is a trusted proxy, from right to
left, as far as trusted proxies wrote it. What is told to the origin is ``edge.wire.forwarded``.
The one invariant: whatever a header holds, the answer is an address, and an untrusted peer's answer
is always its own.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from edge.event import Address
from edge.sites import ClientIpSource, Site
from rules.tables import read_table

_SEPARATOR = re.compile(r"[\s,]+")
_FORWARDED_PAIR = re.compile(rb'\s*([!#$%&\'*+.^_`|~\w-]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)\s*')
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_V4_WITH_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")
_V6_IN_BRACKETS = re.compile(r"\[([^\]]{2,})\](?::\d{1,5})?")
_LONGEST_TEXT = 64
_MAX_HOPS = 64
"""Hops read from the right; a longer chain is no chain of ours."""


_FIELDS = {source: source.value.encode() for source in ClientIpSource}


class Networks:
    """A set of networks, asked by ``address in networks``."""

    __slots__ = ("_v4", "_v6")

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._v4 = _masks([net for net in networks if isinstance(net, IPv4Network)])
        self._v6 = _masks([net for net in networks if isinstance(net, IPv6Network)])

    def __contains__(self, address: Address) -> bool:
        rows = self._v6 if isinstance(address, IPv6Address) else self._v4
        number = int(address) if rows else 0
        for network, mask in rows:  # noqa: SIM110 - no generator: this is asked at every request.
            if number & mask == network:
                return True
        return False

    def __bool__(self) -> bool:
        return bool(self._v4 or self._v6)


def parse_networks(text: str) -> Networks:
    """Read a set of networks.

    Raises:
        ValueError: As ``list_networks``.
    """
    return Networks(list_networks(text))


def list_networks(text: str) -> list[IPv4Network | IPv6Network]:
    """Read a list of CIDR networks, addresses and the names ``cloudflare private loopback``.

    Raises:
        ValueError: A word is neither; the message holds the word.
    """
    named = read_table("networks")
    networks: list[IPv4Network | IPv6Network] = []
    for word in filter(None, _SEPARATOR.split(text)):
        for cidr in named.get(word.lower(), [word]):
            try:
                networks.append(ip_network(cidr, strict=False))
            except ValueError:
                expected = f"a network, an address or one of {', '.join(named)}"
                raise ValueError(f"{word!r}: expected {expected}") from None
    return networks


def client_address(
    site: Site, peer: Address, headers: Sequence[tuple[bytes, bytes]], trusted: Networks
) -> Address:
    """Find the visitor's address; on anything unreadable it is the peer's."""
    peer = unmapped(peer)
    source = site.client_ip
    if not trusted or source is ClientIpSource.PEER or peer not in trusted:
        return peer
    wanted = _FIELDS[source]
    values = [value for name, value in headers if name.lower() == wanted]
    if not values:
        return peer
    if source is ClientIpSource.X_FORWARDED_FOR:
        return _walk(b",".join(values).split(b","), peer, trusted)
    if source is ClientIpSource.FORWARDED:
        return _walk(_forwarded_nodes(b",".join(values)), peer, trusted)
    return (parse_address(values[0]) if len(values) == 1 else None) or peer


def forwarded_for(peer: str, told: str, trusted: Networks) -> str:
    """Find a client as ``client_address`` does, of texts: who connects, and ``X-Forwarded-For``."""
    address = parse_address(peer.encode("latin-1", "replace"))
    if address is None or address not in trusted:
        return peer
    raw = told.encode("latin-1", "replace")
    return str(_walk(raw.split(b",") if raw else [], address, trusted))


def parse_address(raw: bytes) -> Address | None:
    """Read one address as proxies write it: bare, with a port, in brackets, or IPv4-mapped."""
    text = raw.strip().decode("latin-1")
    if len(text) > _LONGEST_TEXT:
        return None
    if match := _V4_WITH_PORT.fullmatch(text) or _V6_IN_BRACKETS.fullmatch(text):
        text = match.group(1)
    try:
        return unmapped(ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """Reduce an IPv4-mapped IPv6 address to IPv4 and drop a scope, so that one client is one."""
    if not isinstance(address, IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv6Address(int(address)) if address.scope_id else address


def _walk(chain: Sequence[bytes], peer: Address, trusted: Networks) -> Address:
    """Go from right to left to the first address that is no trusted proxy's."""
    found = peer
    for raw in reversed(chain[-_MAX_HOPS:]):
        address = parse_address(raw)
        if address is None:
            return peer
        found = address
        if address not in trusted:
            break
    return found


def _forwarded_nodes(value: bytes) -> list[bytes]:
    """List the ``for`` values of a Forwarded field, an unreadable element as an empty one.

    Source: RFC 7239, section 4; quoted strings may hold commas and semicolons.
    """
    nodes: list[bytes] = []
    node, at = b"", 0
    while at < len(value):
        match = _FORWARDED_PAIR.match(value, at)
        if match is None:
            return [b""]
        if match.group(1).lower() == b"for":
            node = _unquoted(match.group(2))
        at = match.end()
        if value[at : at + 1] not in {b"", b",", b";"}:
            return [b""]
        if value[at : at + 1] != b";":
            nodes.append(node)
            node = b""
        at += 1
    return nodes


def _unquoted(value: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", value[1:-1]) if value.startswith(b'"') else value


def _masks(networks: Sequence[IPv4Network | IPv6Network]) -> tuple[tuple[int, int], ...]:
    return tuple((int(net.network_address), int(net.netmask)) for net in networks)
