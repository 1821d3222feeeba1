"""Whatever of ours fails, alone, the visitor gets the origin's page: through the real fronts.

Each part is made to raise in turn. What fails before a page's fields have gone out leaves both
fields and bytes as the origin wrote them; what fails when a page has ended changes nothing at all.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from edge.fronts.direct import DirectFront
from edge.fronts.ledger import LEDGER
from edge.fronts.mitm import MitmFront
from edge.sites import Mode, Snapshot
from tests.conformance.asking import MARKUP, get, wait_until
from tests.conformance.cases import PAGE
from tests.support.front_stack import FrontStack, Running, StackParts
from tests.support.origin import Close, Pause, ok
from tests.support.raw_client import RawClient, Reply, ask

FIELDS = (
    b"Content-Type: text/html",
    b'ETag: "abc"',
    b"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT",
    b"Content-Security-Policy: script-src https://cdn.example",
    b"Digest: sha-256=x",
)
BODIES = {
    "plain": (PAGE, FIELDS),
    "gzip": (gzip.compress(PAGE), (*FIELDS, b"Content-Encoding: gzip")),
}
PROGRAM = ("Accept-Encoding: gzip, br", "User-Agent: Firefox")

BEFORE_THE_FIELDS = [
    "edge.fronts.page.plan_request",
    "edge.fronts.page.plan_response",
    "edge.fronts.page._is_html",
    "edge.fronts.page.decline_status",
    "edge.fronts.control.Control.permit",
    "edge.fronts.control.Control.explains",
    "edge.fronts.control.Control.state",
    "edge.fronts.breaker.Breaker.state",
    "edge.inject.decide.request_fields",
    "edge.inject.decide.response_fields",
    "edge.inject.decide.decline_request",
    "edge.inject.decide.decline_response",
    "edge.inject.plan.own_tag_pattern",
    "edge.inject.plan.render_tag",
    "edge.inject.plan.single_coding",
    "edge.inject.plan.narrow_accept_encoding",
    "edge.inject.plan.PreludeScanner",
    "edge.inject.csp.apply_csp",
    "edge.inject.csp.own_sources",
    "edge.inject.validators.take_off_marks",
    "edge.inject.validators.mark_response",
]
IN_THE_BODY = [
    "edge.inject.prelude.PreludeScanner.feed",
    "edge.inject.rewriter.PlainRewriter.feed",
    "edge.inject.rewriter.CodedRewriter.feed",
    "edge.inject.rewriter._ask",
]
AT_THE_END = [
    "edge.fronts.ledger.Ledger.of",
    "edge.fronts.ledger.Tally.count",
    "edge.fronts.ledger.Histogram.observe",
    "edge.fronts.control.Control.record_tried",
    "edge.fronts.breaker.Breaker.record_tried",
    "edge.fronts.page.tell",
    "edge.fronts.page.Served",
]
OF_A_CANARY = [
    "edge.fronts.control.is_path_inside",
    "edge.fronts.control.is_visitor_inside",
    "edge.fronts.reception.client_address",
]


async def start_mitmproxy(parts: StackParts) -> Running:
    front = MitmFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
    )
    return Running(await front.start("127.0.0.1", 0), 0, front.drain)


async def start_direct(parts: StackParts) -> Running:
    front = DirectFront(
        sites=parts.sites,
        endpoints=parts.endpoints,  # type: ignore[arg-type]
        tag_for=parts.tag_for,
        trusted=parts.trusted,
        on_served=parts.on_served,
    )
    return Running(await front.start("127.0.0.1", 0), 0, front.drain)


@pytest.fixture(scope="module", params=[start_direct, start_mitmproxy], ids=["direct", "mitmproxy"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontStack]:
    stack = FrontStack(request.param, tmp_path_factory.mktemp("front"))
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def stack(shared: FrontStack) -> Iterator[FrontStack]:
    """The front, with pages to serve and a breaker that has seen nothing."""
    for name, (body, fields) in BODIES.items():
        shared.origin.script(f"/{name}", ok(body, *fields))
    before = shared.snapshot
    yield shared
    shared.snapshot = before


def fail(*_: object, **__: object) -> Any:
    raise RuntimeError("boom: a visitor's secret")


def number_sites_anew(stack: FrontStack, site_id: int, **changes: Any) -> None:
    """Give the shop another number, so that no breaker remembers it."""
    shop, *others = stack.snapshot.sites
    stack.snapshot = Snapshot(2, (replace(shop, id=site_id, **changes), *others))


def visit(stack: FrontStack, name: str, *fields: str) -> Reply:
    return ask(stack.port, get(f"/{name}", *PROGRAM, *fields))


def is_untouched(reply: Reply, name: str) -> bool:
    body, fields = BODIES[name]
    sent = {line.partition(b": ")[::2] for line in fields}
    return reply.complete and reply.body == body and sent <= set(reply.fields)


def is_a_page(reply: Reply, name: str) -> bool:
    """Tell whether a reply is the page with or without the tag, and nothing else."""
    page = gzip.decompress(reply.body) if name == "gzip" else reply.body
    return reply.complete and page.replace(MARKUP, b"") == PAGE


@pytest.mark.parametrize("name", BODIES)
def test_without_a_failure_the_page_gets_the_tag(stack: FrontStack, name: str) -> None:
    number_sites_anew(stack, 100)
    reply = visit(stack, name)
    assert is_a_page(reply, name)
    assert not is_untouched(reply, name)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("part", BEFORE_THE_FIELDS)
def test_what_fails_before_the_fields_go_out_leaves_page_and_fields(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch, part: str, name: str
) -> None:
    number_sites_anew(stack, 101)
    monkeypatch.setattr(part, fail)
    for _ in range(3):
        reply = visit(stack, name)
        assert is_untouched(reply, name) or part.endswith(("own_sources", "narrow_accept_encoding"))
        assert is_a_page(reply, name)


@pytest.mark.parametrize("part", ["_tag", "owns"])
def test_what_names_and_builds_the_tag_may_fail(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    number_sites_anew(stack, 102)
    monkeypatch.setattr(stack.endpoints, "owns", fail if part == "owns" else lambda *_: False)
    stack.tag_fails = part == "_tag"
    try:
        assert is_a_page(visit(stack, "plain"), "plain")
    finally:
        stack.tag_fails = False


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("part", IN_THE_BODY)
def test_what_fails_while_the_page_is_held_leaves_its_bytes(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch, part: str, name: str
) -> None:
    number_sites_anew(stack, 103)
    monkeypatch.setattr(part, fail)
    reply = visit(stack, name)
    assert is_a_page(reply, name)
    plain_only = part.endswith("PlainRewriter.feed") and name == "gzip"
    coded_only = part.endswith("CodedRewriter.feed") and name == "plain"
    assert plain_only or coded_only or reply.body == BODIES[name][0]


@pytest.mark.parametrize("part", AT_THE_END)
def test_what_fails_when_the_page_has_ended_changes_nothing(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    number_sites_anew(stack, 104)
    monkeypatch.setattr(part, fail)
    with RawClient(stack.port) as client:
        for _ in range(3):
            reply = client.ask(get("/plain", *PROGRAM))
            assert is_a_page(reply, "plain")
            assert MARKUP in reply.body


@pytest.mark.parametrize("part", OF_A_CANARY)
def test_a_canary_that_fails_touches_no_page_or_goes_by_path(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    number_sites_anew(stack, 105, mode=Mode.CANARY, canary_percent=100)
    assert MARKUP in visit(stack, "plain").body
    monkeypatch.setattr(part, fail)
    reply = visit(stack, "plain")
    assert is_untouched(reply, "plain") or part.endswith("client_address")
    assert is_a_page(reply, "plain")


def test_a_late_decision_that_fails_touches_no_page(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    number_sites_anew(stack, 106, mode=Mode.CANARY)
    monkeypatch.setattr("edge.fronts.control.is_visitor_inside", lambda *_: True)
    monkeypatch.setattr("edge.fronts.control.is_path_inside", lambda *_: False)
    monkeypatch.setattr("edge.fronts.control.is_for_one_visitor", fail)
    assert is_untouched(visit(stack, "plain"), "plain")


def test_a_site_that_fails_again_and_again_is_left_alone_for_a_while(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    number_sites_anew(stack, 107, debug=True)
    with monkeypatch.context() as broken:
        broken.setattr("edge.fronts.page.plan_response", fail)
        said = [visit(stack, "plain").value("x-statflow") for _ in range(7)]
    assert said == [b"skipped:failed"] * 5 + [b"skipped:breaker"] * 2
    reply = visit(stack, "plain")
    assert is_untouched(reply, "plain")
    assert reply.value("x-statflow") == b"skipped:breaker"
    number_sites_anew(stack, 108, debug=True)
    assert visit(stack, "plain").value("x-statflow") == b"injected"


def test_nothing_of_a_failure_but_its_type_is_said(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    number_sites_anew(stack, 109)
    for part in ("edge.fronts.page.plan_request", "edge.fronts.page.tell"):
        with monkeypatch.context() as broken:
            broken.setattr(part, fail)
            visit(stack, "plain")
    assert "the injector failed at the request: RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_switches_act_on_the_next_request_of_an_open_connection(stack: FrontStack) -> None:
    number_sites_anew(stack, 110, debug=True)
    on = stack.snapshot
    shop, *others = on.sites
    steps: list[tuple[Snapshot, bytes]] = [
        (on, b"injected"),
        (replace(on, injection=False), b"skipped:killed"),
        (on, b"injected"),
        (Snapshot(3, (replace(shop, mode=Mode.OFF), *others)), b"skipped:off"),
        (Snapshot(4, (replace(shop, mode=Mode.SHADOW), *others)), b"skipped:shadow"),
        (
            Snapshot(5, (replace(shop, mode=Mode.CANARY, canary_percent=0), *others)),
            b"skipped:canary",
        ),
        (Snapshot(6, (replace(shop, mode=Mode.CANARY, canary_percent=100), *others)), b"injected"),
    ]
    with RawClient(stack.port) as client:
        for snapshot, said in steps:
            stack.snapshot = snapshot
            reply = client.ask(get("/plain", *PROGRAM))
            assert reply.value("x-statflow") == said
            assert (MARKUP in reply.body) is (said == b"injected")
            assert is_untouched(reply, "plain") is (said != b"injected")


def test_a_canary_is_sticky_by_page_or_by_visitor(stack: FrontStack) -> None:
    """Half of the pages, whoever asks; half of the visitors where the page is for them alone."""
    number_sites_anew(stack, 112, mode=Mode.CANARY, canary_percent=50)
    kinds = {"public": b"Cache-Control: public", "private": b"Cache-Control: private"}
    tagged: dict[str, set[tuple[int, str]]] = {kind: set() for kind in kinds}
    for kind, field in kinds.items():
        for number in range(12):
            stack.origin.script(f"/{kind}{number}", ok(PAGE, *FIELDS, field))
            for agent in "abcdefgh":
                with RawClient(stack.port) as client:
                    reply = client.ask(get(f"/{kind}{number}", f"User-Agent: {agent}"))
                assert is_a_page(reply, "plain")
                if MARKUP in reply.body:
                    tagged[kind].add((number, agent))
    pages = {number for number, _ in tagged["public"]}
    visitors = {agent for _, agent in tagged["private"]}
    assert tagged["public"] == {(number, agent) for number in pages for agent in "abcdefgh"}
    assert tagged["private"] == {(number, agent) for number in range(12) for agent in visitors}
    assert 0 < len(pages) < 12
    assert len(visitors) < 8


def revisit(stack: FrontStack, first: Reply) -> Reply:
    condition = f"If-None-Match: {first.value('etag').decode()}"
    return visit(stack, "conditional", condition, "Sec-Fetch-Dest: document")


def switch_off(stack: FrontStack, **changes: Any) -> None:
    shop, *others = stack.snapshot.sites
    stack.snapshot = Snapshot(9, (replace(shop, **changes), *others))


def kill(stack: FrontStack) -> None:
    stack.snapshot = replace(stack.snapshot, injection=False)


@pytest.mark.parametrize(
    "untag",
    [
        kill,
        lambda stack: switch_off(stack, mode=Mode.OFF),
        lambda stack: switch_off(stack, mode=Mode.SHADOW),
        lambda stack: switch_off(stack, mode=Mode.CANARY, canary_percent=0),
    ],
    ids=["killed", "off", "shadow", "canary"],
)
def test_a_page_that_had_the_tag_comes_again_without_it(
    stack: FrontStack, untag: Callable[[FrontStack], None]
) -> None:
    number_sites_anew(stack, 111)
    stack.origin.script("/conditional", ok(PAGE, *FIELDS))
    first = visit(stack, "conditional", "Sec-Fetch-Dest: document")
    assert first.value("etag") == b'W/"abc.sf0123456789s"'
    revisit(stack, first)
    assert stack.origin.seen[-1].value(b"if-none-match") == b'"abc"'
    untag(stack)
    second = revisit(stack, first)
    assert stack.origin.seen[-1].value(b"if-none-match") == b""
    assert (second.value("etag"), second.body) == (b'"abc"', PAGE)
    revisit(stack, second)
    assert stack.origin.seen[-1].value(b"if-none-match") == b'"abc"'


def test_a_visitor_who_leaves_in_the_middle_is_counted(stack: FrontStack) -> None:
    """What the circuit breaker lives on: a page that was broken off is known as such."""
    number_sites_anew(stack, 113)
    tally = LEDGER.of(113)
    cut, injected = tally.cut, tally.outcomes.get("injected", 0)
    head, half = ok(PAGE, *FIELDS)[:-9000], PAGE[-9000:]
    stack.origin.script("/long", head, Pause(0.5), half)
    with RawClient(stack.port) as client:
        client.send(get("/long", *PROGRAM))
        received = b""
        while MARKUP not in received:
            received += client.read_some()
    wait_until(lambda: tally.cut == cut + 1)
    assert tally.outcomes == {"injected": injected + 1}


def test_an_origin_that_breaks_off_is_counted(stack: FrontStack) -> None:
    number_sites_anew(stack, 114)
    before = LEDGER.of(114).cut
    stack.origin.script("/cut", ok(PAGE, *FIELDS)[:-9000], Close())
    reply = visit(stack, "cut")
    assert MARKUP in reply.body
    assert not reply.complete
    wait_until(lambda: LEDGER.of(114).cut == before + 1)
