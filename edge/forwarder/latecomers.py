"""What happened before an erasure was asked for and comes after it: from a spool, or as a hit.

The erasure is remembered beside the shard's stream before its first row is deleted. From then on
the writer leaves out events that it means, and ``edge.forwarder.hits`` leaves out hits; a batch of
hits that was under way is waited for, so the deletion finds it. Both are exact but for the edges'
clocks: times of rows are the edge's, that of the erasure is the portal's.

The one invariant: erasures are only added or forgotten while the plan of an erasure is open, so a
batch of events that is repeated is judged as it was the first time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.redis import PRODUCER_KEPT_S
from edge.buffer.scripts import send_command
from edge.event import Event
from edge.forwarder.erasure import Erasure
from edge.forwarder.visit import StreamId
from edge.hits.hit import Hit

KEPT_MS = PRODUCER_KEPT_S * 1000
"""How late a row may be: a spool that is older than this is not taken any more."""
_POLL_S = 0.05


class Latecomers:
    """The erasures that may still meet rows, of one shard. Pure."""

    def __init__(self, erasures: Iterable[Erasure] = ()) -> None:
        self._by_site: dict[int, list[Erasure]] = defaultdict(list)
        for erasure in erasures:
            self._by_site[erasure.site_id].append(erasure)

    def has(self, row: Event | Hit) -> bool:
        """Tell whether a row is one that an erasure before it meant."""
        return row.site_id in self._by_site and any(
            row.ts_ms <= erasure.asked_ms and erasure.matches(row)
            for erasure in self._by_site[row.site_id]
        )

    @classmethod
    async def read(cls, redis: Redis, keys: ShardKeys) -> Self:
        """Read what is remembered of a shard.

        Raises:
            RedisError: Redis is away.
        """
        return cls(map(Erasure.parse, await send_command(redis, "HVALS", keys.erased)))

    @classmethod
    async def with_one_more(
        cls, redis: Redis, keys: ShardKeys, at: StreamId, erasure: Erasure
    ) -> Self:
        """Remember the erasure of the message at ``at``, forget those that no row can meet.

        Raises:
            RedisError: Redis is away; doing it again does no harm.
        """
        kept: dict[Any, Any] = await redis.hgetall(keys.erased)
        known = {name: Erasure.parse(raw) for name, raw in kept.items()}
        known[str(at).encode()] = erasure
        oldest_ms = erasure.asked_ms - KEPT_MS
        over = [name for name, one in known.items() if _last_ms(one) < oldest_ms]
        async with redis.pipeline(transaction=True) as pipe:
            pipe.hset(keys.erased, str(at), erasure.render())
            if over:
                pipe.hdel(keys.erased, *over)
            await pipe.execute()
        return cls(one for name, one in known.items() if name not in over)


def _last_ms(erasure: Erasure) -> int:
    """Tell the latest time of a row that an erasure can mean."""
    ends = (erasure.asked_ms, erasure.before_ms)
    return min(end for end in ends if end is not None)


async def wait_for_hits(
    redis: Redis, keys: ShardKeys, assure: Callable[[], Awaitable[None]]
) -> None:
    """Wait until a batch of hits that is being written, if there is one, is in.

    The one after it reads what is remembered by now. ``assure`` raises where waiting is in vain.

    Raises:
        RedisError: Redis is away.
    """
    under_way = await send_command(redis, "GET", keys.hits_plan)
    while under_way and await send_command(redis, "GET", keys.hits_plan) == under_way:
        await asyncio.sleep(_POLL_S)
        await assure()
