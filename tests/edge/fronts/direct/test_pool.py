"""Connections to origins: shared by all clients, kept for a while, never lent when stale."""

import socket
import time
from dataclasses import replace

from edge.fronts.direct.pool import IDLE_S
from edge.sites import Origin as SiteOrigin
from edge.sites import Site
from tests.conformance.asking import get, post, wait_until
from tests.edge.fronts.direct.conftest import Direct
from tests.support.origin import Close, Pause, ok
from tests.support.raw_client import RawClient, ask


def test_clients_share_connections(direct: Direct) -> None:
    for _ in range(5):
        assert ask(direct.stack.port, get("/echo")).status == 200
    assert len({seen.connection for seen in direct.stack.origin.take()}) == 1


def test_sites_on_one_address_share_only_what_has_one_name(direct: Direct) -> None:
    for host in ("one.localhost", "two.localhost", "one.localhost"):
        assert ask(direct.stack.port, get("/echo", host=host)).status == 200
    seen = direct.stack.tls_origin.take()
    assert [each.sni for each in seen] == ["one.localhost", "two.localhost", "one.localhost"]
    assert seen[0].connection == seen[2].connection != seen[1].connection


def test_an_idle_connection_is_closed_after_30_seconds(direct: Direct) -> None:
    ask(direct.stack.port, get("/echo"))
    assert direct.stack.origin.open == 1
    direct.move_on(IDLE_S + 1)
    wait_until(lambda: direct.stack.origin.open == 0)
    assert not direct.front._desk.pool._idle


def test_a_connection_that_the_origin_closed_is_not_lent(direct: Direct) -> None:
    direct.stack.origin.script("/first", ok(), Close())
    with RawClient(direct.stack.port) as client:
        for _ in range(3):
            assert client.ask(get("/first")).status == 200
            wait_until(lambda: direct.stack.origin.open == 0)
    assert len(direct.stack.origin.take()) == 3


def test_what_cannot_be_repeated_gets_a_fresh_connection(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.ask(get("/echo"))
        client.ask(post("/echo", 2) + b"hi")
        direct.move_on(3)
        client.ask(get("/echo"))
        direct.move_on(6)
        client.ask(post("/echo", 2) + b"hi")
        client.ask(post("/echo", 0))
    numbers = [seen.connection for seen in direct.stack.origin.take()]
    assert numbers == [1, 1, 1, 2, 2]


def test_a_stale_connection_is_tried_again_once_for_what_may_be(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        for method, tries in (("GET", 2), ("HEAD", 2), ("OPTIONS", 2), ("DELETE", 1), ("POST", 1)):
            client.ask(get("/echo"))
            direct.stack.origin.take()
            direct.stack.origin.script("/dies", Close())
            with RawClient(direct.stack.port) as other:
                other.send(get("/dies").replace(b"GET", method.encode()))
                assert other.read(method.encode()).status == 502
            assert len(direct.stack.origin.take()) == tries, method


def test_a_begun_answer_is_never_asked_for_again(direct: Direct) -> None:
    with RawClient(direct.stack.port) as client:
        client.ask(get("/echo"))
        direct.stack.origin.script("/half", b"HTTP/1.1 200 O", Pause(0.05), Close())
        assert client.ask(get("/half")).status == 502
    assert [seen.line for seen in direct.stack.origin.take()].count(b"GET /half HTTP/1.1") == 1


def test_the_next_upstream_is_asked_where_one_is_down(direct: Direct) -> None:
    for _ in range(4):
        assert ask(direct.stack.port, get("/echo", host="second.localhost")).status == 200
    large = post("/digest", 200_000, host="second.localhost") + b"x" * 200_000
    assert ask(direct.stack.port, large).body.startswith(b"200000 ")


def test_a_name_that_is_none_is_a_gateway_error(direct: Direct) -> None:
    odd = Site(20, "odd.localhost", (SiteOrigin("http", "a" * 70 + ".test", 80),), "k20")
    direct.stack.snapshot = replace(
        direct.stack.snapshot, sites=(*direct.stack.snapshot.sites, odd)
    )
    reply = ask(direct.stack.port, get("/", host="odd.localhost"))
    assert reply.status == 502


def test_a_client_that_leaves_while_connecting_leaves_nothing(direct: Direct) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        site = Site(21, "deaf.localhost", (SiteOrigin("http", *deaf.getsockname()),), "k21")
        direct.stack.snapshot = replace(direct.stack.snapshot, sites=(site,))
        with RawClient(direct.stack.port) as client:
            client.send(get("/", host="deaf.localhost"))
            time.sleep(0.1)
        wait_until(lambda: not direct.front._clients)


def test_an_upload_does_not_outrun_its_origin(direct: Direct) -> None:
    """An origin that accepts and never reads: the front must stop reading its client."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        site = Site(22, "deaf.localhost", (SiteOrigin("http", *deaf.getsockname()),), "k22")
        direct.stack.snapshot = replace(direct.stack.snapshot, sites=(site,))
        with RawClient(direct.stack.port, timeout_s=0.5) as client:
            sent = 0
            client.send(post("/", 2**30, host="deaf.localhost"))
            try:
                while sent < 64 * 2**20:
                    client.send(b"x" * 65_536)
                    sent += 65_536
            except TimeoutError:
                pass
    assert sent < 32 * 2**20
