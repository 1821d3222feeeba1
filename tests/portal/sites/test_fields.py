"""A site's fields as people type them."""

import pytest

from edge.sites import Origin, normal_host
from portal.sites.fields import (
    FieldError,
    read_host,
    read_mode,
    read_timezone,
    read_upstream,
    timezones,
)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (" Shop.Example.com. ", "shop.example.com"),
        ("shop.example:8443", "shop.example"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_is_brought_to_the_form_the_edge_compares(typed: str, read: str) -> None:
    assert read_host(typed) == read
    assert normal_host(read) == read


@pytest.mark.parametrize("typed", ["", "https://a.example", "a b", "a..b", "-" * 300, "a_é" * 90])
def test_what_is_no_host_is_said_so(typed: str) -> None:
    with pytest.raises(FieldError, match="host name"):
        read_host(typed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("http://10.0.0.5:3000", "http://10.0.0.5:3000"),
        (" HTTPS://Origin.example/ ", "https://origin.example"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_upstream_is_what_an_edge_reads(typed: str, read: str) -> None:
    assert read_upstream(typed) == read
    Origin.parse(read)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "10.0.0.5:3000",
        "ftp://a",
        "http://",
        "http://a/path",
        "http://a?x",
        "http://u:p@a",
        "http://a:99999",
        "http://a:0",
        "http://a b",
    ],
)
def test_what_is_no_upstream_is_said_so(typed: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_upstream(typed)
    assert caught.value.field == "upstream"


def test_a_time_zone_must_exist() -> None:
    assert read_timezone(" Europe/Paris ") == "Europe/Paris"
    for typed in ("", "Paris", "../etc/passwd", "Europe/Atlantis"):
        with pytest.raises(FieldError, match="time zone"):
            read_timezone(typed)
    assert {"UTC", "Europe/Paris", "America/New_York"} <= set(timezones())


def test_a_mode_is_one_of_the_list() -> None:
    assert read_mode("shadow") == "shadow"
    with pytest.raises(FieldError):
        read_mode("sideways")
