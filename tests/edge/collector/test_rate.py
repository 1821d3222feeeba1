"""Limits by client and by site."""

from ipaddress import ip_address

from edge.collector import rate
from edge.collector.rate import RateLimits

ONE, OTHER = ip_address("192.0.2.1"), ip_address("192.0.2.2")
START_MS = 1_767_225_600_000


def test_no_limit_is_no_limit() -> None:
    assert RateLimits().retry_after_s(1, ONE, 10**9, START_MS) == 0


def test_a_client_waits_for_the_next_minute() -> None:
    limits = RateLimits(per_client=3)
    assert [limits.retry_after_s(1, ONE, 1, START_MS + 10_000) for _ in range(4)] == [0, 0, 0, 50]
    assert limits.retry_after_s(1, OTHER, 3, START_MS + 10_000) == 0
    assert limits.retry_after_s(2, ONE, 3, START_MS + 10_000) == 0
    assert limits.retry_after_s(1, ONE, 3, START_MS + 60_000) == 0


def test_a_site_waits_a_second() -> None:
    limits = RateLimits(per_site=2)
    assert [limits.retry_after_s(1, ONE, 1, START_MS) for _ in range(3)] == [0, 0, 1]
    assert limits.retry_after_s(1, ONE, 2, START_MS + 1_000) == 0


def test_an_ipv6_network_is_one_client() -> None:
    limits = RateLimits(per_client=1)
    assert limits.retry_after_s(1, ip_address("2001:db8::1"), 1, START_MS) == 0
    assert limits.retry_after_s(1, ip_address("2001:db8::2"), 1, START_MS) == 60
    assert limits.retry_after_s(1, ip_address("2001:db8:0:1::1"), 1, START_MS) == 0


def test_memory_is_bounded_and_holds_no_address() -> None:
    limits = RateLimits(per_client=1)
    rate_cap = rate._MOST_CLIENTS
    limits._clients = {n.to_bytes(16): 1 for n in range(rate_cap)}
    limits._client_window = START_MS // rate.CLIENT_WINDOW_MS
    limits.retry_after_s(1, ONE, 1, START_MS)
    assert len(limits._clients) == 1
    assert ONE.packed not in next(iter(limits._clients))
