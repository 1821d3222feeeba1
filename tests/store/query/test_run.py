from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.client import StoreError
from store.query.model import QueryError
from store.query.run import LIMITS, current_visitors
from tests.store.query.conftest import Traffic
from tests.store.query.dataset import a_visit

NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
DAYS = ["2026-03-10", "2026-03-11"]
type Stored = Callable[..., Traffic]


@pytest.fixture
def pages(stored: Stored) -> Traffic:
    return stored(
        a_visit().view("/a").view("/b", 5),
        a_visit().view("/a"),
        a_visit().view("/c"),
        a_visit(start="2026-03-08T10:00:00").view("/a"),
    )


def ask(traffic: Traffic, **body: Any) -> Any:
    return traffic.ask({"metrics": ["visitors"], "date_range": DAYS, **body}, now=NOW)


def test_rows_come_in_the_order_that_is_asked(pages: Traffic) -> None:
    def order(*keys: list[str]) -> list[str]:
        found = ask(pages, dimensions=["event:page"], **({"order_by": list(keys)} if keys else {}))
        return [row["dimensions"][0] for row in found.results]

    assert order() == ["/a", "/b", "/c"]
    assert order(["visitors", "asc"]) == ["/b", "/c", "/a"]
    assert order(["visitors", "asc"], ["event:page", "desc"]) == ["/c", "/b", "/a"]


def test_pages_of_rows_and_their_total(pages: Traffic) -> None:
    found = ask(
        pages,
        dimensions=["event:page"],
        pagination={"limit": 1, "offset": 1},
        include={"total_rows": True},
    )
    assert [row["dimensions"] for row in found.results] == [["/b"]]
    assert found.meta["total_rows"] == 3


def test_a_series_has_every_bucket_and_can_be_turned_round(pages: Traffic) -> None:
    found = ask(
        pages,
        dimensions=["time:day"],
        date_range=["2026-03-08", "2026-03-20"],
        include={"time_labels": True, "total_rows": True},
    )
    days = ["2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12"]
    assert [row["dimensions"][0] for row in found.results] == days
    assert [row["metrics"][0] for row in found.results] == [1, 0, 3, 0, 0]
    assert found.meta["time_labels"] == days
    assert found.meta["total_rows"] == 5
    turned = ask(pages, dimensions=["time:day"], order_by=[["time:day", "desc"]])
    assert [row["dimensions"][0] for row in turned.results] == ["2026-03-11", "2026-03-10"]
    most = ask(pages, dimensions=["time"], order_by=[["visitors", "desc"]], pagination={"limit": 2})
    assert [row["dimensions"][0] for row in most.results] == [
        "2026-03-10 12:00:00",
        "2026-03-10 00:00:00",
    ]


def test_a_comparison_stands_beside_each_row(pages: Traffic) -> None:
    previous = {"comparisons": {"mode": "previous_period"}}
    (row,) = ask(pages, metrics=["visitors", "bounce_rate"], include=previous).results
    assert row["metrics"] == [3, 67]
    assert row["comparison"] == {"dimensions": [], "metrics": [1, 100], "change": [200, -33]}
    found = ask(pages, dimensions=["event:page"], include=previous)
    assert [row["comparison"]["metrics"] for row in found.results] == [[1], [0], [0]]
    assert [row["comparison"]["change"] for row in found.results] == [[100], [100], [100]]
    assert found.meta["comparison_date_range"][0] == "2026-03-08T00:00:00+00:00"


def test_a_compared_series_is_matched_bucket_by_bucket(pages: Traffic) -> None:
    found = ask(
        pages, dimensions=["time:day"], include={"comparisons": {"mode": "previous_period"}}
    )
    assert found.results == [
        {
            "dimensions": ["2026-03-10"],
            "metrics": [3],
            "comparison": {"dimensions": ["2026-03-08"], "metrics": [1], "change": [200]},
        },
        {
            "dimensions": ["2026-03-11"],
            "metrics": [0],
            "comparison": {"dimensions": ["2026-03-09"], "metrics": [0], "change": [0]},
        },
    ]


