"""Plain numbers for each site, and what Prometheus makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from edge.fronts.ledger import Histogram, Ledger, LedgerCollector

BOUNDS = (1.0, 2.0, 5.0)


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [
        ([], None, None),
        ([1.5] * 10, 1.5, 1.95),
        ([0.5] * 50 + [4.0] * 50, 1.0, 4.7),
        ([9.0], 5.0, 5.0),
    ],
)
def test_quantiles_come_from_buckets(
    values: list[float], p50: float | None, p95: float | None
) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    assert histogram.quantile(0.5) == (p50 and pytest.approx(p50))
    assert histogram.quantile(0.95) == (p95 and pytest.approx(p95))


@given(st.lists(st.floats(0, 10), min_size=1))
def test_every_value_is_in_one_bucket_and_quantiles_grow(values: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    assert histogram.cumulated()[-1] == ("+Inf", len(values))
    counts = [sum(value <= bound for value in values) for bound in BOUNDS]
    assert [count for _, count in histogram.cumulated()[:-1]] == counts
    low, high = histogram.quantile(0.5), histogram.quantile(0.95)
    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= BOUNDS[-1]


def test_prometheus_sees_every_site() -> None:
    ledger = Ledger()
    tally = ledger.of(3)
    assert ledger.of(3) is tally
    tally.eligible, tally.cut = 2, 1
    tally.count("injected")
    tally.count("fragment")
    tally.ttfb.observe(0.003)
    tally.added.observe(0.0002)
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger))

    lines = generate_latest(registry).decode().splitlines()

    for line in (
        'statflow_documents_total{outcome="injected",site="3"} 1.0',
        'statflow_documents_total{outcome="fragment",site="3"} 1.0',
        'statflow_eligible_total{site="3"} 2.0',
        'statflow_cut_total{site="3"} 1.0',
        'statflow_ttfb_seconds_bucket{le="0.005",site="3"} 1.0',
        'statflow_added_seconds_bucket{le="0.0001",site="3"} 0.0',
        'statflow_added_seconds_bucket{le="+Inf",site="3"} 1.0',
        'statflow_added_seconds_count{site="3"} 1.0',
        'statflow_added_seconds_sum{site="3"} 0.0002',
    ):
        assert line in lines
