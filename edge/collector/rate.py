"""Limits on how fast a client and a site may send, held in this process's memory only.

A client is a keyed hash of its address that nobody else can compute and that ends with the process;
it never reaches a disk (INGESTION 7). Windows are fixed: simple, and exact enough against floods.
The one invariant: memory is bounded however many addresses send.
"""

import hmac
import secrets

from edge.event import Address

CLIENT_WINDOW_MS = 60_000
SITE_WINDOW_MS = 1_000
_MOST_CLIENTS = 200_000
_NETWORK_BYTES = 8
"""An IPv6 client owns its /64, so that is what is counted."""


class RateLimits:
    """Count events by client and by site; a limit of 0 is none.

    Units: ``per_client`` events a minute; ``per_site`` events a second.
    """

    def __init__(self, per_client: int = 0, per_site: int = 0) -> None:
        self._per_client = per_client
        self._per_site = per_site
        self._key = secrets.token_bytes(16)
        self._clients: dict[bytes, int] = {}
        self._sites: dict[int, int] = {}
        self._client_window = 0
        self._site_window = 0

    def retry_after_s(self, site_id: int, address: Address, events: int, now_ms: int) -> int:
        """Count events in; seconds to wait if they are too many, else 0."""
        if self._per_client and not self._client_may(site_id, address, events, now_ms):
            return -(-(CLIENT_WINDOW_MS - now_ms % CLIENT_WINDOW_MS) // 1_000)
        if self._per_site and not self._site_may(site_id, events, now_ms):
            return 1
        return 0

    def _client_may(self, site_id: int, address: Address, events: int, now_ms: int) -> bool:
        window = now_ms // CLIENT_WINDOW_MS
        if window != self._client_window or len(self._clients) >= _MOST_CLIENTS:
            self._client_window, self._clients = window, {}
        client = b"%d:%s" % (site_id, address.packed[:_NETWORK_BYTES])
        key = hmac.digest(self._key, client, "sha256")[:16]
        sent = self._clients[key] = self._clients.get(key, 0) + events
        return sent <= self._per_client

    def _site_may(self, site_id: int, events: int, now_ms: int) -> bool:
        window = now_ms // SITE_WINDOW_MS
        if window != self._site_window:
            self._site_window, self._sites = window, {}
        sent = self._sites[site_id] = self._sites.get(site_id, 0) + events
        return sent <= self._per_site
