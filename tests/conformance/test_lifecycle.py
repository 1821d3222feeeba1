"""Trusted proxies, new snapshots, and going down in good order."""

import socket
import struct
import time
from dataclasses import replace

from tests.conformance.asking import get, wait_until
from tests.support.front_stack import FrontStack
from tests.support.raw_client import RawClient, ask


def test_a_trusted_proxys_fields_are_kept_and_extended(own_stack: FrontStack) -> None:
    fields = (
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-Proto: https",
        "X-Real-IP: 1.2.3.4",
        "Forwarded: for=1.2.3.4",
    )
    reply = ask(own_stack.port, get("/echo", *fields))
    ask(own_stack.port, get("/sf/tracker.js", *fields))

    assert b"X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n" in reply.body
    assert b"X-Forwarded-Proto: https\r\n" in reply.body
    assert b"X-Real-IP: 1.2.3.4\r\n" in reply.body
    assert b"Forwarded: for=1.2.3.4, for=127.0.0.1;" in reply.body
    assert (str(own_stack.endpoints.asked[0].address), own_stack.endpoints.asked[0].secure) == (
        "1.2.3.4",
        True,
    )


def test_a_new_snapshot_counts_from_the_next_request(own_stack: FrontStack) -> None:
    with RawClient(own_stack.port) as client:
        assert client.ask(get("/echo")).status == 200
        sites = tuple(site for site in own_stack.snapshot.sites if site.id != 1)
        own_stack.snapshot = replace(own_stack.snapshot, number=2, sites=sites)
        assert client.ask(get("/echo")).status == 421


def is_refused(port: int) -> bool:
    try:
        RawClient(port).socket.close()
    except ConnectionRefusedError:
        return True
    return False


def test_drain_finishes_what_is_open(own_stack: FrontStack) -> None:
    with RawClient(own_stack.port) as idle, RawClient(own_stack.port) as client:
        idle.ask(get("/echo"))
        client.send(get("/slow"))
        time.sleep(0.2)
        draining = own_stack.submit(own_stack.running.drain(5))
        assert idle.is_closed(2)
        wait_until(lambda: is_refused(own_stack.port), within_s=0.5)
        reply = client.read()
        draining.result(3)

    assert (reply.status, reply.body, reply.value("connection")) == (200, b"slow", b"close")


def test_drain_cuts_what_does_not_end(own_stack: FrontStack) -> None:
    with RawClient(own_stack.port) as client:
        client.send(get("/hang"))
        time.sleep(0.1)
        own_stack.submit(own_stack.running.drain(0.2)).result(3)
        assert client.is_closed(1)


def test_a_client_that_resets_leaves_nothing_behind(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.send(get("/big?200"))
        client.read_some()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(stack.port, get("/echo")).status == 200
