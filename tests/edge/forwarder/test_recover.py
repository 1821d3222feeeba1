"""After the loss of Redis visits go on where they were; with its file there is nothing to find."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from edge.event import Event
from edge.forwarder.checkpoint import STATE_FIELD
from edge.forwarder.recover import REACH_MS, find_open_visits
from edge.forwarder.visit import SESSION_FIELDS, StreamId
from store.client import Store, StoreUnavailable
from store.migrate import migrate
from tests.edge.forwarder.bench import Bench
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.reference import ReferenceVisit, replay
from tests.edge.forwarder.world import GENERATION, KEYS, MINUTE, SHARD, some_events
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

NOON = 20_455 * 86_400_000 + 43_200_000
SECOND_LIFE = GENERATION + 1


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened


def a_view(minute: float, path: str = "/", visitor: int = 1, **changes: Any) -> Event:
    return an_event(ts_ms=NOON + round(minute * MINUTE), path=path, visitor=visitor, **changes)


def expect(bench: Bench, first_life: int) -> list[ReferenceVisit]:
    """Replay as one life; a visit's id is of the life in which it was opened."""
    visits, _ = replay(bench.appended, SHARD, GENERATION)
    again, _ = replay(bench.appended, SHARD, SECOND_LIFE)
    of_first = {at for at, _ in bench.appended[:first_life]}
    for visit, same in zip(visits, again, strict=True):
        if visit.entries[0][0] not in of_first:
            visit.visit_id = same.visit_id
    return visits


async def lose_redis(bench: Bench) -> None:
    await bench.redis.flushall()


async def test_a_visit_goes_on_over_the_loss_of_redis(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, "/a", source="Bing"), a_view(1, "/b"), a_view(1, "/", 2))
        await bench.forward()
        await lose_redis(bench)
        await bench.append(a_view(5, "/c", source="Google"), a_view(6, "/d", 3))
        await bench.forward(generation=SECOND_LIFE)
        bench.check(expect(bench, 3))
        rows = store.query(
            "select version, sign, pageviews, source from sessions"
            " where visitor = 1 order by version, sign"
        )
        assert rows == [(1, -1, 2, "Bing"), (1, 1, 2, "Bing"), (2, 1, 3, "Bing")]
        store.command("optimize table sessions final")
        assert store.query("select version, sign from sessions where visitor = 1") == [(2, 1)]


async def test_with_its_file_redis_knows_the_visits_itself(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, "/a"))
        await bench.forward()
        redis_server.kill()
        redis_server.start()
        await bench.redis.connection_pool.disconnect()
        # Whoever asked the tables now would find nothing.
        store.command("truncate table sessions")
        await bench.append(a_view(5, "/b"))
        await bench.forward(generation=SECOND_LIFE)
        assert len(set(bench.event_ids().values())) == 1
        assert store.query("select version, sign from sessions order by sign") == [(1, -1), (2, 1)]
        assert store.query("select distinct generation from events") == [(GENERATION,)]


async def test_crashes_on_the_way_end_in_the_same_tables(
    redis_server: RedisServer, store: Store
) -> None:
    crashed, dies_at = True, 0
    while crashed:
        dies_at += 1
        async with Bench(redis_server, store) as bench:
            await bench.append(a_view(0, "/a"), a_view(1, "/", 2))
            await bench.forward()
            await lose_redis(bench)
            await bench.append(a_view(5, "/c"), a_view(7, "/d", 3))
            crashed = False
            try:
                await bench.forward(dies_at, generation=SECOND_LIFE)
            except Crash:
                crashed = True
            await bench.append(a_view(8, "/late", 2))
            await bench.forward(generation=SECOND_LIFE)
            bench.check(expect(bench, 2))
    assert dies_at > 8


@pytest.mark.parametrize("seed", range(4))
async def test_any_traffic_cut_anywhere_makes_the_same_visits(
    redis_server: RedisServer, store: Store, seed: int
) -> None:
    rng = random.Random(seed)
    events = some_events(60, seed)
    # Engagement that opens the traffic has no visit, and leaves nothing that tells of it.
    events = [event for event in events if event.name != "engagement"]
    cut = rng.randrange(5, len(events) - 5)
    async with Bench(redis_server, store) as bench:
        await bench.append(*events[:cut])
        await bench.forward(batch_events=rng.choice([3, 100]))
        await lose_redis(bench)
        await bench.append(*events[cut:])
        await bench.forward(generation=SECOND_LIFE, batch_events=rng.choice([7, 100]))
        bench.check(expect(bench, cut))


