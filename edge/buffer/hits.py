"""Hits on their way to the forwarder: a bounded stream a shard, beside the events and after them.

Best effort, unlike events: where Redis is away or has no room, hits are lost, and counted by who
wrote them. The one invariant: hits never take the room that events need.
"""

from collections.abc import Callable, Sequence
from itertools import batched

from redis.exceptions import RedisError

from edge.buffer.keys import FIELD, ShardKeys
from edge.buffer.scripts import connect
from edge.hits.hit import Hit, encode_hits
from edge.sites import Site

HITS_AN_ENTRY = 100
MOST_ENTRIES = 2_000
"""Entries that a shard's stream keeps; about 200,000 hits while nobody forwards them."""
_TIMEOUT_S = 2.0


class HitStream:
    """Appends hits; one a process.

    Args:
        url: The buffer's Redis; empty: there is none, and hits are lost.
        has_room: Whether Redis has memory to spare.
    """

    def __init__(self, url: str, has_room: Callable[[], bool]) -> None:
        self._redis = connect(url, timeout_s=_TIMEOUT_S) if url else None
        self._has_room = has_room

    async def append(self, site: Site, hits: Sequence[Hit]) -> bool:
        """Hand hits over; False if they are lost."""
        if self._redis is None or not self._has_room():
            return False
        key = ShardKeys.of(site.shard).hits
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for some in batched(hits, HITS_AN_ENTRY):
                    raw = encode_hits(some)
                    pipe.execute_command("XADD", key, "MAXLEN", "~", MOST_ENTRIES, "*", FIELD, raw)
                await pipe.execute()
        except (RedisError, OSError):
            return False
        return True

    async def close(self) -> None:
        """Let the connections go."""
        if self._redis is not None:
            await self._redis.aclose()
