import pytest

from store.query.metrics import BY_METRIC, METRICS, change_of
from store.query.model import Metric


@pytest.mark.parametrize(
    ("metric", "before", "now", "change"),
    [
        ("visitors", 0, 5, 100),
        ("visitors", 0, 0, 0),
        ("visitors", 5, 0, -100),
        ("visitors", 8, 9, 13),  # 12.5, half away from zero
        ("visitors", 8, 7, -13),
        ("visitors", 200, 201, 1),  # 0.5
        ("views_per_visit", 1.6, 2.0, 25),
        ("visit_duration", 3, 4, 33),
        ("bounce_rate", 40, 25, -15),
        ("bounce_rate", 0, 25, 25),
        ("engagement_rate", 60, 61, 1),
        ("exit_rate", 12.3, 12.1, -0.2),
        ("time_on_page", None, 10, None),
        ("scroll_depth", 10, None, None),
    ],
)
def test_change_is_percent_or_the_difference_of_rates(
    metric: str, before: float | None, now: float | None, change: float | None
) -> None:
    assert change_of(Metric(metric), before, now) == change


def test_every_metric_is_defined_once() -> None:
    assert [entry.metric for entry in METRICS] == list(BY_METRIC)
    assert set(BY_METRIC) == set(Metric)
