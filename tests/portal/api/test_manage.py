"""Sites, their settings, links and imports by REST: as the portal's forms, with the same words."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from portal.models import AuditEntry, Role
from store.client import Store
from store.imports import Import, Kind, note_import
from tests.portal.api.test_kept import Client
from tests.portal.api.test_views import error
from tests.portal.conftest import Portal

ALL = ("stats:read", "sites:read", "sites:write", "sites:admin", "people:write")


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store) -> Portal:
    portal = make_portal(store, public_url="https://stats.example")
    portal.site("own.example")
    portal.site("foreign.example", team="Others")
    portal.user("admin@b.c", Role.ADMIN)
    portal.user("editor@b.c", Role.EDITOR)
    portal.user("other@b.c", Role.OWNER, "Others")
    return portal


@pytest.fixture
def admin(shop: Portal) -> Client:
    return Client(shop, shop.token("admin@b.c", "own.example", ALL))


@pytest.fixture
def editor(shop: Portal) -> Client:
    return Client(shop, shop.token("editor@b.c", "own.example", ("sites:read", "sites:write")))


def test_a_site_is_added_used_and_deleted(shop: Portal, admin: Client) -> None:
    body = {"host": "New.Example", "upstream": "http://10.0.0.7:80", "timezone": "Asia/Tokyo"}
    answer = admin.client.post("/api/v2/sites", json=body, headers=admin.headers)
    assert answer.status_code == 201
    made = answer.json or {}
    assert (made["host"], made["timezone"]) == ("new.example", "Asia/Tokyo")
    own = Client(shop, made["token"])
    assert own("GET", "new.example").status_code == 200
    assert own("GET", "own.example").status_code == 404
    assert "new.example" in {s["host"] for s in shop.published[-1].sites}
    assert own("DELETE", "new.example").status_code == 204
    assert own("GET", "new.example").status_code == 401
    assert "new.example" not in {s["host"] for s in shop.published[-1].sites}
    with shop.database.reading() as session:
        kinds = [(e.act, e.kind, e.who, e.via) for e in session.query(AuditEntry) if e.subject ==
                 "new.example" and e.kind == "sites"]  # fmt: skip
    assert kinds == [
        ("added", "sites", "admin@b.c", "api"),
        ("removed", "sites", "admin@b.c", "api"),
    ]


def test_a_site_is_added_as_plausible_documents_it_and_takes_events_alone(
    shop: Portal, admin: Client
) -> None:
    form = {"domain": "new.example", "timezone": "Europe/London"}
    made = admin.client.post("/api/v1/sites", data=form, headers=admin.headers)
    assert made.status_code == 200
    assert (made.json or {})["domain"] == "new.example"
    told = next(s for s in shop.published[-1].sites if s["host"] == "new.example")
    assert (told["upstreams"], told["timezone"]) == ([], "Europe/London")
    own = Client(shop, (made.json or {})["token"])
    assert own("PATCH", "new.example/settings", {"upstreams": ["http://a:1"]}).status_code == 200
    assert shop.published[-1].sites[-1]["upstreams"] == ["http://a:1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"host": "own.example"}, "host"),
        ({"host": "a b"}, "host"),
        ({"upstream": "ftp://x"}, "upstream"),
        ({"timezone": "Mars"}, "timezone"),
        ({"aliases": ["own.example"]}, "aliases"),
        ({"team": "Others"}, "team"),
    ],
)
def test_a_wrong_site_is_told_where(admin: Client, changes: dict[str, Any], field: str) -> None:
    body = {"host": "new.example", "upstream": "http://10.0.0.7:80"} | changes
    answer = admin.client.post("/api/v2/sites", json=body, headers=admin.headers)
    assert answer.status_code == 400
    assert error(answer)["field"] == field


def test_editors_add_and_delete_no_sites(shop: Portal, editor: Client) -> None:
    body = {"host": "new.example", "upstream": "http://10.0.0.7:80"}
    answer = editor.client.post("/api/v2/sites", json=body, headers=editor.headers)
    assert error(answer)["code"] == "missing_scope"
    assert error(editor("DELETE", "own.example"))["code"] == "missing_scope"
    with pytest.raises(ValueError, match="has no right"):
        shop.token("editor@b.c", "own.example", ("sites:admin",))


def test_settings_are_shown_and_changed_together_or_not_at_all(
    shop: Portal, editor: Client
) -> None:
    shown = editor("GET", "own.example/settings").json or {}
    assert (shown["mode"], shown["hits"], shown["upstreams"]) == (
        "on",
        True,
        ["http://10.0.0.5:3000"],
    )
    assert "debug_key" not in shown
    body = {"mode": "canary", "canary_percent": 25, "hits": False, "kept_params": ["plan", "ref2"],
            "aliases": ["www.own.example"], "timezone": "Europe/Paris"}  # fmt: skip
    changed = editor("PATCH", "own.example/settings", body).json or {}
    assert {name: changed[name] for name in body} == body
    assert [s["mode"] for s in shop.published[-1].sites if s["host"] == "own.example"] == ["canary"]
    before = len(shop.published)
    wrong = editor("PATCH", "own.example/settings", {"mode": "off", "currency": "euro"})
    assert error(wrong)["field"] == "currency"
    assert (editor("GET", "own.example/settings").json or {})["mode"] == "canary"
    assert len(shop.published) == before
    unknown = editor("PATCH", "own.example/settings", {"modes": "off"})
    assert error(unknown)["field"] == "modes"


def test_a_dashboard_is_made_public_and_private_again(shop: Portal, editor: Client) -> None:
    reader = shop.app.test_client()
    assert editor("PUT", "own.example/public", {"public": True}).json == {"public": True}
    assert reader.get("/public/own.example").status_code == 200
    editor("PUT", "own.example/public", {"public": False})
    assert reader.get("/public/own.example").status_code == 404
    assert error(editor("PUT", "own.example/public", {"public": "yes"}))["field"] == "public"


def test_a_link_lives(shop: Portal, editor: Client) -> None:
    reader = shop.app.test_client()
    body = {"name": "Press", "sections": ["pages"], "expires_on": "2026-12-31"}
    made = editor.made("own.example/links", body)
    assert made["url"].startswith("https://stats.example/share/")
    assert (made["sections"], made["expires_on"], made["views"]) == (["pages"], "2026-12-31", 0)
    path = made["url"].removeprefix("https://stats.example")
    assert reader.get(path).status_code == 200
    link = f"own.example/links/{made['id']}"
    locked = editor("PUT", link, {"name": "Press", "password": "correct horse battery"}).json or {}
    assert (locked["has_password"], locked["expires_on"], locked["url"]) == (
        True,
        None,
        made["url"],
    )
    kept = editor("PUT", link, {"name": "Other"}).json or {}
    assert (kept["has_password"], kept["name"]) == (True, "Other")
    assert (editor("PUT", link, {"name": "Other", "password": ""}).json or {})[
        "has_password"
    ] is False
    assert [row["id"] for row in (editor("GET", "own.example/links").json or {})["links"]] == [
        made["id"]
    ]
    assert editor("DELETE", link).status_code == 204
    assert reader.get(path).status_code == 404
    assert error(editor("PUT", link, {"name": "x"}))["code"] == "not_found"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"sections": ["nope"]}, "sections"),
        ({"password": "short"}, "password"),
        ({"segment_id": 9}, "segment_id"),
        ({"embed_origins": ["javascript:x"]}, "embed_origins"),
        ({"embed_origins": ["https://a.b"], "password": "correct horse battery"}, "embed_origins"),
        ({"expires_on": "soon"}, "expires_on"),
    ],
)
def test_a_wrong_link_is_told_where(editor: Client, changes: dict[str, Any], field: str) -> None:
    answer = editor("POST", "own.example/links", {"name": "Press"} | changes)
    assert answer.status_code == 400
    assert error(answer)["field"] == field


def test_links_and_settings_of_another_site_are_not_there(shop: Portal, editor: Client) -> None:
    other = Client(shop, shop.token("other@b.c", "foreign.example", ALL))
    foreign = other.made("foreign.example/links", {"name": "Theirs"})["id"]
    for method in ("PUT", "DELETE"):
        body = {"name": "x"} if method == "PUT" else None
        assert editor(method, f"own.example/links/{foreign}", body).status_code == 404
        assert editor(method, f"foreign.example/links/{foreign}", body).status_code == 404
    for path in ("settings", "links", "imports", "guests"):
        assert other("GET", f"own.example/{path}").status_code == 404


def test_imports_are_listed_and_removed(shop: Portal, store: Store, editor: Client) -> None:
    site_id = (editor("GET", "own.example").json or {})["id"]
    day = date(2026, 1, 1)
    now = datetime.now(UTC)
    number = time.time_ns()  # The store is one for all tests, and this site's id is not.
    made = Import(
        site_id, number, Kind.TOTALS, "plausible", "a.zip", day, day, 3, now, complete=True
    )
    for act in ("begun", "added"):
        note_import(store, act, made, "digest")
    *_, row = (editor("GET", "own.example/imports").json or {})["imports"]
    assert (row["id"], row["file"], row["first"]) == (made.name, "a.zip", "2026-01-01")
    assert editor("DELETE", f"own.example/imports/{made.name}").status_code == 204
    left = (editor("GET", "own.example/imports").json or {})["imports"]
    assert made.name not in {row["id"] for row in left}
    assert error(editor("DELETE", f"own.example/imports/{made.name}"))["code"] == "not_found"
    with shop.database.reading() as session:
        last = session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
        assert last is not None
        assert (last.act, last.kind, last.who) == ("removed", "imports", "editor@b.c")
