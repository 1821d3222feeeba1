"""One shard's stream, its store, and writers that come, go and die at every step."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from redis.asyncio import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import COMMIT, PLAN, connect
from edge.event import Event, encode_event
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.forwarder.visit import StreamId
from tests.edge.forwarder.memory_store import MemoryStore
from tests.edge.forwarder.reference import expected_sessions, replay
from tests.support.factories import an_event

SHARD = 5
KEYS = ShardKeys.of(SHARD)
GENERATION = 2**63 + 17
MINUTE = 60_000
STEPS = ("events", "sessions", "batches", "plan", "commit")
SCRIPTS = {
    text: name
    for name, script in (("plan", PLAN), ("commit", COMMIT))
    for text in (script.digest, script.source)
}
"""A Redis that does not know a script yet is sent its source."""
CRASHES = [f"{when} {step}" for step in STEPS for when in ("before", "after")]


def is_good(_: Event) -> bool:
    return True


class World:
    """One shard's stream, its store, and the writers that come and go."""

    def __init__(self, url: str, is_taken: Callable[[Event], bool] = is_good) -> None:
        self.redis: Any = connect(url, timeout_s=10)
        self.store = MemoryStore()
        self.is_taken = is_taken
        """Which events the store takes; the others must end as dead letters."""
        self.appended: list[tuple[StreamId, Event]] = []

    async def __aenter__(self) -> Self:
        await self.redis.flushall()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.redis.aclose()

    async def append(self, *events: Event) -> None:
        for event in events:
            raw_id = await self.redis.xadd(KEYS.events, {"d": encode_event(event)})
            self.appended.append((StreamId.parse(raw_id), event))

    async def writer(
        self, owner: str = "one", *, batch_events: int = 100, lease_ms: int = 60_000
    ) -> ShardWriter:
        redis = crashing(self.redis, self.store)
        lease = Lease(redis, KEYS.lease, owner=owner, kept_ms=lease_ms)
        assert await lease.take()
        writer = ShardWriter(redis, self.store, SHARD, lease, batch_events=batch_events)
        await writer.open(GENERATION)
        return writer

    async def finish(self) -> None:
        """Let a last writer do all that is left, and compare with the reference."""
        writer = await self.writer()
        while await writer.forward():
            pass
        self.check_tables()
        assert await self.redis.xlen(KEYS.events) == 0
        assert await self.redis.get(KEYS.plan) is None
        counts = {k.decode(): int(v) for k, v in (await self.redis.hgetall(KEYS.counts)).items()}
        assert sum(counts.values()) == len(self.appended)
        assert counts.get("1:stored", 0) == len(self.store.tables["events"])
        dead = [f"{at}" for at, event in self.appended if not self.is_taken(event)]
        letters = [fields[1].decode() for _, fields in await self.redis.xrange(KEYS.dead)]
        assert letters == dead
        assert counts.get("1:dead", 0) == len(dead)

    def check_tables(self) -> None:
        taken = [(at, event) for at, event in self.appended if self.is_taken(event)]
        visits, _ = replay(taken, SHARD, GENERATION)
        expected = Counter(
            (at, event.path, visit.visit_id, visit.opener.visitor)
            for visit in visits
            for at, event in visit.entries
        )
        found = Counter(
            ((row["stream_ms"], row["stream_seq"]), row["path"], row["visit_id"], row["visitor"])
            for row in self.store.tables["events"]
        )
        assert found == expected
        wanted = expected_sessions(taken, SHARD, GENERATION)
        assert self.store.sessions_left() == wanted


def crashing(redis: Redis, store: MemoryStore) -> Redis:
    """A client of the same connections that dies at ``before plan``, ``after commit`` …"""
    client = Redis(connection_pool=redis.connection_pool)
    client.response_callbacks = redis.response_callbacks
    send: Any = redis.execute_command

    async def execute(*words: Any, **options: Any) -> Any:
        step = SCRIPTS.get(str(words[1]), "")
        if step:
            store._fail(f"before {step}")
        answer = await send(*words, **options)
        if step:
            store._fail(f"after {step}")
        return answer

    client.execute_command = execute  # type: ignore[method-assign]
    return client


def some_events(n: int, seed: int, start_minute: int = 0) -> list[Event]:
    rng = random.Random(seed)
    return [
        an_event(
            ts_ms=20_455 * 86_400_000 + round((start_minute + rng.uniform(-40, 200)) * MINUTE),
            visitor=rng.randrange(1, 6),
            name=rng.choice(["pageview", "pageview", "Signup", "engagement"]),
            engaged_ms=rng.randrange(5_000),
            path=f"/{rng.randrange(5)}",
        )
        for _ in range(n)
    ]
