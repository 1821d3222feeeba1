"""Several workers' metrics read as one program's."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from statflow.merged_metrics import MergedMetrics


def a_worker(pages: int, connections: int, seconds: tuple[float, ...] = ()) -> str:
    registry = CollectorRegistry()
    counter = Counter("pages", 'Pages "served".', ["site"], registry=registry)
    counter.labels('a"b\\c').inc(pages)
    Gauge("connections", "Open ones.", registry=registry).set(connections)
    histogram = Histogram("added_seconds", "Time.", buckets=(0.1, 1.0), registry=registry)
    for value in seconds:
        histogram.observe(value)
    return generate_latest(registry).decode()


def read(merged: MergedMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(merged.render().decode())
        for sample in family.samples
    }


def test_counters_and_histograms_are_summed_and_gauges_told_apart() -> None:
    merged = MergedMetrics()
    merged.take("worker1", 11, a_worker(3, 1, (0.05,)))
    merged.take("worker2", 12, a_worker(4, 2, (0.05, 5.0)))
    found = read(merged)

    assert found["pages_total", (("site", 'a"b\\c'),)] == 7
    assert found["added_seconds_bucket", (("le", "0.1"),)] == 2
    assert found["added_seconds_bucket", (("le", "+Inf"),)] == 3
    assert found["added_seconds_count", ()] == 3
    assert found["connections", (("worker", "worker1"),)] == 1
    assert found["connections", (("worker", "worker2"),)] == 2
    assert not any(name.endswith("_created") for name, _ in found)


def test_each_family_is_introduced_once() -> None:
    merged = MergedMetrics()
    merged.take("worker1", 11, a_worker(3, 1))
    merged.take("worker2", 12, a_worker(4, 2))
    text = merged.render().decode()

    assert text.count("# TYPE pages_total counter") == 1
    assert text.count("# TYPE connections gauge") == 1


def test_a_sum_never_goes_down() -> None:
    merged = MergedMetrics()
    key = ("pages_total", (("site", 'a"b\\c'),))
    merged.take("worker1", 11, a_worker(3, 1))
    merged.take("worker2", 12, a_worker(4, 2))
    merged.take("worker1", 11, a_worker(5, 1))
    assert read(merged)[key] == 9
    merged.take("worker1", 21, a_worker(1, 1))
    assert read(merged)[key] == 10
    merged.take("worker1", 31, a_worker(1, 1))
    merged.take("worker2", 12, a_worker(6, 2))
    assert read(merged)[key] == 13


def test_nothing_is_a_valid_exposition() -> None:
    assert read(MergedMetrics()) == {}
