"""When a report is due: by the site's own clock, once a week or month, never days late."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.messages.message import Topic
from portal.reports.schedule import before, report_due

ROME, TOKYO, UTC_ZONE = ZoneInfo("Europe/Rome"), ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 9, tzinfo=UTC)


def test_a_week_is_due_on_monday_at_seven_of_the_sites_time() -> None:
    assert report_due(Topic.WEEKLY, ROME, MONDAY.replace(hour=5, minute=59)) is None
    due = report_due(Topic.WEEKLY, ROME, MONDAY.replace(hour=6))
    assert due is not None
    assert (due.first, due.last) == (date(2026, 11, 2), date(2026, 11, 8))
    assert due.since == MONDAY.replace(hour=6)
    assert due.key == "weekly-2026-11-02"


def test_where_the_sun_rises_first_it_is_due_first() -> None:
    evening = MONDAY - timedelta(hours=2)
    assert report_due(Topic.WEEKLY, TOKYO, evening) is not None
    assert report_due(Topic.WEEKLY, ROME, evening) is None


def test_a_month_is_due_on_its_first_day() -> None:
    due = report_due(Topic.MONTHLY, UTC_ZONE, datetime(2026, 3, 1, 7, tzinfo=UTC))
    assert due is not None
    assert (due.first, due.last) == (date(2026, 2, 1), date(2026, 2, 28))
    assert before(due) == (date(2026, 1, 1), date(2026, 1, 31))
    earlier = datetime(2026, 3, 1, 6, 59, tzinfo=UTC)
    assert report_due(Topic.MONTHLY, UTC_ZONE, earlier) is None


def test_the_week_before_is_the_week_before() -> None:
    due = report_due(Topic.WEEKLY, UTC_ZONE, MONDAY.replace(hour=9))
    assert due is not None
    assert before(due) == (date(2026, 10, 26), date(2026, 11, 1))


@pytest.mark.parametrize(("topic", "days"), [(Topic.WEEKLY, 2), (Topic.MONTHLY, 5)])
def test_what_is_days_late_is_left_out(topic: Topic, days: int) -> None:
    begin = datetime(2026, 6, 1, 7, tzinfo=UTC)  # A Monday and the first of a month.
    assert report_due(topic, UTC_ZONE, begin + timedelta(days=days)) is not None
    assert report_due(topic, UTC_ZONE, begin + timedelta(days=days, seconds=1)) is None


def test_over_a_year_every_week_and_month_is_due_once() -> None:
    """Looked at every hour, daylight saving included."""
    for topic, count in ((Topic.WEEKLY, 52), (Topic.MONTHLY, 12)):
        keys: list[str] = []
        moment = datetime(2026, 1, 6, tzinfo=UTC)
        while moment < datetime(2027, 1, 6, tzinfo=UTC):
            due = report_due(topic, ROME, moment)
            if due is not None and due.key not in keys:
                assert due.since <= moment
                keys.append(due.key)
            moment += timedelta(hours=1)
        assert len(keys) in {count, count + 1}
        assert keys == sorted(keys)
