"""The requests that Plausible's documentation shows, unchanged, against our API.

Sources: Plausible's documentation, "Stats API reference" (its examples by their names), "Stats API
v1 reference" and "Site provisioning API reference". The Events API's example is
``tests/edge/collector/test_foreign_requests.py``.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from portal.models import Role, SiteGoal, SiteSegment
from store.client import Store
from tests.portal.api.test_manage import ALL
from tests.portal.conftest import NOW, Portal

QUERIES: dict[str, dict[str, Any]] = {
    "aggregate": {"metrics": ["visitors", "events"], "date_range": "7d"},
    "custom-date-range": {"metrics": ["visitors"], "date_range": ["2024-08-01", "2024-08-15"]},
    "country-and-city": {
        "metrics": ["visitors", "pageviews", "bounce_rate"],
        "date_range": "7d",
        "filters": [["is_not", "visit:country_name", [""]]],
        "dimensions": ["visit:country_name", "visit:city_name"],
    },
    "utm": {
        "metrics": ["visitors", "events", "pageviews"],
        "date_range": "7d",
        "dimensions": ["visit:utm_medium", "visit:utm_source"],
    },
    "filtering": {
        "metrics": ["visitors"],
        "date_range": "7d",
        "filters": [
            ["contains", "event:page", ["/docs", "/pricing"]],
            ["is", "visit:country_name", ["Estonia", "United States of America"]],
        ],
    },
    "filtering-case-insensitive": {
        "metrics": ["visitors"],
        "date_range": "7d",
        "filters": [["contains", "event:page", ["blog"], {"case_sensitive": False}]],
    },
    "filtering-by-segment": {
        "metrics": ["visitors", "events"],
        "filters": [["is", "segment", [2]]],
        "date_range": "7d",
    },
    "timeseries": {
        "metrics": ["visitors", "events"],
        "date_range": "7d",
        "filters": [["is", "visit:os", ["GNU/Linux", "Mac"]]],
        "dimensions": ["time:day"],
    },
    "time-labels": {
        "metrics": ["visitors"],
        "date_range": "day",
        "dimensions": ["time:hour"],
        "include": {"time_labels": True},
    },
    "custom-properties": {
        "metrics": ["visitors"],
        "date_range": "7d",
        "dimensions": ["time:day", "event:props:is_customer"],
        "order_by": [["time:day", "asc"], ["event:props:is_customer", "desc"]],
    },
    "pagination": {
        "metrics": ["visitors", "events", "pageviews"],
        "date_range": "7d",
        "dimensions": ["visit:utm_medium", "visit:utm_source"],
        "include": {"total_rows": True},
        "pagination": {"limit": 3, "offset": 1},
    },
    "imports": {
        "metrics": ["visitors"],
        "date_range": "all",
        "dimensions": ["visit:source"],
        "include": {"imports": True},
    },
    "imports-warning": {
        "metrics": ["visitors"],
        "date_range": "all",
        "dimensions": ["visit:source"],
        "filters": [["is", "visit:country_name", ["Estonia"]]],
        "include": {"imports": True},
    },
    "revenue-metrics": {
        "metrics": ["total_revenue"],
        "date_range": "all",
        "dimensions": ["event:goal"],
    },
    "revenue-warning": {
        "metrics": ["total_revenue"],
        "date_range": "all",
        "filters": [["is", "event:goal", ["PurchaseUSD", "PurchaseEUR"]]],
    },
    "behavioral-filters": {
        "metrics": ["visitors"],
        "date_range": "all",
        "filters": [
            ["is", "event:goal", ["Signup"]],
            ["has_done", ["is", "event:page", ["/pricing"]]],
        ],
    },
}
OLDER = (
    "realtime/visitors?site_id=dummy.site",
    "aggregate?site_id=dummy.site&period=6mo&metrics=visitors,pageviews,bounce_rate,visit_duration",
    "timeseries?site_id=dummy.site&period=6mo",
    (
        "breakdown?site_id=dummy.site&period=6mo&property=visit:source&metrics=visitors,bounce_rate"
        "&limit=5"
    ),
    "breakdown?site_id=dummy.site&period=6mo&property=event:page&limit=5",
    "aggregate?site_id=dummy.site&period=6mo&filters=event:page%3D%3D%2Forder%2Fconfirmation",
    "timeseries?site_id=dummy.site&period=6mo&filters=visit:source%3D%3DGoogle",
    (
        "breakdown?site_id=dummy.site&period=6mo&property=event:props:method"
        "&filters=event:goal%3D%3DDownload"
    ),
    "aggregate?site_id=dummy.site&period=30d&with_imported=true",
)
GOALS = {"Signup": "", "PurchaseUSD": "USD", "PurchaseEUR": "EUR", "Download": ""}


@pytest.fixture
def portal(make_portal: Callable[..., Portal], store: Store) -> Portal:
    made = make_portal(store, public_url="https://stats.example")
    site_id = made.site("dummy.site")
    made.user("owner@b.c", Role.OWNER)
    with made.database.writing() as session:
        for name, currency in GOALS.items():
            session.add(SiteGoal(site_id=site_id, name=name, kind="event", target=name,
                                 currency=currency, created_at=NOW))  # fmt: skip
        filters = [["is", "visit:country", ["FR"]]]
        session.add(SiteSegment(id=2, site_id=site_id, name="s", filters=filters, created_at=NOW))
    return made


class Api:
    """Sends what ``curl`` would, with one token."""

    def __init__(self, portal: Portal) -> None:
        self.client = portal.app.test_client()
        token = portal.token("owner@b.c", "dummy.site", ALL)
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, **sent: Any) -> TestResponse:
        return self.client.open(f"/api/v1/{path}", method=method, headers=self.headers, **sent)

    def form(self, method: str, path: str, **fields: str) -> Any:
        """Send fields as ``curl -F`` does."""
        answer = self(method, path, data=fields, content_type="multipart/form-data")
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.mark.parametrize("name", QUERIES)
def test_an_example_of_the_stats_api_is_answered(portal: Portal, name: str) -> None:
    api = Api(portal)
    query = {"site_id": "dummy.site", **QUERIES[name]}
    answer = api.client.post("/api/v2/query", json=query, headers=api.headers)
    assert answer.status_code == 200, answer.text
    found = answer.json or {}
    assert set(found) == {"results", "meta", "query"}
    for row in found["results"]:
        assert len(row["metrics"]) == len(query["metrics"])
        assert len(row["dimensions"]) == len(query.get("dimensions", []))
    meta = found["meta"]
    if "imports" in name:
        assert meta["imports_included"] is False
        assert meta["imports_skip_reason"] == "no_imported_data"
    if name == "revenue-warning":
        assert meta["metric_warnings"]["total_revenue"]["code"] == "no_single_revenue_currency"
        assert meta["metric_warnings"]["total_revenue"]["warning"]
    if name == "time-labels":
        assert meta["time_labels"][0] == "2026-11-10 00:00:00"
    if name == "pagination":
        assert meta["total_rows"] == 0


@pytest.mark.parametrize("path", OLDER)
def test_an_example_of_the_older_stats_api_is_answered(portal: Portal, path: str) -> None:
    answer = Api(portal)("GET", f"stats/{path}")
    assert answer.status_code == 200, answer.text
    found = answer.json
    if path.startswith("realtime"):
        assert found == 0
    else:
        assert found is not None
        assert isinstance(found["results"], dict if path.startswith("aggregate") else list)


def test_the_examples_of_the_sites_api_are_answered(portal: Portal) -> None:
    api = Api(portal)
    meta = {"after": None, "before": None, "limit": 100}
    own = {"domain": "dummy.site", "timezone": "UTC"}
    assert api("GET", "sites").json == {"sites": [own], "meta": meta}
    (team,) = (api("GET", "sites/teams").json or {})["teams"]
    assert (team["name"], team["api_available"]) == ("Default", True)
    made = api.form("POST", "sites", domain="test-domain.com", timezone="Europe/London")
    assert (made["domain"], made["timezone"]) == ("test-domain.com", "Europe/London")
    renamed = api.form("PUT", "sites/dummy.site", domain="new-test-domain.com")
    assert renamed["domain"] == "new-test-domain.com"
    assert (api("GET", "sites/new-test-domain.com").json or {})["custom_properties"] == []
    assert api("GET", "sites/dummy.site").status_code == 200, "the former name is an alias"
    taken = api("PUT", "sites/dummy.site", data={"domain": "test-domain.com"})
    assert taken.status_code == 400
    assert api("DELETE", "sites/new-test-domain.com").json == {"deleted": "true"}
    assert api("GET", "sites/new-test-domain.com").status_code == 401


def test_the_examples_of_links_and_goals_are_answered(portal: Portal) -> None:
    api = Api(portal)
    link = api.form("PUT", "sites/shared-links", site_id="dummy.site", name="Wordpress")
    assert link["name"] == "Wordpress"
    assert api.client.get(urlsplit(link["url"]).path).status_code == 200
    assert api.form("PUT", "sites/shared-links", site_id="dummy.site", name="Wordpress") == link
    goal = {"site_id": "dummy.site", "goal_type": "event", "event_name": "Newsletter"}
    made = api.form("PUT", "sites/goals", **goal)
    told = {"display_name": "Newsletter", "goal_type": "event", "event_name": "Newsletter"}
    assert made == {"domain": "dummy.site", "id": made["id"], "page_path": None, **told}
    assert api.form("PUT", "sites/goals", **goal) == made
    page = api.form("PUT", "sites/goals", site_id="dummy.site", goal_type="page",
                    page_path="/register")  # fmt: skip
    assert (page["display_name"], page["page_path"]) == ("Visit /register", "/register")
    listed = (api("GET", "sites/goals?site_id=dummy.site").json or {})["goals"]
    assert {row["display_name"] for row in listed} == {*GOALS, "Newsletter", "Visit /register"}
    gone = api.form("DELETE", f"sites/goals/{made['id']}", site_id="dummy.site")
    assert gone == {"deleted": "true"}
    wrong = api("PUT", "sites/goals", data=goal | {"goal_type": "scroll"})
    assert wrong.status_code == 400


def test_the_examples_of_guests_are_answered(portal: Portal) -> None:
    api = Api(portal)
    asked = {"site_id": "dummy.site", "role": "viewer", "email": "alice@example.com"}
    wanted = {"email": "alice@example.com", "role": "viewer", "accepted": False}
    assert api.form("PUT", "sites/guests", **asked) == wanted
    assert api.form("PUT", "sites/guests", **asked) == wanted
    assert (api("GET", "sites/guests?site_id=dummy.site").json or {})["guests"] == [wanted]
    assert api("DELETE", "sites/guests/alice@example.com").json == {"deleted": "true"}
    assert api("DELETE", "sites/guests/alice@example.com").status_code == 404
    assert api("PUT", "sites/guests", data=asked | {"role": "admin"}).status_code == 400
