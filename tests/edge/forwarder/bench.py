"""A shard's stream in front of the real store, and a store that dies at a chosen step."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

from edge.buffer.accounts import read_shard
from edge.buffer.scripts import connect
from edge.event import Event, encode_event
from edge.forwarder.erasure import CONTROL, Erasure
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.forwarder.visit import StreamId
from store.client import Store
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.reference import ReferenceVisit
from tests.edge.forwarder.world import GENERATION, KEYS, SHARD
from tests.support.redis_server import RedisServer

TABLES = (
    "events",
    "signals",
    "sessions",
    "batches",
    "erasures",
    "dirty_days",
    "rollups",
    "rollup_builds",
)
ASKED_MS = 1_767_225_600_000
"""When every erasure of a bench is asked for: 2026-01-01."""
FIGURES = ("pageviews", "events", "duration_ms", "engaged_ms", "entry_page", "exit_page")


class DyingStore(Store):
    """The real store behind a counter of steps, at one of which the process dies."""

    def __init__(self, store: Store, dies_at: int) -> None:
        self._real = store
        self._cluster = store.cluster
        self._left = dies_at

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], *, token: str) -> int:
        self._step()
        written = self._real.insert(table, columns, token=token)
        self._step()
        return written

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        self._step()
        return self._real.query(sql, params, settings=settings)

    def command(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Any:
        self._step()
        answer = self._real.command(sql, params, settings=settings)
        self._step()
        return answer

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Crash


class Bench:
    """One shard, its buffer and its tables, all empty at first."""

    def __init__(self, redis_server: RedisServer, store: Store) -> None:
        self.redis: Any = connect(redis_server.url, timeout_s=10)
        self.store = store
        self.appended: list[tuple[StreamId, Event]] = []

    async def __aenter__(self) -> Self:
        await self.redis.flushall()
        for table in TABLES:
            await asyncio.to_thread(self.store.command, f"truncate table {table}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.redis.aclose()

    async def append(self, *events: Event) -> None:
        for event in events:
            at = await self.redis.xadd(KEYS.events, {"d": encode_event(event)})
            await self.redis.hincrby(KEYS.counts, f"{event.site_id}:received", 1)
            self.appended.append((StreamId.parse(at), event))

    async def erase(self, site_id: int = 1, **conditions: Any) -> Erasure:
        """Put an erasure into this shard's stream, whatever shard the site is of."""
        erasure = Erasure(site_id, ASKED_MS, **conditions)
        await self.redis.xadd(KEYS.events, {CONTROL: erasure.render()})
        await self.redis.hincrby(KEYS.counts, f"{site_id}:control", 1)
        return erasure

    async def forward(
        self, dies_at: int = 0, generation: int = GENERATION, batch_events: int = 100
    ) -> None:
        lease = Lease(self.redis, KEYS.lease, owner="one", kept_ms=60_000)
        assert await lease.take()
        dying = DyingStore(self.store, dies_at)
        writer = ShardWriter(self.redis, dying, SHARD, lease, batch_events=batch_events)
        await writer.open(generation)
        while await writer.forward():
            pass

    async def account(self) -> Counter[str]:
        """Read the counts; they add up with the stream, or this fails."""
        account = await read_shard(self.redis, SHARD, 0)
        assert account.difference == 0
        return Counter({name: n for name, n in account.counts.items() if n})

    def event_ids(self) -> dict[tuple[int, int], int]:
        """Read which visit each stored event is of; none is stored twice."""
        rows = self.store.query("select stream_ms, stream_seq, visit_id from events")
        found = {(ms, seq): visit_id for ms, seq, visit_id in rows}
        assert len(found) == len(rows)
        return found

    def sessions(self) -> dict[int, dict[str, Any]]:
        """Read the visits that are left when pairs cancel; every one stands once, and no -1."""
        names = ", ".join(FIGURES)
        rows = self.store.query(
            f"select visit_id, version, {names}, sum(sign) as n from sessions"
            f" group by visit_id, version, {names} having n != 0"
        )
        found = {row[0]: dict(zip(FIGURES, row[2:], strict=False)) for row in rows}
        assert len(found) == len(rows)
        assert {row[-1] for row in rows} <= {1}
        ((additive,),) = self.store.query("select sum(sign * pageviews) from sessions")
        assert additive == sum(figures["pageviews"] for figures in found.values())
        return found

    def check(self, visits: list[ReferenceVisit]) -> None:
        """Compare the tables with what the reference says."""
        found, wanted = self.event_ids(), {at: v.visit_id for v in visits for at, _ in v.entries}
        assert found == wanted, (found, wanted)
        sessions = {v.visit_id: v.session() for v in visits}
        figures = {
            visit_id: {name: session[name] for name in FIGURES}
            for visit_id, session in sessions.items()
        }
        left = self.sessions()
        assert left == figures, (left, figures)
