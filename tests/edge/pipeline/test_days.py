"""Local days, also where clocks change."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pipeline.days import (
    GRACE_MS,
    day_before,
    day_start_ms,
    days_since_epoch,
    local_day,
    period_after,
    period_start,
    salt_end_ms,
)
from edge.sites import SaltPeriod

HOUR_MS = 3_600_000
ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe",
         "Pacific/Apia", "America/Havana", "Asia/Kathmandu"]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Beirut", date(2026, 3, 29), 23),
        ("America/Santiago", date(2026, 9, 6), 23),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_zone_says(zone: str, day: date, hours: float) -> None:
    tz = ZoneInfo(zone)
    assert day_start_ms(day + timedelta(1), tz) - day_start_ms(day, tz) == hours * HOUR_MS


@given(st.sampled_from(ZONES), st.integers(1_577_836_800_000, 1_900_000_000_000))
def test_every_moment_lies_in_its_day(zone: str, ts_ms: int) -> None:
    tz = ZoneInfo(zone)
    day = local_day(ts_ms, tz)
    assert day_start_ms(day, tz) <= ts_ms < salt_end_ms(day, tz) - GRACE_MS


def test_days_are_counted_from_1970() -> None:
    assert days_since_epoch(date(1970, 1, 1)) == 0
    assert days_since_epoch(day_before(date(2026, 1, 1))) == 20453


@pytest.mark.parametrize(
    ("day", "period", "start", "after"),
    [
        ("2026-03-11", SaltPeriod.DAY, "2026-03-11", "2026-03-12"),
        ("2026-03-09", SaltPeriod.WEEK, "2026-03-09", "2026-03-16"),
        ("2026-03-15", SaltPeriod.WEEK, "2026-03-09", "2026-03-16"),
        ("2025-12-31", SaltPeriod.WEEK, "2025-12-29", "2026-01-05"),
        ("2026-02-28", SaltPeriod.MONTH, "2026-02-01", "2026-03-01"),
        ("2025-12-31", SaltPeriod.MONTH, "2025-12-01", "2026-01-01"),
    ],
)
def test_a_salt_period_is_whole_days(day: str, period: SaltPeriod, start: str, after: str) -> None:
    at = date.fromisoformat(day)
    assert period_start(at, period) == date.fromisoformat(start)
    assert period_after(at, period) == date.fromisoformat(after)
    end = day_start_ms(date.fromisoformat(after), ZoneInfo("UTC"))
    assert salt_end_ms(at, ZoneInfo("UTC"), period) == end + GRACE_MS
