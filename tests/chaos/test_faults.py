"""One trouble after the other, under load, on one installation; after each the numbers are exact.

Every part is killed and frozen in turn; Redis and ClickHouse are away for long; ClickHouse is slow,
refuses, dies in the middle of an insert; disks are full; the clock jumps; two forwarders fight for
the shards. After each: every acknowledged event is stored once, the visits are those of a plain
replay of the stored events, and the customer's page never failed.

``SCALE`` scales the durations: at 1 the long outages take ten minutes each. Pages are asked for
directly, and through nginx, where they must not fail even while the edge is dead.
"""

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange

import psutil
import pytest

from store.client import Store
from store.embedded_disk import CUT_EXIT, WATCH_S
from tests.chaos.figures import Figures
from tests.chaos.installation import Child, Installation, find_fault
from tests.chaos.ledger import Ledger, has_plan, read_accounts
from tests.chaos.traffic import Batch, Browsing, Sent, Tally, drive, endless_batches, until
from tests.support.fault_proxy import Mode

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(3_600),
]

SCALE = float(os.environ.get("SCALE", "0.01"))
OUTAGE_S = 600 * SCALE
"""How long Redis and ClickHouse are away."""
PAUSE_S = 1.0 + 20 * SCALE
"""How long a part is frozen, and a trouble lasts that is not an outage."""
LEASE_S = max(2.0, 15 * SCALE)
CONNECTIONS = 8
BATCHES_PER_S = 60 if SCALE < 0.1 else 20
RECOVER_S = 90.0 + 300 * SCALE
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@dataclass
class World:
    """The installation and all that was ever sent to it."""

    parts: Installation
    random: Random
    sent: dict[int, Sent] = field(default_factory=dict)
    next_number: int = 0


@dataclass
class Load:
    """The traffic of one scenario: beacons, and pages asked for directly and through nginx."""

    world: World
    direct: Browsing
    through_nginx: Browsing
    tally: Tally = field(default_factory=Tally)
    sent: dict[int, Sent] = field(default_factory=dict)
    ends: bool = False

    def batches(self) -> Iterator[Batch]:
        """Make batches until the scenario ends."""
        for batch in endless_batches(self.world.random, self.world.next_number):
            if self.ends:
                return
            self.sent |= {event.number: event for event in batch.events}
            self.world.next_number = batch.events[-1].number + 1
            yield batch

    async def more(self, events: int) -> None:
        """Wait until so many more events are acknowledged."""
        wanted = self.acknowledged + events
        await until(lambda: self.acknowledged >= wanted, f"{events} events", RECOVER_S)

    @property
    def acknowledged(self) -> int:
        return sum(len(batch.events) for batch in self.tally.acknowledged)

    @asynccontextmanager
    async def dead_edge(self) -> AsyncIterator[None]:
        """Allow connections to the edge itself to fail, until it serves again."""
        self.direct.is_edge_dead = True
        yield
        pages = self.direct.pages
        await until(lambda: self.direct.pages > pages, "a page of the new edge", RECOVER_S)
        self.direct.is_edge_dead = False


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    seed = randrange(2**32)
    with Installation(LEASE_S) as parts:
        try:
            yield World(parts, Random(seed))
        finally:
            print(f"\nseed {seed}")  # noqa: T201 - to repeat a failure


async def edge_dies_and_freezes(parts: Installation, load: Load) -> str:
    for _ in range(3):
        async with load.dead_edge():
            parts.edge.kill()
            await asyncio.sleep(load.world.random.uniform(0, 0.2))
            await asyncio.to_thread(parts.edge.start)
        await load.more(150)
    await frozen(parts.edge)
    return ""


async def redis_dies(parts: Installation, load: Load) -> str:
    for _ in range(2):
        parts.redis.kill()
        await asyncio.sleep(load.world.random.uniform(0, 0.3))
        await asyncio.to_thread(parts.redis.start)
        await load.more(150)
    return ""


