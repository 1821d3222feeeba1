from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.query.model import (
    Comparison,
    ComparisonMode,
    DayRange,
    NamedRange,
    QueryError,
    TimeRange,
)
from store.query.ranges import (
    NAMED_RANGES,
    Period,
    buckets,
    hour_grid,
    midnight,
    resolve,
    resolve_comparison,
    time_dimension,
)

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)  # 23:30 in Paris


def a_period(wanted: str | list[str], zone: ZoneInfo = PARIS, now: datetime = NOW) -> Period:
    if isinstance(wanted, str):
        return resolve(NamedRange(wanted), zone, now, date(2026, 8, 30))
    first, last = map(date.fromisoformat, wanted)
    return resolve(DayRange(first, last), zone, now, None)


def labels(period: Period, dimension: str) -> list[str]:
    return [text for _, text in buckets(period, dimension)]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("day", "2026-11-23", "2026-11-23"),
        ("7d", "2026-11-16", "2026-11-22"),
        ("28d", "2026-10-26", "2026-11-22"),
        ("30d", "2026-10-24", "2026-11-22"),
        ("91d", "2026-08-24", "2026-11-22"),
        ("month", "2026-11-01", "2026-11-23"),
        ("6mo", "2026-05-01", "2026-10-31"),
        ("12mo", "2025-11-01", "2026-10-31"),
        ("year", "2026-01-01", "2026-11-23"),
        ("all", "2026-08-30", "2026-11-23"),
    ],
)
def test_names_mean_whole_local_days(name: str, first: str, last: str) -> None:
    period = a_period(name)
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)
    assert period.whole_days


def test_every_name_has_a_meaning() -> None:
    for name in NAMED_RANGES:
        assert a_period(name).first <= a_period(name).last


def test_today_is_the_sites_today() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    assert a_period("day", PARIS, late).first == date(2026, 11, 24)
    assert a_period("day", ZoneInfo("America/New_York"), late).first == date(2026, 11, 23)


def test_24h_rolls_to_the_minute() -> None:
    period = a_period("24h")
    assert period.start == NOW - timedelta(hours=24)
    assert not period.whole_days
    assert labels(period, "time:hour")[0] == "2026-11-22 23:00:00"
    assert len(labels(period, "time:hour")) == 25


def test_a_range_into_the_future_is_cut_at_today() -> None:
    assert a_period(["2026-11-20", "2026-11-30"]).last == date(2026, 11, 23)
    assert labels(a_period(["2026-12-01", "2026-12-02"]), "time:day") == []


def test_todays_hours_are_cut_at_now() -> None:
    found = labels(a_period("day", now=datetime(2026, 11, 23, 9, 0, tzinfo=UTC)), "time:hour")
    assert found[-1] == "2026-11-23 10:00:00"
    assert len(found) == 11


@pytest.mark.parametrize(
    ("zone", "day", "hours", "first", "last"),
    [
        ("Europe/Paris", "2026-03-29", 23, "00:00:00", "23:00:00"),
        ("Europe/Paris", "2026-10-25", 25, "00:00:00", "23:00:00"),
        ("Asia/Kolkata", "2026-06-01", 24, "00:00:00", "23:00:00"),
        ("Asia/Kathmandu", "2026-06-01", 24, "00:00:00", "23:00:00"),
        ("America/Santiago", "2026-09-06", 23, "01:00:00", "23:00:00"),
        ("Africa/Cairo", "2026-10-29", 25, "00:00:00", "23:00:00"),
    ],
)
def test_days_have_the_hours_their_clock_shows(
    zone: str, day: str, hours: int, first: str, last: str
) -> None:
    found = labels(a_period([day, day], ZoneInfo(zone), NOW), "time:hour")
    assert (len(found), found[0][11:], found[-1][11:]) == (hours, first, last)


