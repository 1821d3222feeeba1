from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.query.dimensions import allowed_names
from store.query.goals import Goal, GoalKind
from store.query.model import (
    DayRange,
    Leaf,
    Metric,
    NamedRange,
    Operator,
    Order,
    QueryError,
    QuerySite,
    TimeRange,
)
from store.query.parse import KEYS, parse_query

SITE = QuerySite(1, "shop.example", "Europe/Paris")


def a_body(**parts: Any) -> dict[str, Any]:
    return {"site_id": "other.example", "metrics": ["visitors"], "date_range": "7d", **parts}


def refused(**parts: Any) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse_query(a_body(**parts), SITE)
    return caught.value


def test_the_smallest_query() -> None:
    query = parse_query(a_body(), SITE)
    assert query.metrics == (Metric.VISITORS,)
    assert query.date_range == NamedRange("7d")
    assert query.order_by == (Order("visitors", descending=True),)
    assert (query.pagination.limit, query.pagination.offset) == (10_000, 0)


def test_a_series_is_in_order_of_time_unless_asked_otherwise() -> None:
    assert parse_query(a_body(dimensions=["time"]), SITE).order_by[0] == Order(
        "time", descending=False
    )
    asked = parse_query(a_body(dimensions=["time:day"], order_by=[["visitors", "asc"]]), SITE)
    assert asked.order_by == (Order("visitors", descending=False),)


def test_every_listed_dimension_is_taken() -> None:
    for name in allowed_names():
        name = name.replace("<key>", "a key: with, all")  # noqa: PLW2901 - shown as a pattern.
        site = replace(SITE, goals=(Goal(1, "Buy", GoalKind.EVENT, "Buy"),))
        metric = "hits" if name.startswith("hit:") else "visitors"
        body = a_body(dimensions=[name], metrics=[metric])
        assert parse_query(body, site).dimensions == (name,)


def test_days_and_moments() -> None:
    days = parse_query(a_body(date_range=["2026-01-01", "2026-01-31"]), SITE).date_range
    assert days == DayRange(date(2026, 1, 1), date(2026, 1, 31))
    found = parse_query(
        a_body(date_range=["2026-01-01T12:00:00+02:00", "2026-01-01T12:59:59Z"]), SITE
    ).date_range
    assert isinstance(found, TimeRange)
    assert found.start == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert found.end == datetime(2026, 1, 1, 13, tzinfo=UTC)


