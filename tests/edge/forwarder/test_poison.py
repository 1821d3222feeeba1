"""Rows that the store refuses: exactly they are left out, whoever dies at which step."""

import asyncio
import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.event import Event, encode_event
from edge.forwarder.lease import LeaseLost
from edge.forwarder.plan import Plan
from edge.forwarder.visit import StreamId
from store.client import DataRefused, StoreError, StoreUnavailable
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.world import CRASHES, KEYS, World, some_events
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer

POISON = "/poison"


def is_taken(event: Event) -> bool:
    return event.path != POISON


def a_world(url: str) -> World:
    world = World(url, is_taken)
    world.store.refuses = lambda row: row["path"] == POISON
    return world


def poisoned(events: list[Event], *places: int) -> list[Event]:
    """Make the events at some places ones that the store refuses, and that have a row."""
    return [
        event._replace(path=POISON, name="pageview") if i in places else event
        for i, event in enumerate(events)
    ]


@pytest.mark.parametrize("places", [(0,), (19,), (7,), (3, 4), (0, 9, 19), tuple(range(20))])
async def test_only_the_refused_rows_are_left_out(
    redis_server: RedisServer, places: tuple[int, ...]
) -> None:
    async with a_world(redis_server.url) as world:
        await world.append(*some_events(10, seed=1))
        await (await world.writer()).forward()
        await world.append(*poisoned(some_events(20, seed=2, start_minute=20), *places))
        await world.append(*some_events(10, seed=3, start_minute=40))
        await world.finish()


async def test_finding_one_bad_row_among_many_takes_few_tries(redis_server: RedisServer) -> None:
    async with a_world(redis_server.url) as world:
        await world.append(*poisoned(some_events(1_000, seed=1), 700))
        writer = await world.writer(batch_events=1_000)
        while await writer.forward():
            pass
        assert world.store.refusals <= 11
        assert len(world.store.tables["batches"]) <= 12
        await world.finish()


async def test_an_event_that_was_left_out_opens_no_visit_and_gives_it_nothing(
    redis_server: RedisServer,
) -> None:
    async with a_world(redis_server.url) as world:
        first = an_event(path=POISON, source="Nowhere", visitor=7)
        second = first._replace(path="/", source="Bing", ts_ms=first.ts_ms + 1_000)
        await world.append(first, second)
        await world.finish()
        (session,) = world.store.sessions_left()
        assert (session["source"], session["entry_page"], session["pageviews"]) == ("Bing", "/", 1)


async def test_a_letter_of_poison_says_why_and_can_be_sent_again(
    redis_server: RedisServer,
) -> None:
    async with a_world(redis_server.url) as world:
        await world.append(an_event(path=POISON, previous=99))
        await world.finish()
        ((_, raw),) = await world.redis.xrange(KEYS.dead)
        letter = dict(zip(raw[::2], raw[1::2], strict=True))
        assert (letter[b"why"], letter[b"site"]) == (b"refused 469", b"1")
        assert orjson.loads(letter[b"d"]) == orjson.loads(encode_event(an_event(path=POISON)))


@pytest.mark.parametrize("changes", [{"visitor": -5}, {"site_id": -1}, {"ts_ms": 1, "visitor": -5}])
async def test_an_event_of_which_no_rows_can_be_made_is_poison_too(
    redis_server: RedisServer, changes: dict[str, int]
) -> None:
    async with World(redis_server.url, is_taken) as world:
        bad = an_event(path=POISON, **changes)
        await world.append(*some_events(5, seed=1), bad, *some_events(5, seed=2))
        writer = await world.writer()
        while await writer.forward():
            pass
        world.check_tables()
        ((_, letter),) = await world.redis.xrange(KEYS.dead)
        assert letter[5] == b"refused 0"


@pytest.mark.parametrize("where", CRASHES)
@pytest.mark.parametrize("nth", [1, 2, 3, 5])
async def test_a_crash_at_any_step_of_the_halving_repeats_the_same(
    redis_server: RedisServer, where: str, nth: int
) -> None:
    async with a_world(redis_server.url) as world:
        await world.append(*poisoned(some_events(12, seed=2), 4, 9))
        world.store.skips[where] = nth - 1
        world.store.failures[where] = Crash()
        writer = await world.writer()
        with contextlib.suppress(Crash):
            while await writer.forward():
                pass
        # More arrives before somebody takes over: it must not get into a recorded plan.
        await world.append(*poisoned(some_events(6, seed=4, start_minute=60), 2))
        world.store.failures.clear()
        await world.finish()


