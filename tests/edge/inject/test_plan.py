"""The face of the package: headers nobody needs changed are not even copied, and nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inject.decide import SkipReason
from edge.inject.plan import Headers, plan_response
from edge.inject.stance import Stance
from edge.sites import Mode
from tests.edge.inject.factories import HTML_UTF8, NAVIGATION, a_request, a_response, a_site

NAMES = [
    *(b"If-None-Match", b"If-Range", b"If-Match", b"If-Modified-Since", b"Accept-Encoding"),
    *(b"Sec-Fetch-Dest", b"Cache-Control", b"Content-Type", b"Content-Encoding", b"ETag"),
    *(b"Content-Security-Policy", b"Last-Modified", b"Content-Disposition", b"Host", b"X"),
]
WORDS = [
    *(b"", b"*", b'"a"', b'W/"a.sf1s"', b",", b";", b"=", b" ", b"text/html", b"charset=", b"gzip"),
    *(b"default-src", b"script-src", b"'none'", b"'nonce-a'", b"document", b"q=0", b"\xff", b'"'),
]
header = st.tuples(
    st.sampled_from(NAMES), st.lists(st.sampled_from(WORDS), max_size=6).map(b"".join)
)


def test_a_request_that_needs_no_change_keeps_its_very_headers() -> None:
    headers = [*NAVIGATION, (b"Accept-Encoding", b"gzip, br")]
    assert a_request(headers).headers is headers


def test_a_response_that_is_not_ours_keeps_its_very_headers() -> None:
    headers: Headers = [(b"Content-Type", b"image/png"), (b"Content-Length", b"9")]
    assert plan_response(a_request(), 200, headers).headers is headers


@given(st.lists(header, max_size=8), st.lists(header, max_size=8), st.integers(100, 599))
def test_odd_headers_never_raise_nor_fail(asked: Headers, answered: Headers, status: int) -> None:
    for mode in Mode:
        request = a_request(asked, site=a_site(mode=mode))
        assert request.reason is not SkipReason.FAILED
        response = plan_response(request, status, [HTML_UTF8, *answered])
        assert response.reason is not SkipReason.FAILED


def test_a_bug_in_planning_costs_the_tag_not_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    request = a_request()

    def explode(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("edge.inject.decide.collect", explode)
    headers = [HTML_UTF8, (b"ETag", b'"a"')]
    response = a_response(*headers, request=request)
    assert (response.headers, response.body, response.reason) == (headers, None, SkipReason.FAILED)
    broken = a_request(NAVIGATION)
    assert (broken.headers, broken.candidate, broken.reason) == (
        NAVIGATION,
        False,
        SkipReason.FAILED,
    )
    assert a_response(*headers, request=broken).headers == headers
    assert "RuntimeError at" in caplog.text
    assert "a bug" not in caplog.text


def test_the_last_word_is_asked_for_answers_only_that_would_get_the_tag() -> None:
    asked: list[Headers] = []

    def ask(headers: Headers) -> SkipReason | None:
        asked.append(headers)
        return SkipReason.CANARY

    late = Stance(ask=ask)
    request = a_request(stance=late)
    for others in (
        plan_response(request, 301, [HTML_UTF8]),
        plan_response(request, 200, [(b"Content-Type", b"image/png")]),
        plan_response(request, 200, [HTML_UTF8, (b"Content-Encoding", b"odd")]),
        plan_response(request, 200, [HTML_UTF8, (b"Content-Security-Policy", b"sandbox")]),
        plan_response(a_request([(b"Sec-Fetch-Dest", b"image")], stance=late), 200, [HTML_UTF8]),
    ):
        assert others.reason is not SkipReason.CANARY
    assert asked == []
    headers: Headers = [HTML_UTF8, (b"ETag", b'"a"'), (b"Set-Cookie", b"a=1")]
    declined = plan_response(request, 200, headers)
    assert (declined.headers, declined.body, declined.reason) == (headers, None, SkipReason.CANARY)
    assert asked == [headers]


def test_a_last_word_that_raises_costs_the_tag_not_the_page() -> None:
    def ask(_: Headers) -> SkipReason | None:
        raise RuntimeError("a bug")

    response = plan_response(a_request(stance=Stance(ask=ask)), 200, [HTML_UTF8])
    assert (response.headers, response.body) == ([HTML_UTF8], None)
    assert response.reason is SkipReason.FAILED