async def redis_hangs_and_the_edge_dies(parts: Installation, load: Load) -> str:
    parts.redis.pause()
    await asyncio.sleep(PAUSE_S + 1.5)
    async with load.dead_edge():
        parts.edge.kill()
        await asyncio.to_thread(parts.edge.start)
    await asyncio.sleep(PAUSE_S)
    parts.redis.resume()
    return ""


async def forwarder_dies_and_freezes(parts: Installation, load: Load) -> str:
    """Kill it once the events of a batch are in, and once more before its marker is."""
    plans = 0
    for table in ("sessions", "batches"):
        await load.more(800)
        await until_insert(parts, table, parts.forwarder.kill)
        plans += has_plan(parts.redis.url)
        await asyncio.to_thread(parts.forwarder.start)
    await frozen(parts.forwarder, LEASE_S + 0.5)
    return f"{plans} of 2 batches left half done"


async def two_forwarders_fight(parts: Installation, load: Load) -> str:
    """Freeze the first in a batch past its lease, let another take over, let the first go on."""
    first = parts.forwarder
    for table in ("sessions", "batches"):
        await until_insert(parts, table, first.freeze)
        second = parts.new_forwarder(f"beside-{table}")
        try:
            await asyncio.to_thread(second.start)
            await asyncio.sleep(LEASE_S + PAUSE_S)
            first.thaw()
            await load.more(100)
        finally:
            first.thaw()
            await asyncio.to_thread(second.stop)  # The first is alone with its batches again.
    return ""


async def store_dies_and_freezes(parts: Installation, load: Load) -> str:
    for table in ("events", "sessions"):
        await until_insert(parts, table, parts.store.process.kill)
        await asyncio.to_thread(parts.restart_store)
        await load.more(150)
    process = psutil.Process(parts.store.process.pid)
    process.suspend()
    await asyncio.sleep(PAUSE_S)
    process.resume()
    return ""


async def portal_dies_and_freezes(parts: Installation, load: Load) -> str:
    parts.portal.kill()
    await load.more(100)
    await asyncio.to_thread(parts.portal.start)
    await frozen(parts.portal)
    return ""


async def redis_is_away(parts: Installation, load: Load) -> str:
    """For ten minutes, within which the edge is killed and has a successor."""
    parts.redis.kill()
    await asyncio.sleep(OUTAGE_S / 2)
    async with load.dead_edge():
        parts.edge.kill()
        await asyncio.to_thread(parts.edge.start)
    await asyncio.sleep(OUTAGE_S / 2)
    await asyncio.to_thread(parts.redis.start)
    return f"away for {OUTAGE_S:.0f} s"


async def clickhouse_is_away(parts: Installation, load: Load) -> str:
    parts.proxy.mode = Mode.AWAY
    await asyncio.sleep(OUTAGE_S)
    assert not load.tally.answers[503], "a beacon was refused because ClickHouse was away"
    return f"away for {OUTAGE_S:.0f} s"


async def clickhouse_is_slow(parts: Installation, load: Load) -> str:
    parts.proxy.mode = Mode.SLOW
    await asyncio.sleep(2 * PAUSE_S)
    await load.more(100)
    return f"{parts.proxy.delay_s:.1f} s a request"


async def clickhouse_refuses(parts: Installation, load: Load) -> str:
    parts.proxy.mode = Mode.REFUSE
    await asyncio.sleep(2 * PAUSE_S)
    await until(lambda: parts.proxy.faults >= 5, "an error of each kind", RECOVER_S)
    assert not load.tally.answers[503], "a beacon was refused because ClickHouse refuses"
    return f"{parts.proxy.faults} errors"


async def clickhouse_dies_inside_inserts(parts: Installation, load: Load) -> str:
    for mode in (Mode.LOSE_ANSWER, Mode.CUT_BODY):
        parts.proxy.mode = mode
        faults = parts.proxy.faults
        await asyncio.sleep(PAUSE_S)
        await until(lambda faults=faults: parts.proxy.faults >= faults + 4, "broken inserts", 60)  # type: ignore[misc]
        await load.more(50)
    return f"{parts.proxy.faults} inserts broke off"


