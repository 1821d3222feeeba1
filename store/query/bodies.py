"""Read the pieces of a request's body: objects, lists, whole numbers, one of several words.

Each either returns what was asked for or raises QueryError with the place and what is allowed.
"""

from enum import StrEnum
from typing import Any, cast

from store.query.model import QueryError


def read_object(value: object, field: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Read an object that has no keys but the ``allowed`` ones."""
    if not isinstance(value, dict):
        raise QueryError("wrong_type", f"{field or 'The query'} must be an object.", field, allowed)
    for key in value:
        if key not in allowed:
            place = f"{field}.{key}" if field else str(key)
            raise QueryError("unknown_key", f"There is no {place!r}.", place, allowed)
    return cast("dict[str, Any]", value)


def read_list(value: object, field: str) -> list[Any]:
    """Read a list."""
    if not isinstance(value, list):
        raise QueryError("wrong_type", f"{field} must be a list.", field)
    return value


def read_whole(value: object, field: str, least: int, most: int) -> int:
    """Read a whole number within bounds."""
    if type(value) is not int or not least <= value <= most:
        raise QueryError(
            "out_of_range", f"{field} is a whole number from {least} to {most}.", field
        )
    return value


def read_word[Word: StrEnum](value: object, field: str, words: type[Word]) -> Word:
    """Read one of the words of an enum."""
    if not isinstance(value, str) or value not in list(words):
        allowed = tuple(words)
        raise QueryError("unknown_word", f"{field} is one of {', '.join(allowed)}.", field, allowed)
    return words(value)
