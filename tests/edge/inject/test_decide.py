"""Every reason to decline that headers alone can give, and its nearly matching neighbour."""

import re
from pathlib import Path

import pytest

from edge.inject.decide import REASONS, SkipReason
from edge.inject.plan import Headers
from edge.sites import Mode
from tests.edge.inject.factories import HTML_UTF8, a_request, a_response, a_site

DOCUMENT = (b"Sec-Fetch-Dest", b"document")

REQUESTS: list[tuple[str, Headers, SkipReason | None]] = [
    ("GET", [DOCUMENT], None),
    ("HEAD", [DOCUMENT], None),
    ("GET", [(b"sec-fetch-dest", b"iframe")], None),
    ("GET", [(b"SEC-FETCH-DEST", b"frame")], None),
    ("GET", [], None),
    ("POST", [DOCUMENT], SkipReason.METHOD),
    ("get", [DOCUMENT], SkipReason.METHOD),
    ("GET", [(b"Sec-Fetch-Dest", b"empty")], SkipReason.NOT_DOCUMENT),
    ("GET", [(b"Sec-Fetch-Dest", b"image")], SkipReason.NOT_DOCUMENT),
    ("GET", [(b"Sec-Fetch-Dest", b"embed")], SkipReason.NOT_DOCUMENT),
    ("GET", [(b"Sec-Fetch-Dest", b"empty"), (b"Sec-Fetch-Mode", b"navigate")], None),
    (
        "GET",
        [(b"Sec-Fetch-Dest", b"empty"), (b"Sec-Fetch-Mode", b"cors")],
        SkipReason.NOT_DOCUMENT,
    ),
    ("GET", [(b"X-Requested-With", b"XMLHttpRequest")], SkipReason.PARTIAL_REQUEST),
    ("GET", [DOCUMENT, (b"X-Requested-With", b"XMLHttpRequest")], SkipReason.PARTIAL_REQUEST),
    ("GET", [(b"X-Requested-With", b"com.app")], SkipReason.PARTIAL_REQUEST),
    ("GET", [DOCUMENT, (b"X-Requested-With", b"com.app.webview")], None),
    ("GET", [DOCUMENT, (b"HX-Request", b"true")], SkipReason.PARTIAL_REQUEST),
    ("GET", [DOCUMENT, (b"Turbo-Frame", b"cart")], SkipReason.PARTIAL_REQUEST),
    ("GET", [DOCUMENT, (b"X-PJAX", b"true")], SkipReason.PARTIAL_REQUEST),
    ("GET", [DOCUMENT, (b"Cache-Control", b"no-cache")], None),
    ("GET", [DOCUMENT, (b"Cache-Control", b"no-transform")], SkipReason.NO_TRANSFORM),
    ("GET", [DOCUMENT, (b"Sec-Purpose", b"prefetch;prerender")], None),
]

RESPONSES: list[tuple[int, Headers, SkipReason | None]] = [
    (200, [], None),
    (404, [], None),
    (500, [], None),
    (100, [], SkipReason.STATUS),
    (101, [], SkipReason.STATUS),
    (204, [], SkipReason.STATUS),
    (205, [], SkipReason.STATUS),
    (206, [], SkipReason.PARTIAL_CONTENT),
    (304, [], SkipReason.NOT_MODIFIED),
    (300, [], SkipReason.REDIRECT),
    (302, [], SkipReason.REDIRECT),
    (399, [], SkipReason.REDIRECT),
    (400, [], None),
    (200, [(b"Content-Disposition", b"attachment; filename=a.html")], SkipReason.ATTACHMENT),
    (200, [(b"Content-Disposition", b"ATTACHMENT")], SkipReason.ATTACHMENT),
    (200, [(b"Content-Disposition", b"inline; filename=attachment.html")], None),
    (200, [(b"Content-Disposition", b"filename=a.html")], None),
    (200, [(b"Cache-Control", b"public, No-Transform")], SkipReason.NO_TRANSFORM),
    (
        200,
        [(b"Cache-Control", b"private"), (b"cache-control", b"no-transform")],
        SkipReason.NO_TRANSFORM,
    ),
    (200, [(b"Cache-Control", b"x-no-transform, max-age=1")], None),
    (200, [(b"Signature-Input", b"sig1=()")], SkipReason.SIGNED),
    (200, [(b"Content-Encoding", b"compress")], SkipReason.CODING),
    (200, [(b"Content-Encoding", b"gzip, gzip")], SkipReason.CODING),
    (200, [(b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"br")], SkipReason.CODING),
    (200, [(b"Content-Encoding", b"dcb")], SkipReason.CODING),
    (200, [(b"Content-Encoding", b"X-GZip")], None),
    (200, [(b"Content-Encoding", b"identity")], None),
    (200, [(b"Content-Encoding", b"identity, gzip")], None),
    (200, [(b"Integrity-Policy", b"blocked-destinations=(script)")], SkipReason.INTEGRITY_POLICY),
    (200, [(b"Integrity-Policy", b"blocked-destinations=(style)")], None),
    (200, [(b"Content-Length", b"0")], SkipReason.EMPTY),
    (200, [(b"Content-Length", b"10")], None),
]

