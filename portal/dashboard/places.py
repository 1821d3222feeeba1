"""Codes of countries and languages as people read them; the names are CLDR's (Babel)."""

from functools import cache

from babel import Locale

_LETTERS = 26
_FLAG_A = 0x1F1E6


@cache
def _locale() -> Locale:
    return Locale.parse("en")


def country_name(code: str) -> str:
    """Name a country by its ISO code; an unknown code is its own name."""
    return str(_locale().territories.get(code.upper(), code))


def flag(code: str) -> str:
    """Give a country's flag as a pair of regional letters."""
    letters = [ord(letter) - ord("A") for letter in code.upper()]
    if len(letters) != 2 or not all(0 <= letter < _LETTERS for letter in letters):  # noqa: PLR2004 - ISO 3166-1 alpha-2
        return ""
    return "".join(chr(_FLAG_A + letter) for letter in letters)


def shown(dimension: str, value: str) -> str:
    """Write a dimension's value for people."""
    if dimension == "country":
        return country_name(value)
    if dimension in {"device", "screen"}:
        return value[:1].upper() + value[1:]
    return value
