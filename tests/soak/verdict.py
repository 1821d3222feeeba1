"""Whether anything grew: the last third of a run beside the one before it.

The first third is warm-up and pulled plugs, and is judged by what clients saw alone. Medians are
compared, so that a noisy minute does not count. Pure.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One bucket of a run."""

    at_s: float
    per_second: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    open_files: int
    sockets: int
    faults: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be more in the last third: a share, and a little on top."""

    ratio: float
    plus: float


ALLOWED = {
    "memory_mib": Allowance(1.03, 3.0),
    "open_files": Allowance(1.10, 8),
    "sockets": Allowance(1.10, 8),
    "p50_ms": Allowance(1.30, 0.3),
    "p99_ms": Allowance(2.00, 10.0),
}
PEAK_MIB = 48.0
"""How far memory may ever stand above its median: what large transfers and slow readers hold."""


def thirds(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Give the medians of the second and the last third."""
    size = len(samples) // 3
    middle, last = samples[-2 * size : -size], samples[-size:]
    return (
        statistics.median(getattr(sample, name) for sample in middle),
        statistics.median(getattr(sample, name) for sample in last),
    )


def find_growth(samples: Sequence[Sample]) -> list[str]:
    """Say what grew; at least six samples are needed for a judgement."""
    if len(samples) < 6:
        return ["too few samples to judge"]
    grown = []
    for name, allowed in ALLOWED.items():
        before, after = thirds(samples, name)
        if after > before * allowed.ratio + allowed.plus:
            grown.append(f"{name} grew from {before:.1f} to {after:.1f}")
    usual = thirds(samples, "memory_mib")[0]
    if (peak := max(sample.memory_mib for sample in samples)) > usual + PEAK_MIB:
        grown.append(f"memory stood at {peak:.0f} MiB once; usual are {usual:.0f}")
    return grown
