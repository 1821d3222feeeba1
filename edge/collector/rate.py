"""Limits on how fast a client and a site may send: token buckets in this process's memory only.

A bucket holds a minute's events of a client, or a second's of a site, and fills evenly; an event
takes one token, and what is refused takes none. Of a bucket only the moment is kept at which it
will be full again (the generic cell rate algorithm), so a full one needs no memory. A client is a
keyed hash of its address that nobody else can compute and that ends with the process; it never
reaches a disk (INGESTION 7). The one invariant: memory is bounded however many addresses send.
"""

import hmac
import secrets

from edge.event import Address

CLIENT_WINDOW_MS = 60_000
SITE_WINDOW_MS = 1_000
_MOST_CLIENTS = 200_000
_SWEEP_MS = 60_000
_NETWORK_BYTES = 8
"""An IPv6 client owns its /64, so that is what is counted."""


class Buckets[K]:
    """Buckets of ``capacity`` tokens that fill within ``window_ms``, by key."""

    def __init__(self, capacity: int, window_ms: int, most: int = _MOST_CLIENTS) -> None:
        self._capacity = capacity
        self._window_ms = window_ms
        self._most = most
        self._full_at_ms: dict[K, float] = {}
        self._sweep_at_ms = 0

    def wait_ms(self, key: K, tokens: int, now_ms: int) -> float:
        """Take tokens and give 0, or take none and give the time until there are enough.

        More than a bucket holds are taken when it is full.
        """
        self._sweep(now_ms)
        needed_ms = min(tokens, self._capacity) * self._window_ms / self._capacity
        full_at_ms = max(self._full_at_ms.get(key, 0), now_ms) + needed_ms
        late_ms = full_at_ms - now_ms - self._window_ms
        if late_ms > 0:
            return late_ms
        self._full_at_ms[key] = full_at_ms
        return 0

    def _sweep(self, now_ms: int) -> None:
        """Forget full buckets now and then; all of them where even that leaves too many."""
        if now_ms < self._sweep_at_ms and len(self._full_at_ms) < self._most:
            return
        self._sweep_at_ms = now_ms + _SWEEP_MS
        self._full_at_ms = {k: at for k, at in self._full_at_ms.items() if at > now_ms}
        if len(self._full_at_ms) >= self._most:
            self._full_at_ms = {}


class RateLimits:
    """Limit events by client and by site; a limit of 0 is none.

    Units: ``per_client`` events a minute; ``per_site`` events a second.
    """

    def __init__(self, per_client: int = 0, per_site: int = 0) -> None:
        self._key = secrets.token_bytes(16)
        self._clients = Buckets[bytes](per_client, CLIENT_WINDOW_MS) if per_client else None
        self._sites = Buckets[int](per_site, SITE_WINDOW_MS) if per_site else None

    def retry_after_s(self, site_id: int, address: Address, events: int, now_ms: int) -> int:
        """Count events in; seconds to wait if they are too many, else 0."""
        wait_ms = 0.0
        if self._clients is not None:
            wait_ms = self._clients.wait_ms(self._client(site_id, address), events, now_ms)
        if self._sites is not None and not wait_ms:
            wait_ms = self._sites.wait_ms(site_id, events, now_ms)
        return -int(-wait_ms // 1_000)

    def _client(self, site_id: int, address: Address) -> bytes:
        client = b"%d:%s" % (site_id, address.packed[:_NETWORK_BYTES])
        return hmac.digest(self._key, client, "sha256")[:16]
