"""Rollups: every question has the same answer from them as from the rows themselves."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from store import rollup
from store.client import Store
from store.dirty_days import mark_dirty, touched_days
from store.query.model import DayRange, QuerySite
from store.query.ranges import resolve
from store.query.rolled import find_rolled
from store.rollup import build_day, build_due
from tests.store.query.conftest import NOW, Traffic
from tests.store.query.dataset import EPOCH, a_visit, random_events, store_traffic
from tests.store.query.test_goals import GOALS
from tests.store.query.test_reference import EVERYWHERE, OF_EVENTS, OF_PAGES, PLAIN, RANGE

pytestmark = pytest.mark.timeout(180)
SITE_ID = 940_000
ZONE = "America/New_York"


class Watched:
    """The same store, remembering what it was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[str] = []

    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        return self._store.query(sql, params, settings=settings)


@pytest.fixture(scope="module")
def raw(uncollapsed: Store, traffic: Traffic) -> Traffic:
    """A site without rollups."""
    site = replace(traffic.site, id=SITE_ID)
    events = random_events(21, ZONE, date(2026, 10, 28), 10, 160)
    store_traffic(uncollapsed, site.id, events, "rolled-raw")
    return Traffic(uncollapsed, site, events)


@pytest.fixture(scope="module")
def rolled(raw: Traffic) -> Traffic:
    """The same traffic at a site of whose days some are rolled up."""
    site = replace(raw.site, id=SITE_ID + 1)
    store_traffic(raw.store, site.id, raw.events, "rolled-up")
    for day in (date(2026, 10, 28), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 4)):
        build_day(raw.store, site.id, day)
    return Traffic(raw.store, site, raw.events)


def same(raw: Traffic, rolled: Traffic, body: dict[str, Any]) -> list[str]:
    """Check that both sites answer alike; returns the statements that asked the second."""
    body = {"date_range": RANGE, **body}
    watched = Watched(rolled.store)
    found = replace(rolled, store=watched).ask(body)  # type: ignore[arg-type]
    assert found.results == raw.ask(body).results, body
    assert found.meta == raw.ask(body).meta
    return watched.asked


def uses_rollups(asked: list[str]) -> bool:
    return any("from rollups" in sql or "from rollup_builds prewhere" in sql for sql in asked)


@pytest.mark.parametrize("dimension", [*PLAIN, "event:page", "event:name"])
def test_every_dimension_is_the_same(raw: Traffic, rolled: Traffic, dimension: str) -> None:
    metrics = {"event:page": OF_PAGES, "event:name": OF_EVENTS}.get(dimension, EVERYWHERE)
    asked = same(raw, rolled, {"metrics": metrics, "dimensions": [dimension],
                               "include": {"total_rows": True}})  # fmt: skip
    raw_only = {"visit:bot", "visit:operator"}
    assert uses_rollups(asked) is (dimension not in raw_only)


@pytest.mark.parametrize("dimension", [[], ["time:day"], ["time:week"], ["time:month"]], ids=str)
def test_totals_and_series_are_the_same(raw: Traffic, rolled: Traffic, dimension: Any) -> None:
    body = {"metrics": EVERYWHERE, "dimensions": dimension,
            "include": {"comparisons": {"mode": "previous_period"}}}  # fmt: skip
    asked = same(raw, rolled, body)
    assert uses_rollups(asked)
    assert any("union all" in sql for sql in asked)


def test_a_series_by_a_dimension_is_the_same(raw: Traffic, rolled: Traffic) -> None:
    body = {"metrics": EVERYWHERE, "dimensions": ["time:day", "visit:source"]}
    assert uses_rollups(same(raw, rolled, body))
    body = {"metrics": OF_PAGES, "dimensions": ["event:page", "time:week"]}
    assert uses_rollups(same(raw, rolled, body))


@pytest.mark.parametrize(
    ("dimension", "leaf", "rolls"),
    [
        ("visit:utm_campaign", ["is_not", "visit:utm_campaign", ["(not set)"]], True),
        ("event:name", ["is_not", "event:name", ["pageview", "engagement"]], True),
        ("event:page", ["contains", "event:page", ["BLOG"], {"case_sensitive": False}], True),
        ("visit:exit_page", ["matches_wildcard", "visit:exit_page", ["/blog/*"]], True),
        ("visit:country", ["is_not", "visit:country", ["FR"]], True),
        ("visit:source", ["contains", "visit:source", ["o"]], False),
        (
            "visit:source",
            ["is", "visit:country", ["FR"]],
            True,
        ),  # Its total, by which shares are told.
        ("event:page", ["is", "event:props:plan", ["pro"]], False),
    ],
)
def test_filters_are_the_same(
    raw: Traffic, rolled: Traffic, dimension: str, leaf: Any, rolls: bool
) -> None:
    metrics = OF_EVENTS if dimension == "event:name" else EVERYWHERE
    body = {"metrics": metrics, "dimensions": [dimension], "filters": [leaf]}
    assert uses_rollups(same(raw, rolled, body)) is rolls


