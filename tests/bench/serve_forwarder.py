"""The forwarder as it runs, or its rows inserted ready-made: the two contenders of ``forwarder``.

``python -m tests.bench.serve_forwarder forward REDIS_URL STORE_URL | insert EVENTS STORE_URL``
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvloop

from edge.forwarder.batches import Columns, event_columns, marker_columns, session_columns
from edge.forwarder.plan import Plan
from edge.forwarder.run import GC_OBJECTS, ForwarderConfig, run_forwarder
from edge.forwarder.visit import StreamId
from edge.forwarder.visits import Visits
from edge.sites import SHARDS, shard_of
from store.client import Store
from tests.bench.traffic import make_events

if TYPE_CHECKING:
    from edge.event import Event

BATCH_EVENTS = 20_000


async def forward(redis_url: str, store_url: str) -> None:
    """Forward until killed."""
    config = ForwarderConfig(redis_url, Store(store_url), range(SHARDS), "bench")
    await run_forwarder(config, asyncio.Event())


def insert(events: int, store_url: str) -> None:
    """Insert what a forwarder makes of the events; print seconds and processor seconds."""
    gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])
    batches = list(_make_batches(events))
    store = Store(store_url)
    store.query("select 1")
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    for i, (shard, rows) in enumerate(batches):
        for table, columns in rows.items():
            store.insert(table, columns, token=f"bench-{shard}-{i}-{table}")
    print(time.monotonic() - began_s, time.process_time() - began_cpu_s, flush=True)  # noqa: T201 - the answer


def _make_batches(events: int) -> Iterator[tuple[int, dict[str, Columns]]]:
    """Make rows in batches of the size that the forwarder's reach when it has much to catch up."""
    waiting: dict[int, list[Event]] = {}
    visits: dict[int, Visits] = {}
    for event in make_events(events):
        shard = shard_of(event.site_id)
        waiting.setdefault(shard, []).append(event)
    for shard, found in waiting.items():
        visits[shard] = Visits(shard, 1)
        for start in range(0, len(found), BATCH_EVENTS):
            batch = found[start : start + BATCH_EVENTS]
            for i, event in enumerate(batch):
                visits[shard].place(StreamId(start + i + 1, 0), event)
            made = visits[shard].end_batch()
            sessions = session_columns(made, shard, 1)
            plan = Plan(1, 1, StreamId(start + 1, 0), StreamId(start + len(batch), 0), len(batch))
            yield (
                shard,
                {
                    "events": event_columns(made, shard, 1),
                    "sessions": sessions,
                    "batches": marker_columns(plan, shard, len(made.events), len(sessions["sign"])),
                },
            )


if __name__ == "__main__":
    if sys.argv[1] == "forward":
        uvloop.run(forward(sys.argv[2], sys.argv[3]))
    else:
        insert(int(sys.argv[2]), sys.argv[3])
