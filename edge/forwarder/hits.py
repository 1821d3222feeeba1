"""Hits from Redis to ClickHouse: one batch after another of each shard that this forwarder owns.

Simpler than the way of events, because hits are best effort: no visits, no dead letters. The ids of
a batch are recorded before it is inserted, so a batch that is repeated has the same token. Which
erasures there are is asked after that, so whoever remembers one later sees the record. The one
invariant: hits never hold up events; what the store refuses is counted and forgotten.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter
from redis.exceptions import RedisError

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import connect, send_command
from edge.forwarder.latecomers import Latecomers
from edge.forwarder.visit import StreamId
from edge.hits.hit import Hit, decode_hits
from store.client import Store, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

EVERY_S = 1.0
PAUSE_S = 5.0
MOST_ENTRIES = 200
"""Entries of one batch: at most 20,000 rows."""
_TIMEOUT_S = 20.0

_STORED = Counter("statflow_hits_stored_total", "Hits stored.")
_REFUSED = Counter("statflow_hits_refused_total", "Hits that could not be read or stored.")

_RENAMED = {"ts_ms": "ts"}


def hit_columns(hits: Sequence[Hit]) -> dict[str, Sequence[Any]]:
    """Make the rows of ``hits``, by column."""
    return {
        _RENAMED.get(name, name): [hit[i] for hit in hits] for i, name in enumerate(Hit._fields)
    }


class HitForwarder:
    """Writes the hits of the shards whose lease this process holds.

    Args:
        owns: Tells whether a shard is ours now.
    """

    def __init__(
        self, redis_url: str, store: Store, shards: Iterable[int], owns: Callable[[int], bool]
    ) -> None:
        self._redis: Redis = connect(redis_url, timeout_s=_TIMEOUT_S)
        self._store = store
        self._turns = {shard: asyncio.Lock() for shard in shards}
        self._owns = owns

    async def run(self, stop: asyncio.Event) -> None:
        """Forward until stopped; what is away is waited for."""
        while not stop.is_set():
            pause_s = EVERY_S
            try:
                await self.forward()
            except (RedisError, OSError, StoreUnavailable) as error:
                log.info("hits wait: %s", type(error).__name__)
                pause_s = PAUSE_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()

    async def forward(self) -> int:
        """Write one batch of each shard that has any; returns the rows.

        Raises:
            RedisError: Redis is away.
            StoreUnavailable: The store is; the same batch comes again.
        """
        shards = [shard for shard in self._turns if self._owns(shard)]
        async with self._redis.pipeline(transaction=False) as pipe:
            for shard in shards:
                pipe.xlen(ShardKeys.of(shard).hits)
            lengths = await pipe.execute() if shards else []
        rows = 0
        for shard, length in zip(shards, lengths, strict=True):
            if not length:
                continue
            async with self._turns[shard]:
                if self._owns(shard):
                    rows += await self._forward_shard(ShardKeys.of(shard))
        return rows

    async def settle(self, shard: int) -> None:
        """Wait until no batch of a shard is under way; none begins once it is not ours."""
        async with self._turns[shard]:
            return

    async def _forward_shard(self, keys: ShardKeys) -> int:
        plan: bytes | None = await send_command(self._redis, "GET", keys.hits_plan)
        first, last = plan.split(b" ") if plan else (b"-", b"+")
        words = ["XRANGE", keys.hits, first, last, "COUNT", MOST_ENTRIES]
        entries = await send_command(self._redis, *words)
        if entries and not plan:
            first, last = entries[0][0], entries[-1][0]
            await self._redis.set(keys.hits_plan, b"%s %s" % (first, last))
        late = await Latecomers.read(self._redis, keys)
        hits = [hit for _, (_, raw) in entries for hit in _read(raw) if not late.has(hit)]
        if hits:
            await self._insert(hits, f"hits-{keys.tag}-{first.decode()}-{last.decode()}")
        async with self._redis.pipeline(transaction=True) as pipe:
            if entries:
                after = str(StreamId.parse(entries[-1][0]).next())
                pipe.xtrim(keys.hits, minid=after, approximate=False)
            pipe.delete(keys.hits_plan)
            await pipe.execute()
        return len(hits)

    async def _insert(self, hits: list[Hit], token: str) -> None:
        try:
            columns = hit_columns(hits)
            await asyncio.to_thread(self._store.insert, "hits", columns, token=token)
        except StoreError as error:
            log.error("hits: the store refuses %d: %s", len(hits), error)  # noqa: TRY400 - no trace.
            _REFUSED.inc(len(hits))
        else:
            _STORED.inc(len(hits))


def _read(raw: bytes) -> list[Hit]:
    try:
        return decode_hits(raw)
    except ValueError:
        _REFUSED.inc()
        return []
