"""Which report is due at a moment: the last whole week or month of a site's own time.

Pure. A report is due at seven in the morning after its last day; one that could not be sent for
days is left out, because old news as if new is worse than none.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.messages.message import Topic

HOUR = time(7)
LATE = {Topic.WEEKLY: timedelta(days=2), Topic.MONTHLY: timedelta(days=5)}


@dataclass(frozen=True, slots=True)
class Due:
    """A report to be sent: its topic, first and last day, and since when."""

    topic: Topic
    first: date
    last: date
    since: datetime

    @property
    def key(self) -> str:
        """Name it for ever."""
        return f"{self.topic}-{self.first.isoformat()}"


def report_due(topic: Topic, zone: ZoneInfo, now: datetime) -> Due | None:
    """Give the report that is due, sent or not; None where the last one is too old."""
    local = now.astimezone(zone)
    morning = _beginning(topic, local.date())
    if local < datetime.combine(morning, HOUR, zone):
        morning = _beginning(topic, morning - timedelta(days=1))
    since = datetime.combine(morning, HOUR, zone)
    if now - since > LATE[topic]:
        return None
    last = morning - timedelta(days=1)
    return Due(topic, _beginning(topic, last), last, since)


def _beginning(topic: Topic, day: date) -> date:
    """Give the first day of the week or month of a day."""
    return day - timedelta(days=day.weekday()) if topic is Topic.WEEKLY else day.replace(day=1)


def before(due: Due) -> tuple[date, date]:
    """Give the week or month before, for comparison."""
    last = due.first - timedelta(days=1)
    return _beginning(due.topic, last), last
