"""Make a text that a regular expression describes: the shortest, of the first alternative."""

import re
from typing import Any

_PARSER: Any = re._parser  # type: ignore[attr-defined]
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 /-_.;()"


def sample(pattern: str) -> str:
    """Give one text that ``pattern`` matches somewhere."""
    return "".join(_text(op, value) for op, value in _PARSER.parse(pattern))


def _text(op: Any, value: Any) -> str:
    match str(op):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return next(char for char in _LETTERS if ord(char) != value)
        case "ANY":
            return "x"
        case "IN":
            return _member(value)
        case "BRANCH":
            return "".join(_text(*part) for part in value[1][0])
        case "SUBPATTERN":
            return "".join(_text(*part) for part in value[3])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return "".join(_text(*part) for part in value[2]) * int(value[0])
        case "AT":
            return ""
        case other:
            raise NotImplementedError(other)


def _member(choices: Any) -> str:
    inside = [re.compile(_set(choices))]
    return next(char for char in _LETTERS if inside[0].fullmatch(char) or char == _first(choices))


def _first(choices: Any) -> str:
    op, value = choices[0]
    return {"LITERAL": chr, "RANGE": lambda span: chr(span[0])}.get(str(op), lambda _: "")(value)


def _set(choices: Any) -> str:
    written = {
        "NEGATE": lambda _: "^",
        "LITERAL": lambda value: re.escape(chr(value)),
        "RANGE": lambda span: f"{re.escape(chr(span[0]))}-{re.escape(chr(span[1]))}",
        "CATEGORY": lambda kind: {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}.get(
            str(kind).removeprefix("CATEGORY_"), r"\S"
        ),
    }
    return "[" + "".join(written[str(op)](value) for op, value in choices) + "]"
