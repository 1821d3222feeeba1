"""The periods one can pick, as days of the site's zone.

Pure: today is an argument. The one invariant: a period that says "last N days" holds today, so that
who just sent a visit sees it; the API's ``7d`` ends yesterday, and the portal asks by dates.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from portal.language import N_
from portal.writing import short_day

LONGEST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the period menu; ``key`` is its keyboard shortcut."""

    name: str
    label: str
    key: str = ""


CHOICES: tuple[Choice, ...] = (
    Choice("day", N_("Today"), "D"),
    Choice("yesterday", N_("Yesterday")),
    Choice("7d", N_("Last 7 days"), "W"),
    Choice("28d", N_("Last 28 days")),
    Choice("30d", N_("Last 30 days")),
    Choice("91d", N_("Last 91 days")),
    Choice("month", N_("This month"), "M"),
    Choice("year", N_("This year"), "Y"),
)
DEFAULT = "28d"
CUSTOM = "custom"
LABELS = {choice.name: choice.label for choice in CHOICES}
_DAYS = {"7d": 7, "28d": 28, "30d": 30, "91d": 91}


@dataclass(frozen=True, slots=True)
class Days:
    """Site-local days, first and last included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    def label(self) -> str:
        """Write the days for people: ``21 Nov 2026``, ``25 Oct - 21 Nov 2026`` with a dash."""
        last = short_day(self.last, with_year=True)
        if self.first == self.last:
            return last
        first = short_day(self.first, with_year=self.first.year != self.last.year)
        return f"{first} \N{EN DASH} {last}"


def days_of(period: str, today: date) -> Days:
    """Resolve a named period."""
    if period == "day":
        return Days(today, today)
    if period == "yesterday":
        return Days(today - timedelta(days=1), today - timedelta(days=1))
    if period == "month":
        return Days(today.replace(day=1), today)
    if period == "year":
        return Days(today.replace(month=1, day=1), today)
    return Days(today - timedelta(days=_DAYS[period] - 1), today)


def read_days(first: str, last: str, today: date) -> Days | None:
    """Read a custom period; turned round if given so, and None if it cannot be used."""
    try:
        ends = sorted((date.fromisoformat(first), date.fromisoformat(last)))
    except ValueError:
        return None
    days = Days(ends[0], min(ends[1], today))
    return days if days.first <= today and days.count <= LONGEST_DAYS else None


def before(days: Days) -> Days | None:
    """Step back by the period's own length."""
    try:
        return Days(days.first - timedelta(days=days.count), days.first - timedelta(days=1))
    except OverflowError:
        return None


def after(days: Days, today: date) -> Days | None:
    """Step on by the period's own length; None if that would lie in the future."""
    if days.last >= today:
        return None
    last = min(days.last + timedelta(days=days.count), today)
    return Days(days.last + timedelta(days=1), last)


INTERVALS = {"hour": N_("Hours"), "day": N_("Days"), "week": N_("Weeks"), "month": N_("Months")}


def intervals_for(days: Days) -> tuple[str, ...]:
    """List the bucket sizes that make a readable graph, the usual one first."""
    count = days.count
    if count <= 2:  # noqa: PLR2004 - days
        return ("hour",)
    if count <= 7:  # noqa: PLR2004 - days
        return ("day", "hour")
    if count <= 31:  # noqa: PLR2004 - days
        return ("day", "week")
    if count <= 100:  # noqa: PLR2004 - days
        return ("day", "week", "month")
    return ("month", "week", "day") if count <= 366 else ("month", "week")  # noqa: PLR2004 - days
