"""What the collector may ask of a buffer.

It names the promise only; ``edge.buffer.redis`` keeps it. The one invariant: when ``append``
returns, the events survive the death of any process.
"""

from collections.abc import Sequence
from typing import Protocol

from edge.outcomes import DropReason
from edge.sites import Site


class BufferUnavailable(Exception):  # noqa: N818 - a state of the world, told to senders as 503.
    """The events were not acknowledged; the sender may try again after ``retry_after_s``."""

    def __init__(self, why: str, retry_after_s: int = 5) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class EventBuffer(Protocol):
    """Takes encoded events and keeps them until the forwarder has stored them."""

    async def append(self, site: Site, events: Sequence[bytes]) -> None:
        """Return once the events are durable; all of them or none.

        Raises:
            BufferUnavailable: They may not be; answer 503 with ``Retry-After``.
        """

    def count_drop(self, site_id: int, reason: DropReason, n: int = 1) -> None:
        """Account for events that end here; the counts travel with a later append."""