def test_a_moment_without_an_offset_is_the_sites() -> None:
    found = parse_query(a_body(date_range=["2026-07-01T12:00:00", "2026-07-01T13:00"]), SITE)
    assert isinstance(found.date_range, TimeRange)
    assert found.date_range.start == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_filter_and_its_modifier() -> None:
    filters = [["contains_not", "event:props:plan", ["a", "b"], {"case_sensitive": False}]]
    assert parse_query(a_body(filters=filters), SITE).filters == (
        Leaf(Operator.CONTAINS_NOT, "event:props:plan", ("a", "b"), case_sensitive=False),
    )


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"metric": 1}, "unknown_key", "metric"),
    ({"metrics": []}, "empty", "metrics"),
    ({"metrics": "visitors"}, "wrong_type", "metrics"),
    ({"metrics": ["visitors", "visitors"]}, "duplicate", "metrics"),
    ({"metrics": ["visitors", "guests"]}, "unknown_metric", "metrics[1]"),
    ({"metrics": [["visitors"]]}, "unknown_metric", "metrics[0]"),
    ({"metrics": ["conversion_rate"]}, "needs_goal", "metrics[0]"),
    ({"metrics": ["time_on_page"]}, "needs_page", "metrics[0]"),
    ({"metrics": ["bounce_rate"], "dimensions": ["event:name"]}, "cannot_combine", "metrics[0]"),
    ({"metrics": ["exits"], "dimensions": ["event:props:a"]}, "cannot_combine", "metrics[0]"),
    ({"dimensions": ["event:pge"]}, "unknown_dimension", "dimensions[0]"),
    ({"dimensions": [{}]}, "unknown_dimension", "dimensions[0]"),
    ({"dimensions": ["event:goal"]}, "needs_goal", "dimensions[0]"),
    ({"dimensions": ["time:day", "time:hour"]}, "too_many", "dimensions"),
    ({"dimensions": ["event:page", "event:page"]}, "duplicate", "dimensions"),
    ({"dimensions": ["event:props:"]}, "unknown_dimension", "dimensions[0]"),
    ({"date_range": "8d"}, "bad_date_range", "date_range"),
    ({"date_range": ["2026-01-01"]}, "bad_date_range", "date_range"),
    ({"date_range": ["2026-01-02", "2026-01-01"]}, "bad_date_range", "date_range"),
    ({"date_range": ["2026-13-01", "2026-01-01"]}, "bad_date", "date_range[0]"),
    ({"date_range": ["1026-01-01", "2026-01-01"]}, "bad_date", "date_range[0]"),
    ({"date_range": ["2026-01-01", "2026-01-01T12:00:00Z"]}, "bad_date_range", "date_range"),
    ({"filters": {}}, "wrong_type", "filters"),
    ({"filters": ["is"]}, "bad_filter", "filters[0]"),
    ({"filters": [["equals", "event:page", ["/"]]]}, "unknown_operator", "filters[0][0]"),
    ({"filters": [["is", "page", ["/"]]]}, "unknown_dimension", "filters[0][1]"),
    ({"filters": [["is", "time:day", ["/"]]]}, "unknown_dimension", "filters[0][1]"),
    ({"filters": [["is", "event:goal", ["A"]]]}, "needs_goal", "filters[0][1]"),
    ({"filters": [["is", "event:page", "/"]]}, "bad_filter", "filters[0][2]"),
    ({"filters": [["is", "event:page", []]]}, "bad_filter", "filters[0][2]"),
    ({"filters": [["is", "event:page", ["/", 1]]]}, "wrong_type", "filters[0][2][1]"),
    ({"filters": [["is", "event:page", ["a\0"]]]}, "wrong_type", "filters[0][2][0]"),
    ({"filters": [["is", "event:page", ["\ud800"]]]}, "wrong_type", "filters[0][2][0]"),
    ({"filters": [["matches", "event:page", ["a" * 501]]]}, "too_long", "filters[0][2][0]"),
    ({"filters": [["is", "event:page", ["/"], {"x": 1}]]}, "unknown_key", "filters[0][3]"),
    ({"filters": [["is", "event:page", ["/"], {"case_sensitive": 1}]]},
        "wrong_type", "filters[0][3]"),
    ({"filters": [["and", [["or", []]]]]}, "bad_filter", "filters[0][1][0][1]"),
    ({"filters": [["has_done", ["is", "visit:os", ["iOS"]]]]}, "bad_filter", "filters[0][1][1]"),
    ({"filters": [["has_done", ["has_done", []]]]}, "bad_filter", "filters[0][1][0]"),
    ({"filters": [["not"]]}, "bad_filter", "filters[0][1]"),
    ({"filters": [["is", "event:page", ["/"] * 1001]]}, "too_many", "filters"),
    ({"order_by": [["visits", "desc"]]}, "bad_order", "order_by[0][0]"),
    ({"order_by": [["visitors", "down"]]}, "bad_order", "order_by[0][1]"),
    ({"order_by": ["visitors"]}, "wrong_type", "order_by[0]"),
    ({"include": {"total_row": True}}, "unknown_key", "include.total_row"),
    ({"include": {"total_rows": 1}}, "wrong_type", "include.total_rows"),
    ({"include": {"comparisons": {"mode": "x"}}}, "bad_comparison", "include.comparisons.mode"),
    ({"include": {"comparisons": {"mode": "custom"}}},
        "bad_comparison", "include.comparisons.date_range"),
    ({"pagination": {"limit": 10_001}}, "out_of_range", "pagination.limit"),
    ({"pagination": {"limit": True}}, "out_of_range", "pagination.limit"),
    ({"pagination": {"offset": -1}}, "out_of_range", "pagination.offset"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "code", "field"), REFUSALS, ids=str)
def test_a_refusal_says_what_and_where(parts: dict[str, Any], code: str, field: str) -> None:
    error = refused(**parts)
    assert (error.code, error.field) == (code, field)
    assert error.message.endswith((".", '"]].'))


def test_a_refusal_lists_what_is_allowed() -> None:
    assert "bounce_rate" in refused(metrics=["bounces"]).allowed
    assert "conversion_rate" not in refused(metrics=["conversion_rate"]).allowed
    assert "event:props:<key>" in refused(dimensions=["prop"]).allowed
    assert refused(nonsense=1).allowed == KEYS


def test_nesting_is_bounded() -> None:
    deep: Any = ["is", "event:page", ["/"]]
    for _ in range(5_000):
        deep = ["not", deep]
    assert refused(filters=[deep]).code == "too_deep"


@pytest.mark.parametrize("body", [None, [], "x", 1, {}])
def test_a_body_must_be_a_query(body: object) -> None:
    with pytest.raises(QueryError):
        parse_query(body, SITE)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(("is", "and", "not", "has_done", "event:page", "visitors", "7d")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), _JSON))
def test_nothing_but_a_query_error_ever_comes_out(parts: dict[str, Any]) -> None:
    with suppress(QueryError):
        parse_query(a_body() | parts, SITE)
