"""The loads of documents that page views have confirmed lately, in this process's memory only.

A browser that shows a kept copy of a page, or somebody who repeats a beacon, brings an id again.
That of an event which the buffer did not take is released, so a refused beacon may come again. The
one invariant: memory is bounded; of two workers each knows its own loads only.
"""

_MOST_LOADS = 100_000


class SeenLoads:
    """A set of load ids that forgets the oldest."""

    def __init__(self, most_loads: int = _MOST_LOADS) -> None:
        self._most_loads = most_loads
        self._seen: dict[int, None] = {}

    def claim(self, load_id: int) -> bool:
        """Remember a load; False if it was known."""
        if load_id in self._seen:
            return False
        if len(self._seen) >= self._most_loads:
            del self._seen[next(iter(self._seen))]
        self._seen[load_id] = None
        return True

    def release(self, load_id: int) -> None:
        """Forget a load whose event was not taken: it may come again."""
        self._seen.pop(load_id, None)
