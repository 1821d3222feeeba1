"""Read an amount of money as clients write it into whole minor units.

An amount is never a binary fraction on its way: text is read as decimal, and a JSON number by its
shortest decimal form. The one invariant: what is returned fits a signed 64-bit column.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from edge.event import Revenue
from rules.tables import read_table

_AMOUNT = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,20})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_USUAL_DIGITS = 2
_LARGEST = 10**15
_DIGITS: dict[str, int] = read_table("currencies")["digits"]


def parse_revenue(raw: object, default_currency: str) -> Revenue | None:
    """Read ``{"amount": "9.90", "currency": "EUR"}``; None if it is not money.

    Rounds half away from zero to the currency's minor unit.
    """
    if not isinstance(raw, dict):
        return None
    currency = raw.get("currency", default_currency)
    amount = _amount(raw.get("amount"))
    if amount is None or not isinstance(currency, str):
        return None
    currency = currency.upper()
    if not _CURRENCY.fullmatch(currency):
        return None
    scaled = amount.scaleb(_DIGITS.get(currency, _USUAL_DIGITS))
    return Revenue(int(scaled.to_integral_value(ROUND_HALF_UP)), currency)


def _amount(raw: object) -> Decimal | None:
    if isinstance(raw, float | int) and not isinstance(raw, bool):
        return Decimal(str(raw)) if abs(raw) < _LARGEST else None
    if isinstance(raw, str) and _AMOUNT.fullmatch(raw.strip()):
        return Decimal(raw.strip())
    return None
