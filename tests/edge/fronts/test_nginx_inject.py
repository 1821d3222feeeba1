"""The variants without Python in the page's path, on a real nginx: njs, and sub_filter."""

import gzip
import random
from collections.abc import Iterator

import pytest

from edge.fronts.nginx import Inject
from edge.inject.plan import plan_request, plan_response
from edge.inject.tag import Tag
from edge.sites import CspMode
from tests.edge.inject.factories import SCRIPT, a_site
from tests.edge.inject.golden import PLACED, SKIPPED, XHTML, Golden
from tests.edge.inject.test_prelude import PIECES
from tests.support.front_stack import FrontStack
from tests.support.nginx_front import NginxStart
from tests.support.origin import Close, Pause, chunked, ok
from tests.support.raw_client import RawClient, Reply

TAG = Tag("/sf/1a2b3c4d5e.js", "/sf/e", "/sf/m/", "1a2b3c4d5e", 1_700_000_000)
PAGE = b"<!doctype html><html><head><title>x</title></head><body>" + b"hello " * 2000
TAGGED = PAGE.replace(b"<head>", b"<head>" + SCRIPT)
DOCUMENT = "Sec-Fetch-Dest: document"


USUAL = b'<!DOCTYPE html>\n<html lang="de" dir=ltr>\n<head>'
FILL = ["<title>Grüße</title>".encode(), "é".encode() * 600, "⚡".encode(), b"\xe2\x82", b"x" * 990]
WORDS = [*PIECES, *FILL, b"<meta CharSet = 'utf-8' />", b"<script src=/sf/tracker.js>"]


def a_stack(inject: Inject, tmp_path_factory: pytest.TempPathFactory, csp: CspMode) -> FrontStack:
    tags = dict.fromkeys(range(1, 100), TAG)
    start = NginxStart(options={"inject": inject, "tags": tags}, site={"csp": csp})
    stack = FrontStack(start, tmp_path_factory.mktemp("nginx"))
    stack.start()
    return stack


@pytest.fixture(scope="module")
def njs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontStack]:
    stack = a_stack(Inject.NJS, tmp_path_factory, CspMode.AMEND)
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def reusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontStack]:
    stack = a_stack(Inject.NJS, tmp_path_factory, CspMode.REUSE)
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def sub_filter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontStack]:
    stack = a_stack(Inject.SUB_FILTER, tmp_path_factory, CspMode.REUSE)
    yield stack
    stack.stop()


def fetch(stack: FrontStack, path: str, *fields: str, method: str = "GET") -> Reply:
    lines = "".join(f"{line}\r\n" for line in fields)
    request = f"{method} {path} HTTP/1.1\r\nHost: shop.localhost\r\n{lines}\r\n"
    with RawClient(stack.port) as client:
        return client.ask(request.encode())


def serve(stack: FrontStack, *fields: bytes, body: bytes = PAGE, status: bytes = b"200 OK") -> str:
    if not any(field.lower().startswith(b"content-type") for field in fields):
        fields = (b"Content-Type: text/html; charset=utf-8", *fields)
    stack.origin.script("/page", ok(body, *fields, status=status))
    return "/page"


def in_chunks(golden: Golden, size: int) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
    page = golden.page
    parts = [page[i : i + size] for i in range(0, len(page), size)]
    return head % golden.content_type + chunked(*parts) + b"0\r\n\r\n"


def dest(golden: Golden) -> tuple[str, ...]:
    return (DOCUMENT,) if golden.labelled else ()


@pytest.mark.parametrize("size", [3, 100_000])
def test_njs_finds_the_place_that_python_finds(njs: FrontStack, size: int) -> None:
    wrong = []
    for golden in PLACED:
        njs.origin.script("/golden", in_chunks(golden, size))
        if fetch(njs, "/golden", *dest(golden)).body != golden.tagged(SCRIPT):
            wrong.append(golden.name)

    assert wrong == []


