"""Goals by what the edge served: who reaches one; all that takes goals takes them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.api.behaviour import BY_NAME
from store.client import Store
from store.query.documents import _OF_BOTH, _OF_NEITHER, _OF_VISITS
from store.query.funnels import parse_funnel_question, run_funnel
from store.query.goals import Goal, GoalKind
from store.query.journeys import parse_journey_question, run_journeys
from store.query.retention import parse_retention_question, run_retention
from tests.store.query.conftest import NOW, Traffic
from tests.store.query.dataset import a_visit, hash_of
from tests.store.query.edge_dataset import Hit, Signal, store_hits, store_signals

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SENT = Goal(1, "Sent", GoalKind.HTTP, "/order", method="POST", status="303")
FAILED = Goal(2, "Failed", GoalKind.HTTP, "/**", status="5xx")
CART = Goal(3, "Cart", GoalKind.PAGE, "/cart")
DAY = {"date_range": ["2026-03-10", "2026-03-10"]}


@pytest.fixture
def shop(stored: Callable[..., Traffic]) -> Traffic:
    """Of five visits two sent an order, one of them after an error; one had another answer."""
    visits = [
        a_visit(start="2026-03-10T12:00:00", source=source).view("/cart").view("/done", 120)
        for source in ("Google", "Google", "", "", "")
    ]
    traffic = stored(*visits)
    traffic = replace(traffic, site=replace(traffic.site, goals=(SENT, FAILED, CART)))
    first, second, third, fourth, fifth = (hash_of(visit.events[0]) for visit in visits)

    def hit(visitor: int, after_s: float, **rest: Any) -> Hit:
        order = {"method": "POST", "status": 303, "path": "/order"}
        return Hit(NOON + timedelta(seconds=after_s), visitor, **order | rest)

    hits = [
        hit(first, 60),
        hit(second, 50, status=500),
        hit(second, 90),
        hit(second, 95),
        hit(third, 60, status=200),  # Another status,
        hit(third, 60, method="GET"),  # another method,
        hit(third, 60, path="/orders"),  # another path,
        hit(third, 60, kind="script"),  # no document,
        hit(third, 60, bot="automation"),  # no person,
        hit(4242, 60),  # nobody who has a visit,
        hit(fourth, 120 + 1_801),  # too late for the visit,
        hit(fifth, -61),  # and too early.
    ]
    store_hits(traffic.store, traffic.site.id, "UTC", hits, f"documents-{traffic.site.id}")
    click = Signal(visits[1].events[0], "click", NOON + timedelta(seconds=30), "/cart")
    store_signals(traffic.store, traffic.site.id, [click], f"documents-{traffic.site.id}")
    return traffic


def numbers(traffic: Traffic, **body: Any) -> dict[tuple[str, ...], list[Any]]:
    results = traffic.ask({**DAY, **body}).results
    return {tuple(row["dimensions"]): row["metrics"] for row in results}


def test_visits_with_such_a_document_reach_the_goal(shop: Traffic) -> None:
    metrics = ["visitors", "visits", "events", "conversion_rate"]
    assert numbers(shop, metrics=metrics, dimensions=["event:goal"]) == {
        ("Cart",): [5, 5, 5, 100.0],
        ("Sent",): [2, 2, 0, 40.0],
        ("Failed",): [1, 1, 0, 20.0],
    }
    sent = [["is", "event:goal", ["Sent"]]]
    by_source = numbers(shop, metrics=["visitors"], dimensions=["visit:source"], filters=sent)
    assert by_source == {("Google",): [2]}
    by_hour = numbers(shop, metrics=["visits"], dimensions=["time:hour"], filters=sent)
    assert by_hour["2026-03-10 12:00:00",] == [2]
    moments = {"date_range": ["2026-03-10T12:01:30Z", "2026-03-10T13:00:00Z"]}
    assert shop.ask({**moments, "metrics": ["visits"], "filters": sent}).results[0]["metrics"] == [
        1
    ]


def test_no_number_of_others_is_changed(shop: Traffic) -> None:
    assert numbers(shop, metrics=["visits", "pageviews", "events"]) == {(): [5, 10, 10]}
    metrics = ["goals_per_visit", "engagement_rate"]
    assert numbers(shop, metrics=metrics) == {(): [1.6, 100]}  # 5 carts, 2 orders, 1 error.
    on_page = [["is", "event:goal", ["Sent"]], ["is", "event:page", ["/order"]]]
    assert numbers(shop, metrics=["time_on_page", "visits"], filters=on_page) == {(): [None, 2]}


@pytest.mark.parametrize(("operator", "visits"), [("has_done", 2), ("has_not_done", 3)])
def test_behaviours_and_bounces(shop: Traffic, operator: str, visits: int) -> None:
    did = [[operator, ["is", "event:goal", ["Sent"]]]]
    assert numbers(shop, metrics=["visits", "bounce_rate"], filters=did) == {(): [visits, 0]}


def test_funnels_journeys_retention_and_signals(shop: Traffic) -> None:
    ask: dict[str, Any] = {**DAY, "funnel": {"steps": ["Cart", "Failed", "Sent"]}}
    question = parse_funnel_question(ask, shop.site)
    steps = run_funnel(shop.store, question, shop.site, NOW)["results"][0]["steps"]
    assert [step["count"] for step in steps] == [5, 1, 1]
    did = [["has_done", ["is", "event:goal", ["Sent"]]]]
    journeys = parse_journey_question({**DAY, "filters": did}, shop.site)
    assert run_journeys(shop.store, journeys, shop.site, NOW)["meta"]["visits"] == 2
    retention = parse_retention_question({**DAY, "first": "Cart", "again": "Sent"}, shop.site)
    [cohort] = run_retention(shop.store, retention, shop.site, NOW)["results"]
    assert (cohort["visitors"], cohort["returned"]) == (5, [2])
    for goal, count in (("Sent", 1), ("Failed", 1), ("Cart", 1)):
        body = {**DAY, "filters": [["is", "event:goal", [goal]]]}
        found = BY_NAME["clicks"].ask(shop.store, body, shop.site, NOW)
        assert found["meta"]["clicks"] == count


def test_documents_have_every_column_that_questions_read(store: Store) -> None:
    """What a release adds to events must be given to documents too, or be named here."""
    sql = "select name from system.columns where table = 'events' and database = currentDatabase()"
    columns = {name for (name,) in store.query(sql)}
    known = {"visit_id", "local_day", *_OF_BOTH, *_OF_VISITS, *_OF_NEITHER}
    assert known <= columns
    assert columns - known == {"load_id", "evidence"}
