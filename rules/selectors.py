"""Which CSS selectors a rule may name: the part of the language that every browser takes.

They are matched in the visitor's browser (``tracker/src/selectors.js``), which throws at one that
it does not know; so only what is sure to be known passes. The one invariant: reading is linear in
the length of the text.

Source: W3C, Selectors Level 3, without pseudo-elements and namespaces.
"""

from functools import cache

from rules.patterns import Pattern

_NAME = r"-?[A-Za-z_\p{L}][\w\p{L}-]*"
_VALUE = rf"(?:{_NAME}|\"[^\"\\\\]*\"|'[^'\\\\]*')"
_ATTRIBUTE = rf"\[ *{_NAME} *(?:[~|^$*]?= *{_VALUE} *)?\]"
_PLAIN = rf"(?:[#.]{_NAME}|{_ATTRIBUTE})"
_PSEUDO = (
    r":(?:first-child|last-child|only-child|empty|checked|disabled|enabled"
    rf"|nth-child\([0-9]+\)|not\((?:{_NAME}|{_PLAIN})\))"
)
_PART = rf"(?:\*|{_NAME})?(?:{_PLAIN}|{_PSEUDO})*"
MAX_LENGTH = 200


@cache
def _step() -> Pattern:
    return Pattern(_PART)


def is_selector(text: str) -> bool:
    """Tell whether a text is such a selector, or a list of them with commas."""
    if len(text) > MAX_LENGTH:
        return False
    return all(_is_one(part.strip()) for part in _split(text, ","))


def _is_one(text: str) -> bool:
    """Check one selector: parts between white space, ``>``, ``+`` and ``~``."""
    steps: list[str] = []
    for run in _split(text, ">+~"):
        parts = [part for part in _split(run, " \t") if part]
        if not parts:  # Two combinators in a row, or one at an end.
            return False
        steps += parts
    return all(map(_step().matches_whole, steps))


def _split(text: str, marks: str) -> list[str]:
    """Split at marks that stand outside of brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])":
            depth -= 1
        elif char in marks and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