async def test_an_old_owner_cannot_halve_the_plan_of_the_new_one(
    redis_server: RedisServer,
) -> None:
    async with a_world(redis_server.url) as world:
        await world.append(*poisoned(some_events(8, seed=1), 3))
        old = await world.writer()
        world.store.failures["before events"] = StoreUnavailable("away")
        with pytest.raises(StoreUnavailable):
            await old.forward()
        new = await world.writer()
        world.store.failures["before commit"] = Crash()
        with pytest.raises(Crash):
            await new.forward()
        with pytest.raises(LeaseLost):
            await old.forward()
        await world.finish()


@pytest.mark.parametrize(
    "trouble", [StoreError(164, "readonly"), StoreError(60, "no table"), StoreUnavailable("memory")]
)
async def test_trouble_of_the_server_is_never_taken_for_the_rows_fault(
    redis_server: RedisServer, trouble: Exception
) -> None:
    async with a_world(redis_server.url) as world:
        await world.append(*some_events(8, seed=1))
        writer = await world.writer()
        for _ in range(3):
            world.store.failures["before events"] = trouble
            with pytest.raises(type(trouble)):
                await writer.forward()
        plan = Plan.parse(await world.redis.get(KEYS.plan))
        assert (plan.count, plan.suspect, plan.refused) == (8, None, "")
        await world.finish()


async def test_a_plan_of_which_something_is_stored_is_not_halved(
    redis_server: RedisServer,
) -> None:
    """Rows of sessions are refused after those of events are in: that waits for the operator."""
    async with a_world(redis_server.url) as world:
        await world.append(*some_events(8, seed=1))
        writer = await world.writer()
        for _ in range(2):
            world.store.failures["before sessions"] = DataRefused(469, "a constraint of sessions")
            with pytest.raises(DataRefused):
                await writer.forward()
        assert Plan.parse(await world.redis.get(KEYS.plan)).count == 8
        await world.finish()


def test_a_plan_that_needs_none_of_it_is_written_as_before() -> None:
    plan = Plan(3, 2**63, StreamId(1, 0), StreamId(9, 1), 4)
    assert orjson.loads(plan.render()).keys() == {
        *("epoch", "generation", "first", "last", "count", "format"),
    }
    assert Plan.parse(plan.render()) == plan
    ids = [StreamId(1, 0), StreamId(2, 0), StreamId(3, 0), StreamId(9, 1)]
    half = plan.halved(4, ids)
    assert (half.first, half.last, half.count, half.suspect) == (ids[0], ids[1], 2, ids[3])
    assert half.still_suspect == ids[3]
    assert Plan.parse(half.render()) == half
    alone = half.halved(4, ids[:2]).without(5, "refused 0")
    assert Plan.parse(alone.render()) == alone
    assert alone.still_suspect is None
    assert len({p.token(1, "events") for p in (plan, half, alone)}) == 3


ACTIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 12)),
    st.tuples(st.just("poison"), st.integers(1, 6)),
    st.tuples(st.just("forward"), st.sampled_from([1, 3, 100])),
    st.tuples(st.just("crash"), st.tuples(st.sampled_from(CRASHES), st.integers(0, 4))),
    st.tuples(st.just("ghost"), st.integers(0, 5)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, min_size=1, max_size=15))
def test_whatever_happens_good_events_are_in_once_and_bad_ones_are_letters(
    redis_server: RedisServer, actions: list[tuple[str, Any]]
) -> None:
    asyncio.run(_live(redis_server.url, actions))


async def _live(url: str, actions: list[tuple[str, Any]]) -> None:
    async with a_world(url) as world:
        writer = await world.writer()
        ghosts = [writer][:0]
        for i, (action, value) in enumerate(actions):
            world.store.failures.clear()
            if action in {"append", "poison"}:
                events = some_events(value, seed=i, start_minute=10 * i)
                bad = range(0, value, 2) if action == "poison" else ()
                await world.append(*poisoned(events, *bad))
            elif action == "forward":
                writer._batch_events = value
                await writer.forward()
            elif action == "ghost" and ghosts:
                with contextlib.suppress(LeaseLost):
                    assert await ghosts[value % len(ghosts)].forward() is None
            elif action == "crash":
                where, world.store.skips[value[0]] = value
                world.store.failures[where] = Crash()
                try:
                    await writer.forward()
                except Crash:
                    ghosts.append(writer)
                    world.store.failures.clear()
                    writer = await world.writer()
        world.store.failures.clear()
        await world.finish()
