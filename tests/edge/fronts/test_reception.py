"""Where a request goes."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from edge.collector.client_ip import parse_networks
from edge.fronts.operating import Operating
from edge.fronts.reception import Forward, Incoming, Own, Reception, Upstream, peer_address
from edge.sites import Snapshot
from edge.wire.fields import values_of
from edge.wire.hsts import HSTS
from edge.wire.refusal import (
    BAD_HOST,
    MAINTENANCE,
    TOO_LARGE,
    UNKNOWN_HOST,
    Challenge,
    Redirect,
)
from tests.support.factories import a_site
from tests.support.front_stack import StubEndpoints

HOST = (b"Host", b"shop.example")


def a_reception(trusted: str = "", operating: Operating | None = None, **site: Any) -> Reception:
    snapshot = Snapshot(1, (a_site(**site),), default_host="shop.example")
    if operating is None:
        snapshot = replace(snapshot, default_host="")
    endpoints: Any = StubEndpoints()
    return Reception(lambda: snapshot, endpoints, parse_networks(trusted), operating or Operating())


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


def redirected(incoming: Incoming, **reception: Any) -> tuple[int, bytes]:
    route = a_reception(**reception).receive(incoming)
    assert isinstance(route, Redirect)
    return route.status, route.location


@pytest.mark.parametrize(
    ("method", "status"), [(b"GET", 301), (b"HEAD", 301), (b"POST", 308), (b"OPTIONS", 308)]
)
def test_a_site_may_send_browsers_to_https(method: bytes, status: int) -> None:
    incoming = an_incoming(method=method, target=b"/a%2Fb//c?d=%0d%0a&e=//f")

    assert redirected(incoming, https="redirect") == (
        status,
        b"https://shop.example/a%2Fb//c?d=%0d%0a&e=//f",
    )


def test_who_came_by_tls_is_not_sent_there() -> None:
    assert forwarded(an_incoming(tls=True), https="redirect").origin == "https://shop.example"


def test_a_trusted_proxy_may_say_that_the_browser_spoke_tls() -> None:
    incoming = an_incoming((b"X-Forwarded-Proto", b"https"))

    assert isinstance(a_reception("192.0.2.1", https="redirect").receive(incoming), Forward)
    assert isinstance(a_reception("10.0.0.0/8", https="redirect").receive(incoming), Redirect)


def test_a_trusted_proxy_may_say_that_the_browser_did_not() -> None:
    incoming = an_incoming((b"X-Forwarded-Proto", b"http"), tls=True)

    assert isinstance(a_reception("192.0.2.1", https="redirect").receive(incoming), Redirect)


@pytest.mark.parametrize(
    ("host", "https_port", "expected"),
    [
        (b"shop.example:80", 8443, b"https://shop.example/"),
        (b"SHOP.example.", 8443, b"https://shop.example/"),
        (b"shop.example:8080", 8443, b"https://shop.example:8443/"),
        (b"shop.example:8080", 443, b"https://shop.example/"),
        (b"shop.example:8080", None, b"https://shop.example/"),
        (b"[2001:db8::1]:8080", 8443, b"https://[2001:db8::1]:8443/"),
    ],
)
def test_the_port_of_https(host: bytes, https_port: int | None, expected: bytes) -> None:
    incoming = an_incoming(headers=[(b"Host", host)], target=b"/")
    operating = Operating(https_port=https_port)

    found = redirected(incoming, operating=operating, https="redirect", aliases=["[2001:db8::1]"])
    assert found == (301, expected)


def test_a_redirect_never_names_a_host_that_is_not_the_sites() -> None:
    incoming = an_incoming(headers=[(b"Host", b"evil.example")], target=b"//evil.example/")

    found = redirected(incoming, operating=Operating(), https="redirect")
    assert found == (301, b"https://shop.example//evil.example/")


def test_raw_octets_are_encoded_in_a_redirect() -> None:
    found = redirected(an_incoming(target=b"/caf\xe9"), https="redirect")

    assert found == (301, b"https://shop.example/caf%E9")


def test_a_canonical_host_is_kept_to() -> None:
    names: dict[str, Any] = {"aliases": ["www.shop.example"], "canonical_host": "www.shop.example"}

    assert redirected(an_incoming(), **names) == (301, b"http://www.shop.example/a?b")
    assert redirected(an_incoming(method=b"POST", tls=True), **names) == (
        308,
        b"https://www.shop.example/a?b",
    )
    with_port = an_incoming(headers=[(b"Host", b"shop.example:8080")])
    assert redirected(with_port, **names) == (301, b"http://www.shop.example:8080/a?b")
    there = an_incoming(headers=[(b"Host", b"WWW.shop.example.:80")])
    assert isinstance(a_reception(**names).receive(there), Forward)


def test_https_and_the_canonical_host_are_one_step() -> None:
    names: dict[str, Any] = {"aliases": ["www.shop.example"], "canonical_host": "www.shop.example"}

    assert redirected(an_incoming(), https="redirect", **names) == (
        301,
        b"https://www.shop.example/a?b",
    )


def test_a_secure_redirect_says_hsts_and_an_insecure_one_does_not() -> None:
    names: dict[str, Any] = {"aliases": ["www.shop.example"], "canonical_host": "www.shop.example"}
    reception = a_reception(https="redirect+hsts", **names)
    secure, insecure = (reception.receive(an_incoming(tls=tls)) for tls in (True, False))

    assert isinstance(secure, Redirect)
    assert isinstance(insecure, Redirect)
    assert (secure.headers, insecure.headers) == ((HSTS,), ())


def test_our_endpoints_answer_without_tls_under_any_name_and_in_maintenance() -> None:
    reception = a_reception(
        https="redirect", aliases=["b.example"], canonical_host="b.example", maintenance=True
    )

    assert isinstance(reception.receive(an_incoming(target=b"/sf/e")), Own)


def test_a_question_about_the_server_is_not_redirected() -> None:
    incoming = an_incoming(method=b"OPTIONS", target=b"*")

    assert isinstance(a_reception(https="redirect").receive(incoming), Forward)


def test_a_site_in_maintenance_reaches_no_origin() -> None:
    assert a_reception(maintenance=True).receive(an_incoming()) is MAINTENANCE


def test_a_site_without_an_upstream_has_endpoints_and_no_pages() -> None:
    reception = a_reception(upstreams=[])

    assert isinstance(reception.receive(an_incoming(target=b"/sf/e")), Own)
    assert reception.receive(an_incoming()) is UNKNOWN_HOST


def test_a_challenge_comes_before_redirects_and_maintenance(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"token.thumb")
    reception = a_reception(
        operating=Operating(acme_dir=tmp_path), https="redirect", maintenance=True
    )
    path = b"/.well-known/acme-challenge/"

    assert reception.receive(an_incoming(target=path + b"token?x")) == Challenge(b"token.thumb")


def test_a_challenge_of_the_origins_own_client_passes(tmp_path: Path) -> None:
    reception = a_reception(
        operating=Operating(acme_dir=tmp_path), https="redirect", maintenance=True
    )

    for method in (b"GET", b"POST"):
        incoming = an_incoming(method=method, target=b"/.well-known/acme-challenge/token")
        assert isinstance(reception.receive(incoming), Forward)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [("173.245.48.5", "198.51.100.9"), ("2400:cb00::1", "198.51.100.9"), ("192.0.2.1", None)],
)
def test_behind_a_cdn_the_visitor_is_who_the_cdn_says(peer: str, expected: str | None) -> None:
    incoming = an_incoming(
        (b"CF-Connecting-IP", b"198.51.100.9"),
        (b"X-Forwarded-Proto", b"https"),
        target=b"/sf/e",
        peer=ip_address(peer),
    )
    route = a_reception("cloudflare", client_ip="cf-connecting-ip").receive(incoming)

    assert isinstance(route, Own)
    assert str(route.address) == (expected or peer)
    assert route.secure is (expected is not None)