async def disks_are_full(parts: Installation, load: Load) -> str:
    """No file of Redis, the edge and the store may grow: Redis ends, beacons get 503, all wait.

    The store ends too once a write of its own is cut (``store.embedded_disk``).
    """
    processes = [psutil.Process(parts.redis.pid), psutil.Process(parts.edge.pid)]
    processes.append(psutil.Process(parts.store.process.pid))
    # Room enough for its log, or the edge could not say so.
    limit = 60_000 + parts.edge.log.stat().st_size
    for process in processes:
        process.rlimit(psutil.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    await until(lambda: bool(load.tally.answers[503]), "a refused beacon", RECOVER_S)
    assert not processes[0].is_running() or processes[0].status() == psutil.STATUS_ZOMBIE
    await asyncio.sleep(PAUSE_S)
    for process in processes[1:]:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    parts.redis.kill()
    await asyncio.to_thread(parts.redis.start)
    await asyncio.sleep(2 * WATCH_S)  # It may have been cut a moment ago.
    status = parts.store.process.poll()
    assert status in {None, CUT_EXIT}
    if status is not None:
        await asyncio.to_thread(parts.restart_store)
    log = parts.edge.log.read_text()
    assert "the spool refuses" in log, "a full disk was not said"
    ended = "the store ended" if status else "the store went on"
    return f"{load.tally.answers[503]} beacons refused, {ended}"


async def the_clock_jumps(parts: Installation, load: Load) -> str:
    """By minutes and by hours, forwards and back, for edge and forwarder alike."""
    assert FAKETIME, "libfaketime is missing: make faketime"
    offset = parts.folder / "clock"
    offset.write_text("+0")
    clock = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    async with load.dead_edge():
        for child in (parts.edge, parts.forwarder):
            child.environment |= clock
            child.kill()
            await asyncio.to_thread(child.start)
    for jump in ("+40m", "+0", "-20m", "+3h", "+0"):
        offset.write_text(jump)
        await asyncio.sleep(1.1)
        await load.more(150)
    return "+40 min, back, -20 min, +3 h, back"


async def frozen(child: Child, seconds: float = PAUSE_S) -> None:
    """Freeze a part for a while."""
    child.freeze()
    await asyncio.sleep(seconds)
    child.thaw()


async def until_insert(parts: Installation, table: str, strike: Callable[[], object]) -> None:
    """Strike once, at the moment at which rows are sent to a table."""
    struck = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_insert(into: str) -> None:
        if into == table and parts.proxy.on_insert is not None:
            parts.proxy.on_insert = None
            strike()
            loop.call_soon_threadsafe(struck.set)

    parts.proxy.on_insert = on_insert
    async with asyncio.timeout(RECOVER_S):
        await struck.wait()


SCENARIOS: dict[str, Callable[[Installation, Load], Awaitable[str]]] = {
    "edge killed, frozen": edge_dies_and_freezes,
    "Redis killed": redis_dies,
    "Redis frozen, edge killed": redis_hangs_and_the_edge_dies,
    "forwarder killed, frozen": forwarder_dies_and_freezes,
    "two forwarders": two_forwarders_fight,
    "store killed, frozen": store_dies_and_freezes,
    "portal killed, frozen": portal_dies_and_freezes,
    "Redis away": redis_is_away,
    "ClickHouse away": clickhouse_is_away,
    "ClickHouse slow": clickhouse_is_slow,
    "ClickHouse refuses": clickhouse_refuses,
    "ClickHouse dies in inserts": clickhouse_dies_inside_inserts,
    "disks full": disks_are_full,
    "clock jumps": the_clock_jumps,
}
"""In any order but for the last, which ``conftest`` keeps there."""


@pytest.mark.parametrize("name", SCENARIOS)
async def test_trouble_loses_nothing_doubles_nothing_and_fails_no_page(
    world: World, table: list[Figures], name: str
) -> None:
    load = Load(
        world,
        Browsing(world.parts.edge.port, find_fault),
        Browsing(world.parts.nginx.port, find_fault),
    )
    browsers = [asyncio.create_task(b.run()) for b in (load.direct, load.through_nginx)]
    beacons = asyncio.create_task(
        drive(
            world.parts.edge.port,
            load.batches(),
            load.tally,
            connections=CONNECTIONS,
            pause_s=CONNECTIONS / BATCHES_PER_S,
        )
    )
    try:
        await load.more(200)
        world.parts.proxy.faults = 0
        note = await SCENARIOS[name](world.parts, load)
        recovery_s = await recovered(world.parts, load)
    except (AssertionError, TimeoutError) as error:
        raise AssertionError(f"{error}\n{world.parts.read_logs()}") from error
    finally:
        world.parts.proxy.mode = Mode.PASS
        world.parts.proxy.on_insert = None
        load.ends = True
        await beacons
        for browser in browsers:
            browser.cancel()
        await asyncio.gather(*browsers, return_exceptions=True)
        world.sent |= load.sent
    await until(lambda: is_drained(world.parts), "the rest of the stream", RECOVER_S)
    faults = judge(world, load, table, name, note, recovery_s)
    assert not faults, faults[:5]


async def recovered(parts: Installation, load: Load) -> float:
    """End the trouble; give the seconds until an event sent after it is in the tables."""
    parts.proxy.mode = Mode.PASS
    began_s, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    store = Store(parts.store.url)

    def is_stored() -> bool:
        after = [b for b in load.tally.acknowledged if b.sent_ms > now_ms]
        numbers = [e.number for b in after for e in b.events if e.name != "engagement"]
        if not numbers:
            return False
        listed = ", ".join(f"'{number}'" for number in numbers[:200])
        return bool(store.query(f"select count() from events where props['n'] in ({listed})")[0][0])

    await until(is_stored, "recovery", RECOVER_S)
    return time.monotonic() - began_s


def is_drained(parts: Installation) -> bool:
    """Tell whether neither the spool nor a stream holds anything."""
    spooled = any(parts.data.glob("spool/*/*.spool"))
    return not spooled and read_accounts(parts.redis.url)[0] == 0


def judge(
    world: World,
    load: Load,
    table: list[Figures],
    name: str,
    note: str,
    recovery_s: float,
) -> list[str]:
    """Read the tables, add the row, assert that they are right; give what clients saw amiss."""
    ledger = Ledger(Store(world.parts.store.url))
    judged = ledger.judge(load.sent, load.tally, steady_clock=name != "clock jumps")
    browsings = (load.direct, load.through_nginx)
    faults = [fault for browsing in browsings for fault in browsing.faults]
    row = Figures(
        scenario=name,
        sent=len(load.sent),
        acknowledged=load.acknowledged,
        stored=judged.stored,
        duplicates=len(judged.doubled),
        lost=len(judged.lost),
        wrong_visits=len(judged.wrong_visits),
        page_failures=len(faults),
        longest_page_ms=max(browsing.longest_ms for browsing in browsings),
        recovery_s=round(recovery_s, 1),
        pages=sum(browsing.pages for browsing in browsings),
        refused_pages=load.direct.failures_while_dead,
        refused_beacons=load.tally.answers[503],
        note=note,
    )
    row.write()
    table.append(row)
    judged.check()
    assert row.pages > 20
    check_accounts(world, ledger)
    return [*faults, *load.tally.faults]


def check_accounts(world: World, ledger: Ledger) -> None:
    """What Redis accounts for is what is in the tables, and no visitor is two."""
    assert {row.number for row in ledger.rows} <= world.sent.keys()
    _, accounts = read_accounts(world.parts.redis.url)
    assert accounts["stored"] == len(ledger.rows) == ledger.marked_rows
    assert accounts["accepted"] == accounts["stored"] + accounts["dropped:no_visit"]
    assert not accounts["dropped:unreadable"]
    hashes = ledger.visitor_hashes(world.sent)
    assert all(len(of_one) == 1 for of_one in hashes.values()), "a visitor is counted twice"
