"""Poison against the real engine: its own refusals, its own encoder, and a crash at every step."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge.event import Event
from store.client import DataRefused, Store, StoreError
from store.migrate import migrate
from tests.edge.forwarder.bench import Bench
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.reference import replay
from tests.edge.forwarder.world import GENERATION, SHARD, some_events
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

POISON = "/poison"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        opened.command(f"alter table events add constraint c check path != '{POISON}'")
        yield opened


def no_engagement(seed: int, n: int, *bad: int) -> list[Event]:
    events = [event for event in some_events(3 * n, seed) if event.name != "engagement"][:n]
    return [event._replace(path=POISON) if i in bad else event for i, event in enumerate(events)]


async def check(bench: Bench, is_taken: Callable[[Event], bool]) -> None:
    taken = [(at, event) for at, event in bench.appended if is_taken(event)]
    visits, homeless = replay(taken, SHARD, GENERATION)
    assert homeless == 0
    bench.check(visits)
    assert await bench.account() == {
        "1:received": len(bench.appended),
        "1:stored": len(taken),
        "1:dead": len(bench.appended) - len(taken),
    }


async def test_a_crash_at_any_step_ends_in_the_same_tables(
    redis_server: RedisServer, store: Store
) -> None:
    """Steps are counted until a run has fewer than the one to die at.

    Every third is enough here: ``test_poison`` has them all, with a store in memory.
    """
    crashed, dies_at = True, -1
    while crashed:
        dies_at += 3
        async with Bench(redis_server, store) as bench:
            await bench.append(*no_engagement(1, 4, 2))
            crashed = False
            try:
                await bench.forward(dies_at)
            except Crash:
                crashed = True
            await bench.append(*no_engagement(2, 1))
            await bench.forward()
            await check(bench, lambda event: event.path != POISON)
    assert dies_at > 20


@pytest.mark.parametrize(
    "changes",
    [
        {"engaged_ms": 2**40},
        {"scroll": 256},
        {"scroll": -1},
        {"revenue_minor": 2**63},
        {"name": ["a"]},
        {"props": 3},
        {"path": 7},
        {"path": None},
        {"evidence": -1},
        {"source": 5},
        {"local_day": 2**20},
    ],
)
async def test_whatever_the_tables_do_not_hold_is_left_out_alone(
    redis_server: RedisServer, store: Store, changes: dict[str, Any]
) -> None:
    async with Bench(redis_server, store) as bench:
        bad = an_event(visitor=99, hostname="bad.example")._replace(**changes)
        await bench.append(*no_engagement(1, 3), bad, *no_engagement(2, 4))
        await bench.forward()
        await check(bench, lambda event: event.hostname != "bad.example")


@pytest.mark.parametrize(
    "changes",
    [
        {"props": {"s": 7}},
        {"props": {"s": "a", "x": 1}},
        {"props": 3},
        {"path": None},
        {"hostname": 5},
        {"screen": ["a"]},
    ],
)
async def test_a_signal_that_does_not_fit_is_left_out_and_holds_up_nobody(
    redis_server: RedisServer, store: Store, changes: dict[str, Any]
) -> None:
    async with Bench(redis_server, store) as bench:
        click = an_event(name="$click", interactive=False, props={"s": "main > a", "x": "7"})
        await bench.append(an_event(), click, click._replace(**changes), click, an_event())
        await bench.forward()
        assert store.query("select selector, x from signals") == [("main > a", 7)] * 2
        assert store.query("select count() from events") == [(2,)]
        assert await bench.account() == {"1:received": 5, "1:stored": 4, "1:dead": 1}


async def test_a_signal_beyond_its_columns_is_cut_down(
    redis_server: RedisServer, store: Store
) -> None:
    """No edge writes such: it is what another program, or a later release, put into the stream."""
    async with Bench(redis_server, store) as bench:
        props = {"x": "70000", "py": str(2**40), "h": "-5", "b": "1,99999999999", "v": "1e400"}
        kinds = ("$click", "$scroll", "$vital")
        await bench.append(an_event(), *(an_event(name=name, props=props) for name in kinds))
        await bench.forward()
        rows = store.query("select x, page_y, page_height, bands from signals order by kind")
        assert rows == [
            (32_767, 10_000_000, 0, []),
            (0, 0, 0, [1, 86_400_000]),
            (0, 0, 0, []),
        ]
        assert await bench.account() == {"1:received": 4, "1:stored": 4}


def test_refusals_of_rows_are_told_from_trouble_of_the_server(store: Store) -> None:
    columns: dict[str, list[Any]] = {"site_id": [1, 1], "path": ["/beside", POISON]}
    with pytest.raises(DataRefused) as refused:
        store.insert("events", columns, token="t-1")
    assert refused.value.code == 469
    with pytest.raises(StoreError) as missing:
        store.insert("nowhere", columns, token="t-2")
    assert not isinstance(missing.value, DataRefused)
    with pytest.raises(StoreError) as unknown:
        store.insert("events", {"nothing": [1]}, token="t-3")
    assert not isinstance(unknown.value, DataRefused)
    assert store.query("select count() from events where path = '/beside'")[0][0] == 0