@pytest.mark.parametrize("size", [500, 100_000])
def test_njs_leaves_alone_what_python_leaves_alone(njs: FrontStack, size: int) -> None:
    wrong = []
    for golden in SKIPPED:
        njs.origin.script("/golden", in_chunks(golden, size))
        if fetch(njs, "/golden", *dest(golden)).body != golden.page:
            wrong.append(golden.name)

    assert wrong == []


def test_njs_and_python_agree_on_soup(njs: FrontStack) -> None:
    dice = random.Random(7)
    wrong = []
    for number in range(300):
        page = dice.choice([b"", USUAL]) + b"".join(dice.choices(WORDS, k=dice.randint(1, 12)))
        kind = dice.choice([b"text/html", b"text/html; charset=utf-8", XHTML])
        golden = Golden(str(number), page, labelled=dice.random() < 0.5, content_type=kind)
        njs.origin.script("/soup", in_chunks(golden, dice.choice([1, 4, 1000])))
        if fetch(njs, "/soup", *dest(golden)).body != tagged_by_python(golden):
            wrong.append(page)

    assert wrong == []


def tagged_by_python(golden: Golden) -> bytes:
    headers = [(b"Host", b"shop.localhost")]
    headers += [(b"Sec-Fetch-Dest", b"document")] if golden.labelled else []
    plan = plan_request(a_site(), "GET", b"/", headers, TAG)
    body = plan_response(plan, 200, [(b"Content-Type", golden.content_type)]).body
    assert body is not None
    return body.feed(golden.page) + body.finish()


def test_njs_waits_for_the_place_and_for_nothing_else(njs: FrontStack) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html;charset=utf-8\r\n\r\n"
    steps = (head, PAGE[:5], Pause(0.05), PAGE[5:20], Pause(0.05), PAGE[20:40], Pause(2.0), Close())
    njs.origin.script("/slow", *steps)
    with RawClient(njs.port) as client:
        client.send(f"GET /slow HTTP/1.1\r\nHost: shop.localhost\r\n{DOCUMENT}\r\n\r\n".encode())
        received = b""
        client.socket.settimeout(1.5)
        while SCRIPT not in received:
            received += client.read_some()


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Disposition: attachment",),
        (b"Cache-Control: private, no-transform",),
        (b"Content-Type: application/json",),
        (b"Content-Type: text/html; charset=utf-16",),
        (b"Content-Encoding: br",),
        (b"Signature-Input: sig=()",),
        (b"Integrity-Policy: blocked-destinations=(script)",),
        (b"Content-Security-Policy: sandbox",),
        (b"Content-Security-Policy: script-src 'strict-dynamic' 'sha256-x'",),
    ],
    ids=lambda fields: fields[0].decode(),
)
def test_njs_declines_by_header(njs: FrontStack, fields: tuple[bytes, ...]) -> None:
    reply = fetch(njs, serve(njs, *fields), DOCUMENT)

    assert reply.body == PAGE
    assert reply.value("content-length") == str(len(PAGE)).encode()


@pytest.mark.parametrize("inject", ["njs", "sub_filter"])
@pytest.mark.parametrize(
    "fields",
    [
        ("Sec-Fetch-Dest: empty",),
        ("Sec-Fetch-Dest: document", "HX-Request: true"),
        ("Sec-Fetch-Dest: document", "X-Requested-With: XMLHttpRequest"),
        ("Accept: application/json",),
    ],
)
def test_what_a_script_fetches_stays_as_it_is(
    request: pytest.FixtureRequest, inject: str, fields: tuple[str, ...]
) -> None:
    stack: FrontStack = request.getfixturevalue(inject)
    assert fetch(stack, serve(stack, b'ETag: "v"'), *fields).body == PAGE


@pytest.mark.parametrize("inject", ["njs", "sub_filter"])
@pytest.mark.parametrize("status", [b"206 Partial", b"301 Moved", b"204 No Content"])
def test_some_statuses_have_no_page(
    request: pytest.FixtureRequest, inject: str, status: bytes
) -> None:
    stack: FrontStack = request.getfixturevalue(inject)
    body = b"" if status.startswith(b"204") else PAGE
    assert fetch(stack, serve(stack, status=status, body=body), DOCUMENT).body == body


