"""Token buckets."""

from portal.limits import MAX_KEYS, Limit


def test_a_burst_passes_and_then_the_rate() -> None:
    limit = Limit(burst=2, per_hour=3600)
    assert [limit.take("a", 0.0) for _ in range(3)] == [0, 0, 1]
    assert limit.take("b", 0.0) == 0
    assert limit.take("a", 1.1) == 0
    assert limit.take("a", 1.2) == 1


def test_no_rate_is_no_limit() -> None:
    limit = Limit(burst=0, per_hour=0)
    assert [limit.take("a", 0.0) for _ in range(100)] == [0] * 100


def test_keys_are_bounded() -> None:
    limit = Limit(burst=1, per_hour=1)
    for number in range(MAX_KEYS + 50):
        limit.take(str(number), 0.0)
    assert len(limit._buckets) == MAX_KEYS
