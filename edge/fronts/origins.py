"""Which upstream of a site to try next, and at which addresses.

Remembers connect failures, resolves names when a connection is about to be made, and holds every
address against the ranges the operator allows. It opens no connection; fronts do, by one rule:
``CONNECT_TIMEOUT_S`` an attempt, at most one retry at another address, then the next upstream. The
one invariant: an address outside the ranges is never handed out, whatever a name resolves to.

Not thread-safe: one a front, in one event loop.

Source: DESIGN 5.6, "Origins".
"""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from prometheus_client import Counter

from edge.fronts.reception import Upstream
from edge.upstream_ranges import UpstreamRanges
from edge.wire.limits import CONNECT_TIMEOUT_S

FAILURES_IN_A_ROW = 3
SKIP_S = 10.0

_FAILURES = Counter(
    "statflow_origin_failures_total", "Failed attempts to connect to an upstream.", ["site"]
)
_SKIPS = Counter(
    "statflow_origin_skips_total",
    "Times an upstream was put last for ten seconds, after three failures in a row.",
    ["site"],
)


class UpstreamRefusedError(OSError):
    """Every address of an upstream lies outside the allowed ranges; the message holds none."""


@dataclass(slots=True)
class _Health:
    failures: int = 0
    skipped_until: float = 0.0


class Origins:
    """The health of upstreams, and their addresses.

    Args:
        allowed: Where a connected address must lie.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        allowed: UpstreamRanges | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = allowed or UpstreamRanges()
        self._now = now
        self._health: dict[Upstream, _Health] = {}
        self._lookups: dict[tuple[str, int], asyncio.Task[list[tuple[str, int]]]] = {}

    def order(self, upstreams: Sequence[Upstream]) -> list[Upstream]:
        """Put the healthy ones first, as configured, and the skipped ones last: never nobody."""
        if not self._health:
            return list(upstreams)
        return sorted(upstreams, key=self._is_skipped)

    def failed(self, upstream: Upstream) -> None:
        """Note that no connection could be made, TLS included."""
        site = str(upstream.site_id)
        _FAILURES.labels(site).inc()
        health = self._health.setdefault(upstream, _Health())
        health.failures += 1
        if health.failures >= FAILURES_IN_A_ROW and not self._is_skipped(upstream):
            health.skipped_until = self._now() + SKIP_S
            _SKIPS.labels(site).inc()

    def succeeded(self, upstream: Upstream) -> None:
        """Note that a connection was made; what failed before is forgotten."""
        self._health.pop(upstream, None)

    @property
    def has_list(self) -> bool:
        """Whether the operator listed ranges, which then are the whole answer."""
        return bool(self._allowed)

    async def addresses(self, upstream: Upstream) -> list[tuple[str, int]]:
        """Resolve an upstream now; the second address is of the other family where there is one.

        Raises:
            UpstreamRefusedError: None of its addresses is allowed.
            OSError: The name does not resolve, or not within the time for connecting.
        """
        found = await self._resolve(upstream.host, upstream.port)
        kept = [pair for pair in found if self.allows(pair[0], upstream)]
        if not kept:
            raise UpstreamRefusedError("no address of the upstream is in the allowed ranges")
        return _families_in_turn(kept)

    def allows(self, address: str, upstream: Upstream) -> bool:
        """Tell whether the edge may talk to a connected peer's address for an upstream."""
        return self._allowed.allows(address, guarded=upstream.guarded)

    def _is_skipped(self, upstream: Upstream) -> bool:
        health = self._health.get(upstream)
        return health is not None and self._now() < health.skipped_until

    async def _resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        """Ask once for all who wait for the same name: a slow resolver has few threads."""
        if _is_literal(host):
            return [(host, port)]
        key = (host, port)
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = asyncio.create_task(_look_up(host, port))
            lookup.add_done_callback(lambda done: self._forget(key, done))
        try:
            return await asyncio.wait_for(asyncio.shield(lookup), CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise OSError("resolving the upstream took too long") from None

    def _forget(self, key: tuple[str, int], done: "asyncio.Task[list[tuple[str, int]]]") -> None:
        """Drop a finished look-up; its error is read even where nobody waits any more."""
        del self._lookups[key]
        if not done.cancelled():
            done.exception()


async def _look_up(host: str, port: int) -> list[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    pairs = [(str(entry[4][0]), port) for entry in found]
    return list(dict.fromkeys(pairs))


def _families_in_turn(pairs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Move the first address of the other family to the second place.

    With one retry only, a host whose IPv6 is broken must be reached by IPv4.
    """
    first_is_v6 = ":" in pairs[0][0]
    for index, (address, _) in enumerate(pairs):
        if (":" in address) != first_is_v6:
            return [pairs[0], pairs[index], *pairs[1:index], *pairs[index + 1 :]]
    return pairs


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