def test_a_comparison_beyond_the_page_of_rows_is_found(stored: Stored) -> None:
    before = [a_visit(start="2026-03-09T08:00:00").view("/z") for _ in range(3)]
    traffic = stored(
        *before,
        a_visit(start="2026-03-09T08:00:00").view("/a"),
        a_visit().view("/a"),
    )
    custom = {"mode": "custom", "date_range": ["2026-03-09", "2026-03-09"]}
    found = ask(
        traffic,
        dimensions=["event:page"],
        pagination={"limit": 1},
        include={"comparisons": custom},
    )
    assert [row["comparison"]["metrics"] for row in found.results] == [[1]]


def test_the_answer_says_how_visitors_were_counted(pages: Traffic) -> None:
    meta = ask(pages).meta
    assert meta["visitors"] == {"salt_period": "local_day", "sum_of_days": True}
    assert meta["metric_warnings"]["visitors"]["code"] == "sum_of_days"
    day = ask(pages, date_range=["2026-03-10", "2026-03-10"]).meta
    assert day == {"visitors": {"salt_period": "local_day", "sum_of_days": False}}
    assert not ask(pages, dimensions=["time:day"]).meta["visitors"]["sum_of_days"]
    assert ask(pages, metrics=["visits"]).meta == {}


@pytest.mark.parametrize(
    ("salt_period", "name", "visitors"), [("week", "iso_week", [3]), ("month", "month", [2])]
)
def test_with_a_longer_salt_a_visitor_counts_once_in_it(
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    salt_period: str,
    name: str,
    visitors: list[int],
) -> None:
    """One visitor on Sunday, Monday and Tuesday, another on Monday."""
    periods = {"week": lambda day: day.isocalendar()[1], "month": lambda day: day.month}
    monkeypatch.setattr(
        "tests.store.query.dataset.hash_of",
        lambda event: event.visitor * 100 + periods[salt_period](event.day),
    )
    days = ("2026-03-08", "2026-03-09", "2026-03-10")
    mine = [a_visit(start=f"{day}T08:00:00", visitor=5).view("/a") for day in days]
    traffic = stored(*mine, a_visit(start="2026-03-09T09:00:00", visitor=6).view("/a"))
    traffic = replace(traffic, site=replace(traffic.site, salt_period=salt_period))
    whole = {"date_range": ["2026-03-08", "2026-03-14"]}
    found = ask(traffic, **whole)
    assert found.results[0]["metrics"] == visitors
    assert found.meta["visitors"] == {"salt_period": name, "sum_of_days": salt_period == "week"}
    weeks = ask(traffic, dimensions=["time:week"], **whole)
    assert [row["metrics"][0] for row in weeks.results] == [1, 2]


def test_the_answer_repeats_the_query_as_it_was_understood(pages: Traffic) -> None:
    filters = [["is", "event:page", ["/a"]]]
    assert ask(pages, dimensions=["time"], filters=filters).query == {
        "site_id": "shop.example",
        "metrics": ["visitors"],
        "date_range": ["2026-03-10T00:00:00+00:00", "2026-03-11T23:59:59+00:00"],
        "dimensions": ["time:hour"],
        "filters": filters,
        "order_by": [["time", "asc"], ["visitors", "desc"]],
        "include": {},
        "pagination": {"limit": 10_000, "offset": 0},
    }


def test_all_begins_with_the_first_data(pages: Traffic, stored: Stored) -> None:
    assert ask(pages, date_range="all").query["date_range"][0] == "2026-03-08T00:00:00+00:00"
    assert ask(stored(), date_range="all").query["date_range"][0] == "2026-03-12T00:00:00+00:00"


