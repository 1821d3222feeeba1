"""Find the visits that were open when Redis was lost, in ``sessions`` (INGESTION 3.6).

Asked once in the life of a stream, before its first plan; the writer then stores what is found as
the states of its visits, in one step, and goes on as if it had always had them. Where Redis comes
back with its append-only file, nobody asks.

How much is read does not grow with history: only visits that an event may still reach by the rules
of ``edge.forwarder.visits``, and that began at most ``REACH_MS`` before the oldest event at hand.
What is lost all the same: the second hash by which a visit over midnight was found, where it was
learned more than an hour ago; and events that Redis had and nobody else.

The one invariant: ids of different lives of a stream are never compared. A visit that is found
ranks before all that this life opens.
"""

import asyncio

from edge.forwarder.restore import SESSION_COLUMNS, from_sessions
from edge.forwarder.visit import Visit
from edge.forwarder.visits import KEPT_MS
from store.client import Store

REACH_MS = 3 * 86_400_000
_BEGAN = (
    "shard = {shard:UInt8} and anchor >= fromUnixTimestamp64Milli({began_ms:Int64})"
    " and anchor < now64(3) + interval 1 day"
)
_WATERMARK = f"select max(toUnixTimestamp64Milli(last_alive)) from sessions where {_BEGAN}"  # noqa: S608
_OPEN = (
    f"select {SESSION_COLUMNS} from sessions final where {_BEGAN}"  # noqa: S608
    " and last_alive >= fromUnixTimestamp64Milli({alive_ms:Int64})"
)


async def find_open_visits(store: Store, shard: int, oldest_ms: int) -> tuple[int, list[Visit]]:
    """Return the watermark that was reached and the visits to go on with.

    ``oldest_ms`` is the time of the oldest event at hand.

    Raises:
        StoreUnavailable, StoreError: They cannot be read now.
    """
    params = {"shard": shard, "began_ms": max(oldest_ms - REACH_MS, 0)}
    ((watermark_ms,),) = await asyncio.to_thread(store.query, _WATERMARK, params)
    if not watermark_ms:
        return 0, []
    alive_ms = max(watermark_ms, oldest_ms) - KEPT_MS
    rows = await asyncio.to_thread(store.query, _OPEN, params | {"alive_ms": alive_ms})
    return watermark_ms, from_sessions(rows)
