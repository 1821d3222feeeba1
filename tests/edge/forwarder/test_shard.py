import asyncio
import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.forwarder.checkpoint import ShardStopped
from edge.forwarder.lease import Lease, LeaseLost
from edge.forwarder.shard import ShardWriter
from store.client import StoreError, StoreUnavailable
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.world import CRASHES, GENERATION, KEYS, MINUTE, SHARD, World, some_events
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer


async def test_a_batch_is_stored_and_the_stream_trimmed(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(30, seed=1))
        writer = await world.writer()
        prepared = await writer.forward()
        assert prepared is not None
        assert prepared.plan.count == 30
        assert await writer.forward() is None
        assert writer.done == world.appended[-1][0]
        (marker,) = world.store.tables["batches"]
        assert marker["event_rows"] == len(world.store.tables["events"])
        assert marker["session_rows"] == len(world.store.tables["sessions"])
        await world.finish()


async def test_days_that_may_be_rolled_up_are_marked_before_and_after(
    redis_server: RedisServer,
) -> None:
    """A build that began in between saw half a batch, and must not be read (INGESTION 5.4)."""
    async with World(redis_server.url) as world:
        await world.append(*some_events(30, seed=1))
        world.store.failures["before events"] = Crash()
        writer = await world.writer()
        with pytest.raises(Crash):
            await writer.forward()
        rows = world.store.tables
        before = [(row["site_id"], row["local_day"]) for row in rows["dirty_days"]]
        await world.finish()
        days = {(row["site_id"], row["local_day"]) for row in rows["events"]}
        assert set(before) == days
        marks = [(row["site_id"], row["local_day"]) for row in rows["dirty_days"]]
        assert sorted(marks) == sorted(3 * list(days))
        await world.finish()


@pytest.mark.parametrize("where", CRASHES)
async def test_a_crash_anywhere_loses_nothing_and_writes_nothing_twice(
    redis_server: RedisServer, where: str
) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(20, seed=2))
        await (await world.writer()).forward()
        await world.append(*some_events(20, seed=3, start_minute=50))
        writer = await world.writer()
        world.store.failures[where] = Crash()
        with pytest.raises(Crash):
            await writer.forward()
        # More arrives before somebody takes over: it must not get into the planned batch.
        await world.append(*some_events(20, seed=4, start_minute=60))
        await world.finish()


async def test_a_stored_batch_is_not_inserted_again(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(10, seed=1))
        world.store.failures["before commit"] = Crash()
        with pytest.raises(Crash):
            await (await world.writer()).forward()
        await (await world.writer()).forward()
        assert world.store.repeats == 0
        world.check_tables()


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreError(241, "no")])
async def test_after_an_error_of_the_store_the_same_batch_is_repeated(
    redis_server: RedisServer, error: Exception
) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(10, seed=1))
        writer = await world.writer()
        world.store.failures["after sessions"] = error
        with pytest.raises(type(error)):
            await writer.forward()
        assert writer.has_plan
        await world.append(*some_events(10, seed=2))
        assert await writer.forward()
        assert world.store.repeats == 2
        await world.finish()


async def test_an_old_owner_can_neither_plan_nor_commit(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(10, seed=1))
        old = await world.writer("old", lease_ms=1)
        world.store.failures["after sessions"] = StoreUnavailable("for a moment")
        with pytest.raises(StoreUnavailable):
            await old.forward()
        await asyncio.sleep(0.01)
        new = await world.writer("new")
        assert await new.forward()
        with pytest.raises(LeaseLost):
            await old.forward()
        world.check_tables()
        await world.append(*some_events(10, seed=2))
        with pytest.raises(LeaseLost):
            await old.forward()
        assert await new.forward()
        world.check_tables()


async def test_an_old_owner_that_thinks_it_still_has_the_lease_is_refused(
    redis_server: RedisServer,
) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(10, seed=1))
        old = await world.writer("same")
        new = await world.writer("same")
        with pytest.raises(LeaseLost):
            await old.forward()
        world.store.failures["before commit"] = Crash()
        with pytest.raises(Crash):
            await new.forward()
        newest = await world.writer("same")
        with pytest.raises(LeaseLost):
            await new.forward()
        assert await newest.forward()
        world.check_tables()


