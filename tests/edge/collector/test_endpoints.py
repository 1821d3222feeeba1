"""The first-party endpoints, status by status."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.collector.endpoints import MAX_BODY_BYTES, EndpointResponse
from edge.outcomes import DropReason
from tests.edge.collector.conftest import BROWSER, Edge, header

VIEW = {"n": "pageview", "u": "https://shop.example/tea"}
BODY = orjson.dumps(VIEW)


def _error(answer: EndpointResponse) -> tuple[int, str, str | None]:
    assert header(answer, b"content-type") == b"application/json"
    error = orjson.loads(answer.body)["error"]
    assert set(error) == {"code", "message", "field"}
    return answer.status, error["code"], error["field"]


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/sf/e", True),
        ("/sf/p.gif", True),
        ("/sf/opt-out", True),
        ("/sf/tracker.js", True),
        ("/sf/01234567.js", True),
        ("/sf/0123456789ab.js", True),
        ("/sf/0123456.js", False),
        ("/sf/0123456789abc.js", False),
        ("/sf/0123456G.js", False),
        ("/sf/01234567.JS", False),
        ("/sf/01234567.js\n", False),
        ("/sf/e/", False),
        ("/sf//e", False),
        ("/sf/%65", False),
        ("/sf/", False),
        ("/sf", False),
        ("/sfe", False),
        ("/sf/m/01234567.js", True),
        ("/sf/m/0123456.js", False),
        ("/", False),
        ("/other/e", False),
    ],
)
def test_only_our_names_are_ours(edge: Edge, path: str, is_ours: bool) -> None:
    assert edge.endpoints.owns(edge.site, path) is is_ours


def test_the_prefix_is_the_sites(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(prefix="/x/y")
    assert edge.endpoints.owns(edge.site, "/x/y/e")
    assert not edge.endpoints.owns(edge.site, "/sf/e")
    assert edge.ask("POST", "/x/y/e", BODY).status == 202


def test_a_name_that_is_not_ours_is_not_found(edge: Edge) -> None:
    assert _error(edge.ask("GET", "/sf/else"))[0] == 404


def test_a_beacon_is_taken(edge: Edge) -> None:
    answer = edge.ask("POST", "/sf/e", BODY)
    assert (answer.status, answer.body) == (202, b"{}")
    assert header(answer, b"cache-control") == b"no-store"
    assert header(answer, b"set-cookie") is None
    event = edge.buffer.events[0]
    assert (event.path, event.browser, event.language) == ("/tea", "Firefox", "fr")


@pytest.mark.parametrize(
    "media_type", [b"text/plain", b"application/json; charset=utf-8", b"Text/Plain;charset=UTF-8"]
)
def test_text_and_json_are_read(edge: Edge, media_type: bytes) -> None:
    assert edge.ask("POST", "/sf/e", BODY, add=[(b"Content-Type", media_type)]).status == 202


@pytest.mark.parametrize(
    ("changes", "status", "code", "reason"),
    [
        ({"body": b"{"}, 400, "invalid_json", DropReason.INVALID_JSON),
        ({"body": b'{"n":"x"}'}, 400, "missing", DropReason.INVALID_PAYLOAD),
        ({"body": b" " * (MAX_BODY_BYTES + 1)}, 413, "too_large", DropReason.TOO_LARGE),
        ({"add": [(b"Content-Type", b"application/x-www-form-urlencoded")]}, 415,
         "unsupported_media_type", DropReason.INVALID_PAYLOAD),
        ({"add": [(b"Content-Encoding", b"gzip")]}, 415,
         "unsupported_media_type", DropReason.INVALID_PAYLOAD),
        ({"add": [(b"Origin", b"https://evil.example")]}, 403,
         "origin_not_allowed", DropReason.HOSTNAME_NOT_ALLOWED),
    ],
)  # fmt: skip
def test_a_refusal_is_told_and_counted(
    edge: Edge, changes: dict[str, Any], status: int, code: str, reason: DropReason
) -> None:
    answer = edge.ask("POST", "/sf/e", **({"body": BODY} | changes))
    assert _error(answer)[:2] == (status, code)
    assert edge.buffer.drops == {reason: 1}


def test_the_front_can_refuse_a_large_body_itself(edge: Edge) -> None:
    assert _error(edge.endpoints.refuse_large()) == (413, "too_large", None)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods_are_refused(edge: Edge, method: str) -> None:
    answer = edge.ask(method, "/sf/e", BODY)
    assert (answer.status, header(answer, b"allow")) == (405, b"POST, OPTIONS")


def test_a_preflight_of_the_sites_own_origin_is_answered(edge: Edge) -> None:
    own = edge.ask("OPTIONS", "/sf/e")
    assert own.status == 204
    assert header(own, b"access-control-allow-origin") == b"https://shop.example"
    assert header(own, b"access-control-allow-credentials") is None
    foreign = edge.ask("OPTIONS", "/sf/e", add=[(b"Origin", b"https://evil.example")])
    assert header(foreign, b"access-control-allow-origin") is None
    assert header(foreign, b"access-control-allow-methods") is None


@pytest.mark.parametrize(
    ("add", "reason"),
    [
        ([(b"DNT", b"1")], DropReason.DNT),
        ([(b"Sec-GPC", b"1")], DropReason.GPC),
        ([(b"Cookie", b"a=b; sf_out=1")], DropReason.OPTED_OUT),
    ],
)
def test_who_does_not_want_to_be_counted_is_not(
    edge: Edge, add: list[tuple[bytes, bytes]], reason: DropReason
) -> None:
    answer = edge.ask("POST", "/sf/e", BODY, add=add)
    assert (answer.status, answer.body) == (202, b"{}")
    assert edge.buffer.drops == {reason: 1}
    assert not edge.buffer.events
    assert header(answer, b"x-statflow-dropped") is None


@pytest.mark.parametrize(
    "value", [b"sf_out=0", b"sf_out=", b"sf_out=11", b"xsf_out=1", b"SF_OUT=1"]
)
def test_a_near_miss_of_the_cookie_is_counted(edge: Edge, value: bytes) -> None:
    edge.ask("POST", "/sf/e", BODY, add=[(b"Cookie", value)])
    assert len(edge.buffer.events) == 1


@pytest.mark.parametrize(
    ("site", "key", "is_told"),
    [
        ({}, b"", False),
        ({"debug": True}, b"", True),
        ({"debug_key": "k3y"}, b"k3y", True),
        ({"debug_key": "k3y"}, b"wrong", False),
        ({"debug_key": "k3y"}, b"", False),
        ({"debug_key": ""}, b"", False),
    ],
)
def test_why_it_was_dropped_is_told_to_developers_only(
    an_edge: Callable[..., Edge], site: dict[str, Any], key: bytes, is_told: bool
) -> None:
    edge = an_edge(**site)
    answer = edge.ask("POST", "/sf/e", BODY, add=[(b"DNT", b"1"), (b"X-Statflow-Debug", key)])
    assert header(answer, b"x-statflow-dropped") == (b"dnt" if is_told else None)


def test_the_pixel_counts_the_page_that_shows_it(edge: Edge) -> None:
    answer = edge.ask(
        "GET", "/sf/p.gif", add=[(b"Referer", b"https://shop.example/a?utm_source=x"),
                                 (b"Origin", b"")])  # fmt: skip
    assert (answer.status, answer.body[:6]) == (200, b"GIF89a")
    assert header(answer, b"content-type") == b"image/gif"
    assert header(answer, b"cache-control") == b"no-store"
    event = edge.buffer.events[0]
    assert (event.name, event.path, event.utm_source) == ("pageview", "/a", "x")


def test_the_pixel_may_name_the_page(edge: Edge) -> None:
    edge.ask("GET", "/sf/p.gif", query="u=https%3A%2F%2Fshop.example%2Fb")
    assert edge.buffer.events[0].path == "/b"


@pytest.mark.parametrize(
    ("method", "add", "reason"),
    [
        ("GET", [], DropReason.INVALID_PAYLOAD),
        ("GET", [(b"Referer", b"https://evil.example/")], DropReason.HOSTNAME_NOT_ALLOWED),
        ("GET", [(b"Referer", b"\xff")], DropReason.INVALID_PAYLOAD),
        (
            "GET",
            [(b"Sec-Fetch-Site", b"cross-site"), (b"Referer", b"https://evil.example/")],
            DropReason.HOSTNAME_NOT_ALLOWED,
        ),
        ("HEAD", [(b"Referer", b"https://shop.example/")], None),
    ],
)
def test_the_picture_comes_whatever_becomes_of_the_view(
    edge: Edge, method: str, add: list[tuple[bytes, bytes]], reason: DropReason | None
) -> None:
    answer = edge.ask(method, "/sf/p.gif", add=add)
    assert answer.status == 200
    assert not edge.buffer.events
    assert list(edge.buffer.drops) == ([reason] if reason else [])


def test_a_foreign_page_cannot_count_views_by_showing_the_pixel(edge: Edge) -> None:
    query, cross = "u=https://shop.example/", (b"Sec-Fetch-Site", b"cross-site")
    assert edge.ask("GET", "/sf/p.gif", query=query, add=[cross]).status == 200
    assert not edge.buffer.events
    own = [cross, (b"Referer", b"https://shop.example/a")]
    edge.ask("GET", "/sf/p.gif", query=query, add=own)
    assert len(edge.buffer.events) == 1


def test_the_pixel_takes_no_posts(edge: Edge) -> None:
    assert edge.ask("POST", "/sf/p.gif").status == 405


def test_the_picture_comes_while_the_buffer_is_away(edge: Edge) -> None:
    edge.buffer.is_away = True
    assert edge.ask("GET", "/sf/p.gif", query="u=https://shop.example/").status == 200


def test_cookie_and_authorization_go_nowhere(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    collect = edge.endpoints._collector.collect

    async def spy(body: bytes, sender: Any, *, opted_out: bool) -> Any:
        seen.append(sender)
        return await collect(body, sender, opted_out=opted_out)

    monkeypatch.setattr(edge.endpoints._collector, "collect", spy)
    edge.ask("POST", "/sf/e", BODY)
    assert b"secret" not in b"".join(value for _, value in seen[0].headers.items())
    assert set(seen[0].headers) >= {b"user-agent", b"origin"}


def test_an_unexpected_failure_is_a_small_500(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("192.0.2.1 said something")

    monkeypatch.setattr(edge.endpoints._collector, "collect", fail)
    assert _error(edge.ask("POST", "/sf/e", BODY)) == (500, "internal", None)
    assert "RuntimeError" in caplog.text
    assert "192.0.2.1" not in caplog.text


def test_every_answer_states_its_length(edge: Edge) -> None:
    for method, path in (("POST", "/sf/e"), ("GET", "/sf/p.gif"), ("GET", "/sf/opt-out")):
        answer = edge.ask(method, path, BODY)
        assert header(answer, b"content-length") == b"%d" % len(answer.body)


NAMES = st.sampled_from(["/sf/e", "/sf/p.gif", "/sf/opt-out", "/sf/tracker.js", "/sf/01234567.js"])
VALUES = st.binary(max_size=40)
HEADERS = st.lists(
    st.tuples(st.sampled_from([name for name, _ in BROWSER] + [b"If-None-Match", b"Accept-Encoding",
                               b"Referer", b"X-Statflow-Debug", b"DNT", b"\xff"]), VALUES),
    max_size=6,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "", "\xff"]), NAMES, st.text(max_size=40),
    HEADERS, st.binary(max_size=60),
)  # fmt: skip
def test_no_request_is_answered_500(
    edge: Edge, method: str, path: str, query: str, headers: list[Any], body: bytes
) -> None:
    request = edge.request(method, path, body, query=query, headers=tuple(headers))
    answer = asyncio.run(edge.endpoints.respond(request))
    assert answer.status in {200, 202, 204, 303, 304, 400, 403, 405, 415}
