"""What the edges say of one site, put together: how many pages carry the script, and why not all.

Each edge process reports for itself (``PortalConfig.edge_health``); this adds them up.
Pure: no I/O and no clock. The one invariant: a site is called ill as soon as one process says so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_WORST_FIRST = ("open", "half_open", "closed")


@dataclass(frozen=True, slots=True)
class Skipped:
    """Pages without the script for one reason; ``share`` of all pages seen, 0 to 1."""

    reason: str
    meaning: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Process:
    """One edge process; ``age_s`` is the time since it reported."""

    name: str
    front: str
    version: str
    age_s: int
    documents: int
    breaker: str


@dataclass(frozen=True, slots=True)
class EdgeHealth:
    """A site at all edges since each of them started.

    Units: ``added_ms`` and ``ttfb_ms`` map ``p50`` and ``p95`` to milliseconds, the slowest process
    counting; empty where nothing has been measured.
    """

    eligible: int
    injected: int
    aborted: int
    skipped: tuple[Skipped, ...]
    added_ms: Mapping[str, float]
    ttfb_ms: Mapping[str, float]
    breaker: str
    processes: tuple[Process, ...]

    @property
    def injected_share(self) -> float | None:
        """The share of eligible pages that carry the script; None without such a page."""
        return self.injected / self.eligible if self.eligible else None


def put_together(
    reports: Iterable[Mapping[str, Any]], site_id: int, now_ms: int, meanings: Mapping[str, str]
) -> EdgeHealth:
    """Add up what every edge process said of a site."""
    pairs = [(report, report.get("sites", {}).get(str(site_id), {})) for report in reports]
    said = [site for _, site in pairs]
    return EdgeHealth(
        eligible=sum(site.get("eligible", 0) for site in said),
        injected=sum(site.get("injected", 0) for site in said),
        aborted=sum(site.get("aborted", 0) for site in said),
        skipped=_skipped(said, meanings),
        added_ms=_slowest(said, "added_ms"),
        ttfb_ms=_slowest(said, "ttfb_ms"),
        breaker=_worst(site.get("breaker", "closed") for site in said),
        processes=tuple(_process(report, site, now_ms) for report, site in pairs),
    )


def _skipped(said: list[Any], meanings: Mapping[str, str]) -> tuple[Skipped, ...]:
    counts: Counter[str] = Counter()
    for site in said:
        counts.update(site.get("skipped", {}))
    seen = counts.total() + sum(site.get("injected", 0) for site in said)
    return tuple(
        Skipped(reason, meanings.get(reason, ""), count, count / seen)
        for reason, count in counts.most_common()
        if count
    )


def _slowest(said: list[Any], name: str) -> dict[str, float]:
    values = [site[name] for site in said if site.get(name)]
    return {
        quantile: max(value[quantile] for value in values)
        for quantile in ("p50", "p95")
        if values and all(value.get(quantile) is not None for value in values)
    }


def _worst(states: Iterable[str]) -> str:
    found = set(states)
    return next((state for state in _WORST_FIRST if state in found), "closed")


def _process(report: Mapping[str, Any], site: Mapping[str, Any], now_ms: int) -> Process:
    return Process(
        name=str(report.get("name", ""))[:8],
        front=str(report.get("front", "")),
        version=str(report.get("version", "")),
        age_s=max(0, (now_ms - int(report.get("at_ms", now_ms))) // 1000),
        documents=site.get("injected", 0) + sum(site.get("skipped", {}).values()),
        breaker=site.get("breaker", "closed"),
    )
