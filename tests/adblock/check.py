"""Check every live address against public filter lists: ``python -m tests.adblock.check LISTS``.

LISTS is a folder of filter lists that somebody has fetched; they are never kept with Statflow. In
the same run known trackers must be blocked, or the lists prove nothing. Prints a table and writes
``build/adblock.json``. No part of ``make test``: what lists say changes without us.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.sites import SnapshotError, parse_snapshot
from tests.adblock.addresses import Address, known_trackers, own_addresses
from tests.adblock.engine import EngineError, find_blocking_rules, find_lists, install_engine
from tracker.npm import NpmError

REPORT = Path("build/adblock.json")


@dataclass(frozen=True)
class Row:
    """What became of the addresses of one kind; ``rule`` blocks ``example``."""

    site: str
    what: str
    checked: int
    blocked: int
    example: str = ""
    rule: str = ""


def check(
    lists: Sequence[Path], own: Sequence[Address], trackers: Sequence[Address]
) -> tuple[list[Row], list[Row]]:
    """Ask the engine once about all; return the rows of ours and of the known trackers."""
    every = [*own, *trackers]
    rules = find_blocking_rules(lists, [address.asked for address in every])
    judged = list(zip(every, rules, strict=True))
    return _rows(judged[: len(own)]), _rows(judged[len(own) :])


def _rows(judged: Sequence[tuple[Address, str | None]]) -> list[Row]:
    groups: dict[tuple[str, str], list[tuple[Address, str | None]]] = {}
    for address, rule in judged:
        groups.setdefault((address.site, address.what), []).append((address, rule))
    rows = []
    for (site, what), group in groups.items():
        blocked = [(address.asked.url, rule) for address, rule in group if rule]
        example, rule = blocked[0] if blocked else ("", "")
        rows.append(Row(site, what, len(group), len(blocked), example, str(rule)))
    return rows


def render_table(rows: Sequence[Row]) -> str:
    """Write the rows for a person."""
    lines = [f"{'site':<34} {'what':<36} {'checked':>7} {'blocked':>7}"]
    for row in rows:
        lines.append(f"{row.site:<34} {row.what:<36} {row.checked:>7} {row.blocked:>7}")
        if row.blocked and row.site != "known tracker":
            lines.append(f"    {row.example}  by  {row.rule}")
    return "\n".join(lines)


def verdict(own: Sequence[Row], trackers: Sequence[Row]) -> list[str]:
    """List what is wrong, in sentences."""
    wrong = [f"{row.site}, {row.what}: {row.blocked} blocked" for row in own if row.blocked]
    wrong += [
        f"{row.what} is not blocked: these are no lists against trackers, or they are not read"
        for row in trackers
        if not row.blocked
    ]
    return wrong


def main(arguments: Sequence[str]) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="adblock", description=__doc__)
    parser.add_argument("lists", type=Path, nargs="?", help="folder of filter lists (*.txt)")
    parser.add_argument("--install", action="store_true", help="install the engine, check nothing")
    parser.add_argument("--sites", type=Path, help="check the sites of this sites.json instead")
    options = parser.parse_args(arguments)
    try:
        install_engine()
        if options.install:
            return 0
        lists = find_lists(options.lists)
        sites = parse_snapshot(options.sites.read_bytes()).sites if options.sites else ()
        own, trackers = check(lists, own_addresses(time.time(), sites), known_trackers())
    except (EngineError, NpmError, OSError, SnapshotError) as error:
        print(f"adblock: {error}", file=sys.stderr)  # noqa: T201 - a command's own output
        return 1
    return _report([path.name for path in lists], own, trackers)


def _report(lists: list[str], own: list[Row], trackers: list[Row]) -> int:
    wrong = verdict(own, trackers)
    table = render_table([*own, *trackers])
    print(f"lists: {', '.join(lists)}\n{table}")  # noqa: T201 - a command's own output
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(row) for row in (*own, *trackers)]
    REPORT.write_text(json.dumps({"lists": lists, "rows": rows, "wrong": wrong}, indent=2) + "\n")
    for sentence in wrong:
        print(f"adblock: {sentence}", file=sys.stderr)  # noqa: T201 - as above
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
