"""The snapshot of all settings, which makes a change of one seen: ``settings.snapshot.json``.

``make docs`` writes it, and refuses where a setting goes, or changes its default or unit, and
``docs/deprecations.md`` does not name it. Tests hold it equal. The one invariant: a setting that
was in a release leaves the snapshot only when it stands in that table.
"""

import json
import re
from collections.abc import Iterable

from statflow.settings import PREFIX, ROOT, Setting

FILE = ROOT / "statflow" / "settings.snapshot.json"
DEPRECATIONS = ROOT / "docs" / "deprecations.md"
Snapshot = dict[str, dict[str, str]]


def snapshot_of(settings: Iterable[Setting]) -> Snapshot:
    """Tell of each setting what those who set it rely on: its default and its unit."""
    return {PREFIX + row.name: {"default": row.default, "unit": row.unit} for row in settings}


def announced(page: str) -> set[str]:
    """List the settings that the page of deprecations names in its table."""
    rows = [line for line in page.splitlines() if line.startswith("|")]
    return set(re.findall(rf"`({PREFIX}\w+)`", "\n".join(rows)))


def unannounced(kept: Snapshot, now: Snapshot, named: set[str]) -> list[str]:
    """List what changed for people without being announced, one sentence each."""
    problems = []
    for name, before in kept.items():
        if name in named or now.get(name) == before:
            continue
        what = "is gone" if name not in now else f"was {before}, is {now[name]}"
        problems.append(f"{name} {what}: announce it in docs/deprecations.md.")
    return problems


def read_snapshot() -> Snapshot:
    """Read the snapshot of the tree."""
    return dict(json.loads(FILE.read_text()))


def render_snapshot(snapshot: Snapshot) -> str:
    """Write a snapshot as it lies in the tree."""
    return json.dumps(snapshot, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
