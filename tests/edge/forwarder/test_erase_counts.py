"""What an erasure means, counted before it and after it, and what its record says of each table."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge.event import Event
from edge.forwarder.erase_counts import Counts, count_now
from edge.forwarder.erasure import Erasure
from store.client import Store
from store.migrate import migrate
from store.rollup import build_due
from tests.edge.forwarder.bench import Bench
from tests.edge.forwarder.memory_store import Crash
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

DAY_MS = 86_400_000
FIRST_DAY = 20_455
CLICK = {"s": "a", "x": "1", "y": "1", "px": "1", "py": "1", "h": "1"}
TABLES = ("events", "sessions", "signals", "hits", "rollups", "imported_totals")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        opened = Store(process.url)
        migrate(opened)
        yield opened


def a_row(day: int, visitor: int, path: str = "/", name: str = "pageview", **more: Any) -> Event:
    ts_ms = (FIRST_DAY + day) * DAY_MS + DAY_MS // 2 + visitor
    at = {"ts_ms": ts_ms, "local_day": FIRST_DAY + day, "visitor": visitor}
    return an_event(path=path, name=name, **at, **more)


async def fill(bench: Bench, days: int = 4) -> None:
    """Let every table hold something of each day: of two visits a day, one in ``/old/``."""
    for table in ("hits", "imported_totals", "imports"):
        bench.store.command(f"truncate table {table}")
    for day in range(days):
        await bench.append(
            a_row(day, 1), a_row(day, 1, name="engagement", engaged_ms=900),
            a_row(day, 2, "/old/a", props={"plan": "gold"}),
            a_row(day, 2, "/old/a", name="$click", props=CLICK),
        )  # fmt: skip
    await bench.forward()
    bench.store.command(
        "insert into hits (site_id, ts, path)"
        f" select 1, toDateTime({FIRST_DAY * DAY_MS // 1000}) + number * 86400 + 3600, '/'"
        f" from numbers({days})"
    )
    bench.store.command(
        "insert into imported_totals (site_id, import_id, local_day, dimension, value)"
        f" select 1, 1, toDate({FIRST_DAY}) + number, 'event:page', '/' from numbers({days})"
    )
    await asyncio.to_thread(build_due, bench.store, datetime.now(UTC))


def rows_of(store: Store, table: str) -> int:
    return int(store.query(f"select count() from {table} where site_id = 1")[0][0])


def record_of(store: Store) -> tuple[dict[str, int], dict[str, int]]:
    ((erased, left),) = store.query("select rows_erased, rows_left from erasures")
    return dict(erased), dict(left)


@pytest.mark.parametrize("table", TABLES)
async def test_what_is_too_old_goes_from_every_table_and_the_rest_stays(
    redis_server: RedisServer, store: Store, table: str
) -> None:
    """As a retention period asks for it; each table by itself, so that none can be forgotten."""
    async with Bench(redis_server, store) as bench:
        await fill(bench)
        column = {"sessions": "toDate(anchor)", "events": "local_day", "signals": "local_day",
                  "hits": "toDate(ts)"}.get(table, "local_day")  # fmt: skip
        days = f"select groupUniqArray(toString({column})) from {table} where site_id = 1"
        every = [str((datetime(1970, 1, 1) + timedelta(FIRST_DAY + n)).date()) for n in range(4)]  # noqa: DTZ001
        assert sorted(store.query(days)[0][0]) == every
        await bench.erase(before_ms=(FIRST_DAY + 2) * DAY_MS)
        await bench.forward()
        if table == "rollups":  # More of them may go: they are made anew of what stays.
            assert set(store.query(days)[0][0]) <= set(every[2:])
            await asyncio.to_thread(build_due, store, datetime.now(UTC))
        assert sorted(store.query(days)[0][0]) == every[2:]


async def test_a_reset_says_how_much_of_each_table_it_took_and_leaves_none(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await fill(bench)
        there = {table: rows_of(store, table) for table in TABLES}
        assert all(there.values()), there
        erasure = await bench.erase(request="ab")
        assert await asyncio.to_thread(count_now, store, erasure) == (
            there | {"sessions": 8, "imports": 0}
        )
        await bench.forward()
        erased, left = record_of(store)
        assert erased == there | {"sessions": 8, "imports": 0}
        assert set(left) == {*TABLES, "imports"}
        assert set(left.values()) == {0}
        assert {table: rows_of(store, table) for table in TABLES} == dict.fromkeys(TABLES, 0)
        assert store.query("select request, kind from erasures") == [("ab", "reset")]


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ({"path": "/old/*"}, {"events": 4, "sessions": 4, "signals": 4, "hits": 0}),
        ({"path": "*"}, {"events": 12, "sessions": 8, "signals": 4, "hits": 4}),
        ({"prop": ("plan", None)}, {"events": 4, "sessions": 4, "signals": 4, "hits": 0}),
        ({"prop": ("plan", "tin")}, {"events": 0, "sessions": 0, "signals": 0, "hits": 0}),
        ({"visitor": 1}, {"events": 8, "sessions": 4, "signals": 0, "hits": 0}),
        ({"after_ms": (FIRST_DAY + 3) * DAY_MS},
         {"events": 3, "sessions": 2, "signals": 1, "hits": 1}),
    ],
    ids=str,
)  # fmt: skip
async def test_a_part_is_counted_before_and_nothing_of_it_is_left(
    redis_server: RedisServer, store: Store, conditions: dict[str, Any], wanted: dict[str, int]
) -> None:
    async with Bench(redis_server, store) as bench:
        await fill(bench)
        before = {table: rows_of(store, table) for table in ("events", "signals", "hits")}
        erasure = await bench.erase(**conditions)
        told = await asyncio.to_thread(count_now, store, erasure)
        assert {name: told[name] for name in wanted} == wanted
        await bench.forward()
        erased, left = record_of(store)
        assert {name: erased[name] for name in wanted} == wanted
        assert set(left.values()) == {0}
        after = {table: rows_of(store, table) for table in ("events", "signals", "hits")}
        assert after == {table: n - wanted[table] for table, n in before.items()}


async def test_what_is_left_is_told(redis_server: RedisServer, store: Store) -> None:
    """The look afterwards is a look: it finds what an erasure did not take."""
    async with Bench(redis_server, store) as bench:
        await fill(bench, days=1)
        left = await Counts(store, Erasure(1, 0, path="/old/*")).after()
        assert left == {"events": 1, "signals": 1, "hits": 0, "sessions": 0, "imported_totals": 0}
        store.command("alter table events delete where visitor = 2", settings={"mutations_sync": 1})
        left = await Counts(store, Erasure(1, 0, path="/old/*")).after()
        assert left["sessions"] == 1, "a visit without an event"


async def test_a_writer_that_takes_over_tells_what_the_first_counted(
    redis_server: RedisServer, store: Store
) -> None:
    async with Bench(redis_server, store) as bench:
        await fill(bench)
        await bench.erase(path="/old/*")
        with pytest.raises(Crash):
            await bench.forward(dies_at=45)
        await bench.forward()
        erased, left = record_of(store)
        assert (erased["events"], erased["sessions"], erased["signals"]) == (4, 4, 4)
        assert set(left.values()) == {0}