async def test_a_late_event_stays_late_after_the_loss(
    redis_server: RedisServer, store: Store
) -> None:
    """The watermark is found too: what comes 90 minutes behind it opens a visit of its own."""
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, "/a", 1), a_view(100, "/", 2))
        await bench.forward()
        await lose_redis(bench)
        await bench.append(a_view(5, "/late", 1), a_view(101, "/on", 2))
        await bench.forward(generation=SECOND_LIFE)
        bench.check(expect(bench, 2))
        assert len(set(bench.event_ids().values())) == 3


async def test_a_visit_over_midnight_is_found_by_yesterdays_hash(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, "/a", 1))
        await bench.forward()
        await lose_redis(bench)
        await bench.append(a_view(5, "/b", 77, previous=1), a_view(6, "/c", 77))
        await bench.forward(generation=SECOND_LIFE)
        bench.check(expect(bench, 1))
        assert store.query("select distinct visitor from events") == [(1,)]


class CountingStore(Store):
    """Counts the rows that questions bring."""

    def __init__(self, store: Store) -> None:
        self._real = store
        self.rows = 0

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        rows = self._real.query(sql, params, settings=settings)
        self.rows += len(rows)
        return rows


async def test_what_is_read_does_not_grow_with_history(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        long_ago = [a_view(-10 * i, "/old", i + 10) for i in range(60, 200)]
        await bench.append(*long_ago[::-1], a_view(-125, "/", 2), a_view(0, "/", 3))
        await bench.append(a_view(-REACH_MS / MINUTE - 1, "/", 4))
        await bench.forward()
        counting = CountingStore(store)
        watermark_ms, visits = await find_open_visits(counting, SHARD, NOON + MINUTE)
        assert watermark_ms == NOON
        assert [visit.visitor for visit in visits] == [3]
        assert counting.rows == 2
        _, visits = await find_open_visits(store, SHARD, NOON - 30 * MINUTE)
        assert [visit.visitor for visit in visits] == [3], "older events reach no older visits"
        assert await find_open_visits(store, SHARD, NOON + 2 * REACH_MS) == (0, [])
        assert await find_open_visits(store, SHARD + 1, NOON) == (0, [])


async def test_a_visit_that_is_found_shows_what_its_row_says(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(
            a_view(0, "/a", country="FR", evidence=5, operator="Googlebot"),
            a_view(1, "/b"),
            a_view(2, name="engagement", engaged_ms=900),
            a_view(2.5, name="Signup"),
        )
        await bench.forward()
        kept = dict(await bench.redis.hgetall(KEYS.visits))
        del kept[STATE_FIELD]
        (visit,) = (await find_open_visits(store, SHARD, NOON))[1]
        first = StreamId(0, 1)
        assert visit.opened == first
        visit.opened = bench.appended[0][0]
        assert list(kept.values()) == [visit.render()]
        assert len(visit.session()) == len(SESSION_FIELDS)


async def test_a_store_that_is_away_is_waited_for_before_anything_is_planned(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, "/a"))
        bench.store = Store("http://nobody:x@127.0.0.1:1/nowhere")
        with pytest.raises(StoreUnavailable):
            await bench.forward()
        assert await bench.redis.get(KEYS.plan) is None
        bench.store = store
        await bench.forward()
        bench.check(expect(bench, 1))


async def test_states_half_written_by_a_writer_that_died_are_not_taken_for_whole(
    redis_server: RedisServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.forwarder.checkpoint.RESTORE_VISITS", 2)
    async with Bench(redis_server, store) as bench:
        await bench.append(*(a_view(i, "/", i + 1) for i in range(5)))
        await bench.forward()
        await lose_redis(bench)
        await bench.redis.hset(KEYS.visits, "12345", b"half of something")
        await bench.append(*(a_view(i + 6, "/", i + 1) for i in range(5)))
        await bench.forward(generation=SECOND_LIFE)
        bench.check(expect(bench, 5))
        assert await bench.redis.hlen(KEYS.visits) == 5 + 1
