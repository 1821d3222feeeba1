"""Token buckets in memory, for what may not be done too often: signing in, asking the API.

Counts are this process's own and forgotten with it, which is what such limits need; several portal
processes each allow the rate. The one invariant: memory is bounded whatever keys arrive.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

MAX_KEYS = 10_000


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float


class Limit:
    """At most ``burst`` at once for a key, refilled at ``per_hour``; 0 an hour is no limit."""

    def __init__(self, *, burst: int, per_hour: float) -> None:
        self._burst = burst
        self._per_s = per_hour / 3600
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, now_s: float) -> int:
        """Take one; 0 if it was there, else the seconds until one will be."""
        if not self._per_s:
            return 0
        with self._lock:
            bucket = self._refilled(key, now_s)
            if bucket.level >= 1:
                bucket.level -= 1
                return 0
            return max(1, round((1 - bucket.level) / self._per_s))

    def _refilled(self, key: str, now_s: float) -> _Bucket:
        bucket = self._buckets.setdefault(key, _Bucket(float(self._burst), now_s))
        self._buckets.move_to_end(key)
        while len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        gained = max(0.0, now_s - bucket.at_s) * self._per_s
        bucket.level = min(float(self._burst), bucket.level + gained)
        bucket.at_s = now_s
        return bucket
