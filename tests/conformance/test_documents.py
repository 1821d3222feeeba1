"""Odd documents over real sockets: the tag where the injector's own tests want it, at every cut."""

import gzip

import pytest

from tests.conformance.asking import MARKUP, get, unpacked
from tests.conformance.cases import PAGE, page
from tests.edge.inject.golden import PLACED, SKIPPED, Golden
from tests.support.front_stack import FrontStack
from tests.support.origin import Pause, Reset, Step, chunked, ok
from tests.support.raw_client import RawClient, ask

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
SMALL = b"<!doctype html>\n<!-- a --><html lang='a>b'><head>\n<title>x</title></head><body>hello"
PLACE = SMALL.index(b"\n<title>")
OTHER_EDGE = MARKUP.replace(b"0123456789", b"1a2b3c4d5e")


def asked(golden: Golden) -> bytes:
    fields = ("Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate") if golden.labelled else ()
    return get("/golden", *fields)


@pytest.mark.parametrize("golden", PLACED, ids=lambda golden: golden.name)
def test_an_odd_page_gets_the_tag_where_its_head_begins(stack: FrontStack, golden: Golden) -> None:
    answer = ok(golden.page, b"Content-Type: " + golden.content_type)
    stack.origin.script("/golden", answer)
    reply = ask(stack.port, asked(golden))

    assert reply.body == golden.tagged(MARKUP)


@pytest.mark.parametrize("golden", SKIPPED, ids=lambda golden: golden.name)
def test_a_page_without_a_certain_place_is_untouched(stack: FrontStack, golden: Golden) -> None:
    answer = ok(golden.page, b"Content-Type: " + golden.content_type)
    stack.origin.script("/golden", answer)
    reply = ask(stack.port, asked(golden))

    assert reply.complete
    assert reply.body == golden.page


def test_a_page_may_be_cut_behind_every_byte_of_its_start(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        for cut in range(1, PLACE + 12):
            stack.origin.script(
                "/cut",
                CHUNKED + chunked(SMALL[:cut]),
                Pause(0.003),
                chunked(SMALL[cut:]) + b"0\r\n\r\n",
            )
            reply = client.ask(get("/cut"))
            assert reply.body == SMALL[:PLACE] + MARKUP + SMALL[PLACE:], cut


def test_a_page_may_come_byte_by_byte(stack: FrontStack) -> None:
    steps: list[Step] = [CHUNKED]
    for at in range(len(SMALL)):
        steps += [chunked(SMALL[at : at + 1]), Pause(0.002)]
    stack.origin.script("/bytes", *steps, b"0\r\n\r\n")
    reply = ask(stack.port, get("/bytes"))

    assert reply.body == SMALL[:PLACE] + MARKUP + SMALL[PLACE:]


def test_a_compressed_page_may_come_byte_by_byte(stack: FrontStack) -> None:
    packed = gzip.compress(SMALL)
    steps: list[Step] = [CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")]
    for at in range(len(packed)):
        steps += [chunked(packed[at : at + 1]), Pause(0.002)]
    stack.origin.script("/bytes", *steps, b"0\r\n\r\n")
    reply = ask(stack.port, get("/bytes"))

    assert unpacked(reply) == SMALL[:PLACE] + MARKUP + SMALL[PLACE:]


def test_a_header_may_come_byte_by_byte(stack: FrontStack) -> None:
    head, _, body = page(body=SMALL).partition(b"\r\n\r\n")
    steps: list[Step] = []
    for byte in head + b"\r\n\r\n":
        steps += [bytes([byte]), Pause(0.001)]
    stack.origin.script("/slowly", *steps, body)
    with RawClient(stack.port) as client:
        for byte in get("/slowly"):
            client.send(bytes([byte]))
        reply = client.read()

    assert reply.body == SMALL[:PLACE] + MARKUP + SMALL[PLACE:]


@pytest.mark.parametrize("kept", [8, 200, -9], ids=["its head", "its start", "its end"])
def test_a_compressed_page_that_is_cut_looks_cut(stack: FrontStack, kept: int) -> None:
    packed = gzip.compress(PAGE + bytes(range(256)) * 400)
    stack.origin.script("/cut", page(b"Content-Encoding: gzip", body=packed[:kept]))
    reply = ask(stack.port, get("/cut"))

    with pytest.raises(EOFError):
        unpacked(reply)


def test_a_compressed_page_that_is_reset_is_incomplete(stack: FrontStack) -> None:
    packed = gzip.compress(PAGE + bytes(range(256)) * 400)
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    stack.origin.script("/cut", head + chunked(packed[:300]), Reset())

    assert not ask(stack.port, get("/cut")).complete


def test_a_bomb_costs_no_memory_and_is_not_unpacked(stack: FrontStack) -> None:
    packed = gzip.compress(SMALL + bytes(64 * 2**20), 9)
    stack.origin.script("/bomb", page(b"Content-Encoding: gzip", body=packed))
    reply = ask(stack.port, get("/bomb"))

    assert len(reply.body) < 2**20
    assert not reply.complete or reply.body == packed
    stack.origin.script("/page", page())
    assert ask(stack.port, get("/page")).body.count(MARKUP) == 1


@pytest.mark.parametrize("own", [MARKUP, OTHER_EDGE], ids=["this edge's", "another edge's"])
def test_a_page_that_carries_the_snippet_is_untouched(stack: FrontStack, own: bytes) -> None:
    tagged = SMALL[:PLACE] + own + SMALL[PLACE:]
    stack.origin.script("/tagged", page(body=tagged))

    assert ask(stack.port, get("/tagged")).body == tagged
