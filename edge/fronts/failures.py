"""Failures of ours that a page passed unharmed: counted and said, in one place.

The one invariant: an error is told by its type and place only, for its text may quote the page or a
visitor.
"""

import logging

from prometheus_client import Counter

from edge.crash import place_of

_log = logging.getLogger("statflow.edge.page")
_FAILURES = Counter(
    "statflow_page_failures_total", "Failures of the injector that a page passed unharmed.", ["at"]
)


def note_failure(at: str, error: Exception) -> None:
    """Count and log one failure; ``at`` names the moment."""
    _FAILURES.labels(at).inc()
    _log.error("the injector failed at the %s: %s", at, place_of(error))
