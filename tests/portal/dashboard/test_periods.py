"""Periods as days."""

from datetime import date, timedelta

import pytest

from portal.dashboard.periods import (
    CHOICES,
    INTERVALS,
    LONGEST_DAYS,
    Days,
    after,
    before,
    days_of,
    intervals_for,
    read_days,
)

TODAY = date(2026, 11, 10)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("day", TODAY, TODAY),
        ("yesterday", date(2026, 11, 9), date(2026, 11, 9)),
        ("7d", date(2026, 11, 4), TODAY),
        ("28d", date(2026, 10, 14), TODAY),
        ("30d", date(2026, 10, 12), TODAY),
        ("91d", date(2026, 8, 12), TODAY),
        ("month", date(2026, 11, 1), TODAY),
        ("year", date(2026, 1, 1), TODAY),
    ],
)
def test_a_named_period_ends_today(period: str, first: date, last: date) -> None:
    assert days_of(period, TODAY) == Days(first, last)


def test_every_choice_resolves() -> None:
    for choice in CHOICES:
        assert days_of(choice.name, TODAY).count > 0


def test_a_custom_period_is_put_in_order_and_cut_at_today() -> None:
    assert read_days("2026-11-05", "2026-11-01", TODAY) == Days(
        date(2026, 11, 1), date(2026, 11, 5)
    )
    assert read_days("2026-11-05", "2027-01-01", TODAY) == Days(date(2026, 11, 5), TODAY)


@pytest.mark.parametrize(
    ("first", "last"),
    [("", ""), ("x", "2026-11-01"), ("2027-01-01", "2027-01-02"), ("0001-01-01", "2026-11-01")],
)
def test_a_custom_period_that_cannot_be_used_is_none(first: str, last: str) -> None:
    assert read_days(first, last, TODAY) is None


def test_stepping_keeps_the_length_and_stops_at_today() -> None:
    days = Days(date(2026, 11, 1), date(2026, 11, 4))
    earlier = before(days)
    assert earlier == Days(date(2026, 10, 28), date(2026, 10, 31))
    assert after(earlier, TODAY) == days
    assert after(days, date(2026, 11, 6)) == Days(date(2026, 11, 5), date(2026, 11, 6))
    assert after(days, date(2026, 11, 4)) is None
    assert before(Days(date.min, date.min)) is None


def test_a_label_says_each_year_once() -> None:
    assert Days(TODAY, TODAY).label() == "10 Nov 2026"
    assert Days(date(2026, 10, 14), TODAY).label() == "14 Oct \N{EN DASH} 10 Nov 2026"
    assert Days(date(2025, 12, 31), TODAY).label().startswith("31 Dec 2025 ")


def test_no_interval_makes_too_many_buckets() -> None:
    hours = {"hour": 24.0, "day": 1.0, "week": 1 / 7, "month": 1 / 30}
    for count in (1, 2, 3, 7, 8, 31, 32, 100, 101, 366, 367, LONGEST_DAYS):
        for name in intervals_for(Days(TODAY - timedelta(days=count - 1), TODAY)):
            assert name in INTERVALS
            assert count * hours[name] < 550
