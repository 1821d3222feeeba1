"""The table of ways that injection goes wrong names decisions and tests; all of them must exist."""

import ast
import re
from pathlib import Path

from tests.conformance.test_cases import CASES

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in (ROOT / "docs" / "edge-injection-cases.md").read_text().splitlines()
    if re.match(r"\| \d", line)
]


def test_every_topic_has_a_decision_and_a_test() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 42))
    assert all(len(row) == 4 and all(row) for row in ROWS)


def test_every_test_that_is_named_exists() -> None:
    named = {found for row in ROWS for found in re.findall(r"`(tests/[^`]+)::([^`]+)`", row[3])}
    missing = [(path, name) for path, name in named if name not in _functions(ROOT / path)]

    assert missing == []
    assert len(named) > 40


def test_every_case_that_is_named_exists() -> None:
    named = {case for row in ROWS for case in re.findall(r'"([^"]+)"', row[3])}

    assert named - {case.name for case in CASES} == set()


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
