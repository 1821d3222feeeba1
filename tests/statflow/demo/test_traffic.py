"""The invented traffic is of the right form, repeatable and believable."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.importer import parse_line
from statflow.demo.traffic import NEWS_DAYS_AGO, QUIET_DAYS_AGO, generate
from tests.support.factories import a_site

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
DAYS = 90
EVENTS = 30_000
type Line = dict[str, Any]


def made(seed: int = 7, events: int = EVENTS, days: int = DAYS) -> list[Line]:
    return list(generate(host="shop.test", now=NOW, days=days, events=events, seed=seed, zone=ZONE))


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return made()


@pytest.fixture(scope="module")
def visits(lines: list[Line]) -> list[list[Line]]:
    """The lines by visit: one visitor, gaps of at most 30 minutes."""
    people: dict[str, list[list[Line]]] = defaultdict(list)
    last: dict[str, datetime] = {}
    for line in lines:
        at, visitor = moment(line), line["visitor"]
        if visitor not in last or at - last[visitor] > timedelta(minutes=30):
            people[visitor].append([])
        people[visitor][-1].append(line)
        last[visitor] = at
    return [visit for own in people.values() for visit in own]


def moment(line: Line) -> datetime:
    return datetime.fromisoformat(line["ts"])


def views(visit: list[Line]) -> int:
    return sum(line["name"] == "pageview" for line in visit)


def test_about_as_many_as_asked_in_order_up_to_now(lines: list[Line]) -> None:
    assert len(lines) == pytest.approx(EVENTS, rel=0.05)
    assert all(before["ts"] <= after["ts"] for before, after in pairwise(lines))
    assert NOW - timedelta(minutes=5) < moment(lines[-1]) < NOW
    first_day = NOW.astimezone(ZONE).date() - timedelta(days=DAYS - 1)
    assert moment(lines[0]).astimezone(ZONE).date() == first_day


def test_the_same_arguments_give_the_same_lines() -> None:
    assert made(events=3_000) == made(events=3_000)
    assert made(events=3_000) != made(seed=8, events=3_000)


def test_every_line_can_be_imported(lines: list[Line]) -> None:
    site = a_site(host="shop.test", timezone="Europe/Paris")
    events = [parse_line(line, site) for line in lines[::7]]
    assert {event.hostname for event in events} == {"shop.test"}
    assert not any(event.bot for event in events)


def test_somebody_is_there_now(lines: list[Line]) -> None:
    since = NOW - timedelta(minutes=5)
    present = {line["visitor"] for line in lines if moment(line) > since}
    assert 3 <= len(present) <= 60


def test_nearly_half_of_the_visits_end_where_they_began(visits: list[list[Line]]) -> None:
    bounced = [
        views(visit) == 1 and {line["name"] for line in visit} <= {"pageview", "engagement"}
        for visit in visits
    ]
    assert sum(bounced) / len(bounced) == pytest.approx(0.45, abs=0.05)
    assert 2 < sum(map(views, visits)) / len(visits) < 4


def test_days_differ_as_days_do(lines: list[Line]) -> None:
    per_day = Counter(moment(line).astimezone(ZONE).date() for line in lines)
    today = NOW.astimezone(ZONE).date()
    ordinary = sorted(per_day.values())[len(per_day) // 2]
    assert per_day[today - timedelta(days=NEWS_DAYS_AGO)] > 2.5 * ordinary
    assert per_day[today - timedelta(days=QUIET_DAYS_AGO)] < 0.5 * ordinary
    begin = sum(per_day[today - timedelta(days=ago)] for ago in range(76, 90))
    end = sum(per_day[today - timedelta(days=ago)] for ago in range(1, 15))
    assert end > 1.2 * begin


def test_nights_are_quiet(lines: list[Line]) -> None:
    per_hour = Counter(moment(line).astimezone(ZONE).hour for line in lines)
    assert sum(per_hour[hour] for hour in range(1, 5)) < 0.4 * sum(
        per_hour[hour] for hour in range(18, 22)
    )


def test_sources_are_mixed(lines: list[Line]) -> None:
    entries = [line for line in lines if line["name"] == "pageview"]
    hosts = Counter(line.get("referrer", "").split("/")[2:3] == [] for line in entries)
    assert hosts[True]
    referrers = " ".join({line.get("referrer", "") for line in entries})
    for host in ("google", "bing", "instagram", "chatgpt", "reddit", "ycombinator"):
        assert host in referrers
    assert any("utm_medium=email" in line["url"] for line in entries)
    assert any("utm_medium=cpc" in line["url"] for line in entries)


def test_a_visitor_has_one_device_that_makes_sense(visits: list[list[Line]]) -> None:
    traits = ("country", "language", "device", "os", "os_version", "browser", "browser_version")
    for visit in visits:
        assert len({tuple(line[name] for name in traits) for line in visit}) == 1
    pairs = {(line["os"], line["browser"]) for visit in visits for line in visit}
    assert not {("Windows", "Safari"), ("Android", "Safari"), ("iOS", "Edge")} & pairs


def test_engagement_follows_a_view_of_the_same_page(visits: list[list[Line]]) -> None:
    for visit in visits:
        seen: set[str] = set()
        for line in visit:
            if line["name"] == "pageview":
                seen.add(line["url"].partition("?")[0])
            if line["name"] == "engagement":
                assert line["url"].partition("?")[0] in seen
                assert 0 <= line["scroll"] <= 100
                assert 0 <= line["engaged_ms"] <= 20 * 60 * 1000


def test_few_buy_and_those_who_do_had_a_basket(visits: list[list[Line]]) -> None:
    buyers = [visit for visit in visits if any("revenue" in line for line in visit)]
    assert 0.01 < len(buyers) / len(visits) < 0.1
    for visit in buyers:
        names = [line["name"] for line in visit]
        assert names.index("Add to basket") < names.index("Order")
        [order, *_] = [line for line in visit if "revenue" in line]
        assert order["revenue"]["currency"] == "EUR"
        assert float(order["revenue"]["amount"]) > 0
