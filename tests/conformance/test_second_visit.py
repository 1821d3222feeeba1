"""Validators across two visits: what the browser keeps, what it asks, and what the origin reads."""

import pytest

from tests.conformance.asking import MARKUP, get
from tests.conformance.cases import PAGE, page
from tests.support.front_stack import TAG, FrontStack
from tests.support.origin import Seen
from tests.support.raw_client import RawClient, Reply, ask

NAVIGATION = ("Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate")
OLD = "Mon, 01 Jan 2018 00:00:00 GMT"
SINCE = "Tue, 14 Nov 2023 22:13:20 GMT"
"""The date of the test's tag."""
NEW = "Wed, 01 Jan 2025 00:00:00 GMT"
MARK = f".sf{TAG.version}"


def visit(stack: FrontStack, *fields: str, answer: bytes) -> tuple[Reply, Seen]:
    stack.origin.script("/visit", answer)
    reply = ask(stack.port, get("/visit", *NAVIGATION, *fields))
    return reply, stack.origin.take()[-1]


def not_modified(*fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 304 Not Modified\r\n" + lines + b"\r\n"


@pytest.mark.parametrize(
    ("theirs", "marked"),
    [(b'"v1"', f'W/"v1{MARK}s"'), (b'W/"v1"', f'W/"v1{MARK}"'), (b'""', f'W/"{MARK}s"')],
)
def test_a_second_visit_is_answered_by_304(stack: FrontStack, theirs: bytes, marked: str) -> None:
    first, _ = visit(stack, answer=page(b"ETag: " + theirs))
    second, seen = visit(stack, f"If-None-Match: {marked}", answer=not_modified(b"ETag: " + theirs))

    assert first.body.count(MARKUP) == 1
    assert first.values("etag") == second.values("etag") == [marked.encode()]
    assert (second.status, second.body) == (304, b"")
    assert seen.values(b"if-none-match") == [theirs]


def test_a_copy_of_another_tag_is_replaced(stack: FrontStack) -> None:
    reply, seen = visit(
        stack,
        'If-None-Match: W/"v1.sfoldoldold1s"',
        f"If-Modified-Since: {NEW}",
        answer=page(b'ETag: "v1"'),
    )

    assert seen.values(b"if-none-match") == seen.values(b"if-modified-since") == []
    assert reply.body.count(MARKUP) == 1
    assert reply.value("etag") == f'W/"v1{MARK}s"'.encode()


def test_one_mark_of_several_is_enough_to_be_known_again(stack: FrontStack) -> None:
    _, seen = visit(
        stack, f'If-None-Match: "a", W/"b{MARK}s", W/"c{MARK}"', answer=not_modified(b'ETag: "b"')
    )

    assert seen.values(b"if-none-match") == [b'"a", "b", W/"c"']


def test_a_star_and_a_foreign_mark_pass(stack: FrontStack) -> None:
    for value in ("*", '"plain"', 'W/"x-gzip"'):
        _, seen = visit(stack, f"If-None-Match: {value}", answer=not_modified())
        assert seen.values(b"if-none-match") == [value.encode()]


@pytest.mark.parametrize(("since", "passes"), [(OLD, False), (SINCE, True), (NEW, True)])
def test_a_date_from_before_the_tag_is_not_asked_for(
    stack: FrontStack, since: str, passes: bool
) -> None:
    _, seen = visit(stack, f"If-Modified-Since: {since}", answer=page(b"Last-Modified: x"))

    assert seen.values(b"if-modified-since") == ([since.encode()] if passes else [])


@pytest.mark.parametrize(("theirs", "ours"), [(OLD, SINCE), (NEW, NEW)])
def test_a_page_is_as_young_as_its_tag(stack: FrontStack, theirs: str, ours: str) -> None:
    first, _ = visit(stack, answer=page(b"Last-Modified: " + theirs.encode()))
    second, seen = visit(
        stack,
        f"If-Modified-Since: {ours}",
        answer=not_modified(b"Last-Modified: " + theirs.encode()),
    )

    assert first.value("last-modified") == second.value("last-modified") == ours.encode()
    assert seen.values(b"if-modified-since") == [ours.encode()]


@pytest.mark.parametrize("field", ["If-Match", "If-None-Match"])
def test_a_write_reads_the_origins_own_validator(stack: FrontStack, field: str) -> None:
    stack.origin.script("/visit", not_modified())
    request = get("/visit", f'{field}: W/"v1{MARK}s"', "Content-Length: 2")
    with RawClient(stack.port) as client:
        client.ask(request.replace(b"GET", b"PUT", 1) + b"hi")

    [seen] = stack.origin.take()
    assert seen.values(field.lower().encode()) == [b'"v1"']
    assert seen.body_bytes == 2


def test_if_unmodified_since_passes(stack: FrontStack) -> None:
    _, seen = visit(stack, f"If-Unmodified-Since: {OLD}", answer=page())

    assert seen.values(b"if-unmodified-since") == [OLD.encode()]


def test_what_is_no_page_keeps_its_validators(stack: FrontStack) -> None:
    answer = page(b'ETag: "v1"', b"Last-Modified: " + OLD.encode()).replace(b"html", b"plain", 1)
    reply, _ = visit(stack, answer=answer)

    assert reply.body == PAGE
    assert (reply.value("etag"), reply.value("last-modified")) == (b'"v1"', OLD.encode())


def test_a_304_brings_the_policy_that_the_copy_needs(stack: FrontStack) -> None:
    policy = b"Content-Security-Policy: script-src 'self'"
    first, _ = visit(stack, answer=page(b'ETag: "v1"', policy))
    second, _ = visit(
        stack, f'If-None-Match: W/"v1{MARK}s"', answer=not_modified(b'ETag: "v1"', policy)
    )

    assert second.value("content-security-policy") == first.value("content-security-policy")
    assert TAG.script_url.encode() in second.value("content-security-policy")
