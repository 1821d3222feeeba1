"""The examples of Plausible's Stats API documentation over visits that a reader can count himself.

The requests are those of ``test_published``; here each has the answer that the documentation's text
promises. "7d" are the 3rd to the 9th of November, today is the 10th (NUMBERS 9).
"""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from portal.models import Role, Site, SiteGoal, SiteHost, SiteSegment
from store.client import Store
from tests.portal.api.test_manage import ALL
from tests.portal.api.test_published import GOALS, OLDER, QUERIES
from tests.portal.conftest import NOW, Portal
from tests.store.query.dataset import a_visit, store_traffic
from tests.store.query.test_imported import ENTRY, Row, put_import, sums

SITE_ID = 910_001
TWITTER = {"utm_medium": "social", "utm_source": "twitter", "source": "Twitter"}
LETTER = {"utm_medium": "email", "utm_source": "letter", "source": "letter"}
EURO = {"revenue_minor": 500, "currency": "EUR"}
DOLLAR = {"revenue_minor": 990, "currency": "USD"}
BEFORE: list[Row] = [
    ("2024-07-31", ENTRY, "visit:source", "Google", sums(100, 120, 300)),
    ("2024-08-10", ENTRY, "visit:source", "Google", sums(7_000, 7_000, 7_000)),
]
"""What another product counted: on the second day the site counts itself."""


@pytest.fixture(scope="session")
def traffic(store: Store) -> Store:
    made = [
        a_visit("UTC", "2024-08-10T10:00:00", source="Google", country="FR").view("/"),
        a_visit("UTC", "2026-06-20T10:00:00", source="Google").view("/order/confirmation"),
        a_visit("UTC", "2026-11-05T10:00:00", country="EE", city="Tallinn", os="Mac", **TWITTER)
        .view("/docs/start", props={"is_customer": "true"})
        .view("/pricing", 60)
        .add("Signup", 90, path="/pricing", props={"is_customer": "true"}),
        a_visit("UTC", "2026-11-05T12:00:00", country="US", city="Boston", os="GNU/Linux", **LETTER)
        .view("/my/BLOG/1", props={"is_customer": "false"})
        .add("PurchaseUSD", 30, path="/my/BLOG/1", **DOLLAR),
        a_visit("UTC", "2026-11-06T09:00:00", country="FR", os="Windows", source="Google")
        .view("/")
        .add("PurchaseEUR", 10, path="/", **EURO)
        .add("Signup", 20, path="/"),
        a_visit("UTC", "2026-11-10T09:30:00", country="EE", city="Tallinn", os="Mac", **TWITTER)
        .view("/pricing")
        .add("Download", 20, path="/pricing", props={"method": "HTTP"}),
    ]
    store_traffic(store, SITE_ID, [event for visit in made for event in visit.events], "published")
    put_import(store, SITE_ID, BEFORE)
    return store


