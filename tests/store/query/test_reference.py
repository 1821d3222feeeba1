"""The engine and the slow reading of NUMBERS.md agree, and neither needs FINAL."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from store.query.dimensions import BY_NAME, HIT_PREFIX
from store.query.metrics import BY_METRIC, OUTER_SOURCES
from store.query.model import Metric, Result
from tests.store.query.conftest import NOW, ZONE, Traffic
from tests.store.query.dataset import ATTRIBUTES, HOSTS, PAGES
from tests.store.query.reference import Reference, Span

RANGE = ["2026-10-29", "2026-11-06"]
DAYS = (date(2026, 10, 29), date(2026, 11, 6))
MOMENTS = ["2026-10-30T22:15:00-04:00", "2026-11-02T03:00:00Z"]
SPAN = Span(ZoneInfo(ZONE), days=DAYS)
WITHIN = Span(
    ZoneInfo(ZONE),
    moments=(datetime(2026, 10, 31, 2, 15, tzinfo=UTC), datetime(2026, 11, 2, 3, 0, 1, tzinfo=UTC)),
)
OF_GOALS = [
    "conversion_rate",
    "group_conversion_rate",
    "total_revenue",
    "average_revenue",
    "goals_per_visit",
]
EVERYWHERE = [
    metric.value
    for metric in Metric
    if metric not in {Metric.TIME_ON_PAGE, Metric.SCROLL_DEPTH, *OF_GOALS}
    and not {source for _, source, _ in BY_METRIC[metric].needs} & OUTER_SOURCES
]
OF_EVENTS = ["visitors", "visits", "pageviews", "events", "percentage"]
OF_PAGES = [*EVERYWHERE, "time_on_page", "scroll_depth"]
TOLD_ELSEWHERE = {"event:name", "event:title", "event:page", "event:goal"}
PLAIN = [n for n in BY_NAME if n not in TOLD_ELSEWHERE and not n.startswith(HIT_PREFIX)]
FILTERS: list[list[Any]] = [
    [],
    [["is", "event:page", ["/a", "/"]]],
    [["is_not", "event:page", ["/a"]], ["is", "visit:source", ["Direct / None", "Google"]]],
    [["is", "event:name", ["Signup"]]],
    [["is", "event:name", ["Signup"]], ["contains", "event:page", ["blog"]]],
    [["is", "visit:entry_page", ["/a"]]],
    [["is_not", "visit:exit_page", ["/"]], ["is", "event:hostname", ["Blog.example"]]],
    [["is", "visit:entry_page_hostname", ["blog.example"], {"case_sensitive": False}]],
    [["or", [["is", "visit:country", ["FR"]], ["is", "event:props:plan", ["pro"]]]]],
    [["or", [["is", "event:page", ["/a"]], ["is", "visit:device", ["(not set)"]]]]],
    [["not", ["and", [["is", "visit:os", ["iOS"]], ["matches", "visit:browser", ["^F"]]]]]],
    [["has_done", ["is", "event:name", ["Signup"]]]],
    [["has_not_done", ["and", [["is", "event:page", ["/"]], ["is", "event:name", ["pageview"]]]]]],
    [["is", "event:props:plan", ["(none)"]]],
    [["is_not", "event:props:plan", ["pro"]]],
    [["contains_not", "event:props:plan", ["P"], {"case_sensitive": False}]],
    [["matches_not", "event:props:Größe", ["^$"]]],
    [["matches_wildcard", "event:page", ["/blog/**"]]],
    [["matches_wildcard_not", "event:page", ["/A*", "/100%_*"]]],
    [["matches_wildcard", "visit:utm_campaign", ["été*\\"], {"case_sensitive": False}]],
    [["contains", "visit:channel", ["Direct"]]],
    [["contains_not", "visit:channel", ["a", "R"]]],
    [["is_not", "visit:country", ["FR"]]],
    [["contains", "visit:country_name", ["an"]], ["is", "visit:weekday", ["6", "7", "1"]]],
    [["is_not", "visit:hour", ["03", "23"]], ["is", "event:name", ["Signup"]]],
    [["is", "visit:first_source", ["Google", "Direct / None"]]],
    [["is_not", "visit:last_channel", ["Direct"]], ["is", "event:page", ["/a", "/"]]],
    [["contains", "visit:last_source", ["o"]], ["has_done", ["is", "event:name", ["Signup"]]]],
    [["is", "visit:bot", ["ai_training"]]],
    [["is_not", "visit:bot", ["nothing"]], ["matches", "event:page", ["[0-9]$"]]],
]  # fmt: skip


def rows(result: Result) -> dict[tuple[str, ...], list[Any]]:
    return {tuple(row["dimensions"]): row["metrics"] for row in result.results}


def expected(
    traffic: Traffic, body: dict[str, Any], span: Span
) -> dict[tuple[str, ...], list[Any]]:
    def shown(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(span.zone).strftime("%Y-%m-%d %H:%M:%S")
        return str(value)

    site = traffic.site
    found = Reference(traffic.events, body, span, site.goals, site.segments).rows()
    return {tuple(shown(part) for part in key): values for key, values in found.items()}


def check(traffic: Traffic, body: dict[str, Any], span: Span = SPAN) -> None:
    body = {"date_range": RANGE, **body}
    result = traffic.ask(body)
    wanted = expected(traffic, body, span)
    found = rows(result)
    empty = [None if n in {"time_on_page", "scroll_depth"} else 0 for n in body["metrics"]]
    filled = {key: values for key, values in found.items() if key in wanted or values != empty}
    assert filled == wanted, body
    final = traffic.ask(body, final=True)
    assert final.results == result.results, body


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("span", [SPAN, WITHIN], ids=["days", "moments"])
def test_totals_agree(traffic: Traffic, filters: list[Any], span: Span) -> None:
    metrics = OF_PAGES if "event:page" in str(filters) and "has" not in str(filters) else EVERYWHERE
    wanted = MOMENTS if span is WITHIN else RANGE
    check(traffic, {"metrics": metrics, "filters": filters, "date_range": wanted}, span)


@pytest.mark.parametrize("dimension", PLAIN)
def test_every_dimension_agrees(traffic: Traffic, dimension: str) -> None:
    check(traffic, {"metrics": EVERYWHERE, "dimensions": [dimension]})


@pytest.mark.parametrize("dimension", ["event:name", "event:props:plan", "event:props:Größe"])
def test_dimensions_of_events_agree(traffic: Traffic, dimension: str) -> None:
    check(traffic, {"metrics": OF_EVENTS, "dimensions": [dimension]})


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_pages_agree_under_every_filter(traffic: Traffic, filters: list[Any]) -> None:
    check(traffic, {"metrics": OF_PAGES, "dimensions": ["event:page"], "filters": filters})


@pytest.mark.parametrize("dimension", ["time:day", "time:week", "time:month"])
@pytest.mark.parametrize("span", [SPAN, WITHIN], ids=["days", "moments"])
def test_series_agree(traffic: Traffic, dimension: str, span: Span) -> None:
    wanted = MOMENTS if span is WITHIN else RANGE
    check(traffic, {"metrics": EVERYWHERE, "dimensions": [dimension], "date_range": wanted}, span)


@pytest.mark.parametrize("filters", FILTERS[:12], ids=str)
def test_hours_agree_over_a_change_of_the_clock(traffic: Traffic, filters: list[Any]) -> None:
    body = {"metrics": EVERYWHERE, "dimensions": ["time:hour"], "filters": filters}
    body["date_range"] = RANGE
    reference = Reference(traffic.events, body, SPAN).rows()
    found = traffic.ask(body).results
    starts = [datetime(2026, 10, 29, 4, tzinfo=UTC) + timedelta(hours=n) for n in range(len(found))]
    assert len(found) == 9 * 24 + 1
    empty = [0] * len(EVERYWHERE)
    wanted = [
        {
            "dimensions": [at.astimezone(ZoneInfo(ZONE)).strftime("%Y-%m-%d %H:%M:%S")],
            "metrics": reference.pop((at,), empty),
        }
        for at in starts
    ]
    assert found == wanted
    assert not reference
    assert traffic.ask(body, final=True).results == found


@pytest.mark.parametrize("seed", range(24))
def test_mixed_questions_agree(traffic: Traffic, seed: int) -> None:
    rng = random.Random(seed)
    names = ["event:page", "event:hostname", "time:day", *rng.sample(PLAIN, 3)]
    dimensions = rng.sample(list(dict.fromkeys(names)), rng.choice((1, 2, 3)))
    filters = [part for group in rng.sample(FILTERS, 2) for part in group]
    attribute = rng.choice([name for name in ATTRIBUTES if name != "click_id"])
    value = rng.choice(ATTRIBUTES[attribute]) or "(not set)"
    edge = rng.choice(("entry_page", "exit_page", "entry_page_hostname", "exit_page_hostname"))
    filters.append(["or", [
        [rng.choice(("is", "is_not")), f"visit:{attribute}", [value]],
        [rng.choice(("contains", "is_not")), f"visit:{edge}", [rng.choice(PAGES + HOSTS)]],
    ]])  # fmt: skip
    metrics = rng.sample(EVERYWHERE, 5)
    span = rng.choice((SPAN, WITHIN))
    wanted = MOMENTS if span is WITHIN else RANGE
    body = {"metrics": metrics, "dimensions": dimensions, "filters": filters}
    check(traffic, body | {"date_range": wanted}, span)


def test_the_traffic_is_worth_comparing(traffic: Traffic) -> None:
    pairs = "select countIf(sign < 0), count() from sessions where site_id = {s:UInt32}"
    cancelled, states = traffic.store.query(pairs, {"s": traffic.site.id})[0]
    assert cancelled > 200
    assert states > 600
    assert any(e.day != e.at.astimezone(ZoneInfo(ZONE)).date() for e in traffic.events)
    before = [e for e in traffic.events if e.counts and e.day < DAYS[0]]
    assert any(e.at.astimezone(ZoneInfo(ZONE)).date() == DAYS[0] for e in before)
    assert NOW.date() > DAYS[1]
