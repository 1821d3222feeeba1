"""Strict-Transport-Security is added where there is none."""

from edge.wire.hsts import HSTS, with_hsts


def test_it_is_added_once() -> None:
    assert with_hsts([(b"A", b"b")]) == [(b"A", b"b"), HSTS]
    assert with_hsts([HSTS]) == [HSTS]


def test_what_the_origin_says_stays() -> None:
    fields = [(b"strict-transport-security", b"max-age=0")]

    assert with_hsts(fields) == fields
