"""Goals, what they earn and saved segments: the engine and the slow reading agree."""

from dataclasses import replace
from typing import Any

import pytest

from store.query.goals import Goal, GoalKind, Segment
from store.query.model import QueryError
from tests.store.query.conftest import Traffic
from tests.store.query.reference import Reference, outside_behaviours
from tests.store.query.test_reference import MOMENTS, RANGE, SPAN, WITHIN

GOALS = (
    Goal(1, "Signup", GoalKind.EVENT, "Signup", currency="EUR"),
    Goal(2, "Signup pro", GoalKind.EVENT, "Signup", (("plan", "pro"),), currency="USD"),
    Goal(3, "Visit /blog/*", GoalKind.PAGE, "/blog/*"),
    Goal(4, "Visit /a", GoalKind.PAGE, "/a"),
    Goal(5, "Read", GoalKind.SCROLL, "**", scroll=60),
    Goal(6, "Never", GoalKind.EVENT, "Nothing of this name"),
)
SEGMENTS = (
    Segment(7, "France", (["is", "visit:country", ["FR"]],)),
    Segment(8, "Buyers", (["has_done", ["is", "event:goal", ["Signup"]]],)),
    Segment(9, "Readers", (["is", "event:goal", ["Read"]], ["is_not", "visit:os", ["iOS"]])),
)
FILTERS: list[list[Any]] = [
    [],
    [["is", "event:goal", ["Signup"]]],
    [["is", "event:goal", ["Signup pro", "Read"]]],
    [["contains", "event:goal", ["VISIT"], {"case_sensitive": False}]],
    [["contains", "event:goal", ["no such"]]],
    [["is", "event:goal", ["Read"]], ["is", "visit:country", ["FR", "DE"]]],
    [["is", "event:goal", ["Signup"]], ["is", "event:props:plan", ["pro", "(none)"]]],
    [["is", "event:goal", ["Visit /a"]], ["is", "event:page", ["/a"]]],
    [["is", "event:goal", ["Signup", "Read"]], ["contains", "event:goal", ["Sign"]]],
    [["or", [["is", "event:goal", ["Read"]], ["is", "event:page", ["/blog/1"]]]]],
    [["not", ["is", "event:goal", ["Read", "Visit /a"]]]],
    [["has_done", ["is", "event:goal", ["Read"]]], ["is", "event:goal", ["Signup"]]],
    [["has_not_done", ["or", [["is", "event:goal", ["Read"]], ["is", "event:page", ["/"]]]]]],
    [["is", "segment", [7]]],
    [["is", "segment", [8, 9]], ["is", "event:hostname", ["shop.example"]]],
    [["not", ["is", "segment", [8]]], ["is", "segment", [9]]],
]  # fmt: skip
EVERYWHERE = ["visitors", "visits", "pageviews", "events", "percentage", "bounce_rate",
              "engagement_rate", "total_revenue", "average_revenue", "goals_per_visit"]  # fmt: skip
CONVERTED = ["conversion_rate", "group_conversion_rate", "visitors", "events", "visits"]


@pytest.fixture(scope="session")
def site(traffic: Traffic) -> Traffic:
    return replace(traffic, site=replace(traffic.site, goals=GOALS, segments=SEGMENTS))


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return (round(value["value"] * 100), value["currency"])
    return value


def check(site: Traffic, body: dict[str, Any], span: Any = SPAN) -> None:
    body = {"date_range": MOMENTS if span is WITHIN else RANGE, **body}
    wanted = Reference(site.events, body, span, GOALS, SEGMENTS).rows()
    found = site.ask(body)
    rows = {
        tuple(row["dimensions"]): [plain(value) for value in row["metrics"]]
        for row in found.results
    }
    assert rows == {tuple(map(str, key)): values for key, values in wanted.items()}, body
    assert site.ask(body, final=True).results == found.results


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("span", [SPAN, WITHIN], ids=["days", "moments"])
def test_totals_agree(site: Traffic, filters: list[Any], span: Any) -> None:
    check(site, {"metrics": EVERYWHERE, "filters": filters}, span)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_sources_agree_under_every_filter(site: Traffic, filters: list[Any]) -> None:
    check(site, {"metrics": EVERYWHERE, "dimensions": ["visit:source"], "filters": filters})


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize(
    "beside", [[], ["visit:country"], ["event:props:plan"], ["visit:entry_page"]], ids=str
)
def test_goals_agree_under_every_filter(
    site: Traffic, filters: list[Any], beside: list[str]
) -> None:
    metrics = [*CONVERTED, "total_revenue", "average_revenue", "pageviews", "percentage"]
    body = {"metrics": metrics, "dimensions": ["event:goal", *beside], "filters": filters}
    check(site, body)


