"""First and last touch: within a salt period, and by all of it, whatever is asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from store.query.goals import Goal, GoalKind
from tests.store.query.conftest import Traffic
from tests.store.query.dataset import VisitMaker, a_visit

GOALS = (Goal(1, "Buy", GoalKind.EVENT, "Buy"),)


def came(at: str, source: str, visitor: int = 7, **more: str) -> VisitMaker:
    channel = "Organic Search" if source else "Direct"
    made = a_visit(
        "UTC", f"2026-03-{at}:00", visitor=visitor, source=source, channel=channel, **more
    )
    return made.view("/")


@pytest.fixture
def site(stored: Callable[..., Traffic]) -> Traffic:
    traffic = stored(
        came("10T08:00", "Google", utm_campaign="spring"),
        came("10T10:00", "Letter"),
        came("10T12:00", "").add("Buy", 60),
        came("10T09:00", "", visitor=8).add("Buy", 60),
        came("10T11:00", "Google", visitor=8),
        came("09T11:00", "Elsewhere"),
    )
    return replace(traffic, site=replace(traffic.site, goals=GOALS))


def by(site: Traffic, dimension: str, **changes: Any) -> dict[str, int]:
    body = {
        "metrics": ["visits"],
        "dimensions": [dimension],
        "date_range": ["2026-03-10", "2026-03-10"],
    }
    found = site.ask(body | changes, now=datetime(2026, 3, 12, tzinfo=UTC))
    return {row["dimensions"][0]: row["metrics"][0] for row in found.results}


BOUGHT = {"filters": [["is", "event:goal", ["Buy"]]], "metrics": ["visitors"]}


def test_conversions_are_credited_to_the_first_or_the_last_touch(site: Traffic) -> None:
    assert by(site, "visit:source", **BOUGHT) == {"Direct / None": 2}
    assert by(site, "visit:first_source", **BOUGHT) == {"Google": 1, "Direct / None": 1}
    assert by(site, "visit:last_source", **BOUGHT) == {"Letter": 1, "Direct / None": 1}


def test_visits_are_told_by_touches_up_to_them(site: Traffic) -> None:
    assert by(site, "visit:first_source") == {"Google": 3, "Direct / None": 2}
    assert by(site, "visit:last_source") == {"Google": 2, "Letter": 2, "Direct / None": 1}
    assert by(site, "visit:first_utm_campaign") == {"spring": 3, "(not set)": 2}
    assert by(site, "visit:last_channel") == {"Organic Search": 4, "Direct": 1}


def test_the_range_and_the_filters_do_not_change_who_was_first(site: Traffic) -> None:
    noon = {"date_range": ["2026-03-10T11:30:00Z", "2026-03-10T13:00:00Z"]}
    assert by(site, "visit:first_source", **noon) == {"Google": 1}
    direct = {"filters": [["is", "visit:source", ["Direct / None"]]]}
    assert by(site, "visit:last_source", **direct) == {"Letter": 1, "Direct / None": 1}
    assert by(site, "visit:source", filters=[["is", "visit:first_source", ["Google"]]]) == {
        "Google": 1, "Letter": 1, "Direct / None": 1}  # fmt: skip


def test_another_salt_period_knows_nobody(site: Traffic) -> None:
    both = {"date_range": ["2026-03-09", "2026-03-10"]}
    assert by(site, "visit:first_source", **both)["Elsewhere"] == 1


def test_a_longer_salt_reaches_back_before_the_range(stored: Callable[..., Traffic]) -> None:
    """Within a week the hash is one: both visits are stored as of the week's first day's hash."""
    monday = came("09T11:00", "Elsewhere")
    tuesday = came("10T12:00", "")
    hashed = 0x9E37_79B9_7F4A_7C15
    days = [visit.events[0].day.toordinal() for visit in (monday, tuesday)]
    again = (days[0] * hashed ^ days[1] * hashed) % 2**64
    tuesday.events[:] = [replace(e, visitor=(e.visitor ^ again) % 2**64) for e in tuesday.events]
    traffic = stored(monday, tuesday)
    weekly = replace(traffic, site=replace(traffic.site, salt_period="week"))
    assert by(weekly, "visit:first_source") == {"Elsewhere": 1}
    assert by(weekly, "visit:last_source") == {"Elsewhere": 1}
