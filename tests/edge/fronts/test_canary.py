"""Shares of paths and of visitors: even, stable, and each grows without losing anybody."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.fronts.canary import is_for_one_visitor, is_path_inside, is_visitor_inside
from edge.inject.tag import Headers
from tests.support.factories import a_site

NOW_S = 1_767_225_600.0
PATHS = [b"/products/%d" % n for n in range(2_000)]
ADDRESSES = [ip_address(0x0A000000 + n) for n in range(2_000)]
paths = st.binary(min_size=1, max_size=30).map(lambda rest: b"/" + rest)


def paths_inside(percent: int, key: str = "stk_test") -> set[bytes]:
    site = a_site(canary_percent=percent, public_key=key)
    return {path for path in PATHS if is_path_inside(site, path)}


def visitors_inside(percent: int, now_s: float = NOW_S, agent: bytes = b"Firefox") -> set[str]:
    site = a_site(canary_percent=percent)
    return {str(a) for a in ADDRESSES if is_visitor_inside(site, a, agent, now_s)}


def test_a_share_is_what_it_says() -> None:
    assert 140 < len(paths_inside(10)) < 260
    assert 140 < len(visitors_inside(10)) < 260
    assert (len(paths_inside(0)), len(paths_inside(100))) == (0, 2_000)
    assert (len(visitors_inside(0)), len(visitors_inside(100))) == (0, 2_000)


def test_a_share_that_grows_keeps_whom_it_had() -> None:
    assert paths_inside(10) <= paths_inside(11) < paths_inside(30)
    assert visitors_inside(10) < visitors_inside(30)


def test_sites_try_different_paths() -> None:
    both = paths_inside(30) & paths_inside(30, "stk_other")
    assert 100 < len(both) < 260


@given(paths, st.binary(max_size=20), st.integers(0, 100))
def test_a_path_is_inside_whatever_its_query(path: bytes, query: bytes, percent: int) -> None:
    site = a_site(canary_percent=percent)
    assert is_path_inside(site, path) == is_path_inside(site, path + b"?" + query)


def test_a_path_is_inside_for_ever() -> None:
    """Golden: a change here would move every canary of every installation."""
    site = a_site(canary_percent=10)
    inside = [path for path in PATHS[:40] if is_path_inside(site, path)]
    assert inside == [b"/products/12", b"/products/19"]


def test_a_visitor_is_the_same_for_a_day_only() -> None:
    day = NOW_S // 86_400 * 86_400
    assert visitors_inside(10, day) == visitors_inside(10, day + 86_399)
    assert visitors_inside(10, day) != visitors_inside(10, day + 86_400)


def test_a_visitor_is_an_address_and_an_agent() -> None:
    assert visitors_inside(30) != visitors_inside(30, agent=b"Chrome")


@pytest.mark.parametrize(
    ("headers", "one"),
    [
        ([], False),
        ([(b"Cache-Control", b"public, max-age=60")], False),
        ([(b"Cache-Control", b"no-cache")], False),
        ([(b"Cache-Control", b'private="x-field"')], False),
        ([(b"cache-control", b"max-age=0, Private")], True),
        ([(b"Cache-Control", b"public"), (b"Cache-Control", b"no-store")], True),
        ([(b"SET-COOKIE", b"a=1")], True),
    ],
)
def test_an_answer_is_for_one_visitor_if_it_says_so(headers: Headers, one: bool) -> None:
    assert is_for_one_visitor(headers) is one
