"""What an edge is told at its start: one frozen value, and the error that says it cannot be used.

Reading settings and the command line is ``statflow.role_edge``. The one invariant: nothing here
changes while the edge runs; what does, is in the sites snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class EdgeError(Exception):
    """The edge cannot serve; the message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """What an edge needs; ``tracker`` is the frozen build, ``tracker_at`` when it was installed.

    ``cores`` are its like with other parts, by the names of those (``edge.collector.builds``).
    ``selectors`` is what the build is followed by for sites with rules by selector.
    ``modules`` are the parts of that build by name, ``older_modules`` those of earlier builds.

    ``bind`` may list several addresses, separated by commas. ``salt_url`` empty: the salts live in
    ``salts_file``, which must lie in memory; without one they live in this process alone.
    ``rate_client`` is events a minute, ``rate_site`` events a second. ``city_k``: visitors
    of a day that must share a city before it is kept. ``reuse_port``: this is one
    of several workers that share the ports. ``spool_mb`` 0: nothing is spooled. ``debug``: answers
    say what was decided about them.
    """

    front: str
    bind: str
    port: int
    tls_port: int | None
    tls_dir: Path | None
    http3: bool
    reuse_port: bool
    sites_file: Path
    redis_url: str
    salt_url: str
    salt_assured: bool
    salts_file: Path | None
    geo: Path | None
    trusted_proxies: str
    upstream_ranges: str
    acme_dir: Path | None
    proxy_protocol: bool
    log_requests: bool
    rate_client: int
    rate_site: int
    default_site: str
    tracker: bytes
    tracker_at: float
    drain_s: int
    private_bind: str
    private_port: int | None
    private_socket: Path | None
    debug: bool
    version: str
    cores: Mapping[str, bytes] = field(default_factory=dict)
    selectors: bytes = b""
    city_k: int = 10
    modules: Mapping[str, bytes] = field(default_factory=dict)
    older_modules: tuple[bytes, ...] = ()
    edge_origin: str = ""
    bot_ranges: Path | None = None
    spool_dir: Path | None = None
    spool_mb: int = 0
    hits_socket: Path | None = None
    trace_ratio: float = 0.0
    """Share of the requests that are told as spans; 0: none, and nobody listens."""

    @property
    def hosts(self) -> list[str]:
        """The addresses to listen at; brackets around an IPv6 address are taken off."""
        return [host.strip().strip("[]") for host in self.bind.split(",") if host.strip()]
