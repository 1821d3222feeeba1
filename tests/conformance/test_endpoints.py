"""What is ours under the prefix, and pages when something of ours fails."""

import pytest

from tests.conformance.asking import get, post, wait_until
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack
from tests.support.origin import chunked, ok
from tests.support.raw_client import RawClient, ask


def test_our_endpoints_are_answered_without_the_origin(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        beacon = client.ask(post("/sf/e", 5) + b"hello")
        script = client.ask(get("/sf/tracker.js?x=1", "Cookie: a=1"))
        head = client.ask(get("/sf/tracker.js").replace(b"GET", b"HEAD"))

    assert (beacon.status, script.body, head.body) == (202, b"/* tracker */", b"")
    assert stack.origin.take() == []
    first, second, _ = stack.endpoints.asked
    assert (first.body, first.method, str(first.address)) == (b"hello", "POST", "127.0.0.1")
    assert (second.path, second.query, second.secure) == ("/sf/tracker.js", "x=1", False)


def test_what_is_not_ours_under_the_prefix_is_the_origins(stack: FrontStack) -> None:
    ask(stack.port, get("/sf/other"))

    assert [seen.line for seen in stack.origin.take()] == [b"GET /sf/other HTTP/1.1"]


def test_a_site_that_is_off_still_answers_its_endpoints(stack: FrontStack) -> None:
    assert ask(stack.port, get("/sf/tracker.js", host="off.localhost")).body == b"/* tracker */"


def test_a_site_without_an_upstream_takes_events_and_serves_no_page(stack: FrontStack) -> None:
    beacon = ask(stack.port, post("/sf/e", 5, host="events.localhost") + b"hello")
    page = ask(stack.port, get("/page", host="events.localhost"))

    assert (beacon.status, page.status) == (202, 421)
    assert stack.origin.take() == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_beacon_above_64_kib_is_refused(stack: FrontStack, framing: str) -> None:
    if framing == "length":
        request = post("/sf/e", 1_000_000_000) + b"x" * 1000
    else:
        request = (
            b"POST /sf/e HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        request += chunked(*[b"x" * 65_536] * 4)
    reply = ask(stack.port, request)

    assert (reply.status, reply.body) == (413, b"too large")
    assert stack.endpoints.asked == []


def test_a_page_passes_untouched_when_there_is_no_tag(own_stack: FrontStack) -> None:
    own_stack.origin.script("/page", ok(PAGE, HTML, b'ETag: "v1"'))
    own_stack.tag_fails = True
    reply = ask(own_stack.port, get("/page"))

    assert reply.body == PAGE
    assert reply.values("content-length") == [str(len(PAGE)).encode()]
    wait_until(lambda: bool(own_stack.served))
    assert [str(served.outcome) for served in own_stack.served] == ["failed"]


def test_each_document_is_reported_once(stack: FrontStack) -> None:
    stack.origin.script("/page", ok(PAGE, HTML))
    stack.origin.script("/data", ok(b"{}", b"Content-Type: application/json"))
    stack.origin.script("/file", ok(PAGE, HTML, b"Content-Disposition: attachment"))
    with RawClient(stack.port) as client:
        replies = [client.ask(get(path)) for path in ("/page", "/data", "/file")]
    wait_until(lambda: len(stack.served) == 2)

    assert [str(served.outcome) for served in stack.served] == ["injected", "attachment"]
    assert [served.sent_bytes for served in stack.served] == [len(replies[0].body), len(PAGE)]
    assert all(served.complete and served.site_id == 1 for served in stack.served)
