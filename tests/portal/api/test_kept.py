"""What a site keeps, by REST: found, changed and removed by those who may, and by nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.models import Role, SiteProperty
from store.client import Store
from tests.portal.api.test_views import error
from tests.portal.conftest import Portal

BOTH = ("stats:read", "sites:read", "sites:write")
GOAL = {"kind": "event", "target": "Buy", "props": {"plan": "pro"}, "currency": "EUR"}


class Client:
    """Calls the API with one token."""

    def __init__(self, portal: Portal, token: str) -> None:
        self.client = portal.app.test_client()
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None) -> TestResponse:
        sent = {} if body is None else {"json": body}
        address = f"/api/v2/sites/{path}"
        return self.client.open(address, method=method, headers=self.headers, **sent)

    def made(self, path: str, body: Any) -> dict[str, Any]:
        answer = self("POST", path, body)
        assert answer.status_code == 201, answer.text
        assert answer.json is not None
        return dict(answer.json)


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store) -> Portal:
    portal = make_portal(store)
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    portal.user("editor@b.c", Role.EDITOR)
    portal.user("viewer@b.c", Role.VIEWER)
    portal.user("other@b.c", Role.OWNER, "Others")
    return portal


@pytest.fixture
def editor(shop: Portal) -> Client:
    return Client(shop, shop.token("editor@b.c", "own.example", BOTH))


@pytest.fixture
def viewer(shop: Portal) -> Client:
    """Somebody whose token kept the scope of the time when its owner could edit."""
    from portal.models import ApiToken  # noqa: PLC0415 - only here

    token = shop.token("viewer@b.c", "own.example", ("stats:read", "sites:read"))
    with shop.database.writing() as session:
        for row in session.query(ApiToken):
            if row.scopes != list(BOTH):
                row.scopes = list(BOTH)
    return Client(shop, token)


def test_a_goal_lives_and_is_counted(editor: Client) -> None:
    made = editor.made("own.example/goals", GOAL)
    wanted = {"id": made["id"], "kind": "event", "target": "Buy", "name": "Buy", "scroll": 0,
              "props": {"plan": "pro"}, "currency": "EUR", "method": "", "status": ""}  # fmt: skip
    assert made == wanted
    path = f"own.example/goals/{made['id']}"
    assert editor("GET", path).json == wanted
    changed = editor("PUT", path, {"kind": "page", "target": "/thanks*"}).json
    assert changed is not None
    assert (changed["name"], changed["props"], changed["currency"]) == ("Visit /thanks*", {}, "")
    asked = editor.client.post("/api/v2/query", headers=editor.headers, json={
        "site_id": "own.example", "metrics": ["visitors", "conversion_rate"], "date_range": "7d",
        "filters": [["is", "event:goal", ["Visit /thanks*"]]],
    })  # fmt: skip
    assert asked.json is not None
    assert asked.json["results"] == [{"dimensions": [], "metrics": [0, 0]}]
    assert editor("DELETE", path).status_code == 204
    assert editor("GET", "own.example/goals").json == {"goals": []}
    assert error(editor("GET", path))["code"] == "not_found"


def test_a_goal_by_what_the_edge_served_can_be_asked_for(editor: Client) -> None:
    made = editor.made(
        "own.example/goals",
        {"kind": "http", "target": "/order", "method": "POST", "status": "303"},
    )
    assert (made["name"], made["method"], made["status"]) == ("POST /order 303", "POST", "303")
    asked = editor.client.post("/api/v2/query", headers=editor.headers, json={
        "site_id": "own.example", "metrics": ["visitors", "events"], "date_range": "7d",
        "dimensions": ["event:goal"], "filters": [["is", "event:goal", ["POST /order 303"]]],
    })  # fmt: skip
    assert asked.status_code == 200
    assert asked.json is not None
    assert asked.json["results"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "click", "target": "x"}, "kind"),
        ({**GOAL, "extra": 1}, "extra"),
        ({**GOAL, "currency": "euro"}, "currency"),
        ({**GOAL, "target": ""}, "target"),
        ({**GOAL, "scroll": "5"}, "scroll"),
        ({"kind": "page", "target": "thanks"}, ""),
        ({"kind": "page", "target": "/a", "currency": "EUR"}, ""),
        ({"kind": "scroll", "target": "/a"}, ""),
        ({"kind": "event", "target": "pageview"}, ""),
        ({"kind": "http", "target": "/order"}, ""),
        ({"kind": "http", "target": "order", "method": "POST"}, ""),
        ({"kind": "http", "target": "/order", "status": "600"}, "status"),
        ({"kind": "http", "target": "/order", "method": "post"}, "method"),
        ({"kind": "page", "target": "/order", "status": "200"}, ""),
    ],
)
def test_a_wrong_goal_is_told_where(editor: Client, body: Any, field: str) -> None:
    answer = editor("POST", "own.example/goals", body)
    assert answer.status_code == 400
    found = error(answer)
    assert found.get("field", "") == field
    if body.get("kind") == "click":
        assert found["allowed"] == ["page", "event", "scroll", "http"]


def test_names_of_goals_are_a_sites_own(editor: Client) -> None:
    editor.made("own.example/goals", GOAL)
    assert error(editor("POST", "own.example/goals", GOAL))["field"] == "name"


def test_a_funnel_holds_its_goals(editor: Client) -> None:
    steps = [editor.made("own.example/goals", {"kind": "page", "target": f"/{n}"})["id"]
             for n in range(2)]  # fmt: skip
    body = {"name": "Sales", "steps": steps, "within": "visit"}
    made = editor.made("own.example/funnels", body)
    assert made["between"] == "any"
    assert error(editor("DELETE", f"own.example/goals/{steps[0]}"))["code"] == "invalid_field"
    asked = editor.client.post("/api/v2/funnel", headers=editor.headers, json={
        "site_id": "own.example", "funnel": made["id"], "date_range": "7d",
    })  # fmt: skip
    assert asked.json is not None
    assert [step["count"] for step in asked.json["results"][0]["steps"]] == [0, 0]
    assert asked.json["meta"]["counted"] == "visits"
    assert editor("DELETE", f"own.example/funnels/{made['id']}").status_code == 204
    assert editor("DELETE", f"own.example/goals/{steps[0]}").status_code == 204
    unknown = editor("POST", "own.example/funnels", {"name": "x", "steps": [steps[1], 99_999]})
    assert error(unknown)["field"] == "steps[1]"


def test_a_segment_of_ones_own_is_nobody_elses(editor: Client, viewer: Client) -> None:
    filters = [["is", "visit:country", ["FR"]]]
    own = viewer.made("own.example/segments", {"name": "France", "filters": filters})
    assert own["shared"] is False
    assert editor("GET", "own.example/segments").json == {"segments": []}
    assert editor("GET", f"own.example/segments/{own['id']}").status_code == 404
    question = {"site_id": "own.example", "metrics": ["visitors"], "date_range": "7d",
                "filters": [["is", "segment", [own["id"]]]]}  # fmt: skip
    for client, status in ((viewer, 200), (editor, 400)):
        answer = client.client.post("/api/v2/query", headers=client.headers, json=question)
        assert answer.status_code == status
    site = {"name": "All", "filters": filters, "shared": True}
    assert error(viewer("POST", "own.example/segments", site))["code"] == "no_right"
    shared = editor.made("own.example/segments", site)
    listed = viewer("GET", "own.example/segments").json
    assert listed is not None
    assert [row["id"] for row in listed["segments"]] == [own["id"], shared["id"]]
    assert viewer("DELETE", f"own.example/segments/{shared['id']}").status_code == 403
    assert viewer("DELETE", f"own.example/segments/{own['id']}").status_code == 204


def test_a_segment_is_checked_as_a_filter(editor: Client) -> None:
    body = {"name": "x", "filters": [["is", "visit:nope", ["FR"]]]}
    found = error(editor("POST", "own.example/segments", body))
    assert (found["code"], found["field"]) == ("unknown_dimension", "filters[0][1]")
    body = {"name": "x", "filters": [["is", "segment", [1]]]}
    assert error(editor("POST", "own.example/segments", body))["code"] == "bad_filter"


def test_annotations_have_a_day(editor: Client) -> None:
    body = {"day": "2026-11-09", "text": "New home page", "shared": True}
    made = editor.made("own.example/annotations", body)
    assert made == {"id": made["id"], **body}
    wrong = editor("POST", "own.example/annotations", {"day": "soon", "text": "x"})
    assert error(wrong)["field"] == "day"


def test_a_site_its_members_and_properties_are_shown(editor: Client) -> None:
    listed = editor.client.get("/api/v2/sites", headers=editor.headers).json
    assert listed is not None
    assert [site["host"] for site in listed["sites"]] == ["own.example"]
    shown = editor("GET", "own.example").json
    assert shown is not None
    assert shown["timezone"] == "UTC"
    members = editor("GET", "own.example/members").json
    assert members is not None
    assert {m["email"]: m["role"] for m in members["members"]} == {
        "editor@b.c": "editor",
        "viewer@b.c": "viewer",
    }
    assert editor("GET", "own.example/properties").json == {"properties": []}


def test_a_property_is_shown_as_it_was_said(shop: Portal, editor: Client, viewer: Client) -> None:
    body = {"name": "plan", "label": "Plan", "listed": False}
    assert editor("PUT", "own.example/properties", body).json == body
    with shop.database.reading() as session:
        (row,) = session.scalars(select(SiteProperty))
        assert (row.key, row.label, row.is_listed) == ("plan", "Plan", False)
    assert editor("PUT", "own.example/properties", {"name": "plan"}).json == {
        "name": "plan",
        "label": "",
        "listed": True,
    }
    assert error(editor("PUT", "own.example/properties", {"name": ""}))["field"] == "name"
    assert viewer("PUT", "own.example/properties", body).status_code in {403, 404}


def test_tokens_give_away_only_what_they_have(shop: Portal, editor: Client) -> None:
    answer = editor("POST", "own.example/tokens", {"scopes": ["events:write"]})
    assert error(answer)["code"] == "missing_scope"
    text = editor.made("own.example/tokens", {"scopes": ["sites:read"]})["token"]
    small = Client(shop, text)
    assert error(small("POST", "own.example/goals", GOAL))["code"] == "missing_scope"
    rows = (small("GET", "own.example/tokens").json or {})["tokens"]
    assert [row["scopes"] for row in rows] == [list(BOTH), ["sites:read"]]
    assert editor("DELETE", f"own.example/tokens/{rows[1]['id']}").status_code == 204
    assert small("GET", "own.example").status_code == 401


@pytest.mark.parametrize("path", ["goals", "goals/1", "members", "tokens", ""])
def test_no_other_site_is_there(editor: Client, path: str) -> None:
    answer = editor("GET", f"foreign.example/{path}".rstrip("/"))
    assert answer.status_code == 404
    assert error(answer)["code"] == "site_not_found"


def test_a_row_of_another_site_is_not_there(shop: Portal, editor: Client) -> None:
    other = Client(shop, shop.token("other@b.c", "foreign.example", BOTH))
    foreign = other.made("foreign.example/goals", GOAL)["id"]
    for method in ("GET", "DELETE"):
        assert editor(method, f"own.example/goals/{foreign}").status_code == 404
    assert editor("PUT", f"own.example/goals/{foreign}", GOAL).status_code == 404
    steps = {"name": "x", "steps": [foreign, foreign]}
    assert error(editor("POST", "own.example/funnels", steps))["field"] == "steps[0]"


def test_reading_needs_a_scope_of_its_own(shop: Portal) -> None:
    client = Client(shop, shop.token("editor@b.c", "own.example"))
    assert error(client("GET", "own.example/goals"))["code"] == "missing_scope"