async def test_a_lease_is_another_s_until_it_ends_or_is_given_back(
    redis_server: RedisServer,
) -> None:
    async with World(redis_server.url) as world:
        first = Lease(world.redis, KEYS.lease, owner="first", kept_ms=60_000)
        second = Lease(world.redis, KEYS.lease, owner="second", kept_ms=1)
        assert await first.take()
        assert not await second.take()
        await first.renew()
        await first.release()
        assert await second.take()
        assert second.epoch == 2
        await asyncio.sleep(0.01)
        assert await first.take()
        assert first.epoch == 3
        with pytest.raises(LeaseLost):
            await second.assure()


async def test_a_missing_planned_entry_stops_the_shard(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(10, seed=1))
        world.store.failures["after plan"] = Crash()
        with pytest.raises(Crash):
            await (await world.writer()).forward()
        await world.redis.xdel(KEYS.events, str(world.appended[4][0]))
        writer = await world.writer()
        for _ in range(2):
            with pytest.raises(ShardStopped, match=r"10 entries are planned .* 9 are found"):
                await writer.forward()
        assert world.store.tables["events"] == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"format": 99}, "format 99"), ({"generation": 4}, "another life"), (None, "cannot be read")],
)
async def test_a_plan_that_cannot_be_repeated_stops_the_shard(
    redis_server: RedisServer, changes: dict[str, int] | None, why: str
) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(3, seed=1))
        world.store.failures["after plan"] = Crash()
        with pytest.raises(Crash):
            await (await world.writer()).forward()
        plan = orjson.loads(await world.redis.get(KEYS.plan) or b"")
        await world.redis.set(KEYS.plan, orjson.dumps(changes and plan | changes))
        with pytest.raises(ShardStopped, match=why):
            await (await world.writer()).forward()


async def test_a_plan_of_the_release_before_is_repeated_as_it_is(
    redis_server: RedisServer,
) -> None:
    """Its form, its format and so its tokens are the old ones, and so are the states (3.9)."""
    async with World(redis_server.url) as world:
        await world.append(*some_events(5, seed=1))
        await (await world.writer()).forward()
        state = orjson.loads(await world.redis.hget(KEYS.visits, "state") or b"")
        assert len(state) == 2, "what was never needed is not written"
        await world.append(*some_events(5, seed=2))
        first, last = world.appended[5][0], world.appended[9][0]
        old = {"epoch": 1, "generation": GENERATION, "first": first, "last": last, "count": 5}
        await world.redis.set(KEYS.plan, orjson.dumps(old | {"format": 1}, default=list))
        await world.append(*some_events(5, seed=3))
        assert await (await world.writer()).forward()
        span = f"{SHARD}-{GENERATION:016x}-{first}-{last}-5-1"
        assert {f"{span}-events", f"{span}-batches"} <= world.store.tokens.keys()
        await world.finish()