@pytest.mark.parametrize("dimension", [[], ["time:day"], ["time:week"]], ids=str)
@pytest.mark.parametrize(
    ("leaf", "rolls"),
    [
        (["is", "event:page", ["/a"]], True),
        (["is", "event:hostname", ["blog.example"]], True),
        (["is", "visit:country", ["FR"]], True),
        (["is", "visit:country_name", ["France"]], True),
        (["is", "visit:source", ["Direct / None"]], True),
        (["is", "visit:entry_page", ["/a"]], True),
        (["is", "visit:exit_page", ["/"]], True),
        (["is", "visit:weekday", ["6"]], True),
        (["is", "visit:utm_campaign", ["nothing of the kind"]], True),
        (["is", "visit:country", [""]], False),
        (["is", "visit:country", ["FR", "DE"]], False),
        (["is", "event:page", ["/A"], {"case_sensitive": False}], False),
        (["is_not", "visit:country", ["FR"]], False),
        (["contains", "event:page", ["/a"]], False),
        (["is", "visit:hour", ["03"]], False),
        (["is", "visit:first_source", ["Google"]], False),
        (["is", "visit:bot", ["human"]], False),
    ],
    ids=str,
)
def test_the_figures_of_one_value_are_the_same(
    raw: Traffic, rolled: Traffic, leaf: Any, rolls: bool, dimension: Any
) -> None:
    metrics = OF_PAGES if leaf[1] == "event:page" else EVERYWHERE
    body = {"metrics": metrics, "dimensions": dimension, "filters": [leaf],
            "include": {"comparisons": {"mode": "previous_period"}}}  # fmt: skip
    assert uses_rollups(same(raw, rolled, body)) is rolls


def test_the_figures_of_one_event_are_the_same(raw: Traffic, rolled: Traffic) -> None:
    body = {"metrics": EVERYWHERE, "filters": [["is", "event:name", ["Signup"]]]}
    asked = same(raw, rolled, body)
    assert uses_rollups(asked)
    assert any("from sessions" in sql for sql in asked)


def test_a_value_among_others_is_read_raw_and_its_total_is_not(
    raw: Traffic, rolled: Traffic
) -> None:
    body = {"metrics": ["visitors", "percentage"], "dimensions": ["visit:source"],
            "filters": [["is", "event:page", ["/a"]]]}  # fmt: skip
    (sql,) = [sql for sql in same(raw, rolled, body) if "from rollups" in sql]
    assert "group by d0" in sql


def test_what_days_cannot_tell_is_read_raw(raw: Traffic, rolled: Traffic) -> None:
    for body in (
        {"metrics": ["visitors"], "dimensions": ["time:hour"]},
        {"metrics": ["visitors"], "dimensions": ["visit:source", "visit:country"]},
        {"metrics": ["visitors"], "dimensions": ["event:props:plan"]},
        {"metrics": ["visitors"], "date_range": ["2026-10-30T00:00:00", "2026-11-01T12:00:00"]},
    ):
        assert not uses_rollups(same(raw, rolled, body))


def test_goals_are_read_raw_beside_rollups(raw: Traffic, rolled: Traffic) -> None:
    raw, rolled = (replace(t, site=replace(t.site, goals=GOALS)) for t in (raw, rolled))
    metrics = ["visitors", "engagement_rate", "goals_per_visit"]
    assert same(raw, rolled, {"metrics": metrics, "dimensions": ["visit:source"]})
    same(raw, rolled, {"metrics": ["visitors", "conversion_rate"], "dimensions": ["event:goal"]})


def test_visitors_of_a_longer_salt_are_never_added_up(rolled: Traffic) -> None:
    weekly = replace(rolled.site, salt_period="week")
    watched = Watched(rolled.store)
    replace(rolled, store=watched, site=weekly).ask(  # type: ignore[arg-type]
        {"metrics": ["visitors"], "date_range": RANGE}
    )
    assert not uses_rollups(watched.asked)