TYPES: list[tuple[bytes, SkipReason | None]] = [
    (b"text/html", None),
    (b"TEXT/HTML;Charset=UTF-8", None),
    (b"application/xhtml+xml", None),
    (b"text/html; charset=windows-1251", None),
    (b"text/html; charset=shift_jis", None),
    (b"text/html; charset=gb18030", None),
    (b"text/html; charset=nonsense", None),
    (b"text/plain", SkipReason.CONTENT_TYPE),
    (b"text/html-sandboxed", SkipReason.CONTENT_TYPE),
    (b"application/json", SkipReason.CONTENT_TYPE),
    (b"application/xml", SkipReason.CONTENT_TYPE),
    (b"text/event-stream", SkipReason.CONTENT_TYPE),
    (b"text/vnd.turbo-stream.html", SkipReason.CONTENT_TYPE),
    (b"", SkipReason.CONTENT_TYPE),
    (b"text/html; charset=utf-16", SkipReason.CHARSET),
    (b'text/html; charset="UTF-16LE"', SkipReason.CHARSET),
    (b"text/html;charset=utf16", SkipReason.CHARSET),
    (b"text/html;charset=utf-32", SkipReason.CHARSET),
    (b"text/html;charset=utf-7", SkipReason.CHARSET),
    (b"text/html;charset=ISO-2022-JP", SkipReason.CHARSET),
    (b"text/html;charset=csISO2022KR", SkipReason.CHARSET),
    (b"text/html;charset=hz-gb-2312", SkipReason.CHARSET),
    (b"text/html;charset=ucs-2", SkipReason.CHARSET),
    (b"text/html;charset=iso-10646-ucs-2", SkipReason.CHARSET),
]


@pytest.mark.parametrize(("method", "headers", "reason"), REQUESTS)
def test_a_request_is_ruled_out_or_is_a_candidate(
    method: str, headers: Headers, reason: SkipReason | None
) -> None:
    plan = a_request(headers, method=method)
    assert plan.reason is reason
    assert plan.candidate is (reason is None)


@pytest.mark.parametrize(("status", "headers", "reason"), RESPONSES)
def test_a_response_is_declined_or_gets_a_rewriter(
    status: int, headers: Headers, reason: SkipReason | None
) -> None:
    sent = [HTML_UTF8, *headers]
    plan = a_response(*sent, status=status)
    assert plan.reason is reason
    assert (plan.body is None) is (reason is not None)
    if reason is not None:
        assert plan.headers == sent


@pytest.mark.parametrize(("value", "reason"), TYPES)
def test_only_html_of_a_charset_like_ascii_is_touched(
    value: bytes, reason: SkipReason | None
) -> None:
    assert a_response((b"content-type", value)).reason is reason


def test_two_different_types_are_no_type() -> None:
    both = a_response((b"Content-Type", b"text/html"), (b"Content-Type", b"text/plain"))
    assert both.reason is SkipReason.CONTENT_TYPE
    assert a_response((b"Server", b"no type")).reason is SkipReason.CONTENT_TYPE


@pytest.mark.parametrize(("mode", "reason"), [(Mode.OFF, SkipReason.OFF), (Mode.SHADOW, None)])
def test_the_sites_mode_decides_first(mode: Mode, reason: SkipReason | None) -> None:
    request = a_request(site=a_site(mode=mode))
    assert request.reason is reason
    response = a_response(HTML_UTF8, (b"Content-Length", b"9"), request=request)
    assert response.reason is (reason or SkipReason.SHADOW)
    assert response.headers == [HTML_UTF8, (b"Content-Length", b"9")]


def test_head_has_the_headers_of_get_and_no_body() -> None:
    headers = (HTML_UTF8, (b"Content-Length", b"9"), (b"ETag", b'"a"'))
    head = a_response(*headers, request=a_request(method="HEAD"))
    assert (head.body, head.reason) == (None, SkipReason.HEAD)
    assert head.headers == a_response(*headers).headers


def test_every_reason_has_one_row_in_the_table_and_in_the_docs() -> None:
    assert [row.reason for row in REASONS] == list(dict.fromkeys(row.reason for row in REASONS))
    assert {row.reason for row in REASONS} == set(SkipReason)
    docs = Path(__file__).parents[3].joinpath("docs", "injection.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (yes|no) \| (.+) \|$", docs, re.MULTILINE)
    assert rows == [
        (row.reason, row.stage, "yes" if row.unexpected else "no", row.meaning) for row in REASONS
    ]
