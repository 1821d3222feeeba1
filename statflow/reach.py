"""Whither the portal may post what users ask for: the public Internet, and what the operator adds.

One function for every address that a user typed and a server of ours connects to, so that nobody
reads the cloud's metadata or the neighbours' admin pages through us. The one invariant: what is not
plainly a public unicast address is refused unless the operator named its network.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from edge.collector.client_ip import parse_networks, unmapped
from edge.event import Address

_WITH_IPV4_INSIDE = (ip_network("64:ff9b::/96"), ip_network("2002::/16"), ip_network("2001::/32"))
"""NAT64, 6to4, Teredo: they lead to an IPv4 address that would have to be asked for as well."""


def reach_checker(ranges: str) -> Callable[[str, bool], str]:
    """Build what says why an address may not be reached, given the networks the operator allows.

    The other argument says whether TLS is spoken: without it only the operator's networks are.

    Raises:
        ValueError: As ``parse_networks``.
    """
    allowed = parse_networks(ranges)

    def problem_of(text: str, secure: bool) -> str:
        try:
            address = unmapped(ip_address(text.partition("%")[0]))
        except ValueError:
            return "It has no address."
        if address in allowed:
            return ""
        if not is_public(address):
            return (
                "It lies in a private network, which the operator does not allow "
                "(STATFLOW_WEBHOOK_RANGES)."
            )
        return "" if secure else "Use https: over the Internet, http would show it to others."

    return problem_of


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public Internet's, and of one machine."""
    if isinstance(address, IPv6Address) and any(address in net for net in _WITH_IPV4_INSIDE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
