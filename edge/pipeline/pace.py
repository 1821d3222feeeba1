"""How fast clients open pages, in this process's memory only.

A client is its visitor hash, which ends with its salt; nothing is written anywhere. What a high
pace means is ``rules.evidence``'s. The one invariant: memory is bounded however many clients
there are.
"""

WINDOW_MS = 10_000
MOST_VIEWS = 30
"""Page views in a window that a person, or an office behind one address, may well open."""
_MOST_CLIENTS = 50_000


class Pace:
    """Counts page views by client in fixed windows."""

    def __init__(self, most_clients: int = _MOST_CLIENTS) -> None:
        self._most_clients = most_clients
        self._window = 0
        self._views: dict[tuple[int, int], int] = {}

    def is_too_fast(self, site_id: int, visitor: int, now_ms: int) -> bool:
        """Count one page view in and tell whether there were too many in this window."""
        window = now_ms // WINDOW_MS
        if window != self._window:
            self._window, self._views = window, {}
        client = (site_id, visitor)
        if client not in self._views and len(self._views) >= self._most_clients:
            return False
        views = self._views[client] = self._views.get(client, 0) + 1
        return views > MOST_VIEWS
