"""What became of each document a front served: injected, or one named reason why not.

The names of outcomes and the value that a listener is told. Counting is ``ledger``'s, and ``page``
does it, once for every HTML answer, when its body has ended. The one invariant: a document has
exactly one outcome: ``injected``, ``aborted`` or the value of a ``SkipReason``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.fronts.ledger import LEDGER
from edge.inject.decide import SkipReason

INJECTED = "injected"
ABORTED = "aborted"
"""The client or the origin went away before it was certain where the tag belongs."""
_LISTENER_FAILED = "listener_failed"


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


def tell(served: Served, listener: OnServed) -> None:
    """Tell the listener of a document; its failure concerns nobody's page."""
    try:
        listener(served)
    except Exception:  # noqa: BLE001 - the page has been served; a failing listener is counted.
        LEDGER.of(served.site_id).count(_LISTENER_FAILED)
