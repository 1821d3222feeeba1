"""Why only the operator may point a site at an upstream, as far as its text tells.

Where a name leads is the edge's to find out, when it connects; here no name is looked up, so that
nobody can ask the portal which names there are inside. The one invariant: nothing is refused that
the edge would connect to.
"""

import socket
from urllib.parse import urlsplit

from edge.upstream_ranges import UpstreamRanges

PROBLEM = (
    "{host} is not a public address. Ask whoever runs this installation: they can point the site "
    "there with `statflow site set`, or allow the network in STATFLOW_UPSTREAM_RANGES."
)


class UpstreamProblem:
    """Say what is wrong with an upstream, in a sentence; empty where nothing can be told."""

    def __init__(self, ranges: str) -> None:
        self._ranges = UpstreamRanges(ranges)

    def __call__(self, upstream: str) -> str:
        """Judge the address that is written there, however it is spelled."""
        host = urlsplit(upstream).hostname or ""
        address = _spelled_out(host)
        if address is None or self._ranges.allows(address, guarded=True):
            return ""
        return PROBLEM.format(host=host)


def _spelled_out(host: str) -> str | None:
    """Give the address that a host is in any spelling; None for a name.

    ``127.1``, ``0x7f000001`` and ``2130706433`` are 127.0.0.1 to every resolver.
    """
    if host.rstrip(".").rpartition(".")[2] == "localhost":
        return "127.0.0.1"
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None
