"""Erasing through the writer, with the real engine: what goes, what stays, and a crash anywhere."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.event import Event
from edge.forwarder.checkpoint import ShardStopped
from edge.forwarder.erasure import CONTROL, Erasure
from edge.importer import count_resets, import_events, import_number
from store.client import Store
from store.migrate import migrate
from store.rollup import build_due
from tests.edge.forwarder.bench import Bench
from tests.edge.forwarder.memory_store import Crash
from tests.edge.forwarder.reference import ReferenceVisit, erase, replay
from tests.edge.forwarder.world import GENERATION, KEYS, MINUTE, SHARD, some_events
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

NOON = 20_455 * 86_400_000 + 43_200_000
SECRET = "/secret/a_b%c"
START = 20_455 * 86_400_000
"""Where ``some_events`` begin, but for some that come late."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened


def a_view(minute: float, path: str = "/", visitor: int = 1, **changes: Any) -> Event:
    return an_event(ts_ms=NOON + round(minute * MINUTE), path=path, visitor=visitor, **changes)


def a_day() -> list[Event]:
    """Visits of which none, some, or all events are meant by most conditions, and another site."""
    return [
        a_view(0, "/", 1),
        a_view(1, SECRET, 1, props={"plan": "gold"}),
        a_view(2, "/end", 1),
        a_view(1, SECRET, 2),
        a_view(1.5, "", 2, name="engagement", engaged_ms=700),
        a_view(3, "/", 3),
        a_view(3.5, "/", 3, name="engagement", engaged_ms=300),
        a_view(4, "/", 3, name="Signup", props={"plan": "gold"}),
        a_view(50, "/secretly", 4),
        a_view(51, "/secret/axb%c", 4),
        a_view(52, SECRET, 5, site_id=2, props={"plan": "gold"}),
    ]


CONDITIONS: list[dict[str, Any]] = [
    {},
    {"path": SECRET},
    {"path": "/secret/*"},
    {"path": "*"},
    {"before_ms": NOON + MINUTE},
    {"after_ms": NOON + 4 * MINUTE},
    {"after_ms": NOON + MINUTE, "before_ms": NOON + 2 * MINUTE},
    {"prop": ("plan", "gold")},
    {"prop": ("plan", None)},
    {"visitor": 3},
    {"visitor": 3, "path": "/nowhere"},
]


def expect(bench: Bench, place: int, erasure: Erasure) -> list[ReferenceVisit]:
    """Say what the tables hold if an erasure stood behind so many events."""
    visits, _ = replay(bench.appended, SHARD, GENERATION, {place: erasure.matches})
    return erase(visits, erasure.matches) if place == len(bench.appended) else visits


@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
async def test_what_is_meant_goes_and_visits_are_as_if_it_had_never_been(
    redis_server: RedisServer, store: Store, conditions: dict[str, Any]
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(*a_day())
        place = len(bench.appended)
        erasure = await bench.erase(**conditions)
        # Its visit goes on afterwards: what was written of it must be taken back to the row.
        await bench.append(a_view(6, SECRET, 1), a_view(7, "/", 3), a_view(8, "/late", 2))
        await bench.forward()
        visits = expect(bench, place, erasure)
        bench.check(visits)
        account = await bench.account()
        left = len([1 for v in visits for _, event in v.entries if event.site_id == 1])
        assert account["1:stored"] == left
        assert account["1:erased"] == account["1:received"] - left
        assert store.query("select kind, chosen_by, events from erasures") == [
            (
                "erase" if conditions else "reset",
                erasure.chosen_by,
                account["1:erased"],
            )
        ]


async def test_events_in_front_of_the_message_are_erased_though_they_are_not_stored_yet(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, "/a", 1))
        await bench.forward()
        await bench.append(a_view(1, "/b", 1), a_view(2, "/c", 2))
        await bench.erase()
        await bench.append(a_view(3, "/d", 1))
        await bench.forward()
        assert [path for (path,) in store.query("select path from events")] == ["/d"]
        ((figures),) = bench.sessions().values()
        assert (figures["pageviews"], figures["entry_page"]) == (1, "/d")
        assert await bench.account() == {"1:received": 4, "1:erased": 3, "1:stored": 1}


