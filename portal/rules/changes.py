"""A list of rules, changed by one step: what the page's buttons and forms do.

Rules are the plain objects that are stored; checking is ``rules.loader``. The one invariant: what
comes out has been checked whole, so it is what edges take.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from portal.rules.words import DOINGS, Doing
from rules.loader import RuleError, parse_rules, plain_rule

type Plain = dict[str, Any]

_NOT_IN_ID = re.compile(r"[^a-z0-9]+")
_MAX_ID = 40


def seal(rules: Sequence[Plain]) -> str:
    """Name a list of rules by its content, to notice that somebody else has changed it."""
    return hashlib.sha256(json.dumps(list(rules), sort_keys=True).encode()).hexdigest()[:16]


def put(rules: Sequence[Plain], typed: Mapping[str, str], replaces: str = "") -> list[Plain]:
    """Add the rule that was typed at the end, or in the place of the one with the id ``replaces``.

    Raises:
        RuleError: Something is wrong with it; ``place`` begins with the field.
    """
    rule = read_typed(typed, [rule["id"] for rule in rules if rule["id"] != replaces])
    ids = [known["id"] for known in rules]
    at = ids.index(replaces) if replaces in ids else len(rules)
    changed = [*rules[:at], rule, *rules[at + (replaces in ids) :]]
    try:
        return [plain_rule(parsed) for parsed in parse_rules(changed)]
    except RuleError as error:
        raise RuleError(error.place[1:], error.expected) from None


def read_typed(typed: Mapping[str, str], taken: Sequence[str]) -> Plain:
    """Make a plain rule of what was typed into the form.

    Raises:
        RuleError: It is not chosen what the rule does, or a property is no ``name=value``.
    """
    doing = DOINGS.get(typed.get("does", ""))
    if doing is None:
        raise RuleError(("does",), "expected a choice")
    values = [line.strip() for line in typed.get("values", "").splitlines()]
    rule: Plain = {
        "id": typed.get("id", "").strip(),
        "kind": doing.kind.value,
        "action": doing.action.value,
        doing.subject.value: [value for value in values if value],
    }
    rule["id"] = rule["id"] or _free_id(doing, rule[doing.subject.value], taken)
    for name in doing.needs:
        text = typed.get(name, "").strip()
        rule[name] = _read_props(text) if name == "props" else text
    return rule


def without(rules: Sequence[Plain], rule_id: str) -> list[Plain]:
    """Take a rule out."""
    return [rule for rule in rules if rule["id"] != rule_id]


def moved(rules: Sequence[Plain], rule_id: str, by: int) -> list[Plain]:
    """Move a rule up (-1) or down (1); at an end it stays."""
    changed = list(rules)
    at = next((i for i, rule in enumerate(changed) if rule["id"] == rule_id), None)
    if at is not None and 0 <= at + by < len(changed):
        changed.insert(at + by, changed.pop(at))
    return changed


def write_props(props: Mapping[str, str]) -> str:
    """Write properties as the form shows them, one a line."""
    return "\n".join(f"{name}={value}" for name, value in props.items())


def _read_props(text: str) -> dict[str, str]:
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise RuleError(("props",), "expected name=value, one a line")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _free_id(doing: Doing, values: Sequence[str], taken: Sequence[str]) -> str:
    """Make an id of what the rule does, for people who gave none."""
    words = f"{doing.action} {values[0] if values else doing.subject}".lower()
    name = _NOT_IN_ID.sub("-", words).strip("-")[:_MAX_ID].strip("-")
    number = 1
    while (found := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return found