def test_a_day_that_changed_is_read_raw_until_it_is_built_again(uncollapsed: Store) -> None:
    site_id, day = SITE_ID + 2, date(2026, 3, 10)
    made = [a_visit(start=f"2026-03-{day}T10:00:00").view() for day in (10, 11)]
    events = [event for visit in made for event in visit.events]
    store_traffic(uncollapsed, site_id, events, "dirty-1")
    site = Traffic(uncollapsed, QuerySite(site_id, "shop.example", "UTC"), events)
    build_day(uncollapsed, site_id, day)
    assert _builds(site) == 1
    mark_dirty(uncollapsed, {(site_id, (day - EPOCH).days)})
    late = a_visit(start="2026-03-10T11:00:00").view()
    store_traffic(uncollapsed, site_id, late.events, "dirty-2")
    assert _builds(site) == 0
    assert _visitors(site) == 3
    build_day(uncollapsed, site_id, day)
    assert _builds(site) == 1
    assert _visitors(site) == 3


def _builds(traffic: Traffic) -> int:
    wanted = DayRange(date(2026, 3, 9), date(2026, 3, 12))
    period = resolve(wanted, ZoneInfo("UTC"), NOW, None)
    found = find_rolled(traffic.store, traffic.site, period, {})
    return len(found.builds) if found else 0


def _visitors(traffic: Traffic) -> int:
    body = {"metrics": ["visitors"], "date_range": ["2026-03-09", "2026-03-12"]}
    return int(traffic.ask(body).results[0]["metrics"][0])


def test_only_days_that_are_over_everywhere_are_built(uncollapsed: Store) -> None:
    site_id = SITE_ID + 3
    made = [a_visit(start=f"2026-03-{day:02}T10:00:00").view() for day in (8, 9, 10)]
    store_traffic(uncollapsed, site_id, [e for visit in made for e in visit.events], "due")
    built = "select local_day from rollup_builds where site_id = {site:UInt32} order by local_day"

    def days() -> list[int]:
        return [day.day for (day,) in uncollapsed.query(built, {"site": site_id})]

    now = datetime(2026, 3, 11, 0, 30, tzinfo=UTC)
    build_due(uncollapsed, now)
    assert days() == [8]
    build_due(uncollapsed, now + timedelta(hours=1))
    assert days() == [8, 9]
    build_due(uncollapsed, now + timedelta(hours=1))
    assert days() == [8, 9]


def test_a_build_from_before_days_stood_beside_it_is_made_anew(uncollapsed: Store) -> None:
    site = Traffic(uncollapsed, QuerySite(SITE_ID + 5, "shop.example", "UTC"), [])
    visit = a_visit(start="2026-03-10T10:00:00").view()
    store_traffic(uncollapsed, site.site.id, visit.events, "before-wholes")
    day = date(2026, 3, 10)
    row = {"site_id": [site.site.id], "local_day": [(day - EPOCH).days], "build": [7]}
    started = round(datetime(2026, 3, 12, tzinfo=UTC).timestamp() * 1000)
    uncollapsed.insert("rollup_builds", row | {"started_at": [started]}, token="before-wholes")
    assert (_builds(site), _visitors(site)) == (0, 1)
    build_due(uncollapsed, datetime(2026, 3, 13, tzinfo=UTC))
    assert (_builds(site), _visitors(site)) == (1, 1)


def test_what_may_be_built_is_marked_when_it_changes() -> None:
    now = datetime(2026, 3, 11, 0, 1, tzinfo=UTC)
    days = [(date(2026, 3, day) - EPOCH).days for day in (8, 9, 10, 11)]
    columns = {"site_id": [1, 1, 1, 2], "local_day": days}
    assert touched_days([columns, {"shard": [1]}], now.timestamp()) == {(1, days[0]), (1, days[1])}


def test_a_build_that_another_replaced_is_removed_an_hour_later(uncollapsed: Store) -> None:
    site_id = SITE_ID + 4
    day = (date(2026, 3, 8) - EPOCH).days
    old = {"site_id": [site_id] * 2, "local_day": [day] * 2, "build": [11, 12]}
    hours_ago = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    flips = old | {"started_at": [hours_ago] * 2, "n_visits": [1, 2]}
    uncollapsed.insert("rollup_builds", flips, token="old-builds")
    rows = old | {"reading": ["events"] * 2, "dimension": ["event:page"] * 2, "n_visits": [1, 2]}
    uncollapsed.insert("rollups", rows, token="old-rollups")
    rollup._remove_superseded(uncollapsed)
    left = "select build from {table} where site_id = {site:UInt32}"
    for table in ("rollups", "rollup_builds"):
        sql = left.replace("{table}", table)
        deadline = time.monotonic() + 30
        while uncollapsed.query(sql, {"site": site_id}) != [(12,)]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
