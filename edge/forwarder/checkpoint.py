"""What a shard's writer keeps in Redis: generation, plan, ``done``, visit states.

It reads all of it at once when a writer opens, and changes it by two scripts that refuse an old
epoch: one records a plan, one finishes its batch. The one invariant: stream, plan, ``done`` and
states change together or not at all, so a replay starts from the states before its batch.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import batched, chain
from typing import Any

import orjson
from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import COMMIT, PLAN, RESTORE, run_script, send_command
from edge.forwarder.entries import DeadLetter
from edge.forwarder.lease import Lease, LeaseLost
from edge.forwarder.visit import StreamId, Visit
from edge.forwarder.visits import Batch

DEAD_LETTERS_MAX = 10_000
STATE_FIELD = b"state"
"""The field of the visits hash that holds generation, watermark and data epoch, if there is one."""
LOAD_VISITS = 5_000
RESTORE_VISITS = 1_000


class ShardStopped(Exception):  # noqa: N818 - a state of the world, told to operators.
    """The shard must not go on: what was planned cannot be repeated. The message says why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the last commit left, and the plan recorded since, if any.

    ``is_new``: there was no commit in this life of the stream.
    """

    generation: int
    done: StreamId
    plan: bytes | None
    watermark_ms: int
    visits: list[Visit]
    data_epoch: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished batch changes: ``done``, states, counts and dead letters.

    ``moved`` are counts beside those of the batch; ``erased_letters`` dead letters that go, with
    their site.
    """

    last: StreamId
    watermark_ms: int
    batch: Batch
    dead: list[DeadLetter]
    data_epoch: int
    moved: Counter[str] = field(default_factory=Counter)
    erased_letters: list[tuple[str, int]] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """Account for every entry of the batch (INGESTION 7)."""
        stored = Counter(event.site_id for event in self.batch.events)
        counts = Counter(self.moved)
        counts.update({f"{site_id}:stored": n for site_id, n in stored.items()})
        for site_id, n in self.batch.no_visit.items():
            counts[f"{site_id}:dropped:no_visit"] += n
        for letter in self.dead:
            counts[f"{letter.site_id}:dead"] += 1
        return counts

    def arguments(self, generation: int) -> list[Any]:
        """Write what ``commit.lua`` takes after the fence."""
        state = orjson.dumps(
            [generation, self.watermark_ms, *([self.data_epoch] if self.data_epoch else [])]
        )
        states = [(STATE_FIELD, state)]
        states += [(b"%d" % visit.visit_id, visit.render()) for visit in self.batch.changed]
        counts = self.counts()
        args: list[Any] = [str(self.last), str(self.last.next()), DEAD_LETTERS_MAX]
        args += [len(states), len(self.batch.evicted), len(counts), len(self.dead)]
        args.append(len(self.erased_letters))
        args += chain.from_iterable(states)
        args += self.batch.evicted
        args += chain.from_iterable(counts.items())
        for letter in self.dead:
            args += (str(letter.at), *letter[1:])
        args += chain.from_iterable(self.erased_letters)
        return args


class Checkpoint:
    """The kept state of one shard, as one lease may change it."""

    def __init__(self, redis: Redis, keys: ShardKeys, lease: Lease) -> None:
        self._redis = redis
        self._keys = keys
        self._lease = lease
        self._generation = b""

    async def load(self, new_generation: int) -> Loaded:
        """Read everything; a stream without a generation gets ``new_generation``.

        A new life of a stream has no states until ``restore`` or a commit brings some.

        Raises:
            ShardStopped: What is stored does not fit together.
            RedisError: Redis is away.
        """
        keys = self._keys
        await self._redis.set(keys.generation, f"{new_generation:016x}", nx=True)
        names = [keys.generation, keys.done, keys.plan]
        self._generation, done, plan = await send_command(self._redis, "MGET", *names)
        generation = int(self._generation, 16)
        watermark_ms, data_epoch, states, is_new = 0, 0, [], True
        async for name, raw in self._redis.hscan_iter(keys.visits, count=LOAD_VISITS):
            if name != STATE_FIELD:
                states.append(raw)
                continue
            is_new = False
            of_generation, watermark_ms, *later = orjson.loads(raw)
            data_epoch = later[0] if later else 0
            if of_generation != generation:
                raise ShardStopped("the visit states are of another life of the stream")
        done_id = StreamId.parse(done) if done else StreamId(0, 0)
        # Without the field that is written last, what is there is half of something.
        visits = [] if is_new else [Visit.parse(raw) for raw in states]
        return Loaded(generation, done_id, plan, watermark_ms, visits, data_epoch, is_new)

    async def restore(self, watermark_ms: int, visits: list[Visit]) -> None:
        """Store the first states of a new life, found elsewhere.

        Raises:
            LeaseLost: The shard is another's.
            ShardStopped: A plan is recorded, or the stream is a new one.
            RedisError: Outcome unknown; opening anew tells.
        """
        keys = self._keys
        names = [keys.lease, keys.generation, keys.plan, keys.visits]
        pairs = [(b"%d" % visit.visit_id, visit.render()) for visit in visits]
        pairs.append((STATE_FIELD, orjson.dumps([int(self._generation, 16), watermark_ms])))
        for i, some in enumerate(batched(pairs, RESTORE_VISITS)):
            args = [*self._fence(), "" if i else "first", *chain.from_iterable(some)]
            _check(await run_script(self._redis, RESTORE, names, args))

    async def record(self, plan: bytes, instead_of: bytes = b"") -> None:
        """Record a plan before its first insert; ``instead_of`` one of which nothing is stored.

        Raises:
            LeaseLost: The shard is another's.
            ShardStopped: Another plan is recorded, or the stream is a new one.
            RedisError: Outcome unknown; opening anew tells.
        """
        keys = self._keys
        names = [keys.lease, keys.generation, keys.plan]
        _check(await run_script(self._redis, PLAN, names, [*self._fence(), plan, instead_of]))

    async def commit(self, plan: bytes, outcome: Outcome) -> None:
        """Finish a batch that is in the tables.

        Raises:
            LeaseLost: The shard is another's.
            ShardStopped: Another plan is recorded, or the stream is a new one.
            RedisError: Outcome unknown; opening anew tells.
        """
        keys = self._keys
        names = [keys.lease, keys.generation, keys.plan, keys.done, keys.visits]
        names += [keys.events, keys.counts, keys.dead]
        args = [*self._fence(), plan, *outcome.arguments(int(self._generation, 16))]
        _check(await run_script(self._redis, COMMIT, names, args))

    def _fence(self) -> list[Any]:
        return [self._lease.owner, self._lease.epoch, self._generation]


def _check(answer: bytes) -> None:
    if answer == b"lease":
        raise LeaseLost
    if answer != b"ok":
        raise ShardStopped(f"the shard's {answer.decode()} changed under its writer")