@pytest.mark.parametrize("dies_at", range(2, 40, 4))
@pytest.mark.parametrize("conditions", [{}, {"path": "/secret/*"}], ids=str)
async def test_a_crash_at_any_step_ends_in_the_same_tables(
    redis_server: RedisServer, store: Store, conditions: dict[str, Any], dies_at: int
) -> None:
    """The last of them come after the end: those runs are not cut off."""
    async with Bench(redis_server, store) as bench:
        await bench.append(*a_day())
        await bench.forward()
        place = len(bench.appended)
        erasure = await bench.erase(**conditions)
        await bench.append(a_view(6, "/", 1))
        with suppress(Crash):
            await bench.forward(dies_at)
        await bench.append(a_view(7, "/more", 3))
        await bench.forward()
        bench.check(expect(bench, place, erasure))
        account = await bench.account()
        assert account["1:stored"] + account["1:erased"] == account["1:received"]
        assert store.query("select count() from erasures") == [(1,)]


async def test_erasing_twice_finds_nothing_the_second_time(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(*a_day())
        for _ in range(2):
            erasure = await bench.erase(path=SECRET)
        await bench.forward()
        bench.check(expect(bench, len(bench.appended), erasure))
        assert [n for (n,) in store.query("select events from erasures order by stream_ms")] == [
            3,
            0,
        ]


async def test_the_data_epoch_grows_and_is_part_of_later_tokens(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0))
        await bench.forward()
        assert len(orjson.loads(await bench.redis.hget(KEYS.visits, "state"))) == 2
        for epoch in (1, 2):
            await bench.erase()
            await bench.forward()
            assert orjson.loads(await bench.redis.hget(KEYS.visits, "state"))[2] == epoch
        await bench.append(a_view(1))
        with pytest.raises(Crash):
            await bench.forward(dies_at=1)
        assert orjson.loads(await bench.redis.get(KEYS.plan))["data"] == 2
        await bench.forward()


