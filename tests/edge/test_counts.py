"""The counter that events are counted with."""

from concurrent.futures import ThreadPoolExecutor

from prometheus_client import REGISTRY

from edge.counts import Counts


def test_threads_that_count_at_once_lose_nothing_and_labels_are_kept_apart() -> None:
    counts = Counts("statflow_test_counts", "A test's.", "site", "outcome")
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(_count_many, [counts] * 4))
        counts.add(2, "dnt")
        name = "statflow_test_counts_total"
        assert REGISTRY.get_sample_value(name, {"site": "1", "outcome": "accepted"}) == 40_000
        assert REGISTRY.get_sample_value(name, {"site": "2", "outcome": "dnt"}) == 1
    finally:
        REGISTRY.unregister(counts)


def _count_many(counts: Counts) -> None:
    for _ in range(5_000):
        counts.add(1, "accepted", n=2)
