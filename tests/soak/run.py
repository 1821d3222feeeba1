"""``make soak``: half the peak rate for a long time; nothing may grow, nobody may notice a plug.

``--rate`` names another rate, for a machine that has other work. Everything that a real edge meets
at once: pages, compressed pages, files, beacons, event streams, WebSockets, uploads, clients that
leave or read slowly, and 2 GiB each way in every third. In the first third Redis, the database of
places and the origin are unplugged in turn. Progress goes to the terminal and, with the verdict, to
``build/soak``. Exit status 1: something grew, or a client saw what it should not have.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from tests.bench.machine import BenchError
from tests.bench.wrk import run_wrk
from tests.soak import visitors
from tests.soak.ledger import Ledger
from tests.soak.verdict import Sample, find_growth
from tests.soak.visitors import Site
from tests.soak.world import World, opened_world

OUT = Path("build/soak")
BIG_BYTES = 2**31
MOST_BIG_RATE = 8 * 2**20
PAGE_LANES, ASSET_LANES, BEACON_LANES, HELD_OPEN = 48, 8, 4, 20
ASSET_SHARE, BEACONS_PER_S = 0.15, 40.0
SETTLE_S, FEW_FILES = 45, 4
"""Idle connections to origins close after 30 s."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something done to the world at a share of the run."""

    at: float
    what: str
    do: Callable[[World, Ledger], None]


def _kill_redis(world: World, ledger: Ledger) -> None:
    ledger.unplug("redis")
    world.redis.kill()


def _start_redis(world: World, ledger: Ledger) -> None:
    world.redis.start()
    ledger.plug("redis")


def _kill_origin(world: World, ledger: Ledger) -> None:
    ledger.unplug("origin")
    world.kill_origin()


def _start_origin(world: World, ledger: Ledger) -> None:
    world.start_origin()
    ledger.plug("origin")


EVENTS = (
    Event(0.06, "redis killed", _kill_redis),
    Event(0.11, "redis started", _start_redis),
    Event(0.14, "database of places removed", lambda world, _: world.remove_places()),
    Event(0.17, "origin killed", _kill_origin),
    Event(0.21, "origin started", _start_origin),
)


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=0.0, help="pages a second; 0: half the peak")
    given = parser.parse_args()
    minutes: float = given.minutes
    big_bytes = int(min(BIG_BYTES, MOST_BIG_RATE * minutes * 20))
    OUT.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="statflow-soak-") as folder,
        opened_world(Path(folder), big_bytes) as world,
    ):
        rate: float = given.rate or _find_peak(world) / 2
        site = _site(world, big_bytes, minutes)
        _say(f"{rate:,.0f} pages/s for {minutes:g} minutes")
        ledger = Ledger()
        samples, left = uvloop.run(_soak(world, site, ledger, rate, minutes * 60))
    _report(ledger, samples, left)


def _find_peak(world: World) -> float:
    """Find what it can carry; the soak goes at half of it."""
    fields = {"Host": visitors.SHOP, "Sec-Fetch-Dest": "document", "User-Agent": visitors.AGENT}
    url = f"http://127.0.0.1:{world.edge.port}/page.html"
    rates = [run_wrk(url, fields, 16, 2, world.bench.load_on).per_second for _ in range(3)]
    return sorted(rates)[1]


def _site(world: World, big_bytes: int, minutes: float) -> Site:
    folder = world.bench.folder
    return Site(
        world.edge.port,
        (folder / "page.html").read_bytes(),
        (folder / "file.bin").read_bytes(),
        big_bytes,
        big_bytes / (minutes * 18),
    )


async def _soak(
    world: World, site: Site, ledger: Ledger, per_second: float, duration_s: float
) -> tuple[list[Sample], str]:
    """Give the samples, and what stayed open after everybody had left."""
    before = world.edge.open_files()
    async with _visiting(site, ledger, per_second):
        plugs = asyncio.create_task(_pull_plugs(world, ledger, duration_s))
        samples = await _watch(world, ledger, duration_s)
        await plugs
    for _ in range(SETTLE_S):
        await asyncio.sleep(1)
        if (more := world.edge.open_files() - before) <= FEW_FILES:
            return samples, ""
    return samples, f"{more} descriptors stayed open"