OF_GOALS = [f for f in FILTERS if any("event:goal" in outside_behaviours(part) for part in f)]


@pytest.mark.parametrize("filters", OF_GOALS, ids=str)
@pytest.mark.parametrize("dimension", ["event:page", "visit:source", "event:props:plan"])
def test_conversions_agree_by_dimension(site: Traffic, filters: list[Any], dimension: str) -> None:
    check(site, {"metrics": CONVERTED, "dimensions": [dimension], "filters": filters})


def test_conversions_are_told_by_the_day(site: Traffic) -> None:
    body = {
        "metrics": ["conversion_rate", "group_conversion_rate", "total_revenue"],
        "dimensions": ["time:day"],
        "filters": [["is", "event:goal", ["Signup"]]],
        "date_range": RANGE,
    }
    wanted = Reference(site.events, body, SPAN, GOALS).rows()
    for row in site.ask(body).results:
        values = [plain(value) for value in row["metrics"]]
        found = {str(key[0]): metrics for key, metrics in wanted.items()}
        assert values == found.get(row["dimensions"][0], [0, 0, (0, "EUR")])


def test_revenue_says_why_it_cannot_be_told(site: Traffic) -> None:
    def warning(filters: list[Any]) -> str:
        body = {"metrics": ["total_revenue"], "filters": filters, "date_range": RANGE}
        found = site.ask(body)
        assert found.results[0]["metrics"] == [None]
        return str(found.meta["metric_warnings"]["total_revenue"]["code"])

    assert warning([]) == "no_single_revenue_currency"
    assert warning([["is", "event:goal", ["Read"]]]) == "no_revenue_goals_matching"


def test_revenue_is_an_amount_with_its_currency_in_figures_and_in_words(site: Traffic) -> None:
    body = {
        "metrics": ["total_revenue"],
        "filters": [["is", "event:goal", ["Signup"]]],
        "date_range": RANGE,
        "include": {"comparisons": {"mode": "previous_period"}},
    }
    (row,) = site.ask(body).results
    (amount,) = row["metrics"]
    assert set(amount) == {"value", "currency", "short", "long"}
    assert amount["long"] == f"€{amount['value']:,.2f}"
    assert row["comparison"]["metrics"][0]["currency"] == "EUR"
    before = row["comparison"]["metrics"][0]["value"]
    (change,) = row["comparison"]["change"]
    assert change == round(100 * (amount["value"] - before) / before)


def test_rows_are_ordered_by_what_they_earn(site: Traffic) -> None:
    body = {
        "metrics": ["total_revenue"],
        "dimensions": ["visit:source"],
        "filters": [["is", "event:goal", ["Signup"]]],
        "date_range": RANGE,
    }
    earned = [row["metrics"][0]["value"] for row in site.ask(body).results]
    assert earned == sorted(earned, reverse=True)
    assert len(set(earned)) > 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"metrics": ["conversion_rate"]}, "needs_goal", "metrics[0]"),
        ({"filters": [["is", "event:goal", ["Sign up"]]]}, "unknown_goal", "filters[0][2][0]"),
        ({"filters": [["is_not", "event:goal", ["Signup"]]]}, "bad_filter", "filters[0][0]"),
        ({"filters": [["matches", "event:goal", ["S"]]]}, "bad_filter", "filters[0][0]"),
        ({"filters": [["is", "segment", [1]]]}, "unknown_segment", "filters[0][2][0]"),
        ({"filters": [["is", "segment", ["7"]]]}, "unknown_segment", "filters[0][2][0]"),
        ({"filters": [["is_not", "segment", [7]]]}, "bad_filter", "filters[0][0]"),
        ({"filters": [["has_done", ["is", "segment", [7]]]]}, "bad_filter", "filters[0][1][0]"),
        ({"dimensions": ["event:goal"], "metrics": ["goals_per_visit"]}, "cannot_combine",
         "metrics[0]"),
        ({"dimensions": ["event:goal"], "metrics": ["bounce_rate"]}, "cannot_combine",
         "metrics[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_goals_is_told(
    site: Traffic, change: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(QueryError) as refused:
        site.ask({"metrics": ["visitors"], "date_range": RANGE, **change})
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_site_without_goals_has_no_conversions(traffic: Traffic) -> None:
    for change in ({"dimensions": ["event:goal"]}, {"filters": [["is", "event:goal", ["x"]]]}):
        with pytest.raises(QueryError) as refused:
            traffic.ask({"metrics": ["visitors"], "date_range": RANGE, **change})
        assert refused.value.code == "needs_goal"
