"""What an operator chose: allowed upstream ranges, health of upstreams, the request log, uvloop."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from edge.fronts.mitm import MitmFront
from edge.fronts.operating import Answered, Operating
from edge.sites import Origin as SiteOrigin
from edge.sites import Site, Snapshot
from edge.upstream_ranges import UpstreamRanges
from tests.conformance.asking import get, h2, post, wait_until
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack, Running, StackParts
from tests.support.h3_client import H3Client
from tests.support.origin import Close, ok
from tests.support.raw_client import RawClient, ask

type Make = Callable[[Operating], FrontStack]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    stacks: list[FrontStack] = []

    def start(operating: Operating) -> FrontStack:
        async def start_front(parts: StackParts) -> Running:
            front = MitmFront(
                sites=parts.sites,
                endpoints=parts.endpoints,  # type: ignore[arg-type]
                tag_for=parts.tag_for,
                trusted=parts.trusted,
                on_served=parts.on_served,
                tls_dir=parts.tls_dir,
                upstream_authorities=parts.authorities,
                operating=operating,
            )
            port = await front.start("127.0.0.1", 0)
            tls_port = await front.start_tls("127.0.0.1", 0)
            await front.start_quic("127.0.0.1", tls_port)
            return Running(port, tls_port, front.drain)

        stack = FrontStack(start_front, tmp_path)
        stack.start()
        stacks.append(stack)
        return stack

    yield start
    for stack in stacks:
        stack.stop()


def serve(stack: FrontStack, *origins: SiteOrigin) -> None:
    known = stack.snapshot.sites
    stack.snapshot = Snapshot(9, (*known, Site(99, "mine.localhost", origins, "k99")))


def test_no_byte_goes_to_an_address_outside_the_ranges(make: Make) -> None:
    stack = make(Operating(allowed=UpstreamRanges("10.0.0.0/8")))
    reply = ask(stack.port, get("/echo"))

    assert reply.status == 502
    assert not stack.origin.seen


def test_a_name_is_resolved_when_connecting_and_the_other_family_tried(make: Make) -> None:
    stack = make(Operating(allowed=UpstreamRanges("loopback")))
    port = stack.snapshot.sites[0].origins[0].port
    serve(stack, SiteOrigin("http", "localhost", port))
    reply = ask(stack.port, get("/echo", host="mine.localhost"))

    # The origin listens on IPv4 only, wherever the name points first.
    assert reply.status == 200


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "nobody.invalid", "a..b"])
def test_a_name_that_cannot_be_resolved_is_told_as_such(make: Make, host: str) -> None:
    stack = make(Operating())
    serve(stack, SiteOrigin("http", host, 80))
    assert ask(stack.port, get("/echo", host="mine.localhost")).status == 502


def test_the_next_upstream_is_tried_and_a_dead_one_put_last(make: Make) -> None:
    stack = make(Operating())
    port = stack.snapshot.sites[0].origins[0].port
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = gone.getsockname()[1]
    serve(stack, SiteOrigin("http", "127.0.0.1", dead), SiteOrigin("http", "127.0.0.1", port))
    for _ in range(3):
        assert ask(stack.port, get("/echo", host="mine.localhost")).status == 200
    with socket.create_server(("127.0.0.1", dead)) as back:
        back.settimeout(0.3)
        assert ask(stack.port, get("/echo", host="mine.localhost")).status == 200
        with pytest.raises(TimeoutError):
            back.accept()


def test_the_request_log_hears_of_every_request_once(make: Make) -> None:
    heard: list[Answered] = []
    stack = make(Operating(on_answered=heard.append))
    stack.origin.script("/page", ok(PAGE, HTML))
    stack.origin.script("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Close())
    with RawClient(stack.port) as client:
        page = client.ask(get("/page"))
        client.ask(post("/sf/e", 2) + b"{}")
    for request in (get("/cut"), get("/", host="nobody.localhost")):
        ask(stack.port, request)
    dead = ask(stack.port, get("/", host="dead.localhost"))
    with h2(stack) as second:
        second.wait(second.request("/page"))
    wait_until(lambda: len(heard) == 6)

    assert [(each.site_id, each.status, each.outcome) for each in heard] == [
        (1, 200, "page"),
        (1, 202, "own"),
        (1, 200, "cut"),
        (0, 421, "refused"),
        (5, 502, "refused"),
        (1, 200, "page"),
    ]
    assert [each.sent_bytes for each in heard[:3]] == [len(page.body), 2, 3]
    assert heard[4].request_id == dead.value("x-request-id").decode()
    assert {each.method for each in heard} == {"GET", "POST"}


def test_the_front_runs_on_uvloop(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "new_event_loop", uvloop.new_event_loop)
    stack = make(Operating())
    assert ask(stack.port, get("/echo")).status == 200
    with h2(stack) as second, H3Client(stack.tls_port, stack.authority.path) as third:
        streams = second.request("/echo"), third.request("/echo")
        second.wait(streams[0])
        third.wait(streams[1])

    assert second.streams[streams[0]].status == third.streams[streams[1]].status == 200
