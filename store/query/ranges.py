"""Turn a date range into days and moments of a site's zone, and into the buckets of a series.

Pure: ``now`` is an argument, and ``all`` is given the first day that holds data. The one invariant:
a bucket's key made here equals the one that the statement computes (``HourGrid`` serves both), so
no row can fall between two buckets, in whatever zone and over whatever change of the clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from store.query.model import (
    Comparison,
    ComparisonMode,
    DateRange,
    DayRange,
    NamedRange,
    QueryError,
    TimeRange,
)

HOUR_S = 3600
MAX_BUCKETS = 10_000
NAMED_RANGES: tuple[str, ...] = (
    "day", "24h", "7d", "28d", "30d", "91d", "month", "6mo", "12mo", "year", "all",
)  # fmt: skip
"""``7d`` … ``91d`` are so many days ending yesterday, ``6mo`` and ``12mo`` whole months ending last
month, ``24h`` is rolling; ``day``, ``month`` and ``year`` are the current ones so far."""

_DAYS = {"7d": 7, "28d": 28, "30d": 30, "91d": 91}
_MONTHS = {"6mo": 6, "12mo": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """A range that is no longer relative to anything.

    ``first`` and ``last`` are the site-local days it touches; ``start`` and ``end`` (excluded) its
    moments in UTC. ``whole_days`` says that it is made of days, which are told by the visit's day
    and not by the clock (NUMBERS 13). Buckets that begin after ``now`` are not shown.
    """

    first: date
    last: date
    start: datetime
    end: datetime
    whole_days: bool
    zone: ZoneInfo
    now: datetime


def resolve(wanted: DateRange, zone: ZoneInfo, now: datetime, first_data: date | None) -> Period:
    """Resolve a range at a moment; one that reaches into the future is cut at today."""
    today = now.astimezone(zone).date()
    if isinstance(wanted, TimeRange):
        return _moments(wanted.start, wanted.end, zone, now)
    if isinstance(wanted, DayRange):
        last = min(wanted.last, today) if wanted.first <= today else wanted.last
        return _days(wanted.first, last, zone, now)
    if wanted.name == "24h":
        return _moments(now - timedelta(hours=24), now + timedelta(milliseconds=1), zone, now)
    first, last = _named_days(wanted, today, first_data)
    return _days(first, last, zone, now)


def _named_days(wanted: NamedRange, today: date, first_data: date | None) -> tuple[date, date]:
    yesterday = today - timedelta(days=1)
    if wanted.name in _DAYS:
        return today - timedelta(days=_DAYS[wanted.name]), yesterday
    if wanted.name in _MONTHS:
        month = today.replace(day=1)
        return _months_before(month, _MONTHS[wanted.name]), month - timedelta(days=1)
    if wanted.name == "all":
        return min(first_data or today, today), today
    firsts = {"day": today, "month": today.replace(day=1), "year": today.replace(month=1, day=1)}
    return firsts[wanted.name], today


def _months_before(month: date, count: int) -> date:
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def _days(first: date, last: date, zone: ZoneInfo, now: datetime) -> Period:
    start, end = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    return Period(first, last, start, end, whole_days=True, zone=zone, now=now)


def _moments(start: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> Period:
    first = start.astimezone(zone).date()
    last = (end - timedelta(milliseconds=1)).astimezone(zone).date()
    return Period(
        first,
        last,
        start.astimezone(UTC),
        end.astimezone(UTC),
        whole_days=False,
        zone=zone,
        now=now,
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment a local day begins, in UTC; where midnight is skipped, the next moment."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def resolve_comparison(comparison: Comparison, period: Period) -> Period:
    """Return the earlier period that a comparison means (NUMBERS 9)."""
    found = _earlier(comparison, period)
    if not comparison.match_weekdays or not (period.whole_days and found.whole_days):
        return found
    first = _same_weekday(found.first, period.first)
    return _days(first, first + (found.last - found.first), period.zone, period.now)


def _same_weekday(near: date, like: date) -> date:
    """Return the nearest day to ``near`` of the weekday of ``like``, but before ``like``."""
    ahead = (like.weekday() - near.weekday()) % 7
    day = near + timedelta(days=ahead if ahead <= 3 else ahead - 7)  # noqa: PLR2004 - half a week
    return day if day < like else day - timedelta(days=7)


def _earlier(comparison: Comparison, period: Period) -> Period:
    if comparison.mode is ComparisonMode.CUSTOM:
        if comparison.date_range is None:
            raise ValueError("a custom comparison has a date range")
        return resolve(comparison.date_range, period.zone, period.now, None)
    if not period.whole_days:
        return _earlier_moments(comparison.mode, period)
    length = period.last - period.first
    first = period.first - length - timedelta(days=1)
    if comparison.mode is ComparisonMode.YEAR_OVER_YEAR:
        first = _year_before(period.first)
    return _days(first, first + length, period.zone, period.now)


def _earlier_moments(mode: ComparisonMode, period: Period) -> Period:
    length = period.end - period.start
    start = period.start - length
    if mode is ComparisonMode.YEAR_OVER_YEAR:
        local = period.start.astimezone(period.zone)
        before = _year_before(local.date())
        start = local.replace(year=before.year, month=before.month, day=before.day)
    return _moments(start, start.astimezone(UTC) + length, period.zone, period.now)


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)


def time_dimension(name: str, period: Period) -> str:
    """Return the bucket size that ``time`` stands for; any other name is its own.

    Source: the steps of the Stats API: to 48 hours by hour, 40 days by day, 52 weeks by week.
    """
    if name != "time":
        return name
    length = period.end - period.start
    if length <= timedelta(hours=49):
        return "time:hour"
    if length <= timedelta(days=41):
        return "time:day"
    return "time:week" if length <= timedelta(weeks=53) else "time:month"


@dataclass(frozen=True, slots=True)
class HourGrid:
    """The local hours of a period as seconds since 1970.

    Each segment is (from, phase): hours begin where ``seconds % 3600 == phase``. There is more than
    one only where a zone's offset changes by a part of an hour (Lord Howe Island).
    """

    segments: tuple[tuple[int, int], ...]

    def bucket(self, moment_s: int) -> int:
        """Return the beginning of the hour that holds a moment."""
        index = max(
            (i for i, (begin, _) in enumerate(self.segments) if begin <= moment_s), default=0
        )
        begin, phase = self.segments[index]
        floor = (moment_s - phase) // HOUR_S * HOUR_S + phase
        return floor if index == 0 else max(floor, begin)


def hour_grid(period: Period) -> HourGrid:
    """Find the hours of a period."""
    start, end = int(period.start.timestamp()), int(period.end.timestamp())
    segments = [(start, _phase(start, period.zone))]
    for begin in range(start, end, HOUR_S):
        upto = min(begin + HOUR_S, end)
        if _phase(upto, period.zone) != segments[-1][1]:
            segments.append(_shift_within(begin, upto, period.zone))
    return HourGrid(tuple(segments))


def _phase(moment_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment_s, zone).utcoffset()
    return -int(offset.total_seconds() if offset else 0) % HOUR_S


def _shift_within(low: int, high: int, zone: ZoneInfo) -> tuple[int, int]:
    after = _phase(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _phase(middle, zone) == after else (middle, high)
    return high, after


def buckets(period: Period, dimension: str) -> list[tuple[int | date, str]]:
    """Return every bucket of a series up to now, as (key in the statement, label).

    Raises:
        QueryError: There would be more than MAX_BUCKETS.
    """
    keys: Iterator[int | date] = (
        _hours(period) if dimension == "time:hour" else _day_keys(period, dimension)
    )
    found: list[tuple[int | date, str]] = []
    for key in keys:
        if len(found) == MAX_BUCKETS:
            raise QueryError(
                "too_many_buckets",
                f"The range has more than {MAX_BUCKETS} buckets of {dimension}.",
                "dimensions",
                ("time:day", "time:week", "time:month"),
            )
        found.append((key, label(key, period)))
    return found


def _hours(period: Period) -> Iterator[int]:
    grid = hour_grid(period)
    end = min(int(period.end.timestamp()), int(period.now.timestamp()) + 1)
    moment, known = int(period.start.timestamp()), None
    while moment < end:
        key = grid.bucket(moment)
        if key != known:
            yield key
        known = key
        later = [begin for begin, _ in grid.segments if moment < begin < moment + HOUR_S]
        moment = later[0] if later else _next_hour(grid, moment)


def _next_hour(grid: HourGrid, moment: int) -> int:
    _, phase = max((entry for entry in grid.segments if entry[0] <= moment), default=(0, 0))
    return (moment - phase) // HOUR_S * HOUR_S + phase + HOUR_S


def _day_keys(period: Period, dimension: str) -> Iterator[date]:
    last = min(period.last, period.now.astimezone(period.zone).date())
    day = day_bucket(period.first, dimension, period)
    while day <= last:
        yield day
        day = _following(day, dimension)


def day_bucket(day: date, dimension: str, period: Period) -> date:
    """Return the bucket of a day; the first week begins with the range (NUMBERS 9)."""
    if dimension == "time:month":
        return day.replace(day=1)
    if dimension == "time:week":
        return max(day - timedelta(days=day.weekday()), period.first)
    return day


def _following(day: date, dimension: str) -> date:
    if dimension == "time:month":
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    if dimension == "time:week":
        return day + timedelta(days=7 - day.weekday())
    return day + timedelta(days=1)


def label(key: int | date, period: Period) -> str:
    """Show a bucket's key: a date, or for an hour the local date and time of its beginning."""
    if isinstance(key, int):
        return datetime.fromtimestamp(key, period.zone).strftime("%Y-%m-%d %H:%M:%S")
    return key.isoformat()
