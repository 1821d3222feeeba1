"""A head has exactly one reading, or none."""

import pytest

from edge.wire.head import (
    check_partial_head,
    is_valid_target,
    is_valid_value,
    parse_request_head,
)
from edge.wire.refusal import (
    BAD_REQUEST,
    HEAD_TOO_LARGE,
    METHOD_REFUSED,
    TARGET_TOO_LONG,
    Refusal,
)

GOOD = b"GET /a?b=%zz HTTP/1.1\r\nHost: shop.example\r\nX-mIx:  1 \r\n\r\n"


def test_a_head_keeps_every_byte_that_matters() -> None:
    head = parse_request_head(GOOD)

    assert not isinstance(head, Refusal)
    assert (head.method, head.target, head.version) == (b"GET", b"/a?b=%zz", b"HTTP/1.1")
    assert head.headers == [(b"Host", b"shop.example"), (b"X-mIx", b"1")]
    assert head.authority == b""


@pytest.mark.parametrize(
    ("target", "authority", "path"),
    [
        (b"http://shop.example/a?b", b"shop.example", b"/a?b"),
        (b"HTTPS://shop.example:8443", b"shop.example:8443", b"/"),
        (b"http://shop.example?b", b"shop.example", b"/?b"),
        (b"http://[::1]:80/a", b"[::1]:80", b"/a"),
    ],
)
def test_absolute_form_is_taken_apart(target: bytes, authority: bytes, path: bytes) -> None:
    head = parse_request_head(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target)

    assert not isinstance(head, Refusal)
    assert (head.authority, head.target) == (authority, path)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\n A: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA b\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\tb HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
        b"GET / http/1.1\r\nHost: x\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    assert parse_request_head(raw) is BAD_REQUEST


def test_options_may_ask_about_the_server() -> None:
    head = parse_request_head(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")

    assert not isinstance(head, Refusal)
    assert head.target == b"*"


def test_connect_is_not_ours() -> None:
    assert parse_request_head(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n") is METHOD_REFUSED


def test_limits_have_names() -> None:
    long_target = b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    long_field = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 66_000 + b"\r\n\r\n"

    assert parse_request_head(long_target) is TARGET_TOO_LONG
    assert parse_request_head(long_field) is HEAD_TOO_LARGE
    assert check_partial_head(long_target[:39_000]) is TARGET_TOO_LONG
    assert check_partial_head(long_field[:-2]) is HEAD_TOO_LARGE


def test_every_beginning_of_a_good_head_is_worth_waiting_for() -> None:
    assert [check_partial_head(GOOD[:end]) for end in range(1, len(GOOD))] == [None] * (
        len(GOOD) - 1
    )


@pytest.mark.parametrize("begun", [b"\x16\x03\x01", b" GET", b"GET / HTTP/1.1\nA", b"GET /\0"])
def test_a_hopeless_beginning_is_not_waited_for(begun: bytes) -> None:
    assert check_partial_head(begun) is BAD_REQUEST


@pytest.mark.parametrize("value", [b"a\rb", b"a\nb", b"a\0b"])
def test_binary_framing_brings_no_line_ends(value: bytes) -> None:
    assert is_valid_value(b"caf\xe9; a=b")
    assert not is_valid_value(value)
    assert not is_valid_target(b"/" + value)


@pytest.mark.parametrize("target", [b"", b"a", b"/a b", b"http://x/"])
def test_binary_framing_brings_origin_form_only(target: bytes) -> None:
    assert is_valid_target(b"/a?b=\xc3\xa9")
    assert is_valid_target(b"*")
    assert not is_valid_target(target)
