"""Roll finished days up, as long as the forwarder runs; what a rollup is, is ``store.rollup``.

The forwarder that has shard 0 does it for all. Trouble is logged and tried again: without rollups
every number is the same, only slower.
"""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime

from store.client import Store
from store.rollup import build_due

log = logging.getLogger(__name__)

START_S = 60.0
"""Everything else of a start comes first."""
PAUSE_S = 600.0
AT_ONCE = 10
"""Days that are built before it is looked whether to stop."""


async def roll_up(store: Store, stop: asyncio.Event) -> None:
    """Build what is due, again and again, until told to stop."""
    await _wait(stop, START_S)
    while not stop.is_set():
        try:
            built = await asyncio.to_thread(build_due, store, datetime.now(UTC), AT_ONCE)
        except Exception:
            log.exception("days could not be rolled up")
            built = 0
        await _wait(stop, 1.0 if built == AT_ONCE else PAUSE_S)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
