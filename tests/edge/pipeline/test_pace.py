"""How fast clients open pages."""

from edge.pipeline.pace import MOST_VIEWS, WINDOW_MS, Pace


def test_one_view_too_many_in_a_window_is_told() -> None:
    pace = Pace()
    told = [pace.is_too_fast(1, 7, WINDOW_MS + n) for n in range(MOST_VIEWS + 1)]
    assert told == [False] * MOST_VIEWS + [True]


def test_other_clients_other_sites_and_later_windows_count_alone() -> None:
    pace = Pace()
    for _ in range(MOST_VIEWS):
        pace.is_too_fast(1, 7, 0)
    assert not pace.is_too_fast(1, 8, 0)
    assert not pace.is_too_fast(2, 7, 0)
    assert not pace.is_too_fast(1, 7, WINDOW_MS)


def test_memory_is_bounded() -> None:
    pace = Pace(most_clients=3)
    for visitor in range(100):
        pace.is_too_fast(1, visitor, 0)
    assert len(pace._views) == 3
    assert not any(pace.is_too_fast(1, 99, 0) for _ in range(MOST_VIEWS + 1))
