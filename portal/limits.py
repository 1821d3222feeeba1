"""Token buckets for what may not be done too often: signing in, asking the API.

A bucket with a name is one for all portals of an installation, in Redis; while that is away, and
for one without a name (networks, whose addresses leave the process nowhere), it is this process's
own and forgotten with it. The one invariant: memory is bounded whatever keys arrive.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_KEYS = 10_000

type TakeShared = Callable[[str, int, float], int | None]
"""Key, size, refill a second → 0 or the seconds to wait; None: there is nobody to ask."""


def nobody_shares(_key: str, _burst: int, _per_s: float) -> int | None:
    """Stand for the portal that is alone."""
    return None


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float


class Limit:
    """At most ``burst`` at once for a key, refilled at ``per_hour``; 0 an hour is no limit."""

    def __init__(
        self, *, burst: int, per_hour: float, name: str = "", shared: TakeShared = nobody_shares
    ) -> None:
        self._burst = burst
        self._per_s = per_hour / 3600
        self._name = name
        self._shared = shared
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, now_s: float) -> int:
        """Take one; 0 if it was there, else the seconds until one will be."""
        if not self._per_s:
            return 0
        if self._name:
            wait_s = self._shared(f"{self._name} {key}", self._burst, self._per_s)
            if wait_s is not None:
                return wait_s
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
