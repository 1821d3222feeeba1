"""Pictures through every front: the plain page for the origin, no tag, a whole copy."""

import gzip
import time

import pytest

from edge.pictures.ticket import NONCE_BYTES, Ticket, write_ticket
from tests.conformance.asking import MARKUP, unpacked
from tests.support.front_stack import PICTURE_KEY, FrontStack
from tests.support.origin import Reset, ok
from tests.support.raw_client import Reply, ask

PAGE = b"<!doctype html><html><head><title>x</title></head><body>hello</body></html>"
HTML = b"Content-Type: text/html; charset=utf-8"


def ticket(site_id: int = 11, ends_in_s: int = 60) -> bytes:
    asked = Ticket("0a" * NONCE_BYTES, int(time.time()) + ends_in_s)
    return b"sf_picture=" + write_ticket(site_id, PICTURE_KEY, asked).encode()


def open_page(stack: FrontStack, query: bytes, *fields: bytes) -> Reply:
    lines = (b"GET /shot?" + query + b" HTTP/1.1", b"Host: pictured.localhost",
             b"Sec-Fetch-Dest: document", b"Connection: close", *fields)  # fmt: skip
    return ask(stack.port, b"\r\n".join(lines) + b"\r\n\r\n")


@pytest.fixture(autouse=True)
def _forget(stack: FrontStack) -> None:
    stack.pictures.taken.clear()
    stack.pictures.fails = False


@pytest.mark.parametrize("packed", [False, True])
def test_the_page_of_who_has_a_ticket_is_copied(stack: FrontStack, *, packed: bool) -> None:
    body = gzip.compress(PAGE) if packed else PAGE
    coding = (b"Content-Encoding: gzip",) if packed else ()
    stack.origin.script("/shot", ok(body, HTML, *coding))
    reply = open_page(stack, b"a=1&" + ticket() + b"&b=%20", b"Accept-Encoding: gzip")

    assert unpacked(reply) == PAGE
    [seen] = stack.origin.take()
    assert seen.line == b"GET /shot?a=1&b=%20 HTTP/1.1"
    [taken] = stack.pictures.taken
    assert (taken.body, taken.charset, taken.site.id) == (PAGE, b"utf-8", 11)
    assert taken.url == "http://pictured.localhost/shot?a=1&b=%20"
    assert stack.served == []


@pytest.mark.parametrize(
    "query",
    [b"sf_picture=made-up", ticket(11, -5), ticket(1)],
    ids=["made up", "outdated", "another site's"],
)
def test_no_other_ticket_is_good_and_none_reaches_the_origin(
    stack: FrontStack, query: bytes
) -> None:
    stack.origin.script("/shot", ok(PAGE, HTML))
    reply = open_page(stack, query)

    assert MARKUP in reply.body
    [seen] = stack.origin.take()
    assert seen.line == b"GET /shot HTTP/1.1"
    assert stack.pictures.taken == []


def test_what_is_no_page_or_breaks_off_is_not_copied(stack: FrontStack) -> None:
    stack.origin.script("/shot", ok(b"{}", b"Content-Type: application/json"))
    assert open_page(stack, ticket()).body == b"{}"
    stack.origin.script("/shot", ok(PAGE, HTML)[:-20], Reset())
    open_page(stack, ticket())
    assert stack.pictures.taken == []


def test_a_desk_that_fails_costs_nobody_the_page(stack: FrontStack) -> None:
    stack.pictures.fails = True
    stack.origin.script("/shot", ok(PAGE, HTML))
    reply = open_page(stack, ticket())
    assert reply.body.replace(MARKUP, b"") == PAGE
