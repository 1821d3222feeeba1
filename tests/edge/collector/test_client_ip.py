"""Whose address counts."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.collector.client_ip import (
    client_address,
    forwarded_for,
    parse_address,
    parse_networks,
)
from tests.support.factories import a_site

PROXY, OTHER = "10.0.0.1", "203.0.113.9"
TRUSTED = parse_networks("private, loopback 2001:db8:ffff::/48")


def _client(source: str, *values: str, peer: str = PROXY) -> str:
    site = a_site(client_ip=source)
    name = {"peer": "X-Forwarded-For"}.get(source, source.title()).encode()
    headers = [(b"Host", b"x"), *((name, value.encode("latin-1")) for value in values)]
    return str(client_address(site, ip_address(peer), headers, TRUSTED))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["1.1.1.1", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["198.51.100.7:5678"], "198.51.100.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["fe80::1%eth0"], "fe80::1"),
        ([], PROXY),
        ([""], PROXY),
        (["unknown"], PROXY),
        (["198.51.100.7, garbage, 10.0.0.2"], PROXY),
        (["198.51.100.7,"], PROXY),
        (["999.1.1.1"], PROXY),
        (["198.51.100.7 198.51.100.8"], PROXY),
        (["\xff\xfe"], PROXY),
        (["1" * 5000], PROXY),
    ],
)
def test_x_forwarded_for_is_walked_from_the_right(values: list[str], found: str) -> None:
    assert _client("x-forwarded-for", *values) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["for=198.51.100.7"], "198.51.100.7"),
        (["For=198.51.100.7;proto=https;by=10.0.0.1"], "198.51.100.7"),
        (['for="[2001:db8::7]:4711";proto=https'], "2001:db8::7"),
        (['for="198.51.100.7:80"'], "198.51.100.7"),
        (["for=1.1.1.1, for=198.51.100.7, for=10.0.0.2"], "198.51.100.7"),
        (["for=1.1.1.1", 'for=198.51.100.7; host="a,b;c"'], "198.51.100.7"),
        (['host="\\"x, for=6.6.6.6";for=198.51.100.7'], "198.51.100.7"),
        (["for=unknown"], PROXY),
        (["for=_hidden, for=10.0.0.2"], PROXY),
        (["proto=https"], PROXY),
        (["for"], PROXY),
        (['for="198.51.100.7'], PROXY),
        (["for=198.51.100.7;;"], PROXY),
        ([""], PROXY),
    ],
)
def test_forwarded_is_read_by_its_grammar(values: list[str], found: str) -> None:
    assert _client("forwarded", *values) == found


@pytest.mark.parametrize("source", ["cf-connecting-ip", "true-client-ip"])
def test_headers_of_one_address(source: str) -> None:
    assert _client(source, "198.51.100.7") == "198.51.100.7"
    assert _client(source, "198.51.100.7", "198.51.100.8") == PROXY
    assert _client(source, "198.51.100.7, 198.51.100.8") == PROXY
    assert _client(source) == PROXY


@pytest.mark.parametrize("source", ["x-forwarded-for", "cf-connecting-ip", "true-client-ip"])
def test_an_untrusted_peer_is_believed_nothing(source: str) -> None:
    assert _client(source, "198.51.100.7", peer=OTHER) == OTHER


def test_a_site_may_count_the_peer_only() -> None:
    assert _client("peer", "198.51.100.7") == PROXY


def test_a_mapped_peer_is_an_ipv4_peer() -> None:
    assert _client("x-forwarded-for", "198.51.100.7", peer="::ffff:10.0.0.1") == "198.51.100.7"
    assert _client("x-forwarded-for", peer="::ffff:203.0.113.9") == OTHER


def test_without_trusted_proxies_the_peer_counts() -> None:
    headers = [(b"X-Forwarded-For", b"198.51.100.7")]
    peer = ip_address("127.0.0.1")
    assert client_address(a_site(), peer, headers, parse_networks("")) == peer


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("cloudflare", "173.245.48.1", "192.0.2.1"),
        ("Cloudflare", "2606:4700::1", "2001:db8::1"),
        ("private", "192.168.3.4", "127.0.0.1"),
        ("loopback", "::1", "10.0.0.1"),
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.7/24", "192.0.2.1", "192.0.3.1"),
        ("0.0.0.0/0", "8.8.8.8", "::"),
    ],
)
def test_sets_of_networks(text: str, inside: str, outside: str) -> None:
    networks = parse_networks(text)
    assert ip_address(inside) in networks
    assert ip_address(outside) not in networks


def test_an_unknown_word_is_named() -> None:
    with pytest.raises(ValueError, match=r"'akamai'.*cloudflare, private, surroundings, loopback"):
        parse_networks("private, akamai")


@given(st.binary(max_size=80))
def test_no_bytes_make_it_raise(value: bytes) -> None:
    parse_address(value)
    for source in ("x-forwarded-for", "forwarded", "cf-connecting-ip"):
        headers = [(source.encode(), value)]
        found = client_address(a_site(client_ip=source), ip_address(PROXY), headers, TRUSTED)
        assert found.packed


@pytest.mark.parametrize(
    ("peer", "told", "found"),
    [
        (PROXY, "198.51.100.7", "198.51.100.7"),
        (PROXY, "1.1.1.1, 198.51.100.7,10.0.0.2", "198.51.100.7"),
        (PROXY, "", PROXY),
        (PROXY, "\u20ac", PROXY),
        ("::1", "2001:db8::7", "2001:db8::7"),
        (OTHER, "198.51.100.7", OTHER),
        ("", "198.51.100.7", ""),
        ("a name", "198.51.100.7", "a name"),
    ],
)
def test_of_texts_it_is_found_alike(peer: str, told: str, found: str) -> None:
    assert forwarded_for(peer, told, TRUSTED) == found