def test_half_an_hour_of_summer_time_makes_short_hours() -> None:
    period = a_period(["2026-10-04", "2026-10-04"], ZoneInfo("Australia/Lord_Howe"))
    found = labels(period, "time:hour")
    assert found[1:4] == ["2026-10-04 01:00:00", "2026-10-04 02:30:00", "2026-10-04 03:00:00"]
    assert len(found) == 24


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin")),
    st.dates(date(2019, 1, 1), date(2026, 1, 1)),
    st.integers(0, 3),
    st.integers(0, 86_399),
)
def test_every_moment_falls_into_a_listed_hour(
    zone: str, day: date, more: int, second: int
) -> None:
    last = day + timedelta(days=more)
    period = resolve(DayRange(day, last), ZoneInfo(zone), NOW, None)
    keys = [key for key, _ in buckets(period, "time:hour")]
    moment = min(int(period.start.timestamp()) + second, int(period.end.timestamp()) - 1)
    bucket = hour_grid(period).bucket(moment)
    assert bucket in keys
    assert 0 <= moment - bucket < 3600
    assert keys == sorted(set(keys))


def test_the_first_week_begins_with_the_range() -> None:
    found = labels(a_period(["2026-11-04", "2026-11-20"]), "time:week")
    assert found == ["2026-11-04", "2026-11-09", "2026-11-16"]


def test_months_are_named_by_their_first_day() -> None:
    found = labels(a_period(["2025-12-15", "2026-02-02"]), "time:month")
    assert found == ["2025-12-01", "2026-01-01", "2026-02-01"]


def test_a_day_may_begin_after_midnight() -> None:
    begin = midnight(date(2026, 9, 6), ZoneInfo("America/Santiago"))
    assert begin == datetime(2026, 9, 6, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "dimension"),
    [
        ("day", "time:hour"),
        ("24h", "time:hour"),
        ("7d", "time:day"),
        ("30d", "time:day"),
        ("91d", "time:week"),
        ("12mo", "time:week"),
        (["2024-01-01", "2026-01-01"], "time:month"),
    ],
)
def test_time_picks_a_bucket_that_suits(wanted: str | list[str], dimension: str) -> None:
    assert time_dimension("time", a_period(wanted)) == dimension


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(QueryError) as caught:
        buckets(a_period(["2020-01-01", "2026-01-01"]), "time:hour")
    assert caught.value.code == "too_many_buckets"


def compared(wanted: str | list[str], mode: str, *, match: bool = False) -> tuple[str, str]:
    comparison = Comparison(ComparisonMode(mode), match_weekdays=match)
    period = resolve_comparison(comparison, a_period(wanted))
    return period.first.isoformat(), period.last.isoformat()


def test_the_previous_period_has_the_same_days_right_before() -> None:
    assert compared("7d", "previous_period") == ("2026-11-09", "2026-11-15")
    assert compared("month", "previous_period") == ("2026-10-09", "2026-10-31")
    assert compared("day", "previous_period") == ("2026-11-22", "2026-11-22")


def test_year_over_year_starts_a_year_before_with_the_same_length() -> None:
    assert compared("7d", "year_over_year") == ("2025-11-16", "2025-11-22")
    assert compared(["2024-02-29", "2024-03-01"], "year_over_year") == ("2023-02-28", "2023-03-01")


def test_a_comparison_may_begin_on_the_same_day_of_the_week() -> None:
    assert compared("7d", "year_over_year", match=True) == ("2025-11-17", "2025-11-23")
    assert compared("7d", "previous_period", match=True) == ("2026-11-09", "2026-11-15")
    assert compared("day", "previous_period", match=True) == ("2026-11-16", "2026-11-16")
    assert compared("month", "previous_period", match=True) == ("2026-10-11", "2026-11-02")


def test_moments_compare_with_the_same_length_before() -> None:
    start = datetime(2026, 3, 29, 0, tzinfo=UTC)
    period = resolve(TimeRange(start, start + timedelta(hours=6)), PARIS, NOW, None)
    before = resolve_comparison(Comparison(ComparisonMode.PREVIOUS_PERIOD), period)
    assert (before.start, before.end) == (start - timedelta(hours=6), start)
    year = resolve_comparison(Comparison(ComparisonMode.YEAR_OVER_YEAR), period)
    assert year.start.astimezone(PARIS).isoformat() == "2025-03-29T01:00:00+01:00"


def test_a_custom_comparison_is_the_range_it_names() -> None:
    custom = Comparison(ComparisonMode.CUSTOM, DayRange(date(2026, 1, 1), date(2026, 1, 3)))
    assert resolve_comparison(custom, a_period("7d")).first == date(2026, 1, 1)
