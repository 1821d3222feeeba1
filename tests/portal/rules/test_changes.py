"""A list of rules is changed by one step, and only into one that edges take."""

from typing import Any

import pytest

from portal.rules.changes import moved, put, seal, without, write_props
from rules.loader import RuleError

A: dict[str, Any] = {"id": "a", "kind": "inject", "action": "exclude", "paths": ["/a"]}
B: dict[str, Any] = {"id": "b", "kind": "traffic", "action": "drop", "countries": ["FR"]}
TYPED = {"does": "inject.exclude.paths", "values": " /x/** \n\n/y"}


def test_a_rule_is_added_at_the_end_with_a_name_of_its_own() -> None:
    added = put([A], TYPED)
    assert added[1] == {**A, "id": "exclude-x", "paths": ["/x/**", "/y"]}
    assert put(added, TYPED)[2]["id"] == "exclude-x-2"


def test_a_rule_takes_the_place_of_the_one_that_was_edited() -> None:
    changed = put([A, B], {**TYPED, "id": "a"}, "a")
    assert [rule["id"] for rule in changed] == ["a", "b"]
    assert changed[0]["paths"] == ["/x/**", "/y"]


def test_further_fields_are_read_where_the_rule_has_them() -> None:
    typed = {
        "does": "event.send.selectors",
        "values": "#buy",
        "name": " Bought ",
        "props": "plan = pro\nsize=a=b",
        "when": "click",
        "to": "/ignored",
    }
    (rule,) = put([], typed)
    assert (rule["name"], rule["when"]) == ("Bought", "click")
    assert rule["props"] == {"plan": "pro", "size": "a=b"}
    assert "to" not in rule
    assert write_props(rule["props"]) == "plan=pro\nsize=a=b"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"does": ""}, "does"),
        ({"values": ""}, "paths"),
        ({"values": "shop"}, "paths"),
        ({"id": "a"}, "id"),
        ({"id": "Has Space"}, "id"),
        ({"does": "privacy.mask.paths", "to": ""}, "to"),
        ({"does": "event.send.paths", "name": ""}, "name"),
        ({"does": "event.send.paths", "name": "x", "props": "plan"}, "props"),
    ],
)
def test_what_is_wrong_is_told_by_field(change: dict[str, str], field: str) -> None:
    with pytest.raises(RuleError) as caught:
        put([A], {**TYPED, **change})
    assert caught.value.place[0] == field


def test_rules_move_by_one_and_not_past_an_end() -> None:
    assert moved([A, B], "b", -1) == [B, A]
    assert moved([A, B], "a", -1) == [A, B]
    assert moved([A, B], "c", 1) == [A, B]
    assert without([A, B], "a") == [B]


def test_a_seal_tells_lists_apart() -> None:
    assert seal([A, B]) == seal([dict(reversed(A.items())), B]) != seal([B, A])