@contextlib.asynccontextmanager
async def _visiting(site: Site, ledger: Ledger, per_second: float) -> AsyncIterator[None]:
    page_rate = per_second * (1 - ASSET_SHARE) / PAGE_LANES
    asset_rate = per_second * ASSET_SHARE / ASSET_LANES
    work = [
        *(visitors.pages(site, ledger, page_rate) for _ in range(PAGE_LANES)),
        *(visitors.assets(site, ledger, asset_rate) for _ in range(ASSET_LANES)),
        *(visitors.beacons(site, ledger, BEACONS_PER_S / 4) for _ in range(BEACON_LANES)),
        *(visitors.slow_readers(site, ledger) for _ in range(4)),
        *(visitors.aborting(site, ledger) for _ in range(2)),
        *(visitors.events(site, ledger) for _ in range(HELD_OPEN)),
        *(visitors.sockets(site, ledger) for _ in range(HELD_OPEN)),
        visitors.uploads(site, ledger),
        visitors.large_download(site, ledger),
        visitors.large_upload(site, ledger),
    ]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
        for task in tasks:
            if task.done():
                ledger.fault("visitor", f"gave up: {task.exception()!r}")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pull_plugs(world: World, ledger: Ledger, duration_s: float) -> None:
    start = time.monotonic()
    for event in EVENTS:
        await asyncio.sleep(max(0.0, start + event.at * duration_s - time.monotonic()))
        await asyncio.to_thread(event.do, world, ledger)
        _say(f"        {event.what}")


async def _watch(world: World, ledger: Ledger, duration_s: float) -> list[Sample]:
    """Take a sample every thirtieth of the run: a minute of half an hour."""
    samples: list[Sample] = []
    start, every_s = time.monotonic(), duration_s / 30
    _say("time s   req/s  p50 ms  p99 ms    MiB  files  sockets  faults")
    with (OUT / "samples.jsonl").open("w") as out:
        for number in range(1, 31):
            await asyncio.sleep(max(0.0, start + number * every_s - time.monotonic()))
            sample = _sample(world, ledger, number * every_s, every_s)
            samples.append(sample)
            out.write(json.dumps(asdict(sample)) + "\n")
            out.flush()
            _say(
                f"{sample.at_s:6.0f}  {sample.per_second:6,.0f}  {sample.p50_ms:6.2f}"
                f"  {sample.p99_ms:6.1f}  {sample.memory_mib:5.1f}  {sample.open_files:5d}"
                f"  {sample.sockets:7d}  {sample.faults:6d}"
            )
    return samples


def _sample(world: World, ledger: Ledger, at_s: float, every_s: float) -> Sample:
    count, p50_ms, p99_ms = ledger.take_waits()
    edge = world.edge
    return Sample(
        at_s=at_s,
        per_second=count / every_s,
        p50_ms=round(p50_ms, 3),
        p99_ms=round(p99_ms, 3),
        memory_mib=round(edge.memory_mib(), 2),
        open_files=edge.open_files(),
        sockets=edge.sockets(),
        faults=len(ledger.faults),
    )


def _report(ledger: Ledger, samples: list[Sample], left: str) -> None:
    wrong = [*find_growth(samples), *ledger.faults, *([left] if left else [])]
    moved = {way: round(size / 2**30, 2) for way, size in ledger.transferred_bytes.items()}
    document = {
        "samples": [asdict(sample) for sample in samples],
        "answers": dict(ledger.answers),
        "excused": dict(ledger.excused),
        "large_gib": moved,
        "wrong": wrong,
    }
    (OUT / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    for title, counts in (("answers", ledger.answers), ("while unplugged", ledger.excused)):
        _say(f"\n{title}:")
        for what, count in sorted(counts.items()):
            _say(f"  {count:9,d}  {what}")
    _say(f"\nlarge transfers, GiB: {moved}")
    for what in wrong:
        _say(f"WRONG: {what}")
    _say("soak: nothing grew, and nobody saw what they should not" if not wrong else "soak: failed")
    sys.exit(1 if wrong else 0)


def _say(line: str) -> None:
    """Show a line at once, also where nobody looks on but a file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"soak: {error}")
