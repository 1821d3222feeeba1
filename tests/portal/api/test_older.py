"""The older form of the Stats API: the documented requests, answered from the same numbers."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.api.older import read_filters, read_period
from portal.models import Role, Site, SiteHost
from store.client import Store
from store.query.model import QueryError
from tests.portal.api.test_views import error
from tests.portal.conftest import NOW, Portal
from tests.store.query.dataset import a_visit, store_traffic

SITE_ID = 811_000


@pytest.fixture(scope="session")
def visits(store: Store) -> Store:
    made = [
        a_visit("UTC", "2026-11-10T09:00:00", browser="Firefox").view("/").view("/blog/1", 60),
        a_visit("UTC", "2026-11-10T15:18:00", browser="Chrome", source="Google").view("/blog/2"),
        a_visit("UTC", "2026-11-04T10:00:00", browser="Safari").view("/"),
        a_visit("UTC", "2026-11-03T10:00:00", browser="Firefox").view("/"),
        a_visit("UTC", "2026-06-15T10:00:00").view("/old"),
    ]
    store_traffic(store, SITE_ID, [event for visit in made for event in visit.events], "older")
    return store


@pytest.fixture
def ask(make_portal: Callable[..., Portal], visits: Store) -> Callable[..., TestResponse]:
    portal = make_portal(visits)
    with portal.database.writing() as session:
        session.add(Site(id=SITE_ID, team_id=1, host="own.example", public_key="stk_o",
                         created_at=NOW, upstreams=["http://a:1"],
                         hosts=[SiteHost(host="own.example")]))  # fmt: skip
    portal.user("a@b.c", Role.VIEWER)
    headers = {"Authorization": f"Bearer {portal.token('a@b.c', 'own.example')}"}
    client = portal.app.test_client()

    def get(name: str, **query: Any) -> TestResponse:
        query = {"site_id": "own.example", **query}
        return client.get(f"/api/v1/stats/{name}", query_string=query, headers=headers)

    return get


def results(answer: TestResponse) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return answer.json["results"]


def test_current_visitors_are_a_plain_number(ask: Callable[..., TestResponse]) -> None:
    answer = ask("realtime/visitors")
    assert (answer.status_code, answer.json) == (200, 1)


def test_periods_end_today(ask: Callable[..., TestResponse]) -> None:
    metrics = "visitors,pageviews,bounce_rate,visit_duration"
    found = results(ask("aggregate", period="7d", metrics=metrics))
    assert found == {
        "visitors": {"value": 3},
        "pageviews": {"value": 4},
        "bounce_rate": {"value": 67},
        "visit_duration": {"value": 20},
    }
    assert results(ask("aggregate", period="6mo"))["visitors"]["value"] == 5
    assert results(ask("aggregate", period="day", date="2026-11-03"))["visitors"]["value"] == 1
    custom = ask("aggregate", period="custom", date="2026-11-03,2026-11-04")
    assert results(custom)["visitors"]["value"] == 2


def test_an_aggregate_is_compared(ask: Callable[..., TestResponse]) -> None:
    found = results(ask("aggregate", period="7d", compare="previous_period"))
    assert found == {"visitors": {"value": 3, "change": 200}}


def test_filters_of_the_documentation(ask: Callable[..., TestResponse]) -> None:
    def visitors(filters: str) -> int:
        return int(results(ask("aggregate", period="7d", filters=filters))["visitors"]["value"])

    assert visitors("event:page==/blog**") == 2
    assert visitors("event:page==/blog/1|/blog/2;visit:browser==Firefox|Chrome") == 2
    assert visitors("visit:browser!=Firefox") == 2
    assert visitors("visit:browser~fox") == 1
    assert visitors("event:page==/blog**;visit:browser==Safari") == 0


def test_a_series_by_date_and_by_month(ask: Callable[..., TestResponse]) -> None:
    days = results(ask("timeseries", period="7d"))
    assert [row["date"] for row in days] == [f"2026-11-{n:02}" for n in range(4, 11)]
    assert [row["visitors"] for row in days] == [1, 0, 0, 0, 0, 0, 2]
    months = results(ask("timeseries", period="6mo"))
    assert [row["date"] for row in months] == [f"2026-{n:02}-01" for n in range(6, 12)]
    hours = results(ask("timeseries", period="day"))
    assert hours[9] == {"date": "2026-11-10 09:00:00", "visitors": 1}


def test_a_breakdown_by_property_in_pages(ask: Callable[..., TestResponse]) -> None:
    asked = {"period": "7d", "property": "event:page", "metrics": "visitors,bounce_rate"}
    found = results(ask("breakdown", **asked))
    assert {row["page"]: row["visitors"] for row in found} == {"/": 2, "/blog/1": 1, "/blog/2": 1}
    first = results(ask("breakdown", limit=1, page=1, **asked))
    second = results(ask("breakdown", limit=1, page=2, **asked))
    assert [*first, *second] == found[:2]
    source = results(ask("breakdown", period="7d", property="visit:source"))
    assert source[0] == {"source": "Direct / None", "visitors": 2}


@pytest.mark.parametrize(
    ("name", "query", "field"),
    [
        ("aggregate", {"period": "soon"}, "period"),
        ("aggregate", {"metrics": "nope"}, "metrics[0]"),
        ("aggregate", {"filters": "page==/"}, "filters[0]"),
        ("aggregate", {"period": "day", "date": "x"}, "date"),
        ("aggregate", {"period": "custom", "date": "2026-11-01"}, "date_range"),
        ("aggregate", {"compare": "x"}, "compare"),
        ("timeseries", {"interval": "minute"}, "interval"),
        ("breakdown", {}, "property"),
        ("breakdown", {"property": "visit:nope"}, "dimensions[0]"),
        ("breakdown", {"property": "visit:source", "limit": "0"}, "limit"),
        ("aggregate", {"site_id": ""}, "site_id"),
    ],
)
def test_a_wrong_request_is_told_where(
    ask: Callable[..., TestResponse], name: str, query: dict[str, str], field: str
) -> None:
    answer = ask(name, **query)
    assert answer.status_code == 400
    assert error(answer)["field"] == field


def test_filters_may_hold_their_own_marks() -> None:
    assert read_filters(r"event:props:a==x\|y|z\;") == [["is", "event:props:a", ["x|y", "z;"]]]
    assert read_filters("event:goal!=Buy") == [["has_not_done", ["is", "event:goal", ["Buy"]]]]
    with pytest.raises(QueryError):
        read_filters("event:page")


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("day", "2026-03-31", "2026-03-31"),
        ("7d", "2026-03-25", "2026-03-31"),
        ("30d", "2026-03-02", "2026-03-31"),
        ("month", "2026-03-01", "2026-03-31"),
        ("6mo", "2025-10-01", "2026-03-31"),
        ("12mo", "2025-04-01", "2026-03-31"),
        ("year", "2026-01-01", "2026-12-31"),
    ],
)
def test_every_period_has_its_days(period: str, first: str, last: str) -> None:
    found = read_period(period, date(2026, 3, 31))
    assert found == (date.fromisoformat(first), date.fromisoformat(last))
