"""Where a request goes."""

from ipaddress import ip_address
from typing import Any

import pytest

from edge.collector.client_ip import parse_networks
from edge.fronts.reception import Forward, Incoming, Own, Reception, Upstream, peer_address
from edge.sites import Snapshot
from edge.wire.fields import values_of
from edge.wire.refusal import BAD_HOST, TOO_LARGE, UNKNOWN_HOST
from tests.support.factories import a_site
from tests.support.front_stack import StubEndpoints

HOST = (b"Host", b"shop.example")


def a_reception(trusted: str = "", **site: Any) -> Reception:
    snapshot = Snapshot(1, (a_site(**site),))
    endpoints: Any = StubEndpoints()
    return Reception(lambda: snapshot, endpoints, parse_networks(trusted))


def an_incoming(*fields: tuple[bytes, bytes], **changes: Any) -> Incoming:
    boring: dict[str, Any] = {
        "method": b"GET", "target": b"/a?b", "named": b"", "headers": [HOST, *fields],
        "peer": ip_address("192.0.2.1"), "tls": False,
    }  # fmt: skip
    return Incoming(**(boring | changes))


def forwarded(incoming: Incoming, **site: Any) -> Forward:
    route = a_reception(**site).receive(incoming)
    assert isinstance(route, Forward)
    return route


def test_a_page_is_forwarded() -> None:
    route = forwarded(an_incoming((b"Cookie", b"sf_out=1"), (b"Expect", b"100-continue")))

    assert route.origin == "http://shop.example"
    assert not route.upgrades
    assert [name for name, _ in route.headers] == [
        b"Host", b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"Forwarded",
    ]  # fmt: skip


def test_what_is_ours_is_ours_by_its_path_alone() -> None:
    route = a_reception().receive(an_incoming(target=b"/sf/e?x=/other", tls=True))

    assert isinstance(route, Own)
    assert (route.path, route.query, route.secure, route.too_large) == (
        "/sf/e", "x=/other", True, False,
    )  # fmt: skip


def test_a_beacon_that_announces_too_much_is_marked() -> None:
    route = a_reception().receive(an_incoming((b"Content-Length", b"65537"), target=b"/sf/e"))

    assert isinstance(route, Own)
    assert route.too_large


def test_nobodys_host_goes_nowhere() -> None:
    assert a_reception().receive(an_incoming(named=b"other.example")) is UNKNOWN_HOST
    assert a_reception().receive(an_incoming(HOST)) is BAD_HOST


def test_a_site_may_limit_bodies() -> None:
    incoming = an_incoming((b"Content-Length", b"11"))

    assert a_reception(max_body_bytes=10).receive(incoming) is TOO_LARGE
    assert isinstance(a_reception(max_body_bytes=11).receive(incoming), Forward)


@pytest.mark.parametrize(
    ("url", "upstream_host", "upstream"),
    [
        ("https://10.0.0.1", "", Upstream("10.0.0.1", 443, True, "shop.example")),
        ("https://in.example:8443", "", Upstream("in.example", 8443, True, "in.example")),
        ("https://in.example", "a.example:1", Upstream("in.example", 443, True, "a.example")),
        ("https://[::1]", "", Upstream("::1", 443, True, "shop.example")),
    ],
)
def test_the_name_an_origin_is_asked_for(url: str, upstream_host: str, upstream: Upstream) -> None:
    route = forwarded(an_incoming(), upstreams=[url], upstream_host=upstream_host)

    assert route.upstreams == (upstream,)


def test_host_is_the_clients_or_the_configured_one() -> None:
    assert values_of(forwarded(an_incoming(named=b"SHOP.example:80")).headers, b"host") == [
        b"SHOP.example:80"
    ]
    route = forwarded(an_incoming(), upstream_host="in.example")
    assert values_of(route.headers, b"host") == [b"in.example"]
    assert route.origin == "http://shop.example"


def test_http2_brings_crumbs_and_no_host() -> None:
    crumbs = [(b"cookie", b"a=1"), (b"cookie", b"sf_out=1"), (b"cookie", b"b=2")]
    route = forwarded(an_incoming(headers=crumbs, named=b"shop.example", binary=True, tls=True))

    assert values_of(route.headers, b"cookie") == [b"a=1; b=2"]
    assert values_of(route.headers, b"host") == [b"shop.example"]
    assert route.origin == "https://shop.example"


def test_peers() -> None:
    assert str(peer_address(("::ffff:192.0.2.1", 1, 0, 0))) == "192.0.2.1"
    assert str(peer_address(("fe80::1%eth0", 1, 0, 2))) == "fe80::1"
    assert str(peer_address("")) == "127.0.0.1"