@pytest.fixture
def ask(make_portal: Callable[..., Portal], traffic: Store) -> Callable[..., Any]:
    portal = make_portal(traffic)
    with portal.database.writing() as session:
        session.add(Site(id=SITE_ID, team_id=1, host="dummy.site", public_key="stk_d",
                         created_at=NOW, upstreams=["http://a:1"],
                         hosts=[SiteHost(host="dummy.site")]))  # fmt: skip
        session.flush()
        for name, currency in GOALS.items():
            session.add(SiteGoal(site_id=SITE_ID, name=name, kind="event", target=name,
                                 currency=currency, created_at=NOW))  # fmt: skip
        filters = [["is", "visit:country", ["FR"]]]
        session.add(SiteSegment(id=2, site_id=SITE_ID, name="s", filters=filters, created_at=NOW))
    portal.user("owner@b.c", Role.OWNER)
    headers = {"Authorization": f"Bearer {portal.token('owner@b.c', 'dummy.site', ALL)}"}
    client = portal.app.test_client()

    def send(example: str | dict[str, Any]) -> Any:
        if isinstance(example, str):
            answer = client.get(f"/api/v1/stats/{example}", headers=headers)
        else:
            body = {"site_id": "dummy.site", **example}
            answer = client.post("/api/v2/query", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    return send


def money(value: float, short: str, long: str, currency: str) -> dict[str, Any]:
    return {"value": value, "currency": currency, "short": short, "long": long}


ANSWERS: dict[str, list[tuple[list[str], list[Any]]]] = {
    "aggregate": [([], [3, 8])],
    "custom-date-range": [([], [1])],
    "country-and-city": [
        (["Estonia", "Tallinn"], [1, 2, 0]),
        (["United States", "Boston"], [1, 1, 0]),
    ],
    "utm": [
        (["(not set)", "(not set)"], [1, 3, 1]),
        (["email", "letter"], [1, 2, 1]),
        (["social", "twitter"], [1, 3, 2]),
    ],
    "filtering": [([], [1])],
    "filtering-case-insensitive": [([], [1])],
    "filtering-by-segment": [([], [1, 3])],
    "timeseries": [
        ([date(2026, 11, day).isoformat()], [2, 5] if day == 5 else [0, 0]) for day in range(3, 10)
    ],
    "time-labels": [([f"2026-11-10 {hour:02}:00:00"], [int(hour == 9)]) for hour in range(16)],
    "custom-properties": [
        (["2026-11-05", "true"], [1]),
        (["2026-11-05", "false"], [1]),
        (["2026-11-05", "(none)"], [2]),
        (["2026-11-06", "(none)"], [1]),
    ],
    "pagination": [
        (["email", "letter"], [1, 2, 1]),
        (["social", "twitter"], [1, 3, 2]),
    ],
    "imports": [
        (["Google"], [103]),
        (["Twitter"], [2]),
        (["letter"], [1]),
    ],
    "imports-warning": [(["Twitter"], [2])],
    "revenue-metrics": [
        (["PurchaseUSD"], [money(9.9, "$9.9", "$9.90", "USD")]),
        (["PurchaseEUR"], [money(5, "€5", "€5.00", "EUR")]),
        (["Download"], [None]),
        (["Signup"], [None]),
    ],
    "revenue-warning": [([], [None])],
    "behavioral-filters": [([], [1])],
}


@pytest.mark.parametrize("name", QUERIES)
def test_an_example_counts_what_there_was(ask: Callable[..., Any], name: str) -> None:
    found = ask(QUERIES[name])
    rows = [(row["dimensions"], row["metrics"]) for row in found["results"]]
    assert rows == ANSWERS[name]
    meta = found["meta"]
    if name == "imports":
        assert meta["imports_included"] is True
    if name == "imports-warning":
        assert meta["imports_skip_reason"] == "unsupported_query"
        assert meta["imports_warning"]
    if name == "pagination":
        assert meta["total_rows"] == 3


BY_MONTH = ("2026-06-01", "2026-07-01", "2026-08-01", "2026-09-01", "2026-10-01", "2026-11-01")
OLDER_ANSWERS: tuple[Any, ...] = (
    0,
    {"visitors": 5, "pageviews": 6, "bounce_rate": 20, "visit_duration": 32},
    [{"date": day, "visitors": {6: 1, 11: 4}.get(int(day[5:7]), 0)} for day in BY_MONTH],
    [
        {"source": "Google", "visitors": 2, "bounce_rate": 50},
        {"source": "Twitter", "visitors": 2, "bounce_rate": 0},
        {"source": "letter", "visitors": 1, "bounce_rate": 0},
    ],
    [
        {"page": "/pricing", "visitors": 2},
        {"page": "/", "visitors": 1},
        {"page": "/docs/start", "visitors": 1},
        {"page": "/my/BLOG/1", "visitors": 1},
        {"page": "/order/confirmation", "visitors": 1},
    ],
    {"visitors": 1},
    [{"date": day, "visitors": {6: 1, 11: 1}.get(int(day[5:7]), 0)} for day in BY_MONTH],
    [{"method": "HTTP", "visitors": 1}],
    {"visitors": 4},
)


@pytest.mark.parametrize(("path", "wanted"), list(zip(OLDER, OLDER_ANSWERS, strict=True)))
def test_an_example_of_the_older_form_counts_what_there_was(
    ask: Callable[..., Any], path: str, wanted: Any
) -> None:
    found = ask(path)
    found = found["results"] if isinstance(found, dict) else found
    if isinstance(wanted, dict):
        found = {metric: told["value"] for metric, told in found.items()}
    assert found == wanted


PAGES = "event:page"
FILTERS: tuple[tuple[Any, int], ...] = (
    (["is", "visit:country_name", ["Estonia", "Poland"]], 2),
    (["is_not", PAGES, ["/pricing"]], 3),
    (["contains", PAGES, ["/pric"]], 2),
    (["contains_not", PAGES, ["docs", "pricing"]], 2),
    (["matches", PAGES, ["^/my/[A-Z]+/\\d+$"]], 1),
    (["matches_not", PAGES, ["^/my/[A-Z]+/\\d+$"]], 3),
    (["is", "visit:country_name", ["estonia"], {"case_sensitive": False}], 2),
    (["and", [["is", "visit:country", ["EE"]], ["is", "visit:city_name", ["Tallinn"]]]], 2),
    (["or", [["is", "visit:country", ["US"]], ["is", "visit:city_name", ["Tallinn"]]]], 3),
    (["not", ["is", "visit:country", ["EE"]]], 2),
    (["has_done", ["is", "event:goal", ["Signup"]]], 2),
    (["has_not_done", ["is", "event:goal", ["Signup"]]], 2),
    (["contains", "event:goal", ["Purchase"]], 2),
    (["is", "event:props:is_customer", ["true"]], 1),
)
"""Every operator that the documentation tells of, and the visitors of this month that it lets
through."""
RANGES: tuple[tuple[Any, int], ...] = (
    ("day", 1), ("7d", 3), ("28d", 3), ("30d", 3), ("91d", 3), ("month", 4), ("6mo", 1),
    ("12mo", 1), ("year", 5), ("all", 6),
    (["2026-11-05T10:00:00+00:00", "2026-11-05T11:59:59Z"], 1),
    (["2026-11-05T13:00:00+02:00", "2026-11-05T14:30:00+02:00"], 1),
)  # fmt: skip
OLDER_FILTERS = (
    ("visit:country!=FR", 3),
    ("event:page==/docs/*", 1),
    ("event:hostname==*.example", 4),
    ("visit:source==Google|Twitter", 3),
    ("event:goal==Signup", 2),
    ("event:goal==Signup|PurchaseUSD", 3),
    ("event:goal==Signup;visit:country==EE", 1),
    (r"visit:utm_campaign==campaign\|one", 0),
)


def test_every_operator_and_range_of_the_documentation(ask: Callable[..., Any]) -> None:
    visitors = {"metrics": ["visitors"]}
    told = [
        ask({**visitors, "date_range": "month", "filters": [one]})["results"][0]["metrics"][0]
        for one, _ in FILTERS
    ]
    assert told == [wanted for _, wanted in FILTERS]
    told = [ask({**visitors, "date_range": one})["results"][0]["metrics"][0] for one, _ in RANGES]
    assert told == [wanted for _, wanted in RANGES]


def test_every_filter_of_the_older_documentation(ask: Callable[..., Any]) -> None:
    path = "aggregate?site_id=dummy.site&filters="
    told = [ask(path + quote(one))["results"]["visitors"]["value"] for one, _ in OLDER_FILTERS]
    assert told == [wanted for _, wanted in OLDER_FILTERS]
    found = ask("breakdown?site_id=dummy.site&property=event:goal&metrics=visitors,conversion_rate")
    told = [(row["goal"], row["visitors"], row["conversion_rate"]) for row in found["results"]]
    assert told == [
        ("Signup", 2, 50),
        ("Download", 1, 25),
        ("PurchaseEUR", 1, 25),
        ("PurchaseUSD", 1, 25),
    ]


def test_the_older_form_warns_where_imports_cannot_be_told(ask: Callable[..., Any]) -> None:
    path = "breakdown?site_id=dummy.site&period=all&property=visit:source&with_imported=true"
    found = ask(path)
    assert found["results"][0] == {"source": "Google", "visitors": 103}
    assert "warning" not in found
    found = ask(f"{path}&filters=visit:country%3D%3DFR")
    assert found["results"] == [{"source": "Google", "visitors": 2}]
    assert found["warning"].startswith("Imported stats are not included")
