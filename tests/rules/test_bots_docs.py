"""``docs/bots.md`` says what the tables say."""

import re
from pathlib import Path

from rules.agents import CLASSES
from rules.evidence import SIGNALS

TEXT = (Path(__file__).parents[2] / "docs/bots.md").read_text(encoding="utf-8")


def test_every_sign_is_documented_as_it_is() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert {(int(bit), name, kind, meaning) for bit, name, kind, meaning in rows} == {
        (int(s.bit), str(s.bit.name).lower(), s.kind.value, s.meaning) for s in SIGNALS
    }


def test_every_class_is_documented() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", TEXT, re.MULTILINE)) == CLASSES
