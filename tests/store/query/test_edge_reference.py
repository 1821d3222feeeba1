"""Numbers of the edge and of signals are what counting one row after another gives."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.client import Store
from store.query.dimensions import CAPTURE_DIMENSIONS, OPERATOR, SERVED_DIMENSIONS
from store.query.metrics import BY_METRIC, OUTER_SOURCES, VITALS
from store.query.model import Metric, QueryError, QuerySite
from store.query.parse import parse_query
from tests.store.query.conftest import ZONE, Traffic, _sites
from tests.store.query.dataset import PAGES, Event, _event_columns, random_events, store_traffic
from tests.store.query.edge_dataset import (
    Hit,
    random_hits,
    random_signals,
    store_hits,
    store_signals,
)
from tests.store.query.edge_reference import EdgeReference, View

RANGE = ["2026-10-29", "2026-11-06"]
SERVED = ["hits", "bytes", "ttfb_p50", "ttfb_p95", "crawled_pages"]
SEEN = [
    "clicks",
    "rage_clicks",
    "dead_clicks",
    "errors",
    *(metric.value for metrics in VITALS.values() for metric in metrics),
]
_COMMON = ["event:page", "visit:country", "visit:browser", "visit:device", "time:day"]
OF_SIGNALS = [*_COMMON, "visit:source", "visit:screen"]
_VALUES = {
    "event:page": PAGES,
    "event:hostname": ("shop.example", "Blog.example"),
    "visit:country": ("FR", "DE"),
    "visit:browser": ("Firefox", "(not set)"),
    "visit:device": ("Desktop", "Mobile"),
    "visit:source": ("Google", "Direct / None"),
    "visit:operator": ("OpenAI", "(not set)"),
    "visit:bot": ("ai_training", "human"),
    "hit:status": ("404", "200", "304"),
    "hit:status_class": ("2xx", "4xx"),
    "hit:method": ("GET",),
    "hit:linked_from": ("/a", "news.example", "Direct / None"),
    "event:name": ("Signup",),
}


@pytest.fixture(scope="module")
def edge(uncollapsed: Store) -> tuple[Traffic, EdgeReference]:
    """A site with visits, documents, views that confirm some of them, and signals."""
    site = QuerySite(next(_sites), "shop.example", ZONE)
    events = random_events(5, ZONE, date(2026, 10, 28), 10, 120)
    hits = random_hits(6, datetime(2026, 10, 28, tzinfo=UTC), 11, 900)
    signals = random_signals(7, events, 900)
    views = [view_of(hit, number) for number, hit in enumerate(hits) if confirms(hit, number)]
    store_traffic(uncollapsed, site.id, events, f"edge-{site.id}")
    store_hits(uncollapsed, site.id, ZONE, hits, f"edge-{site.id}")
    store_signals(uncollapsed, site.id, signals, f"edge-{site.id}")
    columns = _event_columns(site.id, [view.event for view in views])
    columns |= {"visitor": [view.visitor for view in views], "is_first": [True] * len(views)}
    uncollapsed.insert("events", columns, token=f"edge-{site.id}-v")
    reference = EdgeReference(
        hits, views, events, signals, ZoneInfo(ZONE), (date(2026, 10, 29), date(2026, 11, 6))
    )
    return Traffic(uncollapsed, site, events), reference


def confirms(hit: Hit, number: int) -> bool:
    return hit.capture == "eligible" and not hit.bot and number % 3 != 0


def view_of(hit: Hit, number: int) -> View:
    day = hit.at.astimezone(ZoneInfo(ZONE)).date()
    columns = ("country", "browser", "browser_version", "os", "device")
    attributes = {name: getattr(hit, name) for name in columns} | {"source": "Google"}
    event = Event(
        10_000_000 + number,
        0,
        hit.at,
        day,
        path=hit.path,
        hostname=hit.hostname,
        attributes=attributes,
    )
    return View(event, hit.visitor)


def filters_on(names: list[str]) -> st.SearchStrategy[list[Any]]:
    def one(name: str) -> st.SearchStrategy[list[Any]]:
        operators = ["is", "is_not"] if name == OPERATOR else ["is", "is_not", "contains"]
        if name not in {"event:page", "event:hostname", "event:name"}:
            operators = ["is", "is_not"]
        values = st.lists(st.sampled_from(_VALUES[name]), min_size=1, max_size=2, unique=True)
        return st.tuples(st.sampled_from(operators), st.just(name), values).map(list)

    some = [one(name) for name in names if name in _VALUES]
    return st.lists(st.one_of(some), max_size=2)


def questions(
    metrics: list[str], dimensions: list[str], filtered: list[str]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "metrics": st.lists(st.sampled_from(metrics), min_size=1, max_size=4, unique=True),
            "dimensions": st.lists(st.sampled_from(dimensions), max_size=2, unique=True),
            "filters": filters_on(filtered),
        }
    )


def both(edge: tuple[Traffic, EdgeReference], body: dict[str, Any]) -> tuple[Any, Any]:
    """Give what the engine answers, and what counting by hand gives."""
    traffic, reference = edge
    found = {
        tuple(row["dimensions"]): row["metrics"]
        for row in traffic.ask({"date_range": RANGE, **body}).results
    }
    wanted = reference.rows(body)
    empty = [BY_METRIC[Metric(name)].empty for name in body["metrics"]]
    if body["dimensions"]:
        found = {key: row for key, row in found.items() if row != empty or key in wanted}
    return found, wanted


def hypothesis(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


@hypothesis(20)
@given(
    body=questions(
        SERVED,
        [*sorted(SERVED_DIMENSIONS - {"visit:weekday"}), "time:day"],
        sorted(SERVED_DIMENSIONS),
    )
)
def test_what_was_served(edge: tuple[Traffic, EdgeReference], body: dict[str, Any]) -> None:
    found, wanted = both(edge, body)
    assert found == wanted, body


@hypothesis(12)
@given(
    body=questions(
        ["capture_rate"], [*sorted(CAPTURE_DIMENSIONS), "time:day"], sorted(CAPTURE_DIMENSIONS)
    )
)
def test_the_capture_rate(edge: tuple[Traffic, EdgeReference], body: dict[str, Any]) -> None:
    found, wanted = both(edge, body)
    assert found == wanted, body


@hypothesis(12)
@given(
    body=questions(
        ["crawled_pages", "crawl_to_visit_ratio"], [*_COMMON, OPERATOR], [*_COMMON, OPERATOR]
    )
)
def test_pages_taken_for_each_visit(
    edge: tuple[Traffic, EdgeReference], body: dict[str, Any]
) -> None:
    found, wanted = both(edge, body)
    assert found == wanted, body


@hypothesis(20)
@given(body=questions(SEEN, OF_SIGNALS, [*OF_SIGNALS, "event:name"]))
def test_what_modules_saw(edge: tuple[Traffic, EdgeReference], body: dict[str, Any]) -> None:
    found, wanted = both(edge, body)
    assert found == wanted, body


def test_beside_visits_every_metric_keeps_its_value(edge: tuple[Traffic, EdgeReference]) -> None:
    traffic, _ = edge
    outer = [
        "hits",
        "capture_rate",
        "crawled_pages",
        "crawl_to_visit_ratio",
        "rage_clicks",
        "errors",
        "lcp_p75",
    ]
    body: dict[str, Any] = {"date_range": RANGE, "dimensions": ["event:page"]}
    apart = {}
    for metric in [*outer, "visitors", "bounce_rate"]:
        rows = traffic.ask({**body, "metrics": [metric]}).results
        apart[metric] = {row["dimensions"][0]: row["metrics"][0] for row in rows}
    together = traffic.ask({**body, "metrics": list(apart), "include": {"total_rows": True}})
    pages = {page for rows in apart.values() for page in rows}
    assert {row["dimensions"][0] for row in together.results} == pages
    assert together.meta["total_rows"] == len(pages)
    for row in together.results:
        for metric, value in zip(apart, row["metrics"], strict=True):
            empty = BY_METRIC[Metric(metric)].empty
            assert value == apart[metric].get(row["dimensions"][0], empty), metric


def test_a_comparison_and_totals_of_the_edge(edge: tuple[Traffic, EdgeReference]) -> None:
    traffic, reference = edge
    body: dict[str, Any] = {"metrics": ["hits", "ttfb_p95"], "dimensions": ["hit:status"]}
    days = {"date_range": ["2026-11-02", "2026-11-06"]}
    include = {"include": {"comparisons": {"mode": "previous_period"}, "totals": True}}
    answer = traffic.ask({**body, **days, **include})
    now = replace(reference, days=(date(2026, 11, 2), date(2026, 11, 6))).rows(body)
    before = replace(reference, days=(date(2026, 10, 28), date(2026, 11, 1))).rows(body)
    assert {tuple(row["dimensions"]): row["metrics"] for row in answer.results} == now
    for row in answer.results:
        then = before.get(tuple(row["dimensions"]), [0, None])
        assert row["comparison"]["metrics"] == then
    assert answer.meta["totals"][0] == sum(values[0] for values in now.values())


@pytest.mark.parametrize(
    "body",
    [
        {"metrics": ["visitors"], "dimensions": ["hit:status"]},
        {"metrics": ["visitors"], "filters": [["is", "hit:status", ["404"]]]},
        {"metrics": ["hits"], "dimensions": ["visit:source"]},
        {"metrics": ["hits"], "filters": [["is", "visit:utm_source", ["x"]]]},
        {"metrics": ["hits"], "filters": [["has_done", ["is", "event:page", ["/"]]]]},
        {"metrics": ["hits"], "filters": [["not", ["has_done", ["is", "event:page", ["/"]]]]]},
        {"metrics": ["hits"], "dimensions": ["event:name"]},
        {"metrics": ["capture_rate"], "dimensions": ["visit:bot"]},
        {"metrics": ["capture_rate"], "dimensions": ["hit:method"]},
        {"metrics": ["crawl_to_visit_ratio"], "dimensions": ["visit:bot"]},
        {"metrics": ["crawl_to_visit_ratio"], "filters": [["contains", "visit:operator", ["O"]]]},
        {"metrics": ["clicks"], "dimensions": ["event:name"]},
        {"metrics": ["clicks"], "dimensions": ["event:props:plan"]},
        {"metrics": ["lcp_p75"], "dimensions": ["hit:status"]},
    ],
    ids=str,
)
def test_what_says_nothing_of_a_metric_is_refused(body: dict[str, Any]) -> None:
    site = QuerySite(1, "shop.example", ZONE)
    with pytest.raises(QueryError) as refused:
        parse_query({"date_range": RANGE, **body}, site)
    assert refused.value.code == "cannot_combine"


def test_every_metric_of_tables_of_their_own_is_compared_here() -> None:
    outer = {
        metric.value
        for metric, definition in BY_METRIC.items()
        if {source for _, source, _ in definition.needs} & OUTER_SOURCES
    }
    assert outer == {*SERVED, *SEEN, "capture_rate", "crawl_to_visit_ratio"}
