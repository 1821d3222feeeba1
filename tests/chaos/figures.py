"""The table of a chaos run: one row a scenario, printed at the end, each also a JSON file."""

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "chaos"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a scenario did and what came of it.

    ``acknowledged`` counts events; ``stored`` also has events whose answer was lost with a
    connection. ``page_failures`` are wrong or missing pages, but for connections to an edge that
    was dead itself, which are ``refused_pages``. ``recovery_s``: from the end of the trouble until
    an event sent after it is in the tables.
    """

    scenario: str
    sent: int
    acknowledged: int
    stored: int
    duplicates: int
    lost: int
    wrong_visits: int
    page_failures: int
    longest_page_ms: int
    recovery_s: float
    pages: int = 0
    refused_pages: int = 0
    refused_beacons: int = 0
    note: str = ""

    def write(self) -> None:
        """Write the row to a file of its own."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", self.scenario.lower())
        text = json.dumps(asdict(self), indent=1) + "\n"
        (FOLDER / f"{name}.json").write_text(text)


HEADS = {
    "scenario": "scenario",
    "sent": "sent",
    "acknowledged": "acknowledged",
    "stored": "stored",
    "duplicates": "duplicates",
    "lost": "lost",
    "wrong_visits": "visits = reference",
    "page_failures": "page failures",
    "longest_page_ms": "longest page ms",
    "recovery_s": "recovery s",
}


def render_table(rows: list[Figures]) -> str:
    """Render rows for a terminal."""
    cells = [list(HEADS.values()), *([_cell(row, name) for name in HEADS] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADS))]
    lines = [
        " | ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def _cell(row: Figures, name: str) -> str:
    value = getattr(row, name)
    if name == "wrong_visits":
        return f"no: {value} differ" if value else "yes"
    return f"{value:,}" if isinstance(value, int) else f"{value:.1f}" if name in _SECONDS else value


_SECONDS = {field.name for field in fields(Figures) if field.name.endswith("_s")}