@pytest.mark.parametrize("inject", ["njs", "sub_filter"])
def test_an_error_page_is_a_page(request: pytest.FixtureRequest, inject: str) -> None:
    stack: FrontStack = request.getfixturevalue(inject)
    reply = fetch(stack, serve(stack, status=b"404 Not Found"), DOCUMENT)

    assert (reply.status, reply.body) == (404, TAGGED)


@pytest.mark.parametrize("inject", ["njs", "sub_filter"])
def test_pages_are_asked_for_plain_and_compressed_here(
    request: pytest.FixtureRequest, inject: str
) -> None:
    stack: FrontStack = request.getfixturevalue(inject)
    stack.origin.take()
    reply = fetch(stack, serve(stack), DOCUMENT, "Accept-Encoding: br, gzip")
    asset = fetch(stack, "/echo", "Sec-Fetch-Dest: style", "Accept-Encoding: br, gzip")

    assert gzip.decompress(reply.body) == TAGGED
    assert reply.value("content-encoding") == b"gzip"
    assert stack.origin.take()[0].values(b"accept-encoding") == []
    assert b"Accept-Encoding: br, gzip\r\n" in asset.body


def test_njs_marks_what_it_tags_and_takes_the_mark_off(njs: FrontStack) -> None:
    old = b"Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT"
    path = serve(njs, b'ETag: "v1"', old, b"Repr-Digest: x", b"Content-MD5: y")
    njs.origin.take()
    first = fetch(njs, path, DOCUMENT)
    mark = first.value("etag").decode()
    fetch(njs, path, DOCUMENT, f"If-None-Match: {mark}", 'If-Match: W/"a.sfzz"')
    fetch(njs, path, DOCUMENT, 'If-None-Match: W/"v1.sf0000000000s"')
    fetch(njs, path, DOCUMENT, "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT")
    fetch(njs, path, DOCUMENT, "Range: bytes=1-2", f"If-Range: {mark}")
    seen = njs.origin.take()

    assert mark == 'W/"v1.sf1a2b3c4d5es"'
    assert first.value("last-modified") == b"Tue, 14 Nov 2023 22:13:20 GMT"
    assert first.values("content-length") == first.values("repr-digest") == []
    assert first.values("content-md5") == []
    assert (seen[1].value(b"if-none-match"), seen[1].value(b"if-match")) == (b'"v1"', b'W/"a"')
    assert seen[2].values(b"if-none-match") == []
    assert seen[3].values(b"if-modified-since") == []
    assert (seen[4].value(b"if-range"), seen[4].values(b"range")) == (b'"v1"', [])


