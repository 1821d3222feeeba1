"""An origin that is away or silent: a clean page of ours, and nothing about what stands behind."""

import socket
from dataclasses import replace

import pytest

from edge.sites import Origin, Snapshot
from tests.conformance.asking import get, post, wait_until
from tests.conformance.cases import page
from tests.support.front_stack import FrontStack
from tests.support.origin import Pause
from tests.support.raw_client import RawClient, Reply, ask

SILENCE_S = 0.3
TOLD = (b"127.0.0.1", b"localhost", b"traceback", b"mitm", b"statflow", b"python", b"nginx/")


def assert_clean(reply: Reply, status: int) -> None:
    said = (reply.head + reply.body).lower()
    assert (reply.status, reply.complete) == (status, True)
    assert reply.value("content-type") == b"text/plain; charset=utf-8"
    assert reply.value("cache-control") == b"no-store"
    assert [word for word in TOLD if word in said] == []
    assert reply.value("x-request-id") in reply.body


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", host="dead.localhost"),
        get("/", "Sec-Fetch-Dest: document", "Accept: text/html", host="dead.localhost"),
        get("/a.png", "Sec-Fetch-Dest: image", host="dead.localhost"),
        post("/", 2, host="dead.localhost") + b"hi",
        get("/", "Upgrade: websocket", "Connection: Upgrade", host="dead.localhost"),
        get("/", "Accept: text/event-stream", host="dead.localhost"),
    ],
    ids=["get", "page", "image", "post", "websocket", "events"],
)
def test_an_origin_that_is_down_is_a_clean_502(stack: FrontStack, request_bytes: bytes) -> None:
    assert_clean(ask(stack.port, request_bytes), 502)


def test_head_of_an_origin_that_is_down_has_no_body(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        reply = client.ask(get("/", host="dead.localhost").replace(b"GET", b"HEAD", 1))

    assert (reply.status, reply.body) == (502, b"")
    assert reply.value("cache-control") == b"no-store"


def test_an_origin_that_never_answers_is_a_clean_504(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("direct.client_side", "mitm_stream"):
        monkeypatch.setattr(f"edge.fronts.{module}.FIRST_BYTE_TIMEOUT_S", SILENCE_S)

    assert_clean(ask(stack.port, get("/hang", "Accept: text/html")), 504)
    wait_until(lambda: all(seen.left for seen in stack.origin.seen))


def test_an_origin_that_comes_back_is_asked_again(stack: FrontStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = taken.getsockname()[1]
    site = replace(stack.snapshot.sites[0], origins=(Origin("http", "127.0.0.1", away),))
    snapshot = Snapshot(1, (site,))
    outer = stack.run(stack.start_front(replace(stack.parts, sites=lambda: snapshot, port=0)))
    try:
        assert ask(outer.port, get("/echo")).status == 502
        back = type(stack.origin)()
        stack.run(back.start(away))
        assert ask(outer.port, get("/echo")).status == 200
        stack.run(back.stop())
    finally:
        stack.run(outer.drain(0.2))


def test_an_origin_that_falls_silent_in_a_page_is_seen_as_cut_off(
    stack: FrontStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("direct.client_side", "mitm_stream"):
        monkeypatch.setattr(f"edge.fronts.{module}.BETWEEN_BYTES_TIMEOUT_S", SILENCE_S)
    stack.origin.script("/silent", page()[:-200], Pause(4))

    assert not ask(stack.port, get("/silent")).complete
