"""Amounts of money in answers: minor units become an object that says how to write them.

The one invariant: an amount is counted in whole minor units and becomes a decimal here, at the end.
"""

from decimal import Decimal
from typing import Any

from babel.numbers import format_compact_currency, format_currency

from rules.tables import read_table
from store.query.metrics import Value

_DIGITS: dict[str, int] = read_table("currencies")["digits"]
_USUAL_DIGITS = 2
_LOCALE = "en_US"


def money(minor: Value, currency: str | None) -> dict[str, Any] | None:
    """Write an amount as the Stats API does: its value, its currency, and as text."""
    if minor is None or currency is None:
        return None
    value = Decimal(int(minor)).scaleb(-_DIGITS.get(currency, _USUAL_DIGITS))
    return {
        "value": float(value),
        "currency": currency,
        "short": format_compact_currency(value, currency, locale=_LOCALE, fraction_digits=1),
        "long": format_currency(value, currency, locale=_LOCALE),
    }
