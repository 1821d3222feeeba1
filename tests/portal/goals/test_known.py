"""Goals of a site's rules are goals of its reports."""

from portal.goals.known import ruled_goals
from rules.loader import parse_rules, plain_rule
from store.query.goals import Goal, GoalKind

RULES = [
    plain_rule(rule)
    for rule in parse_rules(
        [
            {"id": "thanks", "kind": "goal", "paths": ["/thank-you"], "name": "Order"},
            {"id": "two", "kind": "goal", "events": ["Signup", "Newsletter"], "name": "Contact"},
            {"id": "shop", "kind": "inject", "action": "include", "paths": ["/shop/**"]},
            {
                "id": "big", "kind": "goal", "events": ["Order"], "name": "Gift",
                "props": {"gift": "yes"},
            },
        ]
    )
]  # fmt: skip


def test_each_page_or_event_of_a_goal_rule_is_a_goal() -> None:
    assert ruled_goals(RULES, set()) == (
        Goal(-1, "Order", GoalKind.PAGE, "/thank-you"),
        Goal(-2, "Contact: Signup", GoalKind.EVENT, "Signup"),
        Goal(-3, "Contact: Newsletter", GoalKind.EVENT, "Newsletter"),
        Goal(-4, "Gift", GoalKind.EVENT, "Order", (("gift", "yes"),)),
    )


def test_a_goal_of_the_same_name_goes_before() -> None:
    assert [goal.name for goal in ruled_goals(RULES, {"Order", "Gift"})] == [
        "Contact: Signup",
        "Contact: Newsletter",
    ]
