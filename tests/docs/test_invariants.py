"""Every test that ``docs/invariants.md`` names exists, and no paragraph is left out."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/invariants.md").read_text()
PARAGRAPHS = (
    *(f"1.{n}" for n in range(1, 6)),
    *(f"2.{n}" for n in range(1, 6)),
    *(f"3.{n}" for n in range(1, 10)),
    "4",
    *(f"5.{n}" for n in range(1, 7)),
    *"6789",
)


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", TEXT)
    assert len(named) > len(PARAGRAPHS)
    gone = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert gone == []


def test_every_paragraph_has_a_line() -> None:
    assert tuple(re.findall(r"^\| (\d[.\d]*) \|", TEXT, re.MULTILINE)) == PARAGRAPHS
