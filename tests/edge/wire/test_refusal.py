"""Pages of ours tell a visitor what to do and an attacker nothing."""

from dataclasses import fields

from edge.wire import refusal
from edge.wire.hsts import HSTS
from edge.wire.refusal import (
    MAINTENANCE,
    Challenge,
    ErrorPage,
    Redirect,
    Refusal,
    render_error,
)

ALL = [value for value in vars(refusal).values() if isinstance(value, Refusal)]


def test_a_page_is_plain_uncacheable_and_can_be_found_again() -> None:
    page = render_error(refusal.BAD_GATEWAY, "0123abcd")
    named = dict(page.headers)

    assert (page.status, page.reason) == (502, b"Bad Gateway")
    assert page.body.endswith(b"Request 0123abcd\n")
    assert named[b"Content-Type"] == b"text/plain; charset=utf-8"
    assert named[b"Cache-Control"] == b"no-store"
    assert named[b"X-Request-Id"] == b"0123abcd"
    assert int(named[b"Content-Length"]) == len(page.body)


def test_no_page_names_a_product() -> None:
    for page in (render_error(each, "id") for each in ALL):
        whole = b"".join(str(getattr(page, f.name)).encode() for f in fields(ErrorPage)).lower()
        assert not any(word in whole for word in (b"statflow", b"mitm", b"python", b"proxy"))


def test_every_refusal_is_an_error() -> None:
    assert len(ALL) >= 10
    assert all(400 <= each.status < 600 for each in ALL)


def test_maintenance_says_when_to_come_again() -> None:
    page = render_error(MAINTENANCE, "id")

    assert page.status == 503
    assert (b"Retry-After", b"300") in page.headers
    assert (b"Cache-Control", b"no-store") in page.headers


def test_a_redirect_is_remembered_by_nobody_and_repeats_nothing() -> None:
    page = render_error(Redirect(308, b"https://a.example/x?y", (HSTS,)), "id")

    assert (page.status, page.reason) == (308, b"Permanent Redirect")
    assert (b"Location", b"https://a.example/x?y") in page.headers
    assert (b"Cache-Control", b"no-store") in page.headers
    assert HSTS in page.headers
    assert b"a.example" not in page.body


def test_a_challenge_is_its_file() -> None:
    page = render_error(Challenge(b"token.thumb"), "id")

    assert (page.status, page.body) == (200, b"token.thumb")
    assert (b"Content-Length", b"11") in page.headers
