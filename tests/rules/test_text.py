"""A site's rules as text: read as written, refused with the line."""

import json
from pathlib import Path

import pytest

from rules.loader import RuleError, parse_rules, plain_rule
from rules.text import MOST_CHARACTERS, parse_text, render_text
from tests.rules.test_loader import GOOD


def test_what_is_written_is_read_back() -> None:
    text = render_text(GOOD)
    assert [plain_rule(rule) for rule in parse_text(text)] == GOOD
    assert "paths: [/shop/**]" in text


def test_a_list_alone_is_read_and_so_is_json_and_nothing() -> None:
    assert parse_text(json.dumps(GOOD)) == parse_rules(GOOD)
    assert parse_text("# none yet\n") == parse_text("rules: []") == ()


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("rules:\n- id: a\n  kind: odd\n", 3, "expected one of inject"),
        ("- id: a\n  kind: inject\n  action: include\n  paths:\n  - shop\n", 5, "expected a path"),
        ("rules:\n- {id: a\n", 3, "expected YAML"),
        ("- &x 1\n- *x\n", 2, "not an alias"),
        ("hello", 1, "expected one key"),
        ("[" * 50_000, 1, "fewer lists within lists"),
        ("#" * (MOST_CHARACTERS + 1), 1, "at most"),
    ],
)
def test_a_wrong_text_is_refused_with_its_line(text: str, line: int, expected: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_text(text)
    assert str(caught.value).startswith(f"line {line}: ")
    assert expected in str(caught.value)


def test_the_example_in_the_docs_is_right() -> None:
    page = Path("docs/rules.md").read_text()
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert len(parse_text(example)) == 4
