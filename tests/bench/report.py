"""Print a bench's rows and ratios, and write them as CONTRACT 2 has it."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from statflow.output import print_table


@dataclass(frozen=True, slots=True)
class Ratio:
    """One comparison beside its budget; ``at_most``: the budget is an upper bound."""

    what: str
    value: float
    budget: float
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Tell whether the budget is kept."""
        return self.value <= self.budget if self.at_most else self.value >= self.budget


class Row(Protocol):
    """What is printed of a row."""

    contender: str
    payload: str
    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    memory_mib: float
    faults: str


def say(what: str) -> None:
    """Show what is being measured, to whoever looks on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{what}\r")


def print_rows(rows: Iterable[Row]) -> None:
    """Print one line a row."""
    head = ["contender", "payload", "conn", "req/s", "p50 ms", "p99 ms", "CPU µs/req", "MiB", ""]
    lines = [
        [
            row.contender, row.payload, str(row.connections), f"{row.per_second:,.0f}",
            f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.cpu_us:.0f}",
            f"{row.memory_mib:.0f}", row.faults,
        ]
        for row in rows
    ]  # fmt: skip
    print_table([head, *lines])


def print_ratios(ratios: Iterable[Ratio]) -> None:
    """Print one line a ratio, and say which budgets are missed."""
    lines = [
        [
            ratio.what, f"{ratio.value:.2f}", f"{'≤' if ratio.at_most else '≥'} {ratio.budget:g}",
            "" if ratio.holds else "MISSED",
        ]
        for ratio in ratios
    ]  # fmt: skip
    print_table([["", "", "", ""], ["ratio", "measured", "budget", ""], *lines])


def write_report(path: Path, rows: list[Mapping[str, Any]], ratios: Iterable[Ratio]) -> None:
    """Write rows and ratios as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"rows": rows, "ratios": {ratio.what: round(ratio.value, 4) for ratio in ratios}}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
