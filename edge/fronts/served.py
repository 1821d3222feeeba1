"""What became of each document a front served: injected, or one named reason why not.

The names of outcomes and the value that a listener is told. Counting is ``ledger``'s, and ``page``
does it, once for every HTML answer, when its body has ended. The one invariant: a document has
exactly one outcome: ``injected``, ``aborted`` or the value of a ``SkipReason``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from edge.event import Address
from edge.fronts.ledger import LEDGER
from edge.inject.decide import SkipReason
from edge.sites import Site
from edge.wire.fields import Fields

INJECTED = "injected"
ABORTED = "aborted"
"""The client or the origin went away before it was certain where the tag belongs."""
_LISTENER_FAILED = "listener_failed"


class Asked(NamedTuple):
    """A request as the origin gets it, and who asked. In memory only, until the hit is derived.

    ``address`` is the visitor's, where somebody wants to know it. ``opted_out``: the request bore
    our cookie, which the origin does not see.
    """

    site: Site
    method: str
    target: bytes
    headers: Fields
    origin: str
    address: Address | None
    opted_out: bool


@dataclass(frozen=True, slots=True)
class Served:
    """One document as it went to the client.

    ``is_html``: it has a body to be shown; else it is a redirect, to ``location``, or a 304, which
    shows the visitor's own copy. ``shows_tag``: the page that is shown has the tag. ``load_id`` is
    0 where the document was given none. ``bars_beacon``: a policy in the page's own markup forbids
    what the tracker would send.

    Units: ``sent_bytes`` body bytes after injection and coding; ``ttfb_ms`` from the end of the
    request's head to the origin's answer; ``duration_ms`` to the end of the body.
    """

    asked: Asked
    status: int
    outcome: SkipReason | str
    sent_bytes: int
    ttfb_ms: float
    duration_ms: float
    complete: bool
    is_html: bool = True
    location: bytes = b""
    load_id: int = 0
    shows_tag: bool = False
    bars_beacon: bool = False

    @property
    def site_id(self) -> int:
        """The site whose document it is."""
        return self.asked.site.id


type OnServed = Callable[[Served], None]


def tell(served: Served, listener: OnServed) -> None:
    """Tell the listener of a document; its failure concerns nobody's page."""
    try:
        listener(served)
    except Exception:  # noqa: BLE001 - the page has been served; a failing listener is counted.
        LEDGER.of(served.site_id).count(_LISTENER_FAILED)
