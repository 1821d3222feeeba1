"""Which documents get a load id: those that are never shown again unasked, to who may report."""

from typing import Any

import pytest

from edge.fronts.loads import can_confirm, draw_load, is_fetched_ahead, is_kept, refusal_of
from edge.fronts.served import Asked
from edge.load_id import read_load_id, was_ahead
from tests.support.factories import a_site

CONTROL = b"Cache-Control"


def asked(origin: str = "https://shop.example", *headers: Any, **site: Any) -> Asked:
    return Asked(
        a_site(**{"load_key": "key"} | site), "GET", b"/", list(headers), origin, None, False
    )


@pytest.mark.parametrize(
    "headers",
    [
        [(CONTROL, b"no-store")],
        [(CONTROL, b"no-store, max-age=600")],
        [(CONTROL, b"no-cache"), (b"ETag", b'"1"')],
        [(CONTROL, b"private, max-age=0, must-revalidate"), (b"ETag", b'"1"')],
        [(CONTROL, b"max-age=0"), (b"Last-Modified", b"Mon, 01 Jan 2024 00:00:00 GMT")],
        [(CONTROL, b"private")],
        [(b"Set-Cookie", b"sid=1")],
    ],
)
def test_what_is_asked_for_at_each_use_is_not_kept(headers: list[tuple[bytes, bytes]]) -> None:
    assert not is_kept(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"ETag", b'"1"')],
        [(CONTROL, b"max-age=60")],
        [(CONTROL, b"private, max-age=60")],
        [(CONTROL, b"max-age=0, s-maxage=60")],
        [(CONTROL, b"max-age=0, stale-while-revalidate=60")],
        [(CONTROL, b"public")],
        [(CONTROL, b'no-cache="set-cookie"')],
        [(CONTROL, b"private"), (b"Last-Modified", b"Mon, 01 Jan 2024 00:00:00 GMT")],
        [(CONTROL, b"private"), (b"Expires", b"Mon, 01 Jan 2035 00:00:00 GMT")],
        [(b"Set-Cookie", b"sid=1"), (CONTROL, b"max-age=60")],
    ],
)
def test_what_may_be_shown_again_is_kept(headers: list[tuple[bytes, bytes]]) -> None:
    assert is_kept(headers)


@pytest.mark.parametrize(
    ("asked", "can"),
    [
        (asked(), True),
        (asked("http://shop.example"), False),
        (asked("http://localhost:8080"), True),
        (asked("http://shop.localhost:8080"), True),
        (asked("http://127.0.0.1"), True),
        (asked("https://shop.example", (b"Sec-Fetch-Dest", b"iframe")), False),
        (asked("https://shop.example", (b"Sec-GPC", b"1")), False),
        (asked("https://shop.example", (b"DNT", b"1")), False),
        (asked("https://shop.example", (b"DNT", b"1"), respect_dnt=False), True),
        (asked(load_key=""), False),
        (asked(hits=False), False),
    ],
)
def test_an_id_goes_only_where_it_may_come_back_from(asked: Asked, can: bool) -> None:
    assert can_confirm(asked) is can


def test_the_cookie_of_the_opt_out_is_a_refusal_whatever_the_site_says_of_dnt() -> None:
    assert refusal_of(asked(respect_dnt=False)._replace(opted_out=True)) == "opted_out"


@pytest.mark.parametrize(
    ("header", "ahead"),
    [
        ((b"Sec-Purpose", b"prefetch"), True),
        ((b"Sec-Purpose", b"prefetch;prerender"), True),
        ((b"Purpose", b"prefetch"), True),
        ((b"X-Moz", b"prefetch"), True),
        ((b"Sec-Fetch-Dest", b"document"), False),
    ],
)
def test_what_is_fetched_ahead_says_so_in_its_id(header: tuple[bytes, bytes], ahead: bool) -> None:
    one = asked("https://shop.example", header)
    assert is_fetched_ahead(one.headers) is ahead
    load_id, (name, value) = draw_load(one, 200, lambda bits: 2**bits - 1)
    assert (name, value) == (b"Server-Timing", b'sf;desc="%016x"' % load_id)
    assert was_ahead(read_load_id(one.site, f"{load_id:016x}")) is ahead
