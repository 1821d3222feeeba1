import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.redis import RedisBuffer
from edge.event import Event, encode_event
from edge.forwarder.visit import SESSION_FIELDS
from edge.sites import shard_of
from store.client import Store
from store.migrate import migrate
from tests.edge.forwarder.reference import replay
from tests.support.factories import a_site, an_event
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

EVENTS = 5_000
SITES = (1, 2, 3)
ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, sys
from edge.forwarder.run import ForwarderConfig, run_forwarder
from store.client import Store

config = ForwarderConfig(
    sys.argv[1], Store(sys.argv[2]), range(64), "fwd", linger_s=0.02, batch_events=300
)

async def main():
    await run_forwarder(config, asyncio.Event())

asyncio.run(main())
"""


@contextmanager
def forwarding(redis_url: str, store_url: str) -> Iterator[None]:
    """A forwarder in a process of its own, ended by SIGKILL."""
    command = [sys.executable, "-c", PROGRAM, redis_url, store_url]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def make_events() -> list[Event]:
    """Seven hours of sixty visitors, one event in ten late by up to two hours."""
    rng = random.Random(20)
    events = []
    for i in range(EVENTS):
        late_s = rng.uniform(0, 7_200) if rng.random() < 0.1 else 0
        events.append(
            an_event(
                site_id=rng.choice(SITES),
                ts_ms=1_767_225_600_000 + round(1000 * (i * 5 - late_s)),
                visitor=rng.randrange(1, 21) * 2**58,
                name=rng.choice(["pageview", "pageview", "Signup", "engagement"]),
                engaged_ms=rng.randrange(9_000),
                path=f"/{rng.randrange(20)}",
                source=rng.choice(["", "Google", "Bing"]),
                props={"n": str(i)},
            )
        )
    return events


async def send(redis_url: str, events: list[Event]) -> None:
    """Append as an edge does; every event is acknowledged before this returns."""
    buffer = RedisBuffer(redis_url, producer="edge-1", deadline_s=30.0)
    await buffer.start()
    sites = {i: a_site(id=i) for i in SITES}
    for start in range(0, len(events), 25):
        await asyncio.gather(
            *(
                buffer.append(sites[e.site_id], [encode_event(e)])
                for e in events[start : start + 25]
            )
        )
        await asyncio.sleep(0.01)
    await buffer.stop()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(80):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - other processes tell nobody.
            await asyncio.sleep(0.05)


def count_rows(store: Store) -> int:
    return int(store.query("select count() from events")[0][0])


def count_waiting(redis_url: str) -> int:
    with Redis.from_url(redis_url) as redis:
        return sum(redis.xlen(ShardKeys.of(shard_of(i)).events) for i in SITES)


def count_outcomes(redis_url: str) -> Counter[str]:
    """Add up the accounting of all sites (INGESTION 7)."""
    found: Counter[str] = Counter()
    with Redis.from_url(redis_url) as redis:
        for site_id in SITES:
            counts: dict[bytes, bytes] = redis.hgetall(ShardKeys.of(shard_of(site_id)).counts)
            for name, n in counts.items():
                found[name.decode().partition(":")[2]] += int(n)
    return found


@pytest.mark.chaos
@pytest.mark.timeout(240)
async def test_killing_everything_in_turn_changes_no_number(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    events = make_events()
    rng = random.Random(4)
    with running_store(tmp_path) as process:
        store = Store(process.url)
        await asyncio.to_thread(migrate, store)
        sending = asyncio.create_task(send(redis_server.url, events))
        for share in (0.1, 0.25, 0.4, 0.55):
            with forwarding(redis_server.url, process.url):
                await until(partial(is_past, store, round(EVENTS * share)))
                await asyncio.sleep(rng.uniform(0, 0.1))
        process.kill()
    await asyncio.to_thread(redis_server.kill)
    await asyncio.to_thread(redis_server.start)
    with running_store(tmp_path) as process:
        store = Store(process.url)
        with forwarding(redis_server.url, process.url):
            await sending
            await until(lambda: count_waiting(redis_server.url) == 0)
        await asyncio.to_thread(check_tables, store, events)
    outcomes = count_outcomes(redis_server.url)
    assert outcomes["received"] == outcomes["accepted"] == EVENTS
    assert outcomes["stored"] + outcomes["dropped:no_visit"] == EVENTS


def is_past(store: Store, n: int) -> bool:
    return count_rows(store) >= n


def check_tables(store: Store, events: list[Event]) -> None:
    """Compare with the reference, in the order of truth, which is stored with each event."""
    rows = store.query(
        "select shard, generation, stream_ms, stream_seq, toUInt32(props['n']), visit_id, visitor,"
        " source from events order by shard, stream_ms, stream_seq"
    )
    assert len({row[4] for row in rows}) == len(rows)
    stored = {row[4] for row in rows}
    for shard in {shard_of(i) for i in SITES}:
        check_shard(store, [row for row in rows if row[0] == shard], shard, events)
    lost = [i for i, event in enumerate(events) if event.name != "engagement" and i not in stored]
    assert lost == []


def check_shard(store: Store, rows: list[tuple[Any, ...]], shard: int, events: list[Event]) -> None:
    (generation,) = {row[1] for row in rows}
    entries = [((row[2], row[3]), events[row[4]]) for row in rows]
    visits, homeless = replay(entries, shard, generation)
    assert homeless == 0
    found = {(row[2], row[3]): (row[5], row[6], row[7]) for row in rows}
    assert found == {
        at: (visit.visit_id, visit.opener.visitor, visit.opener.source)
        for visit in visits
        for at, _ in visit.entries
    }
    names = [name for name in SESSION_FIELDS if name != "version"]
    times = {"anchor", "start_at", "end_at", "last_alive", "entry_at", "exit_at"}
    columns = [
        f"toUnixTimestamp64Milli({name})"
        if name in times
        else f"toUInt16({name})"
        if name == "local_day"
        else name
        for name in names
    ]
    sessions = store.query(
        f"select {', '.join(columns)}, sum(sign) as n from sessions where shard = {shard}"
        f" group by {', '.join(names)} having n != 0"
    )
    assert {row[-1] for row in sessions} == {1}
    kept = {row[names.index("visit_id")]: dict(zip(names, row, strict=False)) for row in sessions}
    assert kept == {visit.visit_id: visit.session() for visit in visits}
