"""Rules are taken whole or refused with the place and what was expected there."""

from pathlib import Path
from typing import Any

import pytest

from rules import matcher
from rules.loader import (
    MOST_GLOBS,
    MOST_STARS,
    RuleError,
    load_rules,
    parse_rule,
    parse_rules,
    plain_rule,
)
from rules.policy import Policy, inject_pack

GOOD: list[dict[str, Any]] = [
    {"id": "shop", "kind": "inject", "action": "include", "paths": ["/shop/**"]},
    {"id": "office", "kind": "traffic", "action": "drop", "networks": ["203.0.113.0/24"]},
    {"id": "fr", "kind": "traffic", "action": "allow", "countries": ["FR"]},
    {"id": "spam", "kind": "traffic", "action": "drop", "referrers": ["spam.example"]},
    {"id": "users", "kind": "privacy", "action": "mask", "paths": ["/u/*"], "to": "/u/:id"},
    {"id": "ids", "kind": "privacy", "action": "normalise", "segments": ["numbers"]},
    {"id": "keep", "kind": "privacy", "action": "keep", "params": ["q"]},
    {
        "id": "thanks",
        "kind": "event",
        "action": "send",
        "paths": ["/thanks"],
        "name": "Bought",
        "props": {"plan": "pro"},
    },
    {
        "id": "buy",
        "kind": "event",
        "action": "send",
        "selectors": ["#buy", "form.order button"],
        "when": "click",
        "name": "Buy",
    },
    {"id": "goal", "kind": "goal", "action": "reach", "events": ["Bought"], "name": "Purchase"},
]


def test_every_kind_is_read_and_written_back_unchanged() -> None:
    assert [plain_rule(rule) for rule in parse_rules(GOOD)] == GOOD


def test_values_are_brought_to_one_form() -> None:
    rule = parse_rule({"id": "c", "kind": "traffic", "action": "drop", "countries": ["fr"]})
    assert rule.values == ("FR",)


@pytest.mark.parametrize(
    ("change", "place", "expected"),
    [
        ({"kind": "bogus"}, "kind", "one of inject"),
        ({"action": "mask"}, "action", "one of include, exclude"),
        ({"id": "Has Space"}, "id", "a-z"),
        ({"paths": []}, "paths", "a list of 1"),
        ({"paths": ["shop"]}, "paths", "a path such as"),
        ({"paths": ["/a?b=1"]}, "paths", "without a query"),
        ({"paths": ["/a\x00"]}, "paths", "text of 1"),
        ({"paths": [7]}, "paths", "text of 1"),
        ({"hosts": ["a.example"]}, "hosts", "exactly one of paths, params"),
        ({"weight": 3}, "weight", "only action, id, kind, paths"),
        ({"selectors": ["#buy"]}, "selectors", "exactly one of paths, params"),
    ],
)
def test_a_wrong_rule_is_refused_by_place(
    change: dict[str, Any], place: str, expected: str
) -> None:
    rule = {"id": "r", "kind": "inject", "action": "exclude", "paths": ["/a"]}
    with pytest.raises(RuleError) as caught:
        parse_rules([GOOD[0], rule | change])
    assert str(caught.value).startswith(f"rule 2: {place}")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "traffic", "action": "drop", "networks": ["203.0.113.1/24"]},
        {"kind": "traffic", "action": "drop", "countries": ["France"]},
        {"kind": "privacy", "action": "mask", "paths": ["/u/*"], "to": "/u/$2"},
        {"kind": "event", "paths": ["/x"], "name": "pageview"},
        {"kind": "privacy", "action": "normalise", "segments": ["names"]},
        {"kind": "event", "selectors": ["#buy", "a:hover("], "name": "Buy"},
        {"kind": "event", "selectors": ["#buy"], "when": "hover", "name": "Buy"},
        {"kind": "event", "selectors": ["#buy"], "name": "engagement"},
        {"kind": "event", "paths": ["/x"], "when": "click", "name": "Buy"},
    ],
)
def test_values_that_cannot_be_compiled_are_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(RuleError, match="expected"):
        parse_rule({"id": "r", **rule})


def test_two_rules_cannot_share_an_id() -> None:
    with pytest.raises(RuleError, match=r"rule 2: id.*'shop' is taken"):
        parse_rules([GOOD[0], GOOD[0]])


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("rules:\n  - id: a\n    kind: inject\n    action: exclude\n    paths: [x]\n", 5, "a path"),
        ("rules:\n  - id: a\n    kind: odd\n", 3, "one of"),
        ("rules:\n  - id: a\n    id: b\n", 3, "once"),
        ("rules:\n  - &x {id: a}\n  - *x\n", 3, "alias"),
        ("rules: [\n", 2, "YAML"),
        ("other: 1\n", 1, "one key, rules"),
        ("", 1, "one key, rules"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, expected: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(RuleError) as caught:
        load_rules(file)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert expected in str(caught.value)


def test_the_pack_is_read() -> None:
    assert inject_pack()


def glob_rule(number: int, *paths: str) -> dict[str, Any]:
    return {"id": f"g{number}", "kind": "inject", "action": "exclude", "paths": list(paths)}


def test_a_list_that_would_make_pages_slow_is_refused() -> None:
    stars = [f"/{n}/*" for n in range(MOST_GLOBS // 2)]
    assert len(parse_rules([glob_rule(1, *stars), glob_rule(2, *stars)])) == 2
    with pytest.raises(RuleError, match=r"rule 3: paths.*500 patterns with stars"):
        parse_rules([glob_rule(1, *stars), glob_rule(2, *stars), glob_rule(3, "/x*")])
    plain = [glob_rule(n, *(f"/{i}" for i in range(1_000))) for n in range(20)]
    assert len(parse_rules(plain)) == 20
    with pytest.raises(RuleError, match="at most 6 stars"):
        parse_rule(glob_rule(1, "/*a" * 11))


def test_rules_by_selector_may_not_make_the_script_large() -> None:
    rule = {"kind": "event", "selectors": ["#" + "a" * 199] * 40, "name": "x"}
    assert parse_rules([{"id": "a", **rule}, {"id": "b", **rule}])
    with pytest.raises(RuleError, match=r"rule 3: selectors.*bytes of rules by selector"):
        parse_rules([{"id": name, **rule} for name in "abc"])


def test_the_dearest_list_takes_few_searches_of_the_dearest_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many patterns with as many stars as there may be, each nearly a match of a long path."""
    dearest = ["/" + "*a" * (MOST_STARS - 2) + f"*b{n}*" for n in range(MOST_GLOBS)]
    policy = Policy(parse_rules([glob_rule(1, *dearest)]))
    searches, find = list[int](), matcher.find_within

    def counted(text: str, piece: str, start: int, end: int) -> int:
        searches.append(start)
        return find(text, piece, start, end)

    monkeypatch.setattr(matcher, "find_within", counted)
    assert policy.may_inject("/" + "a" * 2_000)
    assert MOST_GLOBS * 2 < len(searches) < MOST_GLOBS * MOST_STARS + 100
