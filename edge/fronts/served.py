"""What became of each document a front served: injected, or one named reason why not.

A front reports every HTML answer here once, when its body has ended. Whether something is a
document is ``edge.inject``'s to say; this module only counts. The one invariant: a document has
exactly one outcome, and ``report`` is the only place where it is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from edge.inject.decide import SkipReason

INJECTED = "injected"
ABORTED = "aborted"
"""The client or the origin went away before it was certain where the tag belongs."""

_DOCUMENTS = Counter(
    "statflow_documents_total",
    "HTML answers by site and outcome: injected, or one reason why not.",
    ["site", "outcome"],
)


@dataclass(frozen=True, slots=True)
class Served:
    """One document as it went to the client.

    Units: ``sent_bytes`` body bytes after injection and coding; ``ttfb_ms`` from the end of the
    request's head to the origin's answer; ``duration_ms`` to the end of the body.
    """

    site_id: int
    status: int
    outcome: SkipReason | str
    sent_bytes: int
    ttfb_ms: float
    duration_ms: float
    complete: bool


type OnServed = Callable[[Served], None]


def report(served: Served, listener: OnServed | None) -> None:
    """Count a document and tell the listener, whose failure concerns nobody's page."""
    _DOCUMENTS.labels(str(served.site_id), str(served.outcome)).inc()
    if listener is None:
        return
    try:
        listener(served)
    except Exception:  # noqa: BLE001 - the page has been served; a failing listener is counted.
        _DOCUMENTS.labels(str(served.site_id), "listener_failed").inc()
