"""What a process knows of the documents it served, in plain numbers for each site.

Every page writes here once, so writing costs as little as adding integers; reading is done by
Prometheus (through ``LedgerCollector``) and by ``edge.health_feed``. Deciding what to write is
``served``'s and ``page``'s. The one invariant: numbers only grow, and a site takes constant space.
"""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

ADDED_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
TTFB_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Histogram:
    """Counts by size, in buckets with fixed upper bounds and one above them."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def quantile(self, share: float) -> float | None:
        """Estimate a quantile, evenly within its bucket; None while nothing was counted."""
        rank = sum(self.counts) * share
        if not rank:
            return None
        below = 0
        for at, bound in enumerate(self.bounds):
            inside = self.counts[at]
            if inside and below + inside >= rank:
                lower = self.bounds[at - 1] if at else 0.0
                return lower + (bound - lower) * (rank - below) / inside
            below += inside
        return self.bounds[-1]

    def cumulated(self) -> list[tuple[str, float]]:
        """List bucket bounds with the count of all up to them, as Prometheus wants them."""
        rows, below = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            below += count
            rows.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
        return rows


class Tally:
    """One site's numbers since the process started.

    ``eligible``: documents that request and headers let have the tag, whatever became of them.
    ``cut``: documents that did not come to their end. ``added``: seconds that the injector used or
    held a page back for. ``ttfb``: seconds until the origin's answer began.
    """

    __slots__ = ("added", "cut", "eligible", "outcomes", "ttfb")

    def __init__(self) -> None:
        self.eligible = 0
        self.cut = 0
        self.outcomes: dict[str, int] = {}
        self.added = Histogram(ADDED_S)
        self.ttfb = Histogram(TTFB_S)

    def count(self, outcome: str) -> None:
        """Count one document by what became of it."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


class Ledger:
    """The tallies of all sites."""

    def __init__(self) -> None:
        self.sites: dict[int, Tally] = {}

    def of(self, site_id: int) -> Tally:
        """Give a site's tally."""
        tally = self.sites.get(site_id)
        if tally is None:
            tally = self.sites[site_id] = Tally()
        return tally


class LedgerCollector(Collector):
    """Show a ledger to Prometheus."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """List all metrics."""
        documents = CounterMetricFamily(
            "statflow_documents",
            "HTML answers by site and outcome: injected, or one reason why not.",
            labels=["site", "outcome"],
        )
        eligible = CounterMetricFamily(
            "statflow_eligible",
            "Documents that may have the tag by their headers.",
            labels=["site"],
        )
        cut = CounterMetricFamily(
            "statflow_cut", "Documents that did not come to their end.", labels=["site"]
        )
        added = HistogramMetricFamily(
            "statflow_added_seconds", "Time the injector used or held a page for.", labels=["site"]
        )
        ttfb = HistogramMetricFamily(
            "statflow_ttfb_seconds", "Time until the origin's answer to a page.", labels=["site"]
        )
        for site_id, tally in list(self._ledger.sites.items()):
            site = str(site_id)
            for outcome, count in list(tally.outcomes.items()):
                documents.add_metric([site, outcome], count)
            eligible.add_metric([site], tally.eligible)
            cut.add_metric([site], tally.cut)
            added.add_metric([site], tally.added.cumulated(), tally.added.total)
            ttfb.add_metric([site], tally.ttfb.cumulated(), tally.ttfb.total)
        yield from (documents, eligible, cut, added, ttfb)


LEDGER = Ledger()
"""This process's; metrics are global in Prometheus's client, and so is this."""

REGISTRY.register(LedgerCollector(LEDGER))
