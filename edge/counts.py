"""A Prometheus counter with labels that costs an event as little as adding to a number.

The library's own looks its labels up at every count. The one invariant: numbers only grow, and
none is lost however many threads count.
"""

from collections.abc import Iterator
from threading import Lock

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Counts(Collector):
    """One metric, registered when it is made; labels are few, for each set is kept for good.

    Args:
        name: Without ``_total``, which is how it is asked for.
        meaning: One sentence.
        labels: Names, in the order in which ``add`` takes their values.
    """

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = labels
        self._counts: dict[tuple[str | int, ...], int] = {}
        self._lock = Lock()
        REGISTRY.register(self)

    def add(self, *values: str | int, n: int = 1) -> None:
        """Count ``n`` more under the labels' values."""
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + n

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give what was counted, as Prometheus asks for it."""
        family = CounterMetricFamily(self._name, self._meaning, labels=self._labels)
        with self._lock:
            rows = list(self._counts.items())
        for values, count in rows:
            family.add_metric([str(value) for value in values], count)
        yield family
