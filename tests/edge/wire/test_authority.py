"""Exactly one valid authority."""

import pytest

from edge.wire.authority import is_authority, resolve_authority, with_host
from edge.wire.fields import Indexed, values_of, without
from edge.wire.refusal import BAD_HOST

HOST = (b"Host", b"shop.example")


def test_the_host_field_is_the_authority() -> None:
    assert resolve_authority([HOST]) == b"shop.example"


def test_the_targets_authority_wins() -> None:
    assert resolve_authority([HOST], b"blog.example:81") == b"blog.example:81"


@pytest.mark.parametrize("fields", [[], [HOST, HOST], [HOST, (b"HOST", b"b")], [(b"Host", b"")]])
def test_none_or_two_are_refused(fields: list[tuple[bytes, bytes]]) -> None:
    assert resolve_authority(fields) is BAD_HOST
    assert resolve_authority(fields, b"shop.example") is BAD_HOST


def test_http2_needs_no_host_but_may_not_contradict() -> None:
    assert resolve_authority([], b"shop.example", binary=True) == b"shop.example"
    assert resolve_authority([HOST], b"SHOP.example", binary=True) == b"SHOP.example"
    assert resolve_authority([HOST], binary=True) == b"shop.example"
    assert resolve_authority([HOST], b"blog.example", binary=True) is BAD_HOST
    assert resolve_authority([], binary=True) is BAD_HOST


@pytest.mark.parametrize("good", [b"a", b"a.b-c_d:80", b"127.0.0.1:8080", b"[::1]:443", b"a.:0"])
def test_names_addresses_and_ports(good: bytes) -> None:
    assert is_authority(good)


@pytest.mark.parametrize(
    "bad",
    [b"a/b", b"a@b", b"a b", b"a:", b"a:x", b"a:65536", b"a,b", b"[::1", b"\xc3\xa9", b"a:80:80"],
)
def test_anything_else_is_no_authority(bad: bytes) -> None:
    assert not is_authority(bad)


def test_host_is_written_where_it_stood() -> None:
    fields = [(b"A", b"1"), (b"hOST", b"x"), (b"B", b"2")]

    assert with_host(fields, b"y") == [(b"A", b"1"), (b"hOST", b"y"), (b"B", b"2")]
    assert with_host(fields, b"x") == fields
    assert with_host(fields[:1], b"y") == [(b"Host", b"y"), (b"A", b"1")]


def test_a_replaced_host_leaves_fields_that_can_be_changed_again() -> None:
    fields = Indexed([(b"Accept", b"*/*"), (b"hOsT", b"a.example"), (b"X-Sf-Front", b"1")])
    replaced = with_host(fields, b"inner.example")
    assert replaced[1] == (b"hOsT", b"inner.example")
    assert without(replaced, frozenset({b"x-sf-front"})) == replaced[:2]
    assert values_of(replaced, b"host") == [b"inner.example"]
    assert values_of(fields, b"host") == [b"a.example"]
