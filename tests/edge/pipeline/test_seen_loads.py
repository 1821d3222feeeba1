"""A load is confirmed once, and may be confirmed later if its event was not taken."""

from edge.pipeline.seen_loads import SeenLoads


def test_a_load_is_claimed_once_until_it_is_released() -> None:
    loads = SeenLoads()
    assert [loads.claim(7), loads.claim(7), loads.claim(8)] == [True, False, True]
    loads.release(7)
    assert loads.claim(7)


def test_the_oldest_is_forgotten_first() -> None:
    loads = SeenLoads(most_loads=2)
    assert [loads.claim(n) for n in (1, 2, 3)] == [True] * 3
    assert [loads.claim(n) for n in (3, 1)] == [False, True]
