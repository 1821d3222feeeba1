"""What is passed on to a private port is answered for the site that it names."""

import asyncio
from typing import Any

import orjson

from edge.collector.client_ip import parse_networks
from edge.collector.endpoints import EndpointResponse
from edge.collector.relay import Relay
from edge.names import Api
from edge.sites import Snapshot
from tests.edge.collector.conftest import NOON_MS, Edge, header

VIEW = {"n": "pageview", "u": "https://shop.example/tea", "d": "shop.example"}


def ask(
    edge: Edge, document: Any, *headers: tuple[bytes, bytes], method: str = "POST"
) -> EndpointResponse:
    relay = Relay(
        edge.endpoints, lambda: Snapshot(1, (edge.site,)), parse_networks("10.0.0.0/8"),
        lambda: NOON_MS,
    )  # fmt: skip
    sent = ((b"User-Agent", b"Firefox/132.0"), *headers)
    return asyncio.run(relay.respond(method, Api.PLAUSIBLE, sent, orjson.dumps(document)))


def test_the_peer_is_who_the_caller_says_it_was(edge: Edge) -> None:
    for peer in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.2"):
        assert ask(edge, VIEW, (b"X-Statflow-Peer", peer)).status == 202
    one, other, same = (event.visitor for event in edge.buffer.events)
    assert one != other == same


def test_a_chain_of_proxies_is_believed_only_of_a_trusted_peer(edge: Edge) -> None:
    chain = (b"X-Forwarded-For", b"198.51.100.1")
    ask(edge, VIEW, (b"X-Statflow-Peer", b"192.0.2.1"), chain)
    ask(edge, VIEW, (b"X-Statflow-Peer", b"192.0.2.1"))
    ask(edge, VIEW, (b"X-Statflow-Peer", b"10.0.0.1"), chain)
    untrusted, plain, trusted = (event.visitor for event in edge.buffer.events)
    assert untrusted == plain != trusted


def test_a_site_that_is_none_of_ours_is_refused(edge: Edge) -> None:
    answer = ask(edge, VIEW | {"d": "other.example"})
    assert (answer.status, orjson.loads(answer.body)["error"]["code"]) == (400, "unknown_site")
    assert ask(edge, [1]).status == 400


def test_a_browser_that_only_asks_is_answered_by_the_page_it_comes_from(edge: Edge) -> None:
    origin = (b"Origin", b"https://shop.example")
    answer = ask(edge, {}, origin, method="OPTIONS")
    assert header(answer, b"Access-Control-Allow-Origin") == b"https://shop.example"
    stranger = ask(edge, {}, (b"Origin", b"https://other.example"), method="OPTIONS")
    assert (stranger.status, header(stranger, b"Access-Control-Allow-Origin")) == (204, None)