def test_a_day_of_the_clock_takes_events_to_the_minute(stored: Stored) -> None:
    traffic = stored(
        a_visit(start="2026-03-11T09:29:59").view(),
        a_visit(start="2026-03-11T09:30:00").view(),
        a_visit(start="2026-03-11T09:00:00").view().view("/a", 1_700).view("/b", 2_000),
    )
    (row,) = ask(traffic, metrics=["visits", "pageviews"], date_range="24h").results
    assert row["metrics"] == [2, 2]


def test_a_pattern_that_does_not_compile_is_named(pages: Traffic) -> None:
    filters = [["matches", "event:page", ["/a"]], ["matches", "visit:os", ["ok", "(?=x)"]]]
    with pytest.raises(QueryError) as caught:
        ask(pages, filters=filters)
    assert caught.value.code == "bad_pattern"
    assert "(?=x)" in caught.value.message


def test_statements_are_limited_and_cannot_write(pages: Traffic) -> None:
    with pytest.raises(StoreError):
        pages.store.query("insert into batches (shard) select 1", settings=LIMITS)


@pytest.mark.parametrize(
    "limit",
    [{"max_memory_usage": 1_000, "max_untracked_memory": 1}, {"max_rows_to_read": 1}],
    ids=str,
)
def test_a_query_that_costs_too_much_is_refused(
    pages: Traffic, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]
) -> None:
    for name, value in limit.items():
        monkeypatch.setitem(LIMITS, name, value)
    with pytest.raises(QueryError) as caught:
        ask(pages, dimensions=["event:page", "visit:entry_page"], metrics=["visitors", "exit_rate"])
    assert caught.value.code == "too_expensive"


def test_current_visitors_did_something_in_the_last_five_minutes(stored: Stored) -> None:
    def ago(seconds: int) -> str:
        return (NOW - timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()

    traffic = stored(
        a_visit(start=ago(299), visitor=1).view(),
        a_visit(start=ago(10), visitor=1).view(),
        a_visit(start=ago(301), visitor=2).view(),
        a_visit(start=ago(900), visitor=3).view().add("engagement", 890, engaged_ms=5),
        a_visit(start=ago(20), visitor=4, bot="seo").view(),
        a_visit(start=ago(20), visitor=5).add("Signup"),
    )
    assert current_visitors(traffic.store, traffic.site.id, NOW) == 2


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    operator=st.sampled_from(
        ("is", "is_not", "contains", "contains_not", "matches_wildcard", "matches_wildcard_not")
    ),
    sensitive=st.booleans(),
)
def test_any_text_is_only_a_value(
    traffic: Traffic, text: str, operator: str, *, sensitive: bool
) -> None:
    modifier = {"case_sensitive": sensitive}
    filters = [
        [operator, "event:page", [text], modifier],
        [operator, f"event:props:{text or 'x'}", [text, "'); drop"], modifier],
    ]
    (row,) = traffic.ask({"metrics": ["events"], "date_range": "all", "filters": filters}).results
    assert row["metrics"][0] >= 0
    body = {"metrics": ["events"], "date_range": "all", "filters": [["is", "event:page", [text]]]}
    expected = 0 if text not in {"/", "/a"} else 1
    assert (traffic.ask(body).results[0]["metrics"][0] > 0) == bool(expected)


def test_totals_are_of_the_whole_whatever_page_and_order_is_asked(
    stored: Callable[..., Traffic],
) -> None:
    traffic = stored(a_visit("UTC", "2026-03-10T10:00:00").view("/"))
    body = {
        "metrics": ["visits"],
        "date_range": ["2026-03-10", "2026-03-10"],
        "include": {"totals": True},
        "pagination": {"offset": 3},
    }
    assert traffic.ask(body).meta["totals"] == [1]
    by_source = {"dimensions": ["visit:source"], "order_by": [["visit:source", "asc"]]}
    assert traffic.ask(body | by_source).meta["totals"] == [1]
