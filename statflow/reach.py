"""Whither the portal may post what users ask for: the public Internet, and what the operator adds.

One function for every address that a user typed and a server of ours connects to, so that nobody
reads the cloud's metadata or the neighbours' admin pages through us. The one invariant: what is not
plainly a public unicast address (``edge.upstream_ranges``) is refused unless the operator named its
network.
"""

from collections.abc import Callable
from ipaddress import ip_address

from edge.collector.client_ip import parse_networks, unmapped
from edge.upstream_ranges import is_public


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
