"""The API: who is answered, what is refused, and in which shape."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from portal.models import ApiToken, Membership, Role
from store.client import Store
from tests.portal.conftest import Portal

ASKED = {"site_id": "own.example", "metrics": ["visitors"], "date_range": "7d"}


@pytest.fixture
def asked(make_portal: Callable[..., Portal], store: Store) -> Portal:
    portal = make_portal(store)
    portal.site("own.example", aliases=["alias.example"])
    portal.site("second.example")
    portal.site("foreign.example", team="Others")
    portal.user("a@b.c", Role.EDITOR)
    return portal


def ask(portal: Portal, token: str, body: Any = None, **options: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    sent = {"json": ASKED if body is None else body} if "data" not in options else {}
    return portal.app.test_client().post("/api/v2/query", headers=headers, **sent, **options)


def error(answer: TestResponse) -> dict[str, Any]:
    assert answer.json is not None
    assert list(answer.json) == ["error"]
    found: dict[str, Any] = answer.json["error"]
    assert set(found) <= {"code", "message", "field", "allowed"}
    assert found["code"]
    assert found["message"].endswith(".")
    return found


def test_a_question_is_answered_by_host_alias_and_id(asked: Portal) -> None:
    token = asked.token("a@b.c", "own.example")
    with asked.database.reading() as session:
        number = session.scalar(select(ApiToken.site_id))
    for name in ("own.example", "OWN.example", "alias.example", number, str(number)):
        answer = ask(asked, token, {**ASKED, "site_id": name})
        assert answer.status_code == 200
        assert answer.json is not None
        assert set(answer.json) == {"results", "meta", "query"}
        assert answer.json["results"] == [{"dimensions": [], "metrics": [0]}]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer sft_unknown"])
def test_nobody_is_answered_without_a_token(asked: Portal, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = asked.app.test_client().post("/api/v2/query", json=ASKED, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    error(answer)


def test_a_session_is_no_token(asked: Portal) -> None:
    person = asked.user("b@b.c", Role.OWNER)
    assert person.client.post("/api/v2/query", json=ASKED).status_code == 401


def test_a_token_without_the_scope_is_refused(asked: Portal) -> None:
    answer = ask(asked, asked.token("a@b.c", "own.example", ("events:write",)))
    assert answer.status_code == 403
    assert error(answer)["code"] == "missing_scope"


@pytest.mark.parametrize("name", ["second.example", "foreign.example", "nowhere.example", 99999])
def test_any_site_but_the_tokens_is_not_there(asked: Portal, name: object) -> None:
    answer = ask(asked, asked.token("a@b.c", "own.example"), {**ASKED, "site_id": name})
    assert answer.status_code == 404
    assert error(answer)["field"] == "site_id"


def test_a_token_ends_with_its_owners_right(asked: Portal) -> None:
    token = asked.token("a@b.c", "own.example")
    with asked.database.writing() as session:
        session.execute(delete(Membership))
    assert ask(asked, token).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**ASKED, "metrics": ["nonsense"]}, "metrics"),
        ({**ASKED, "date_range": "yesteryear"}, "date_range"),
        ({**ASKED, "filters": [["is", "visit:nope", ["x"]]]}, "filters"),
        ({**ASKED, "site_id": ["own.example"]}, "site_id"),
        ({**ASKED, "site_id": True}, "site_id"),
        ({"metrics": ["visitors"]}, "site_id"),
    ],
)
def test_a_wrong_question_is_told_where(asked: Portal, body: Any, field: str) -> None:
    answer = ask(asked, asked.token("a@b.c", "own.example"), body)
    assert answer.status_code == 400
    assert error(answer)["field"].startswith(field)


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[1]", b"\xff", b"null"])
def test_what_is_no_object_is_refused(asked: Portal, data: bytes) -> None:
    answer = ask(asked, asked.token("a@b.c", "own.example"), data=data)
    assert answer.status_code == 400
    assert error(answer)["code"] == "invalid_json"


def test_other_methods_and_paths_have_the_same_shape(asked: Portal) -> None:
    client = asked.app.test_client()
    assert error(client.get("/api/v2/query"))["code"] == "method_not_allowed"
    assert error(client.get("/api/v9/nothing"))["code"] == "not_found"
    large = client.post("/api/v2/query", data=b"x" * 300_000, headers={"Authorization": "Bearer x"})
    assert large.status_code in {401, 413}


def test_too_many_questions_wait(make_portal: Callable[..., Portal], store: Store) -> None:
    portal = make_portal(store, api_per_hour=2)
    portal.site("own.example")
    portal.user("a@b.c", Role.VIEWER)
    token, other = (portal.token("a@b.c", "own.example") for _ in range(2))
    assert [ask(portal, token).status_code for _ in range(3)] == [200, 200, 429]
    refused = ask(portal, token)
    assert error(refused)["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) > 0
    assert ask(portal, other).status_code == 200
    portal.later(minutes=31)
    assert ask(portal, token).status_code == 200


def test_a_store_that_is_away_is_worth_another_try(portal: Portal) -> None:
    portal.site("own.example")
    portal.user("a@b.c", Role.VIEWER)
    answer = ask(portal, portal.token("a@b.c", "own.example"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert error(answer)["code"] == "store_unavailable"


def test_the_last_use_is_kept_to_the_minute(asked: Portal) -> None:
    token = asked.token("a@b.c", "own.example")
    first = asked.clock[0]
    for _ in range(2):
        ask(asked, token)
        asked.later(seconds=20)
    with asked.database.reading() as session:
        assert session.scalar(select(ApiToken.last_used_at)) == first
    asked.later(minutes=1)
    ask(asked, token)
    with asked.database.reading() as session:
        assert session.scalar(select(ApiToken.last_used_at)) == asked.clock[0]
