"""The right to write a shard, held for some seconds at a time (INGESTION 3.1).

It only takes, renews and gives back. That an old owner changes nothing is the work of the scripts
that compare the epoch. The one invariant: the epoch grows with every owner.
"""

import asyncio
import time

from redis.asyncio import Redis

from edge.buffer.scripts import LEASE, run_script


class LeaseLost(Exception):  # noqa: N818 - a state of the world, not a fault.
    """Another writer owns the shard."""


class Lease:
    """One writer's lease of one shard.

    Args:
        key: Where it is kept.
        owner: Name of the writer; one that starts again under its name need not wait.
        kept_ms: How long the shard stays ours after the last sign of life.
    """

    def __init__(self, redis: Redis, key: str, *, owner: str, kept_ms: int) -> None:
        self.owner = owner
        self.epoch = 0
        """The epoch held; 0 before it is."""
        self._redis = redis
        self._key = key
        self._kept_ms = kept_ms
        self._held_until = 0.0
        self._turn = asyncio.Lock()
        """A renewal that is under way when the lease is given back would take it again."""

    async def take(self) -> bool:
        """Become the owner under a new epoch; False if another is."""
        async with self._turn:
            self.epoch = await self._ask(0, self._kept_ms)
            return self.epoch > 0

    async def renew(self) -> None:
        """Show a sign of life.

        Raises:
            LeaseLost: The shard is another's, or was given back.
        """
        async with self._turn:
            if not self.epoch or not await self._ask(self.epoch, self._kept_ms):
                self.epoch = 0
                raise LeaseLost

    async def assure(self) -> None:
        """Ask again if we may have slept through it (SIGSTOP, a long pause).

        Raises:
            LeaseLost: The shard is another's.
        """
        if time.monotonic() >= self._held_until:
            await self.renew()

    async def release(self) -> None:
        """Let another take the shard at once; whatever Redis says, it is ours no more."""
        async with self._turn:
            epoch, self.epoch = self.epoch, 0
            if epoch:
                await self._ask(epoch, 0)

    async def _ask(self, epoch: int, kept_ms: int) -> int:
        asked_at = time.monotonic()
        held = int(await run_script(self._redis, LEASE, [self._key], [self.owner, epoch, kept_ms]))
        self._held_until = asked_at + kept_ms / 1000 if held else 0.0
        return held
