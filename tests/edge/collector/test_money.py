"""Amounts of money in minor units."""

import math
from typing import Any

import pytest

from edge.collector.money import parse_revenue
from edge.event import Revenue


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("9.90", "EUR", 990),
        ("9", "EUR", 900),
        (9.9, "EUR", 990),
        (0.1, "EUR", 10),
        (1.005, "EUR", 101),
        ("1.005", "EUR", 101),
        ("-1.005", "EUR", -101),
        ("-5", "EUR", -500),
        ("+5", "EUR", 500),
        (" 5 ", "EUR", 500),
        ("1500", "JPY", 1500),
        ("1500.5", "JPY", 1501),
        ("1.2345", "KWD", 1235),
        ("1.2345", "CLF", 12345),
        ("5", "eur", 500),
        (1e14, "EUR", 10**16),
        (1e-7, "EUR", 0),
    ],
)
def test_an_amount(amount: Any, currency: str, minor: int) -> None:
    expected = Revenue(minor, currency.upper())
    assert parse_revenue({"amount": amount, "currency": currency}, "USD") == expected


def test_the_sites_currency_is_the_default() -> None:
    assert parse_revenue({"amount": 5}, "JPY") == Revenue(5, "JPY")


@pytest.mark.parametrize(
    "raw",
    [
        None, 5, "5", [], {}, {"amount": None}, {"amount": True}, {"amount": []},
        {"amount": ""}, {"amount": "abc"}, {"amount": "NaN"}, {"amount": "Infinity"},
        {"amount": "1e5"}, {"amount": "1_000"}, {"amount": "1,5"}, {"amount": "9" * 16},
        {"amount": 10**15}, {"amount": 1e300}, {"amount": math.inf}, {"amount": math.nan},
        {"amount": "٣"}, {"amount": 5, "currency": 5}, {"amount": 5, "currency": ""},
        {"amount": 5, "currency": "EURO"}, {"amount": 5, "currency": "€"},
        {"amount": 5, "currency": None},
    ],
)  # fmt: skip
def test_what_is_no_money(raw: Any) -> None:
    assert parse_revenue(raw, "EUR") is None
