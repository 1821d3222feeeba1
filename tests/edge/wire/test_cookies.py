"""Our one cookie stops here, and nothing else of Cookie changes."""

import pytest

from edge.wire.cookies import has_opt_out, joined_crumbs, without_opt_out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a=1; sf_out=1; b=2", b"a=1; b=2"),
        (b"sf_out=1; a=1", b"a=1"),
        (b"a=1;sf_out=1", b"a=1"),
        (b"sf_out=1;  sf_out=1;a=1", b"a=1"),
        (b"a=sf_out=1; xsf_out=1; sf_out=11;;  ", b"a=sf_out=1; xsf_out=1; sf_out=11;;  "),
        (b"a=1;; ;b=\xe9 ", b"a=1;; ;b=\xe9 "),
    ],
)
def test_our_pair_goes(before: bytes, after: bytes) -> None:
    assert without_opt_out([(b"cOOkie", before)]) == [(b"cOOkie", after)]


def test_an_empty_rest_goes_whole() -> None:
    assert without_opt_out([(b"Cookie", b"sf_out=1"), (b"X", b"sf_out=1")]) == [(b"X", b"sf_out=1")]


def test_opting_out_is_seen() -> None:
    assert has_opt_out([(b"cookie", b"a=1; sf_out=1")])
    assert not has_opt_out([(b"cookie", b"a=1; sf_out=0"), (b"X", b"sf_out=1")])


def test_crumbs_are_joined_in_the_place_of_the_first() -> None:
    crumbs = [(b"cookie", b"a=1"), (b"x", b"1"), (b"cookie", b"b=2")]

    assert joined_crumbs(crumbs) == [(b"cookie", b"a=1; b=2"), (b"x", b"1")]
    assert joined_crumbs(crumbs[:2]) == crumbs[:2]