async def test_states_of_another_generation_stop_the_shard(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        await world.append(*some_events(3, seed=1))
        await (await world.writer()).forward()
        await world.redis.set(KEYS.generation, "1")
        with pytest.raises(ShardStopped, match="another life"):
            await world.writer()


async def test_the_generation_outlives_its_writers(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        lease = Lease(world.redis, KEYS.lease, owner="one", kept_ms=60_000)
        await world.append(*some_events(3, seed=1))
        await world.writer()
        assert await lease.take()
        other = ShardWriter(world.redis, world.store, SHARD, lease, batch_events=10)
        await other.open(GENERATION + 1)
        await other.forward()
        assert {row["generation"] for row in world.store.tables["events"]} == {GENERATION}


async def test_an_unreadable_entry_is_set_aside_and_counted(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        good, other = some_events(2, seed=1)
        await world.append(good._replace(name="pageview"))
        for raw in (b"not json", b"[1,2]", orjson.dumps([1, *other._replace(previous=77)][:-1])):
            await world.redis.xadd(KEYS.events, {"d": raw})
        await world.redis.xadd(KEYS.events, {"other": "field"})
        await world.append(other._replace(name="pageview"))
        prepared = await (await world.writer()).forward()
        assert prepared is not None
        assert prepared.plan.count == 6
        assert len(world.store.tables["events"]) == 2
        dead = [fields for _, fields in await world.redis.xrange(KEYS.dead)]
        bodies = [dict(zip(raw[::2], raw[1::2], strict=True)) for raw in dead]
        assert [body[b"size"] for body in bodies[:2]] == [b"8", b"5"]
        assert [body[b"d"] for body in bodies[:2]] == [b"", b"[1,2]"]
        assert orjson.loads(bodies[2][b"d"])[5] == 0
        counts = await world.redis.hgetall(KEYS.counts)
        assert [(body[b"site"], body[b"why"]) for body in bodies] == [
            (site, b"unreadable") for site in (b"0", b"0", b"1", b"0")
        ]
        assert (counts[b"0:dead"], counts[b"1:dead"]) == (b"3", b"1")
        assert counts[b"1:stored"] == b"2"
        assert await world.redis.xlen(KEYS.events) == 0


async def test_a_batch_in_which_everything_is_dropped_is_finished_too(
    redis_server: RedisServer,
) -> None:
    async with World(redis_server.url) as world:
        await world.append(an_event(name="engagement"), an_event(name="engagement"))
        assert await (await world.writer()).forward()
        assert world.store.tables["events"] == []
        assert await world.redis.hgetall(KEYS.counts) == {b"1:dropped:no_visit": b"2"}
        await world.finish()


async def test_states_that_no_event_can_reach_leave_redis(redis_server: RedisServer) -> None:
    async with World(redis_server.url) as world:
        writer = await world.writer()
        for hour in range(6):
            ts = 20_455 * 86_400_000 + hour * 60 * MINUTE
            await world.append(an_event(ts_ms=ts, visitor=hour + 1))
            await writer.forward()
        assert await world.redis.hlen(KEYS.visits) == 3 + 1
        await world.finish()


async def test_a_long_batch_is_read_in_pieces_and_committed_whole(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.forwarder.stream.READ_ENTRIES", 7)
    async with World(redis_server.url) as world:
        await world.append(*(an_event(visitor=i) for i in range(1_200)))
        prepared = await (await world.writer(batch_events=1_100)).forward()
        assert prepared is not None
        assert prepared.plan.count == 1_100
        await world.finish()


ACTIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 12)),
    st.tuples(st.just("forward"), st.sampled_from([1, 3, 100])),
    st.tuples(st.just("crash"), st.sampled_from(CRASHES)),
    st.tuples(st.just("fail"), st.sampled_from([where for where in CRASHES if "s" in where[-1]])),
    st.tuples(st.just("ghost"), st.integers(0, 5)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, min_size=1, max_size=15))
def test_whatever_happens_each_event_is_in_once(
    redis_server: RedisServer, actions: list[tuple[str, Any]]
) -> None:
    asyncio.run(_live(redis_server.url, actions))


async def _live(url: str, actions: list[tuple[str, Any]]) -> None:
    """Append, forward, crash at any step, and let old writers wake up and go on."""
    async with World(url) as world:
        writer = await world.writer()
        ghosts: list[ShardWriter] = []
        for i, (action, value) in enumerate(actions):
            world.store.failures.clear()
            if action == "append":
                await world.append(*some_events(value, seed=i, start_minute=10 * i))
            elif action == "forward":
                writer._batch_events = value
                await writer.forward()
            elif action == "ghost" and ghosts:
                # It is refused, or finds nothing to do; it never finishes a batch.
                with contextlib.suppress(LeaseLost, ShardStopped):
                    assert await ghosts[value % len(ghosts)].forward() is None
            elif action == "fail":
                world.store.failures[value] = StoreUnavailable("away")
                try:
                    await writer.forward()
                except StoreUnavailable:
                    continue
            elif action == "crash":
                world.store.failures[value] = Crash()
                try:
                    await writer.forward()
                except Crash:
                    ghosts.append(writer)
                    world.store.failures.clear()
                    writer = await world.writer()
        world.store.failures.clear()
        await world.finish()
