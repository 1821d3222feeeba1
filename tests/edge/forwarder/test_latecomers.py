"""What happened before an erasure and comes after it, in the real engine: spooled events, hits."""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from edge.event import Event
from edge.forwarder.erasure import Erasure
from edge.forwarder.hits import HitForwarder
from edge.forwarder.latecomers import KEPT_MS, Latecomers
from edge.forwarder.visit import StreamId
from edge.hits.hit import Hit, encode_hits
from store.client import Store
from store.migrate import migrate
from tests.edge.forwarder.bench import ASKED_MS, Bench
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.test_hits import a_hit
from tests.edge.forwarder.world import KEYS, MINUTE, SHARD
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

SECRET = "/secret"
PATIENCE_S = 2
"""Longer than an erasure takes that waits for nothing."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened


def a_view(minute: float, path: str = SECRET, visitor: int = 1, **changes: Any) -> Event:
    """Give a view so long after the erasure was asked for."""
    ts_ms = ASKED_MS + round(minute * MINUTE)
    return an_event(ts_ms=ts_ms, path=path, visitor=visitor, **changes)


async def put_hits(bench: Bench, *hits: Hit) -> None:
    await bench.redis.xadd(KEYS.hits, {"d": encode_hits(hits)})


def some_hits() -> list[Hit]:
    at = {"ts_ms": ASKED_MS - MINUTE}
    return [
        a_hit(site_id=1, path=SECRET, **at),
        a_hit(site_id=1, path="/", **at),
        a_hit(site_id=2, path=SECRET, **at),
        a_hit(site_id=1, path=SECRET, ts_ms=ASKED_MS + MINUTE),
    ]


async def forward_hits(bench: Bench, store: Store, url: str) -> None:
    forwarder = HitForwarder(url, store, [SHARD], lambda _: True)
    try:
        while await bench.redis.xlen(KEYS.hits):
            await forwarder.forward()
    finally:
        await forwarder.close()


def hits_of(store: Store) -> list[tuple[Any, ...]]:
    rows = "select site_id, path, toUnixTimestamp64Milli(ts) > {at:Int64} from hits order by all"
    return store.query(rows, {"at": ASKED_MS})


@pytest.mark.parametrize("dies_at", [0, 3, 5, 7])
async def test_an_event_that_lay_in_a_spool_is_erased_when_it_comes(
    redis_server: RedisServer, store: Store, dies_at: int
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.erase(path=SECRET)
        await bench.forward()
        await bench.append(
            a_view(-1), a_view(-1, "/", 2), a_view(-1, site_id=2), a_view(1, visitor=3)
        )
        with suppress(Crash):
            await bench.forward(dies_at)
        await bench.forward()
        rows = "select site_id, path, visitor from events order by all"
        assert store.query(rows) == [(1, "/", 2), (1, SECRET, 3), (2, SECRET, 1)]
        assert len(bench.sessions()) == 3
        assert await bench.account() == {
            "1:received": 3, "1:erased": 1, "1:stored": 2, "2:received": 1, "2:stored": 1,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"path": SECRET}, [(1, "/", 0), (1, SECRET, 1), (2, SECRET, 0)]),
        ({"prop": ("plan", None)}, [(1, "/", 0), (1, SECRET, 0), (1, SECRET, 1), (2, SECRET, 0)]),
        ({}, [(1, SECRET, 1), (2, SECRET, 0)]),
    ],
    ids=str,
)
async def test_hits_that_wait_in_their_stream_are_erased_before_they_are_rows(
    redis_server: RedisServer, store: Store, conditions: dict[str, Any], left: list[Any]
) -> None:
    async with Bench(redis_server, store) as bench:
        store.command("truncate table hits")
        await put_hits(bench, *some_hits())
        await bench.erase(**conditions)
        await bench.forward()
        await forward_hits(bench, store, redis_server.url)
        assert hits_of(store) == left


class SlowStore(Store):
    """The real store, whose inserts wait until they are let go."""

    def __init__(self, store: Store) -> None:
        self._real = store
        self._cluster = store.cluster
        self.began, self.may_go = threading.Event(), threading.Event()

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], *, token: str) -> int:
        self.began.set()
        assert self.may_go.wait(60)
        return self._real.insert(table, columns, token=token)


async def test_hits_that_are_being_written_are_waited_for_and_erased(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        store.command("truncate table hits")
        await put_hits(bench, *some_hits())
        slow = SlowStore(store)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forward_hits(bench, slow, redis_server.url))
            await asyncio.to_thread(slow.began.wait, 60)
            await bench.erase()
            erasing = tasks.create_task(bench.forward())
            while not await bench.redis.exists(KEYS.erased):  # noqa: ASYNC110 - Redis tells nobody.
                await asyncio.sleep(0.01)
            await asyncio.wait({erasing}, timeout=PATIENCE_S)
            assert not erasing.done()
            assert await bench.redis.exists(KEYS.plan), "it waits"
            slow.may_go.set()
        assert hits_of(store) == [(2, SECRET, 0)]


async def test_an_erasure_is_remembered_for_as_long_as_a_row_may_be_late(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        at = ASKED_MS
        for seq, (asked_ms, before_ms) in enumerate(
            [(at, None), (at, at - KEPT_MS - 1), (at + KEPT_MS, at), (at + KEPT_MS + 1, at + 1)]
        ):
            erasure = Erasure(1, asked_ms, before_ms=before_ms)
            late = await Latecomers.with_one_more(bench.redis, KEYS, StreamId(1, seq), erasure)
        assert await bench.redis.hkeys(KEYS.erased) == [b"1-3"]
        assert late.has(a_view(0))
        assert not late.has(a_view(1))
