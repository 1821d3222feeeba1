"""In each list the first rule that matches wins, and every trace says so."""

from ipaddress import ip_address
from typing import Any

from rules.loader import parse_rules
from rules.model import Subject
from rules.policy import Policy


def policy(*rules: dict[str, Any]) -> Policy:
    numbered = [{"id": f"r{n}", **rule} for n, rule in enumerate(rules)]
    return Policy(parse_rules(numbered))


def test_without_rules_all_is_let_in_but_what_the_pack_keeps_out() -> None:
    nothing = policy()
    assert nothing.may_inject("/")
    assert not nothing.may_inject("/wp-admin/")
    assert all(nothing.admits(subject, "x") for subject in (Subject.PATHS, Subject.HOSTS))


def test_the_first_rule_that_matches_wins_and_the_last_ones_opposite_holds_elsewhere() -> None:
    public = policy(
        {"kind": "inject", "action": "include", "paths": ["/blog/public/**"]},
        {"kind": "inject", "action": "exclude", "paths": ["/blog/**"]},
    )
    assert public.may_inject("/blog/public/a")
    assert not public.may_inject("/blog/a")
    assert public.may_inject("/other")
    shop = policy({"kind": "inject", "action": "include", "paths": ["/shop/**"]})
    assert shop.may_inject("/shop/x?y=1")
    assert not shop.may_inject("/other")


def test_a_sites_own_rule_goes_before_the_packs() -> None:
    own = policy({"kind": "inject", "action": "include", "paths": ["/wp-admin/help", "*"]})
    assert own.may_inject("/wp-admin/help")
    assert [tried.matched for tried in own.trace_inject("/wp-admin/help")] == [True]


def test_shields_drop_and_allow() -> None:
    shields = policy(
        {"kind": "traffic", "action": "allow", "networks": ["203.0.113.7"]},
        {"kind": "traffic", "action": "drop", "networks": ["203.0.113.0/24"]},
        {"kind": "traffic", "action": "allow", "countries": ["FR", "DE"]},
    )
    assert shields.admits(Subject.NETWORKS, ip_address("203.0.113.7"))
    assert not shields.admits(Subject.NETWORKS, ip_address("203.0.113.8"))
    assert shields.admits(Subject.NETWORKS, ip_address("198.51.100.1"))
    assert shields.admits(Subject.COUNTRIES, "DE")
    assert not shields.admits(Subject.COUNTRIES, "US")
    assert not shields.admits(Subject.COUNTRIES, "")


def test_masks_and_events_take_the_first_match() -> None:
    rules = policy(
        {"kind": "privacy", "action": "mask", "paths": ["/users/*"], "to": "/users/:id"},
        {"kind": "privacy", "action": "normalise", "segments": ["numbers"]},
        {"kind": "event", "paths": ["/thanks*"], "name": "Bought"},
        {"kind": "event", "paths": ["/thanks/you"], "name": "Never"},
    )
    assert rules.mask_path("/users/7") == "/users/:id"
    assert rules.mask_path("/orders/7") == "/orders/:id"
    assert rules.mask_path("/orders") == "/orders"
    found = rules.event_of("/thanks/you")
    assert found is not None
    assert found.name == "Bought"
    assert [tried.matched for tried in rules.trace_masks("/orders/7")] == [False, True]
