"""The sentences of NUMBERS.md, one hand-made case each; the figures are worked out by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.store.query.conftest import Traffic
from tests.store.query.dataset import a_visit

DAY = ["2026-03-10", "2026-03-10"]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
type Stored = Callable[..., Traffic]


def total(traffic: Traffic, *metrics: str, **parts: Any) -> list[Any]:
    body = {"metrics": list(metrics), "date_range": DAY, **parts}
    (row,) = traffic.ask(body, now=NOW).results
    metrics_found: list[Any] = row["metrics"]
    return metrics_found


def listed(traffic: Traffic, *metrics: str, by: str, **parts: Any) -> dict[str, list[Any]]:
    body = {"metrics": list(metrics), "date_range": DAY, "dimensions": [by], **parts}
    found = traffic.ask(body, now=NOW).results
    return {row["dimensions"][0]: row["metrics"] for row in found}


def test_entry_and_exit_are_the_first_and_last_page_view(stored: Stored) -> None:
    traffic = stored(a_visit().add("Open", path="/x").view("/a", 5).view("/b", 9).add("End", 12))
    assert listed(traffic, "visits", by="visit:entry_page") == {"/a": [1]}
    assert listed(traffic, "visits", by="visit:exit_page") == {"/b": [1]}


def test_a_visit_of_custom_events_only_is_in_no_entry_or_exit_list(stored: Stored) -> None:
    traffic = stored(a_visit().add("Open"), a_visit().view("/a"))
    assert listed(traffic, "visits", by="visit:entry_page") == {"/a": [1]}
    assert listed(traffic, "entrances", "exits", by="event:page", filters=[]) == {
        "/": [0, 0],
        "/a": [1, 1],
    }
    assert total(traffic, "visits", "entrances", "exits") == [2, 1, 1]


def test_engagement_counts_as_nothing_but_engagement(stored: Stored) -> None:
    traffic = stored(a_visit().view("/").add("engagement", 50, engaged_ms=9_999))
    metrics = ("visitors", "visits", "pageviews", "events", "bounce_rate", "visit_duration")
    assert total(traffic, *metrics) == [1, 1, 1, 1, 100, 0]
    assert listed(traffic, "events", by="event:name") == {"pageview": [1]}


def test_bounces(stored: Stored) -> None:
    traffic = stored(
        a_visit().view(),
        a_visit().view().add("Scroll", 4, interactive=False),
        a_visit().view().add("Signup", 4),
        a_visit().add("Signup").view("/", 3),
        a_visit().view().view("/a", 3),
        a_visit().add("Signup"),
    )
    assert total(traffic, "bounce_rate") == [33]  # 2 of 6


def test_with_a_page_filter_bounces_are_of_visits_that_entered_there(stored: Stored) -> None:
    traffic = stored(
        a_visit().view("/a"), a_visit().view("/b").view("/a", 10), a_visit().view("/b")
    )
    on_a = [["is", "event:page", ["/a"]]]
    metrics = ("visitors", "bounce_rate", "visit_duration", "views_per_visit")
    assert total(traffic, *metrics, filters=on_a) == [2, 100, 0, 1.0]
    assert listed(traffic, *metrics, by="event:page") == {
        "/a": [2, 100, 0, 1.0],
        "/b": [2, 50, 5, 1.5],
    }


def test_a_mean_duration_counts_bounces_as_nothing(stored: Stored) -> None:
    traffic = stored(
        a_visit().view().view("/a", 61),
        a_visit().view().add("Scroll", 40, interactive=False),
    )
    assert total(traffic, "visit_duration") == [31]  # 30.5, half away from zero


def test_views_per_visit_has_two_decimals(stored: Stored) -> None:
    traffic = stored(a_visit().view().view("/a", 1), a_visit().view(), a_visit().view())
    assert total(traffic, "views_per_visit") == [1.33]


def test_nothing_is_zero_or_null(stored: Stored) -> None:
    traffic = stored()
    metrics = ("visitors", "views_per_visit", "bounce_rate", "visit_duration", "percentage")
    assert total(traffic, *metrics, "exit_rate", "engagement_rate") == [0, 0, 0, 0, 0, 0, 0]
    on_a = [["is", "event:page", ["/a"]]]
    assert total(traffic, "time_on_page", "scroll_depth", filters=on_a) == [None, None]


def test_percentage_is_of_all_visitors_of_the_query(stored: Stored) -> None:
    traffic = stored(
        a_visit(source="Google").view("/a"),
        a_visit(source="Google").view("/b"),
        a_visit(source="Bing").view("/a"),
    )
    assert listed(traffic, "percentage", by="visit:source") == {"Google": [66.67], "Bing": [33.33]}
    only = listed(traffic, "percentage", by="visit:source", filters=[["is", "event:page", ["/b"]]])
    assert only == {"Google": [100.0]}


def test_exit_rate_scroll_depth_and_time_on_page(stored: Stored) -> None:
    traffic = stored(
        a_visit()
        .view("/a")
        .add("engagement", 5, path="/a", engaged_ms=3_000, scroll=30)
        .view("/a", 6)
        .add("engagement", 9, path="/a", engaged_ms=4_500, scroll=81)
        .view("/b", 10),
        a_visit().view("/a").add("engagement", 5, path="/a", engaged_ms=2_000, scroll=40),
        a_visit().view("/a").add("engagement", 5, path="/a", engaged_ms=500),
    )
    metrics = ("exit_rate", "scroll_depth", "time_on_page")
    assert listed(traffic, *metrics, by="event:page") == {
        "/a": [50.0, 61, 3],  # 2 of 4; (81 + 40) / 2 = 60.5; 10 s / 3 visits
        "/b": [100.0, None, None],
    }
    assert listed(traffic, "exit_rate", by="visit:exit_page") == {"/a": [50.0], "/b": [100.0]}
    assert total(traffic, *metrics, filters=[["is", "event:page", ["/a"]]]) == [50.0, 61, 3]


def test_a_missing_property_is_none_for_is_and_is_not_only(stored: Stored) -> None:
    traffic = stored(
        a_visit().view(props={"plan": "pro"}), a_visit().view(props={"plan": ""}), a_visit().view()
    )
    by_plan = listed(traffic, "visitors", by="event:props:plan")
    assert by_plan == {"pro": [1], "": [1], "(none)": [1]}

    def visitors(operator: str, *values: str) -> Any:
        filters = [[operator, "event:props:plan", list(values)]]
        return total(traffic, "visitors", filters=filters)[0]

    assert visitors("is", "(none)") == 1
    assert visitors("is_not", "(none)") == 2
    assert visitors("is_not", "pro") == 2
    assert visitors("is", "") == 1
    assert visitors("contains_not", "pro") == 1
    assert visitors("matches_not", "pro") == 1
    assert visitors("matches_wildcard_not", "p*") == 1


def test_missing_visit_values_have_names_and_unknown_places_are_left_out(stored: Stored) -> None:
    traffic = stored(
        a_visit().view(), a_visit(country="FR", utm_source="x", channel="Email").view()
    )
    names = {
        "source": "Direct / None",
        "referrer": "Direct / None",
        "browser": "(not set)",
        "os_version": "(not set)",
        "device": "(not set)",
        "utm_term": "(not set)",
    }
    for dimension, name in names.items():
        assert listed(traffic, "visitors", by=f"visit:{dimension}") == {name: [2]}
    assert listed(traffic, "visitors", by="visit:channel") == {"Direct": [1], "Email": [1]}
    assert listed(traffic, "visitors", by="visit:country") == {"FR": [1]}
    assert listed(traffic, "visitors", by="visit:region") == {}
    direct = [["is", "visit:channel", ["Direct"]]]
    assert total(traffic, "visitors", filters=direct) == [1]


def test_wildcards_take_any_characters_and_the_whole_path(stored: Stored) -> None:
    traffic = stored(*(a_visit().view(path) for path in ("/a/b/c", "/a/c", "/x/a/c", "/a/cd")))

    def visitors(pattern: str) -> Any:
        filters = [["matches_wildcard", "event:page", [pattern]]]
        return total(traffic, "visitors", filters=filters)[0]

    assert visitors("/a/*c") == 2
    assert visitors("/a/**c") == 2
    assert visitors("*a/c*") == 3
    assert visitors("/a/_c") == 0


def test_has_done_looks_at_the_whole_visit(stored: Stored) -> None:
    traffic = stored(a_visit().view("/a").add("Signup", 5, path="/b"), a_visit().view("/a"))
    did = ["has_done", ["is", "event:name", ["Signup"]]]
    on_a = ["is", "event:page", ["/a"]]
    assert total(traffic, "pageviews", filters=[did, on_a]) == [1]
    assert total(traffic, "pageviews", filters=[["has_not_done", did[1]], on_a]) == [1]
    assert total(traffic, "events", filters=[["not", did]]) == [1]


def test_an_engaged_visit(stored: Stored) -> None:
    traffic = stored(
        a_visit().view().add("engagement", 9, engaged_ms=10_000),
        a_visit().view().add("engagement", 9, engaged_ms=9_999),
        a_visit().view().view("/a", 2),
        a_visit().view(),
    )
    assert total(traffic, "engagement_rate", "engaged_time") == [50, 5]


def test_an_hour_counts_every_visit_that_had_an_event_in_it(stored: Stored) -> None:
    traffic = stored(
        a_visit(start="2026-03-10T12:50:00")
        .view("/a")
        .add("engagement", 900, engaged_ms=5)
        .view("/b", 1_000)
        .view("/c", 9_000),
    )
    hours = listed(traffic, "visits", "visitors", "pageviews", by="time:hour")
    busy = {label: values for label, values in hours.items() if any(values)}
    assert busy == {
        "2026-03-10 12:00:00": [1, 1, 1],
        "2026-03-10 13:00:00": [1, 1, 1],
        "2026-03-10 15:00:00": [1, 1, 1],
    }
    assert len(hours) == 24


def test_a_visit_over_midnight_is_of_the_day_it_began(stored: Stored) -> None:
    traffic = stored(
        a_visit("Asia/Kathmandu", "2026-03-10T23:50:00").view("/a").view("/b", 1_200),
        zone="Asia/Kathmandu",
    )
    both = ["2026-03-10", "2026-03-11"]
    days = listed(traffic, "visitors", "visits", "pageviews", by="time:day", date_range=both)
    assert days == {"2026-03-10": [1, 1, 2], "2026-03-11": [0, 0, 0]}
    hours = listed(traffic, "visits", by="time:hour", date_range=["2026-03-11", "2026-03-11"])
    assert hours["2026-03-11 00:00:00"] == [1]
    assert sum(values[0] for values in hours.values()) == 1


def test_an_hour_after_midnight_knows_all_of_the_visit_that_began_before(stored: Stored) -> None:
    traffic = stored(
        a_visit(start="2026-03-10T23:50:00").view("/a").add("Signup", 60).view("/b", 1_200),
    )
    day = ["2026-03-11", "2026-03-11"]
    whole = ("views_per_visit", "visit_duration", "entrances", "exits")
    hours = listed(traffic, *whole, by="time:hour", date_range=day)
    assert hours["2026-03-11 00:00:00"] == [2, 1_200, 1, 1]
    for filters in (
        [["has_done", ["is", "event:name", ["Signup"]]]],
        [["is", "visit:exit_page", ["/b"]]],
    ):
        hours = listed(traffic, "visits", by="time:hour", date_range=day, filters=filters)
        assert hours["2026-03-11 00:00:00"] == [1], filters


def test_visitors_of_several_days_are_the_sum_of_the_days(stored: Stored) -> None:
    traffic = stored(
        a_visit(start="2026-03-10T08:00:00", visitor=5).view(),
        a_visit(start="2026-03-10T18:00:00", visitor=5).view(),
        a_visit(start="2026-03-11T08:00:00", visitor=5).view(),
    )
    both = ["2026-03-10", "2026-03-11"]
    assert total(traffic, "visitors", "visits") == [1, 2]
    assert total(traffic, "visitors", "visits", date_range=both) == [2, 3]
    moments = ["2026-03-10T00:00:00", "2026-03-11T23:59:59"]
    assert total(traffic, "visitors", "visits", date_range=moments) == [2, 3]


def test_bots_are_seen_only_when_asked_for(stored: Stored) -> None:
    traffic = stored(a_visit().view(), a_visit(bot="ai_training").view().view("/a", 1))
    assert total(traffic, "visitors", "pageviews") == [1, 1]
    assert listed(traffic, "pageviews", by="visit:bot") == {"ai_training": [2], "human": [1]}
    bots = [["is_not", "visit:bot", ["human"]]]
    assert total(traffic, "pageviews", filters=bots) == [2]


def test_another_sites_traffic_is_never_seen(stored: Stored) -> None:
    stored(a_visit().view("/secret"))
    traffic = stored(a_visit().view("/mine"))
    assert listed(traffic, "visitors", by="event:page") == {"/mine": [1]}
    body = {"metrics": ["visitors"], "date_range": "all", "site_id": traffic.site.id - 1}
    assert traffic.ask(body, now=NOW).query["site_id"] == "shop.example"


def test_titles_are_a_property_of_the_event(stored: Callable[..., Traffic]) -> None:
    traffic = stored(
        a_visit().view("/a", props={"title": "Tea"}).view("/b", 5, props={"title": "Tea"}),
        a_visit().view("/c", props={"title": ""}).view("/d", 5),
    )
    body = {"date_range": ["2026-03-10", "2026-03-10"], "metrics": ["pageviews"]}
    rows = traffic.ask({**body, "dimensions": ["event:title"]}).results
    assert [(row["dimensions"], row["metrics"]) for row in rows] == [
        (["(not set)"], [2]),
        (["Tea"], [2]),
    ]
    for operator, value, count in (("is", "(not set)", 2), ("contains", "ea", 2), ("is", "", 0)):
        filters = [[operator, "event:title", [value]]]
        assert traffic.ask({**body, "filters": filters}).results[0]["metrics"] == [count]
