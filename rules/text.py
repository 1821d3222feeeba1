"""A site's rules as a text that people edit: YAML, which JSON is a part of.

The form is that of the files that ``statflow rules check`` reads. The one invariant: what
``render_text`` writes, ``parse_text`` reads back unchanged.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from rules.loader import RuleError, parse_document, parse_rules, rules_of
from rules.model import Rule

MOST_CHARACTERS = 131_072
_WIDTH = 100


def parse_text(text: str) -> tuple[Rule, ...]:
    """Read ``rules: [rule, …]`` or the list alone; an empty text is no rule.

    Raises:
        RuleError: Something is wrong; with the line.
    """
    if len(text) > MOST_CHARACTERS:
        raise RuleError((), f"expected at most {MOST_CHARACTERS} characters", "", 1)
    document = parse_document(text)
    if document.values is None:
        return ()
    if not isinstance(document.values, list):
        return rules_of(document)
    try:
        return parse_rules(document.values)
    except RuleError as error:
        raise document.error(error.place, error.expected) from None


def render_text(rules: Sequence[dict[str, Any]]) -> str:
    """Write rules, as plain objects, for people: a rule a block, short lists on one line."""
    return yaml.safe_dump(
        {"rules": list(rules)},
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=None,
    )
