"""Local days of a site's zone: which one a moment belongs to, when it starts, when its salt ends.

A salt period is a local day, or by a site's choice an ISO week or a month of days (INGESTION 1.1),
so all of ingestion asks here. Days are counted from 1970-01-01. The one invariant: a day starts
where the day before it ends, also where clocks change.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge.sites import SaltPeriod

GRACE_MS = 3_600_000
"""How long a day's salt outlives its day: 60 minutes."""

_EPOCH = date(1970, 1, 1).toordinal()
_ONE_DAY = timedelta(days=1)
_MINUTE_MS = 60_000


def local_day(ts_ms: int, zone: ZoneInfo) -> date:
    """Find the local date of a moment."""
    return datetime.fromtimestamp(ts_ms / 1_000, zone).date()


class Moment(NamedTuple):
    """Where in a site's days something happened; ``number`` counts days from 1970-01-01."""

    day: date
    number: int
    is_first_hour: bool


def moment_of(ts_ms: int, zone: ZoneInfo) -> Moment:
    """Place a moment; days and their first hours have begun on a whole minute since 1972."""
    return _minute(ts_ms // _MINUTE_MS, zone)


@lru_cache(maxsize=4_096)
def _minute(minute: int, zone: ZoneInfo) -> Moment:
    ts_ms = minute * _MINUTE_MS
    day = local_day(ts_ms, zone)
    return Moment(day, days_since_epoch(day), ts_ms - day_start_ms(day, zone) < GRACE_MS)


@lru_cache(maxsize=4_096)
def day_start_ms(day: date, zone: ZoneInfo) -> int:
    """Find the first moment of a local date.

    Where midnight does not exist or comes twice, ``fold=0`` gives the moment of the change, or the
    first of the two.
    """
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1_000)


def period_start(day: date, period: SaltPeriod = SaltPeriod.DAY) -> date:
    """Find the first day of the salt period that a day lies in."""
    if period is SaltPeriod.WEEK:
        return day - day.weekday() * _ONE_DAY
    return day.replace(day=1) if period is SaltPeriod.MONTH else day


def period_after(day: date, period: SaltPeriod = SaltPeriod.DAY) -> date:
    """Find the first day of the salt period after the one that a day lies in."""
    start = period_start(day, period)
    if period is SaltPeriod.WEEK:
        return start + 7 * _ONE_DAY
    if period is SaltPeriod.MONTH:
        return (start + 31 * _ONE_DAY).replace(day=1)
    return start + _ONE_DAY


def salt_end_ms(day: date, zone: ZoneInfo, period: SaltPeriod = SaltPeriod.DAY) -> int:
    """Find when the salt of a day must be gone: 60 minutes after its period."""
    return day_start_ms(period_after(day, period), zone) + GRACE_MS


def day_before(day: date) -> date:
    """Give the date before."""
    return day - _ONE_DAY


def days_since_epoch(day: date) -> int:
    """Count a date as Event.local_day does."""
    return day.toordinal() - _EPOCH
