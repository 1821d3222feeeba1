"""A site with names of its own, from its page to its counted view, now and weeks later."""

from collections.abc import Callable

import orjson
import pytest

from edge.collector.script import IMMUTABLE, SHORT
from edge.inject.plan import plan_request, plan_response
from edge.inject.tag import render_tag
from edge.names import WEEK_S, names_of
from tests.edge.collector.conftest import START_S, Edge, header

BODY = orjson.dumps({"n": "pageview", "u": "https://shop.example/tea"})
DAY_S = 86_400
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
HTML = (b"Content-Type", b"text/html; charset=utf-8")
NAVIGATION = [(b"Host", b"shop.example"), (b"Sec-Fetch-Dest", b"document")]


class Clock:
    """A clock that is set by hand."""

    now = START_S

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quiet(an_edge: Callable[..., Edge], clock: Clock) -> Edge:
    return an_edge(now=clock, quiet_seed="seed of the shop")


def current(edge: Edge) -> str:
    return edge.endpoints._builds.for_site(edge.site).tag.script_url


@pytest.mark.parametrize("days", [0, 7, 30])
def test_a_page_out_of_a_cache_is_counted(quiet: Edge, clock: Clock, days: int) -> None:
    names = names_of(quiet.site, clock.now)
    script_url = current(quiet)
    clock.now += days * DAY_S
    script = quiet.ask("GET", script_url)
    assert header(script, b"cache-control") == SHORT
    assert f'["{names.beacon}","{names.pixel}"'.encode() in script.body
    assert quiet.ask("POST", names.beacon, BODY).status == 202
    referer = (b"Referer", b"https://shop.example/tea")
    pixel = quiet.ask("GET", names.pixel, add=[referer, (b"Origin", b"")])
    assert header(pixel, b"content-type") == b"image/gif"
    assert [event.path for event in quiet.buffer.events] == ["/tea", "/tea"]


def test_after_that_its_names_are_the_origins(quiet: Edge, clock: Clock) -> None:
    names = names_of(quiet.site, clock.now)
    clock.now += 6 * WEEK_S
    for path in (names.beacon, names.pixel, names.opt_out, names.script or ""):
        assert not quiet.endpoints.owns(quiet.site, path)


def test_pages_from_before_quiet_mode_go_on(quiet: Edge) -> None:
    script = quiet.ask("GET", "/sf/0123456789.js")
    assert b'["/sf/e"' in script.body
    assert quiet.ask("POST", "/sf/e", BODY).status == 202


@pytest.mark.parametrize("path", ["/sf/opt-out", ""])
def test_the_opt_out_page_has_a_lasting_address_and_a_quiet_one(quiet: Edge, path: str) -> None:
    path = path or names_of(quiet.site, START_S).opt_out
    assert b"Your visits are counted." in quiet.ask("GET", path).body
    answer = quiet.ask("POST", path, b"count=no", add=[FORM])
    assert (answer.status, header(answer, b"location")) == (303, path.encode())


def test_a_module_that_is_not_there_is_not_asked_of_the_origin(quiet: Edge) -> None:
    path = f"{names_of(quiet.site, START_S).modules}0123456789.js"
    assert quiet.endpoints.owns(quiet.site, path)
    assert quiet.ask("GET", path).status == 404


def test_a_script_name_stays_and_the_hash_is_answered_too(an_edge: Callable[..., Edge]) -> None:
    edge = an_edge(prefix="/q7", script_name="menu")
    named = edge.ask("GET", "/q7/menu.js")
    assert current(edge) == "/q7/menu.js"
    assert header(named, b"cache-control") == SHORT
    tag = (header(named, b"etag") or b"").decode().strip('"')
    hashed = edge.ask("GET", f"/q7/{tag}.js")
    assert (hashed.body, header(hashed, b"cache-control")) == (named.body, IMMUTABLE)


def test_a_copy_with_old_names_is_not_confirmed(quiet: Edge, clock: Clock) -> None:
    builds = quiet.endpoints._builds
    modified = (b"Last-Modified", b"Tue, 14 Nov 2023 22:13:20 GMT")
    tag = builds.for_site(quiet.site).tag
    first = plan_response(
        plan_request(quiet.site, "GET", b"/", NAVIGATION, tag), 200,
        [HTML, (b"ETag", b'"abc"'), modified],
    )  # fmt: skip
    told = dict(first.headers)
    conditions = [
        (b"If-None-Match", told[b"ETag"]),
        (b"If-Modified-Since", told[b"Last-Modified"]),
    ]
    again = plan_request(quiet.site, "GET", b"/", [*NAVIGATION, *conditions], tag)
    assert dict(again.headers)[b"If-None-Match"] == b'"abc"'
    clock.now += WEEK_S
    tag = builds.for_site(quiet.site).tag
    for condition in conditions:
        later = plan_request(quiet.site, "GET", b"/", [*NAVIGATION, condition], tag)
        assert condition[0] not in dict(later.headers)


def test_a_policy_names_the_addresses_in_force(quiet: Edge) -> None:
    tag = quiet.endpoints._builds.for_site(quiet.site).tag
    plan = plan_request(quiet.site, "GET", b"/", NAVIGATION, tag, origin="https://shop.example")
    answer = plan_response(plan, 200, [HTML, (b"Content-Security-Policy", b"default-src 'none'")])
    policy = dict(answer.headers)[b"Content-Security-Policy"].decode()
    base = "https://shop.example"
    assert f"script-src {base}{tag.script_url} {base}{tag.module_prefix}" in policy
    assert f"connect-src {base}{tag.endpoint_url}" in policy
    assert "/sf/" not in policy


@pytest.mark.parametrize("weeks", [-5, -1, 0, 1])
def test_a_page_tagged_by_another_edge_with_the_same_seed_is_left_alone(
    quiet: Edge, an_edge: Callable[..., Edge], clock: Clock, weeks: int
) -> None:
    inner = an_edge(now=lambda: START_S + weeks * WEEK_S, quiet_seed="seed of the shop", id=7)
    page = b"<!doctype html><html><head>%s<title>x</title>" % render_tag(
        inner.endpoints._builds.for_site(inner.site).tag
    )
    tag = quiet.endpoints._builds.for_site(quiet.site).tag
    answer = plan_response(plan_request(quiet.site, "GET", b"/", NAVIGATION, tag), 200, [HTML])
    assert answer.body is not None
    assert answer.body.feed(page) + answer.body.finish() == page
    assert answer.body.outcome == "already_tagged"