def test_njs_answers_304_in_the_terms_of_the_copy(njs: FrontStack) -> None:
    njs.origin.script("/same", b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
    reply = fetch(njs, "/same", DOCUMENT, 'If-None-Match: W/"v1.sf1a2b3c4d5es"')

    assert (reply.status, reply.value("etag")) == (304, b'W/"v1.sf1a2b3c4d5es"')


def test_njs_head_describes_the_tagged_page(njs: FrontStack) -> None:
    head = b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: "v1"\r\nContent-Length: 9\r\n\r\n'
    njs.origin.script("/head", head)
    reply = fetch(njs, "/head", DOCUMENT, method="HEAD")

    assert reply.values("content-length") == []
    assert reply.value("etag") == b'W/"v1.sf1a2b3c4d5es"'


CSP = b"Content-Security-Policy: "
ENDPOINT = "connect-src http://shop.localhost/sf/e"
OURS = "http://shop.localhost/sf/1a2b3c4d5e.js http://shop.localhost/sf/m/"


def test_njs_reuses_a_nonce(njs: FrontStack, reusing: FrontStack) -> None:
    policy = CSP + b"script-src 'nonce-abc123' 'strict-dynamic'; connect-src 'self'"
    tagged = SCRIPT.replace(b"></script>", b' nonce="abc123"></script>')
    for stack in (njs, reusing):
        reply = fetch(stack, serve(stack, policy), DOCUMENT)
        assert reply.body == PAGE.replace(b"<head>", b"<head>" + tagged)


def test_njs_amends_each_policy_by_exact_urls(njs: FrontStack) -> None:
    path = serve(
        njs,
        CSP + b"default-src 'none'; script-src 'self' https://cdn.example; img-src *",
        b"Content-Security-Policy-Report-Only: script-src-elem 'none';",
    )
    reply = fetch(njs, path, DOCUMENT)

    assert reply.body == TAGGED
    assert [value.decode() for value in reply.values("content-security-policy")] == [
        f"default-src 'none'; script-src 'self' https://cdn.example {OURS}; img-src *; {ENDPOINT}"
    ]
    assert [value.decode() for value in reply.values("content-security-policy-report-only")] == [
        f"script-src-elem {OURS};"
    ]


def test_njs_that_may_only_reuse_leaves_a_page_that_would_block(reusing: FrontStack) -> None:
    blocked = fetch(reusing, serve(reusing, CSP + b"script-src https://cdn.example"), DOCUMENT)
    allowed = fetch(reusing, serve(reusing, CSP + b"default-src 'self'"), DOCUMENT)

    assert blocked.body == PAGE
    assert blocked.values("content-security-policy") == [b"script-src https://cdn.example"]
    assert allowed.body == TAGGED


def test_sub_filter_tags_a_fixed_head(sub_filter: FrontStack) -> None:
    path = serve(sub_filter, b'ETag: "v1"', b"Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT")
    sub_filter.origin.take()
    reply = fetch(sub_filter, path, DOCUMENT, 'If-None-Match: "v1"', "Range: bytes=0-1")
    seen = sub_filter.origin.take()[0]

    assert reply.body == TAGGED
    assert reply.values("etag") == reply.values("last-modified") == []
    assert seen.values(b"if-none-match") == seen.values(b"range") == []


def test_sub_filter_knows_only_a_fixed_head(sub_filter: FrontStack) -> None:
    page = b"<!doctype html><html><Head data-x='a>b'><title>x</title>"

    assert fetch(sub_filter, serve(sub_filter, body=page), DOCUMENT).body == page


@pytest.mark.parametrize(
    ("policy", "attribute"),
    [
        (b"script-src 'nonce-abc123'", b' nonce="abc123"'),
        (b"script-src 'self'", None),
        (b"default-src 'none'", None),
    ],
)
def test_sub_filter_and_policies(
    sub_filter: FrontStack, policy: bytes, attribute: bytes | None
) -> None:
    reply = fetch(sub_filter, serve(sub_filter, CSP + policy), DOCUMENT)
    tag = b"" if attribute is None else SCRIPT.replace(b"></", attribute + b"></")

    assert reply.body == PAGE.replace(b"<head>", b"<head>" + tag)


@pytest.mark.parametrize(
    "field",
    [b"Content-Disposition: attachment", b"Cache-Control: no-transform", b"Content-Encoding: br"],
)
def test_sub_filter_declines_by_header(sub_filter: FrontStack, field: bytes) -> None:
    assert fetch(sub_filter, serve(sub_filter, field), DOCUMENT).body == PAGE


@pytest.mark.parametrize("inject", ["njs", "sub_filter"])
def test_the_endpoints_are_the_edges(request: pytest.FixtureRequest, inject: str) -> None:
    stack: FrontStack = request.getfixturevalue(inject)
    stack.origin.take()

    assert fetch(stack, "/sf/tracker.js").body == b"/* tracker */"
    assert stack.origin.take() == []


def test_a_site_that_is_off_is_passed_through(njs: FrontStack) -> None:
    njs.origin.script("/off", ok(PAGE, b"Content-Type: text/html"))
    request = f"GET /off HTTP/1.1\r\nHost: off.localhost\r\n{DOCUMENT}\r\n\r\n"
    with RawClient(njs.port) as client:
        assert client.ask(request.encode()).body == PAGE
