"""What clients saw: counted by kind, timed by bucket, and every sight that nothing excuses.

The one invariant: a fault is recorded where a client sees it; whether it was to be expected is
decided here, by what is unplugged at that moment.
"""

import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

MOST_FAULTS = 50
GRACE_S = 1.5
"""After a plug is back in, for answers that are on their way."""


@dataclass
class Ledger:
    """Shared by all clients of one run."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    excused: Counter[str] = field(default_factory=Counter)
    transferred_bytes: Counter[str] = field(default_factory=Counter)
    _unplugged: dict[str, float] = field(default_factory=dict)
    _waits: list[float] = field(default_factory=list)

    def note(self, kind: str, status: int, waited_s: float | None = None) -> None:
        """Count an answer as it should be; ``waited_s`` for those whose latency counts."""
        self.answers[f"{kind} {status}"] += 1
        if waited_s is not None:
            self._waits.append(waited_s)

    def fault(self, kind: str, what: str, *needs: str) -> None:
        """Record what should not be, unless something that it needs is unplugged."""
        for part in needs:
            if self.is_unplugged(part):
                self.excused[f"{kind}: {what} ({part} away)"] += 1
                return
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(f"{time.strftime('%H:%M:%S')} {kind}: {what}")

    def unplug(self, part: str) -> None:
        """From now on, what needs ``part`` may fail."""
        self._unplugged[part] = float("inf")

    def plug(self, part: str) -> None:
        """``part`` is back: after a moment, nothing may fail for want of it."""
        self._unplugged[part] = time.monotonic() + GRACE_S

    def is_unplugged(self, part: str) -> bool:
        """Tell whether ``part`` is away, or only just back."""
        return time.monotonic() < self._unplugged.get(part, 0.0)

    def take_waits(self) -> tuple[int, float, float]:
        """Give the number, median and 99th percentile (ms) since the last call."""
        waits, self._waits = sorted(self._waits), []
        if not waits:
            return 0, 0.0, 0.0
        return len(waits), statistics.median(waits) * 1000, waits[len(waits) * 99 // 100] * 1000
