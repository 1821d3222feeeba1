"""What is documented is what is there."""

import re
from pathlib import Path

from portal.api.openapi_behaviour import QUESTION_KEYS as BEHAVIOUR
from store.query.behaviour.questions import COMMON_KEYS
from store.query.behaviour.vitals import THRESHOLDS
from store.query.dimensions import DIMENSIONS, PROPS_PREFIX, TIME_DIMENSIONS
from store.query.metrics import METRICS
from store.query.model import ComparisonMode, Operator
from store.query.parse import KEYS
from store.query.parse_filters import BEHAVIOURS
from store.query.ranges import NAMED_RANGES

ROOT = Path(__file__).parents[3]
NUMBERS = (ROOT / "docs/numbers.md").read_text()
API = (ROOT / "docs/api.md").read_text()


def table(text: str, heading: str) -> list[list[str]]:
    rows = text.split(f"| {heading} |", 1)[1].splitlines()[2:]
    cells = []
    for row in rows:
        if not row.startswith("|"):
            break
        cells.append([cell.strip() for cell in row.strip("|").split("|")])
    return cells


def test_every_metric_is_documented_as_it_is() -> None:
    documented = [(row[0], row[2], row[3]) for row in table(NUMBERS, "metric")]
    assert documented == [
        (f"`{m.metric}`", "null" if m.empty is None else str(m.empty), m.change) for m in METRICS
    ]


def test_every_dimension_is_documented_as_it_is() -> None:
    documented = {row[0]: row[2] for row in table(NUMBERS, "dimension")}
    assert documented.pop(f"`{PROPS_PREFIX}<key>`") == "`(none)`"
    assert documented == {
        f"`{d.name}`": "left out" if d.omit_missing else f"`{d.missing}`" if d.missing else ""
        for d in DIMENSIONS
    }
    assert [row[0] for row in table(NUMBERS, "time")] == [f"`{name}`" for name in TIME_DIMENSIONS]


def test_every_key_operator_and_range_is_documented() -> None:
    assert [row[0] for row in table(API, "key")] == [f"`{key}`" for key in KEYS]
    for name in (*Operator, *BEHAVIOURS, *ComparisonMode):
        assert name in API
    for name in NAMED_RANGES:
        assert f"`{name}`" in API
        assert f"`{name}`" in NUMBERS


def test_every_key_of_a_behaviour_question_is_documented() -> None:
    questions = {name: keys for name, (keys, _) in BEHAVIOUR.items()}
    documented = {row[0].strip("`"): row[1] for row in table(API, "question")}
    assert set(documented) == set(questions)
    for name, keys in questions.items():
        own = [key for key in keys if key not in COMMON_KEYS or key == "by"]
        assert re.findall(r"`(\w+)`", documented[name]) == own, name
    for name, pair in THRESHOLDS.items():
        shown = " and ".join(f"{value:,}" for value in pair)
        assert f"{name} {shown}" in NUMBERS


def test_every_error_code_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "store/query").rglob("*.py"))
    raised = set(re.findall(r'QueryError\(\s*"(\w+)"', source))
    assert {row[0] for row in table(API, "code")} == {f"`{code}`" for code in raised}
