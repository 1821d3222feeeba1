"""Limits by client and by site: buckets that fill evenly."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from edge.collector.rate import Buckets, RateLimits

ONE, OTHER = ip_address("192.0.2.1"), ip_address("192.0.2.2")
START_MS = 1_767_225_600_000


def test_no_limit_is_no_limit() -> None:
    assert RateLimits().retry_after_s(1, ONE, 10**9, START_MS) == 0


def test_a_client_has_a_minutes_events_and_then_waits_for_the_next() -> None:
    limits = RateLimits(per_client=3)
    assert [limits.retry_after_s(1, ONE, 1, START_MS) for _ in range(4)] == [0, 0, 0, 20]
    assert limits.retry_after_s(1, OTHER, 3, START_MS) == 0
    assert limits.retry_after_s(2, ONE, 3, START_MS) == 0
    assert limits.retry_after_s(1, ONE, 1, START_MS + 19_999) == 1
    assert limits.retry_after_s(1, ONE, 1, START_MS + 20_000) == 0
    assert limits.retry_after_s(1, ONE, 3, START_MS + 80_000) == 0


def test_what_is_refused_takes_nothing() -> None:
    limits = RateLimits(per_client=2)
    assert limits.retry_after_s(1, ONE, 2, START_MS) == 0
    waits = [limits.retry_after_s(1, ONE, 1, START_MS + 10_000) for _ in range(5)]
    assert waits == [20] * 5


def test_a_batch_larger_than_a_bucket_is_taken_when_it_is_full() -> None:
    limits = RateLimits(per_client=2)
    assert limits.retry_after_s(1, ONE, 50, START_MS) == 0
    assert limits.retry_after_s(1, ONE, 50, START_MS) == 60


def test_a_site_fills_within_a_second() -> None:
    limits = RateLimits(per_site=2)
    assert [limits.retry_after_s(1, ONE, 1, START_MS) for _ in range(3)] == [0, 0, 1]
    assert limits.retry_after_s(1, ONE, 1, START_MS + 500) == 0
    assert limits.retry_after_s(1, ONE, 2, START_MS + 1_500) == 0


def test_an_ipv6_network_is_one_client() -> None:
    limits = RateLimits(per_client=1)
    assert limits.retry_after_s(1, ip_address("2001:db8::1"), 1, START_MS) == 0
    assert limits.retry_after_s(1, ip_address("2001:db8::2"), 1, START_MS) == 60
    assert limits.retry_after_s(1, ip_address("2001:db8:0:1::1"), 1, START_MS) == 0


def test_memory_is_bounded_and_holds_no_address() -> None:
    buckets = Buckets[int](1, 60_000, most=100)
    for key in range(1_000):
        assert buckets.wait_ms(key, 1, START_MS) == 0
        assert len(buckets._full_at_ms) <= 100
    assert buckets.wait_ms(7, 1, START_MS + 120_000) == 0
    assert list(buckets._full_at_ms) == [7]
    limits = RateLimits(per_client=1)
    limits.retry_after_s(1, ONE, 1, START_MS)
    assert limits._clients is not None
    assert all(ONE.packed not in key for key in limits._clients._full_at_ms)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 12)), max_size=60))
def test_no_window_ever_takes_more_than_two_buckets(asked: list[tuple[int, int]]) -> None:
    """A full bucket, and what flows in meanwhile: at most the double within any minute."""
    buckets, now_ms, taken = Buckets[str](10, 60_000), START_MS, list[tuple[int, int]]()
    for pause_ms, tokens in asked:
        now_ms += pause_ms
        if not buckets.wait_ms("one", tokens, now_ms):
            taken.append((now_ms, min(tokens, 10)))
        recent = sum(tokens for at_ms, tokens in taken if at_ms > now_ms - 60_000)
        assert recent <= 20
