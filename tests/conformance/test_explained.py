"""``X-Statflow``: what a developer is told has happened to a page, in the head of its answer."""

from dataclasses import replace

import pytest

from edge.sites import Mode, Snapshot
from tests.conformance.asking import MARKUP, get
from tests.conformance.cases import HTML, PAGE
from tests.support.front_stack import FrontStack
from tests.support.origin import Pause, Step, chunked, ok
from tests.support.raw_client import RawClient, Reply, ask

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
LATE: tuple[Step, ...] = (HEAD, Pause(0.05), chunked(PAGE[:4]), Pause(0.05), chunked(PAGE[4:]))
END = b"0\r\n\r\n"


def visit(stack: FrontStack, *steps: Step, mode: Mode = Mode.ON) -> Reply:
    """Ask for a page as a developer; every other site and page stays as it is."""
    stack.origin.script("/explained", *steps)
    before = stack.snapshot
    sites = tuple(replace(site, debug_key="k", mode=mode) for site in before.sites)
    stack.snapshot = Snapshot(before.number + 1, sites)
    try:
        return ask(stack.port, get("/explained", "X-Statflow-Debug: k"))
    finally:
        stack.snapshot = before


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((ok(PAGE, HTML),), b"injected"),
        ((*LATE, END), b"injected"),
        ((ok(b'{"a": 1}', HTML),), b"skipped:not_markup"),
        ((HEAD, Pause(0.05), END), b"skipped:empty"),
        ((ok(PAGE, b"Content-Type: image/png"),), b"skipped:content_type"),
        ((ok(b"\x1f\x8bx" * 30, HTML, b"Content-Encoding: gzip"),), b"skipped:undecodable"),
    ],
)
def test_a_page_says_what_became_of_it(
    stack: FrontStack, steps: tuple[Step, ...], said: bytes
) -> None:
    reply = visit(stack, *steps)
    assert reply.values("x-statflow") == [said]
    assert reply.status == 200
    if said != b"injected":
        assert MARKUP not in reply.body


def test_a_switch_is_named(stack: FrontStack) -> None:
    assert visit(stack, ok(PAGE, HTML), mode=Mode.SHADOW).value("x-statflow") == b"skipped:shadow"


def test_nobody_else_is_told(stack: FrontStack) -> None:
    stack.origin.script("/explained", ok(PAGE, HTML))
    with RawClient(stack.port) as client:
        assert client.ask(get("/explained")).values("x-statflow") == []
