"""How the language that is spoken writes numbers, amounts, durations, dates and names.

The conventions are CLDR's (Babel); patterns of dates are texts in the catalogue, as everything that
a language decides. Rounding is done here before anything is written: half away from zero. What a
program reads is never written by this module.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
)

from portal.language import N_, SOURCE, _, locale

_SIZES = (1_000_000_000, 1_000_000, 1_000)
_THOUSAND = 1000
_SHORT_FROM = 10_000


def number(value: float) -> str:
    """Write a number with all its digits: ``12,345``."""
    return format_decimal(_exact(value), locale=locale(), decimal_quantization=False)


def short_number(value: float) -> str:
    """Write a number to be read at a glance: ``12.4k``; below 10,000 with all its digits."""
    if abs(value) < _SHORT_FROM:
        return number(value)
    whole = int(abs(value))
    size = next(size for size in _SIZES if whole + size // 2000 >= size)
    tenths = (whole * 10 + size // 2) // size
    digits = 1 if tenths < _THOUSAND else 0
    rounded = Decimal(tenths if digits else (whole + size // 2) // size * 10) * size / 10
    written = format_compact_decimal(
        -rounded if value < 0 else rounded, locale=locale(), fraction_digits=digits
    )
    return _with_small_k(written)


def decimals(value: float, digits: int) -> str:
    """Write a number with so many decimals, trailing zeros too: ``1.50``."""
    pattern = "0." + "0" * digits if digits else "0"
    return format_decimal(Decimal(f"{value:.{digits}f}"), format=pattern, locale=locale())


def percent(value: float, digits: int | None = None) -> str:
    """Write percents, given as such: 12.5 is ``12.5%``; with so many decimals, if given."""
    if digits is None:
        share = Decimal(f"{value:g}") / 100
        return format_percent(share, locale=locale(), decimal_quantization=False)
    pattern = locale().percent_formats[None].pattern.replace("0", f"0.{'0' * digits}")
    return format_percent(Decimal(f"{value:.{digits}f}") / 100, format=pattern, locale=locale())


def money(amount: dict[str, Any], *, short: bool) -> str:
    """Write an amount as the query engine gives it, with its currency."""
    value = Decimal(str(amount["value"]))
    if short:
        written = format_compact_currency(
            value, amount["currency"], locale=locale(), fraction_digits=1
        )
        return _with_small_k(written)
    return format_currency(value, amount["currency"], locale=locale())


def _with_small_k(written: str) -> str:
    """Write thousands as the field does, ``12.4k``; the language's own sign is ``K``."""
    return re.sub(r"(?<=\d)K\b", "k", written) if locale().language == SOURCE else written


def size(bytes_: float) -> str:
    """Write a size: ``1.5 KB``, of 1,000 bytes each."""
    for unit in (N_("B"), N_("KB"), N_("MB"), N_("GB"), N_("TB")):
        if bytes_ < _THOUSAND or unit == "TB":
            return f"{decimals(bytes_, 0 if unit == 'B' else 1)} {_(unit)}"
        bytes_ /= _THOUSAND
    raise AssertionError("unreachable")


def duration(seconds: int) -> str:
    """Write a duration: ``2m 05s``."""
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return _("%(hours)sh %(minutes)sm", hours=hours, minutes=f"{minutes:02d}")
    if minutes:
        return _("%(minutes)sm %(seconds)ss", minutes=minutes, seconds=f"{seconds:02d}")
    return _("%(seconds)ss", seconds=seconds)


def seconds(value: float, digits: int = 1) -> str:
    """Write a short time in seconds, to be compared with others of its column: ``2.48s``."""
    return _("%(seconds)ss", seconds=decimals(value, digits))


def milliseconds(value: float) -> str:
    """Write a time given in milliseconds: ``165ms``, from a second on ``2.48s``."""
    if value >= _THOUSAND:
        return seconds(value / _THOUSAND, 2)
    return _("%(value)sms", value=number(value))


def day(when: date) -> str:
    """Write a day in figures: ``2026-11-28``; of a moment, its own day."""
    return format_date(when, _("yyyy-MM-dd"), locale=locale())


def moment(when: datetime) -> str:
    """Write a moment of UTC to the minute: ``2026-11-28 15:20 UTC``."""
    return format_datetime(when, _("yyyy-MM-dd HH:mm 'UTC'"), locale=locale())


def short_day(when: date, *, with_year: bool = True) -> str:
    """Write a day with its month's name: ``28 Nov 2026``, or ``28 Nov``."""
    return format_date(when, _("d MMM y") if with_year else _("d MMM"), locale=locale())


def long_day(when: date) -> str:
    """Write a day with its weekday: ``Sat 28 Nov 2026``."""
    return format_date(when, _("EEE d MMM y"), locale=locale())


def weekday(when: date) -> str:
    """Write a day with its weekday, its year left out: ``Sat 28 Nov``."""
    return format_date(when, _("EEE d MMM"), locale=locale())


def month(when: date, *, short: bool = False) -> str:
    """Write a month: ``November 2026``, or ``Nov 2026``."""
    return format_date(when, _("MMM y") if short else _("MMMM y"), locale=locale())


def country_name(code: str) -> str:
    """Name a country by its ISO code; an unknown code is its own name."""
    return str(locale().territories.get(code.upper(), code))


def _exact(value: float) -> int | Decimal:
    return value if isinstance(value, int) else Decimal(str(value))
