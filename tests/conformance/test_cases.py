"""Replays the table of cases against every front."""

import pytest

from tests.conformance.asking import markup, unpacked
from tests.conformance.cases import INJECTING, PASSING, Case, get
from tests.conformance.document_cases import DOCUMENTS
from tests.conformance.exchange_cases import EXCHANGES
from tests.conformance.limits import NAMES_ITSELF
from tests.conformance.refused_cases import BAD_ANSWERS, REFUSED
from tests.conformance.smuggling_cases import HARMLESS, NEXT, SMUGGLED_BODIES, SMUGGLED_HEADS
from tests.support.front_stack import FrontStack
from tests.support.origin import Seen, Step
from tests.support.raw_client import RawClient, Reply


def run(stack: FrontStack, case: Case) -> tuple[Reply, bool | None]:
    path = b"/case/%d" % abs(hash(case.name))
    stack.origin.script(path.decode(), *case.answer)
    request = case.request.replace(b"{path}", path)
    with RawClient(stack.port) as client:
        reply = client.ask(request, method=request.split()[0])
        wait_s = 2.0 if case.closes else 0.2
        closed = None if case.closes is None else client.is_closed(wait_s)
    return reply, closed


def lines_of(head: bytes) -> list[bytes]:
    return [
        line.partition(b":")[0].lower() + line[line.find(b":") :]
        for line in head.split(b"\r\n")[1:-2]
    ]


def has_line(head: bytes, wanted: bytes) -> bool:
    name, colon, value = wanted.partition(b":")
    if not value:
        return any(line.startswith(name.lower() + b":") for line in lines_of(head))
    return name.lower() + colon + value in lines_of(head)


def check_origin(case: Case, seen: Seen) -> None:
    path = b"/case/%d" % abs(hash(case.name))
    if case.origin_line is not None:
        assert seen.line == case.origin_line.replace(b"{path}", path)
    for line in case.origin_sees:
        assert has_line(seen.head, line), seen.head
        name = line.partition(b":")[0]
        assert name in seen.head, "the name's case has changed"
    for line in case.origin_never:
        assert not has_line(seen.head, line.rstrip(b":")), seen.head
    assert len(seen.values(b"host")) == 1
    if case.origin_body_bytes is not None:
        assert seen.body_bytes == case.origin_body_bytes
    if case.origin_trailers is not None:
        assert seen.trailers == case.origin_trailers


def check_client(case: Case, reply: Reply, front: str) -> None:
    assert reply.status == case.status, reply.head
    assert reply.complete is case.complete
    assert tuple(reply.interim) == case.interim
    assert reply.trailers == case.trailers
    for line in case.sees:
        assert line in reply.head.split(b"\r\n"), reply.head
    for line in case.never_sees:
        if line != b"Server" or front not in NAMES_ITSELF:
            assert not has_line(reply.head, line), reply.head
    if case.frame is not None:
        assert reply.frame == case.frame
    if case.body is not None:
        tag = markup(case.nonce)
        content = unpacked(reply) if case.unpack else reply.body
        assert content.count(tag) == int(case.injected)
        assert content.replace(tag, b"") == case.body
        assert case.after is None or case.after + tag in content


CASES = [*PASSING, *INJECTING, *EXCHANGES, *DOCUMENTS, *HARMLESS, *REFUSED, *SMUGGLED_HEADS]


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(stack: FrontStack, case: Case) -> None:
    reply, closed = run(stack, case)

    check_client(case, reply, stack.front)
    assert closed is case.closes
    seen = [*stack.origin.take(), *stack.other.take(), *stack.tls_origin.take()]
    assert bool(seen) is case.reaches_origin
    for request in seen:
        check_origin(case, request)


@pytest.mark.parametrize(("name", "answer"), BAD_ANSWERS, ids=[name for name, _ in BAD_ANSWERS])
def test_a_bad_answer_becomes_our_502(
    stack: FrontStack, name: str, answer: tuple[Step, ...]
) -> None:
    reply, _ = run(stack, Case(name, get(), answer))

    assert reply.status == 502
    assert reply.value("cache-control") == b"no-store"
    assert b"127.0.0.1" not in reply.head + reply.body
    assert b"mitm" not in (reply.head + reply.body).lower()
    assert reply.value("x-request-id") in reply.body


@pytest.mark.parametrize("name", SMUGGLED_BODIES)
def test_a_broken_body_never_hides_a_request(stack: FrontStack, name: str) -> None:
    head = b"POST /digest HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawClient(stack.port) as client:
        client.send(head + SMUGGLED_BODIES[name] + NEXT)
        reply = client.read(b"POST")
        assert client.is_closed()

    assert reply.status == 400
    seen = stack.origin.take()
    assert [request.line for request in seen if not request.line.startswith(b"POST /digest ")] == []
    assert [request for request in seen if request.body_sha256] == []
