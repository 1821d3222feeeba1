"""Every rule of the model can be made and is told in words."""

from portal.rules.words import DOINGS, doing_of, told, uncovered
from rules.loader import parse_rule, plain_rule


def test_every_combination_of_the_model_has_a_row() -> None:
    assert uncovered() == set()


def test_every_example_is_a_rule() -> None:
    extras = {"to": "/users/:id", "name": "Bought", "when": "submit", "props": {"plan": "pro"}}
    for doing in DOINGS.values():
        rule = {
            "id": "r",
            "kind": doing.kind.value,
            "action": doing.action.value,
            doing.subject.value: [doing.example],
            **{name: extras[name] for name in doing.needs},
        }
        plain = plain_rule(parse_rule(rule))
        assert plain == rule
        assert doing_of(plain) is doing
        assert told(plain)["values"] == [doing.example]


def test_a_goal_is_told_and_not_offered() -> None:
    goal = {"id": "g", "kind": "goal", "action": "reach", "paths": ["/a"], "name": "A"}
    assert told(goal)["does"] == "goal reach"
    assert not told(goal)["editable"]
