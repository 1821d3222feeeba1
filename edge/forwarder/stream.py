"""Reading a shard's stream: what comes next, exactly what is planned, and its dead letters.

It decides how much belongs together: a control message is a batch of its own, so that it has its
place among the events. Changing anything is ``checkpoint``'s. The one invariant: a recorded plan is
answered with exactly its entries or not at all.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.opening import as_cluster
from edge.buffer.scripts import send_command
from edge.forwarder.checkpoint import ShardStopped
from edge.forwarder.entries import RawEntry, decode_entries
from edge.forwarder.erasure import CONTROL, Erasure
from edge.forwarder.plan import Plan
from edge.forwarder.visit import StreamId

READ_ENTRIES = 5_000
"""Entries asked for at once, so that appends are not held up by one long answer."""


def is_control(entry: RawEntry) -> bool:
    """Tell whether an entry is a message to the writer, not an event."""
    return bool(entry[1][0] == CONTROL)


def read_erasure(entry: RawEntry) -> Erasure:
    """Read the message in an entry.

    Raises:
        ShardStopped: It is of a newer release; to pass it by would keep what somebody wanted gone.
    """
    try:
        return Erasure.parse(entry[1][1])
    except ValueError as error:
        raise ShardStopped(f"update the forwarder: {error}") from error


async def find_news(redis: Redis, done: Mapping[int, str], wait_ms: int) -> list[int]:
    """Name the shards with entries behind ``done``, waiting up to ``wait_ms`` for the first.

    Raises:
        RedisError: Redis is away.
    """
    keys = {ShardKeys.of(shard).events.encode(): shard for shard in done}
    if (cluster := as_cluster(redis)) is None:
        words = ["XREAD", "COUNT", 1, "BLOCK", wait_ms, "STREAMS", *keys, *done.values()]
        return [keys[key] for key, _ in await send_command(redis, *words) or ()]
    # Streams of a cluster lie on several nodes, and no command waits on more than one.
    async with cluster.pipeline(transaction=False) as pipe:
        for shard, last in done.items():
            pipe.execute_command("XRANGE", ShardKeys.of(shard).events, f"({last}", "+", "COUNT", 1)
        found = await pipe.execute()
    news = [shard for shard, entries in zip(done, found, strict=True) if entries]
    if not news:
        await asyncio.sleep(wait_ms / 1000)
    return news


class ShardStream:
    """The entries of one shard."""

    def __init__(self, redis: Redis, keys: ShardKeys) -> None:
        self._redis = redis
        self._keys = keys

    async def read_next(
        self, done: StreamId, suspect: StreamId | None, count: int
    ) -> list[RawEntry]:
        """Read what comes after ``done`` and belongs together; of what was refused, half."""
        raw = await self._read(f"({done}", str(suspect) if suspect else "+", count)
        if suspect is not None:
            raw = raw[: (len(raw) + 1) // 2]
        first = next((i for i, entry in enumerate(raw) if is_control(entry)), len(raw))
        return raw[: first or 1]

    async def read_planned(self, plan: Plan) -> list[RawEntry]:
        """Read exactly the entries of a recorded plan.

        Raises:
            ShardStopped: They are not all there.
        """
        raw = await self._read(str(plan.first), str(plan.last), plan.count + 1)
        ends = [StreamId.parse(entry[0]) for entry in (raw[:1] + raw[-1:])]
        if len(raw) != plan.count or ends != [plan.first, plan.last]:
            raise ShardStopped(
                f"{plan.count} entries are planned from {plan.first} to {plan.last},"
                f" {len(raw)} are found"
            )
        return raw

    async def find_letters(self, erasure: Erasure) -> list[str]:
        """Name the dead letters that an erasure means: what cannot be read only goes by a reset."""
        found, first = [], "-"
        while page := await self._page(self._keys.dead, first, "+", READ_ENTRIES):
            for at, raw in page:
                fields = dict(zip(raw[::2], raw[1::2], strict=True))
                if int(fields.get(b"site", 0)) != erasure.site_id:
                    continue
                events, _ = decode_entries([(b"0-1", (b"d", fields[b"d"]))])
                if erasure.is_reset or any(erasure.matches(event) for _, event in events):
                    found.append(at.decode())
            first = f"({page[-1][0].decode()}"
        return found

    async def _read(self, first: str, last: str, count: int) -> list[RawEntry]:
        raw: list[RawEntry] = []
        while len(raw) < count:
            wanted = min(READ_ENTRIES, count - len(raw))
            piece = await self._page(self._keys.events, first, last, wanted)
            raw += piece
            if len(piece) < wanted:
                break
            first = f"({piece[-1][0].decode()}"
        return raw

    async def _page(self, key: str, first: str, last: str, count: int) -> list[Any]:
        return list(await send_command(self._redis, "XRANGE", key, first, last, "COUNT", count))