async def test_dead_letters_of_the_site_go_too(redis_server: RedisServer, store: Store) -> None:
    async with Bench(redis_server, store) as bench:
        for i, path in enumerate((SECRET, "/", SECRET)):
            await bench.append(a_view(i, path, site_id=1 + i // 2, scroll=999))
        await bench.append(a_view(5, SECRET, local_day="no day"))
        await bench.forward()
        assert await bench.account() == {
            "1:received": 3,
            "1:dead": 3,
            "2:received": 1,
            "2:dead": 1,
        }
        await bench.erase(path=SECRET)
        await bench.forward()
        assert (await bench.account())["1:dead"] == 2, "what cannot be read cannot be judged"
        await bench.erase()
        await bench.forward()
        assert await bench.account() == {
            "1:received": 3,
            "1:erased": 3,
            "2:received": 1,
            "2:dead": 1,
        }


async def test_rows_of_hits_go_where_they_have_the_columns(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        store.command("truncate table hits")
        store.command(
            "insert into hits (site_id, ts, path)"
            f" select number % 2 + 1, now(), if(number < 2, '{SECRET}', '/') from numbers(4)"
        )
        await bench.erase(path="/secret/*")
        await bench.forward()
        await bench.erase(prop=("plan", "gold"))
        await bench.forward()
        assert store.query("select site_id, count() from hits group by 1 order by 1") == [
            (1, 1),
            (2, 2),
        ]
        await bench.erase()
        await bench.forward()
        assert store.query("select site_id, count() from hits group by 1") == [(2, 2)]


async def test_signals_go_with_what_is_meant_and_with_their_visits(
    redis_server: RedisServer, store: Store
) -> None:
    def a_click(minute: float, path: str, visitor: int) -> Event:
        props = {"s": "a", "x": "1", "y": "1", "px": "1", "py": "1", "h": "1"}
        return a_view(minute, path, visitor, name="$click", props=props)

    async with Bench(redis_server, store) as bench:
        await bench.append(
            a_view(0, "/", 1), a_click(1, "/", 1), a_click(2, SECRET, 1),
            a_view(3, SECRET, 2), a_click(4, "/", 2),
        )  # fmt: skip
        await bench.forward()
        await bench.erase(path=SECRET)
        await bench.append(a_view(6, "/", 1))
        await bench.forward()
        assert store.query("select visitor, path from signals") == [(1, "/")]
        assert await bench.account() == {"1:received": 6, "1:stored": 3, "1:erased": 3}
        (figures,) = bench.sessions().values()
        assert (figures["pageviews"], figures["duration_ms"]) == (2, 6 * MINUTE)


@pytest.mark.parametrize("conditions", [{}, {"path": SECRET}], ids=str)
async def test_rollups_tell_nothing_of_what_was_erased(
    redis_server: RedisServer, store: Store, conditions: dict[str, Any]
) -> None:
    """Not the builds that were there, and not those that are made of what stays."""
    later = 3 * 24 * 60
    async with Bench(redis_server, store) as bench:
        await bench.append(a_view(0, SECRET, 1), a_view(1, "/", 1))
        await bench.append(a_view(later, "/", 2, local_day=20_458))
        await bench.forward()
        assert await asyncio.to_thread(build_due, store, datetime.now(UTC)) == 2
        of_secret = "select count() from rollups where position(value, 'secret') > 0"
        assert store.query(of_secret) != [(0,)]
        await bench.erase(**conditions)
        await bench.forward()
        assert store.query(of_secret) == [(0,)]
        built = await asyncio.to_thread(build_due, store, datetime.now(UTC))
        assert built == (0 if conditions == {} else 2)
        assert store.query(of_secret) == [(0,)]


async def test_imported_totals_go_with_their_days_and_pages(
    redis_server: RedisServer, store: Store
) -> None:
    def left() -> list[tuple[Any, ...]]:
        rows = "select toString(local_day), value from imported_totals where site_id = 1"
        return store.query(f"{rows} order by 1, 2")

    async with Bench(redis_server, store) as bench:
        for table in ("imported_totals", "imports"):
            store.command(f"truncate table {table}")
        store.command(
            "insert into imported_totals (site_id, import_id, local_day, dimension, value)"
            " select site, 1, '2026-01-01'::Date + number, 'event:page', page from numbers(4)"
            f" array join [1, 2] as site array join ['/', '{SECRET}'] as page"
        )
        store.command("insert into imports (site_id, import_id) values (1, 1), (2, 1)")
        await bench.erase(path="/secret/*")
        await bench.forward()
        assert left() == [(f"2026-01-0{day}", "/") for day in range(1, 5)]
        midnight_ms = round(datetime(2026, 1, 3, tzinfo=UTC).timestamp() * 1000)
        in_tokyo = {"zone": "Asia/Tokyo", "before_ms": midnight_ms - 9 * 3_600_000}
        await bench.erase(**in_tokyo, visitor=1)
        await bench.erase(**in_tokyo)
        await bench.forward()
        assert left() == [("2026-01-03", "/"), ("2026-01-04", "/")]
        await bench.erase()
        await bench.forward()
        assert store.query("select distinct site_id from imported_totals") == [(2,)]
        assert store.query("select distinct site_id from imports") == [(2,)]


async def test_imports_are_erased_too_and_after_a_reset_may_come_again(
    redis_server: RedisServer, store: Store
) -> None:
    events = [a_view(0, "/a"), a_view(1, SECRET), a_view(2, "/b"), a_view(3, SECRET, 2)]

    def bring_in() -> int:
        number = import_number(1, "file", count_resets(store, 1))
        summary = import_events(store, number, events)
        return summary.chunks - summary.chunks_present

    async with Bench(redis_server, store) as bench:
        assert await asyncio.to_thread(bring_in) == 1
        await bench.erase(path=SECRET)
        await bench.forward()
        (figures,) = bench.sessions().values()
        assert (figures["pageviews"], figures["exit_page"]) == (2, "/b")
        assert store.query("select path, shard from events order by path") == [
            ("/a", 255),
            ("/b", 255),
        ]
        assert await bench.account() == {}, "what was imported was never received"
        assert await asyncio.to_thread(bring_in) == 0, "what was erased would come back"
        await bench.erase()
        await bench.forward()
        assert await asyncio.to_thread(bring_in) == 1
        assert len(bench.event_ids()) == 4


async def test_a_message_of_a_newer_release_stops_the_shard(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await bench.redis.xadd(KEYS.events, {CONTROL: orjson.dumps({"kind": "merge", "site_id": 1,
                                                                    "asked_ms": 0})})  # fmt: skip
        with pytest.raises(ShardStopped, match="update the forwarder"):
            await bench.forward()


@given(
    st.builds(
        Erasure,
        st.integers(1, 9),
        st.integers(0, 2**50),
        path=st.none() | st.text("/ab*%_\\", max_size=6),
        prop=st.none() | st.tuples(st.text(max_size=3), st.none() | st.text(max_size=3)),
        visitor=st.none() | st.integers(0, 2**64 - 1),
    )
)
def test_a_message_is_read_as_it_was_written(erasure: Erasure) -> None:
    assert Erasure.parse(erasure.render()) == erasure
    assert erasure.is_reset == (erasure.chosen_by == [])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"kind":"erase"}', b'{"kind":"erase","x":1}'])
def test_what_is_no_erasure_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds.
        Erasure.parse(raw)


async def test_conditions_mean_the_same_in_sql_and_in_python(store: Store) -> None:
    paths = ["/", "/a", "/a/b", "/a%b", "/a_b", "/axb", "/a\\b", "/A", "", "/a\nb"]
    patterns = ["/", "/*", "*", "/a*b", "/a%b", "/a_b", "/a\\b", "*b", "/a", ""]
    for pattern in patterns:
        erasure = Erasure(1, 0, path=pattern)
        where, params = erasure.conditions()
        rows = store.query(
            f"select path from (select 1 as site_id, arrayJoin({{paths:Array(String)}}) as path)"
            f" where {where}",
            params | {"paths": paths},
        )
        wanted = [path for path in paths if erasure.matches(a_view(0, path))]
        assert sorted(path for (path,) in rows) == sorted(wanted), pattern
    assert not replace(erasure, site_id=2).matches(a_view(0, ""))


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_comes_between_and_whoever_dies_the_tables_are_those_of_the_reference(
    redis_server: RedisServer, store: Store, seed: int
) -> None:
    rng = random.Random(seed)
    erasures: dict[int, list[Erasure]] = {}
    async with Bench(redis_server, store) as bench:
        for i in range(6):
            await bench.append(*some_events(rng.randrange(1, 9), 10 * seed + i, 12 * i))
            if rng.random() < 0.7:
                conditions = rng.choice(
                    [
                        {"path": rng.choice(["/0", "/1*", "*"])},
                        {"visitor": rng.randrange(1, 6)},
                        {"after_ms": START + rng.randrange(60 * MINUTE)},
                        {"before_ms": START + rng.randrange(60 * MINUTE)},
                        {},
                    ]
                )
                erasure = await bench.erase(**conditions)
                erasures.setdefault(len(bench.appended), []).append(erasure)
            with suppress(Crash):
                await bench.forward(rng.randrange(1, 60), batch_events=rng.choice([2, 50]))
        await bench.forward()
        visits, homeless = replay(
            bench.appended,
            SHARD,
            GENERATION,
            {place: partial(_any_matches, some) for place, some in erasures.items()},
        )
        for erasure in erasures.get(len(bench.appended), []):
            visits = erase(visits, erasure.matches)
        bench.check(visits)
        account = await bench.account()
        assert account["1:stored"] == sum(len(visit.entries) for visit in visits)
        assert account["1:dropped:no_visit"] == homeless


def _any_matches(some: list[Erasure], event: Event) -> bool:
    return any(erasure.matches(event) for erasure in some)
