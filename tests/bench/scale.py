"""``make bench-scale``: many edges, a buffer of several Redis processes, all on this machine.

Each edge is a buffer of its own (``edge.buffer.redis``) with its own producer and connections; they
share processes, so that what is measured is the buffer and not the machine's patience. Events go to
sites all over the shards, are acknowledged only when a Redis has them on disk, and are then
forwarded into a real ClickHouse. What is told: events a second by the clock and by processor time
of edges, of Redis and of the forwarder; bytes of an event in Redis, in its file and in ClickHouse;
and that what was acknowledged is in the streams once. Writes ``build/bench/scale.json``.
"""

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import batched
from pathlib import Path
from typing import Any, cast

import uvloop

from edge.buffer.keys import ShardKeys
from edge.buffer.opening import infos, open_sync
from edge.buffer.redis import RedisBuffer
from edge.buffer.scripts import connect
from edge.event import Event, encode_event
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.sites import SHARDS, Site
from statflow.output import print_table
from store.client import Store
from store.migrate import migrate
from tests.bench.machine import BenchError
from tests.bench.report import say
from tests.bench.traffic import make_events
from tests.support.factories import a_site
from tests.support.redis_cluster import running_cluster
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

SITES_A_NODE = 8
EVENTS_A_CALL = 10
CALLERS_AN_EDGE = 8
BATCH_EVENTS = 20_000
VIEW: dict[str, Any] = {"name": "pageview", "engaged_ms": 0}
"""Page views alone: they are stored in whatever order edges bring them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One size. Of the seconds ``cpu`` ones are processor time."""

    redis: int
    edges: int
    events: int
    per_second: float
    per_edge_cpu_s: float
    per_redis_cpu_s: float
    redis_bytes: float
    file_bytes: float
    forwarded_per_cpu_s: float = 0.0
    stored_bytes: float = 0.0


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--sizes", default="1x4,1x16,2x16,3x16", help="Redis processes x edges")
    options = parser.parse_args()
    rows = []
    for size in options.sizes.split(","):
        nodes, _, edges = size.partition("x")
        say(f"scale: {nodes} Redis, {edges} edges")
        with running_redis(int(nodes)) as url:
            rows.append(uvloop.run(measure(url, int(nodes), int(edges), options.events)))
    report(rows)


@contextmanager
def running_redis(nodes: int) -> Iterator[str]:
    """Run one Redis, or a cluster of several."""
    if nodes > 1:
        with running_cluster(nodes) as url:
            yield url
        return
    server = RedisServer().start()
    try:
        yield server.url
    finally:
        server.remove()


async def measure(url: str, nodes: int, edges: int, count: int) -> Row:
    """Append, check, forward."""
    sites = [a_site(id=number) for number in range(1, SITES_A_NODE * nodes + 1)]
    payload = list(make_events(count))
    before, cpu_before = told(url), os.times()
    started = time.monotonic()
    shares = [payload[place::edges] for place in range(edges)]
    sent = await asyncio.gather(
        *(be_an_edge(url, f"edge-{place}", sites, share) for place, share in enumerate(shares))
    )
    lasted, cpu, after = time.monotonic() - started, os.times(), told(url)
    events = sum(sent)
    if await asyncio.to_thread(in_streams, url) != events:
        raise BenchError("what was acknowledged is not in the streams once")
    row = Row(
        redis=nodes,
        edges=edges,
        events=events,
        per_second=events / lasted,
        per_edge_cpu_s=events / (cpu.user + cpu.system - cpu_before.user - cpu_before.system),
        per_redis_cpu_s=events / (after["cpu_s"] - before["cpu_s"]),
        redis_bytes=(after["memory"] - before["memory"]) / events,
        file_bytes=(after["file"] - before["file"]) / events,
    )
    return await forward(url, row)


async def be_an_edge(url: str, name: str, sites: list[Site], payload: list[Event]) -> int:
    """Append all of it as a busy edge does, some calls at once; gives how many are in."""
    buffer = RedisBuffer(url, producer=name, deadline_s=60)
    await buffer.start()
    calls = iter(list(enumerate(batched(payload, EVENTS_A_CALL))))

    async def send() -> int:
        n = 0
        for number, events in calls:
            site = sites[number % len(sites)]
            raw = [encode_event(event._replace(site_id=site.id, **VIEW)) for event in events]
            await buffer.append(site, raw)
            n += len(events)
        return n

    sent = await asyncio.gather(*(send() for _ in range(CALLERS_AN_EDGE)))
    await buffer.stop()
    return sum(sent)


def told(url: str) -> dict[str, float]:
    """Ask the Redis processes for their processor time, memory and files."""
    with open_sync(url, timeout_s=30) as redis:
        every = [infos(redis, section) for section in ("cpu", "memory", "persistence")]
    cpu, memory, files = every
    return {
        "cpu_s": sum(node["used_cpu_user"] + node["used_cpu_sys"] for node in cpu),
        "memory": sum(node["used_memory"] for node in memory),
        "file": sum(node["aof_current_size"] for node in files),
    }


def in_streams(url: str) -> int:
    """Count the events in all streams."""
    with open_sync(url, timeout_s=30) as redis:
        return sum(int(cast("int", redis.xlen(ShardKeys.of(n).events))) for n in range(SHARDS))


async def forward(url: str, row: Row) -> Row:
    """Empty the streams into a store; adds what that costs and takes."""
    with (
        tempfile.TemporaryDirectory(prefix="statflow-bench-") as folder,
        contextlib.ExitStack() as stack,
    ):
        store = Store(stack.enter_context(running_store(Path(folder))).url)
        await asyncio.to_thread(migrate, store)
        redis = connect(url, timeout_s=30)
        cpu_before = os.times()
        for shard in range(SHARDS):
            if await redis.xlen(ShardKeys.of(shard).events):
                await write_shard(redis, store, shard)
        cpu = os.times()
        await redis.aclose()
        ((stored, size),) = await asyncio.to_thread(
            store.query,
            "select (select count() from events), sum(bytes_on_disk) from system.parts"
            " where active and table in ('events', 'sessions')",
        )
    if stored != row.events:
        raise BenchError(f"{row.events} events were acknowledged, {stored} are stored")
    spent_s = cpu.user + cpu.system - cpu_before.user - cpu_before.system
    told_more: dict[str, Any] = {
        "forwarded_per_cpu_s": row.events / spent_s,
        "stored_bytes": size / row.events,
    }
    return Row(**(asdict(row) | told_more))


async def write_shard(redis: Any, store: Store, shard: int) -> None:
    """Be the writer of one shard until its stream is empty."""
    lease = Lease(redis, ShardKeys.of(shard).lease, owner="bench", kept_ms=60_000)
    await lease.take()
    writer = ShardWriter(redis, store, shard, lease, batch_events=BATCH_EVENTS)
    await writer.open(1)
    while await writer.forward():
        pass


def report(rows: list[Row]) -> None:
    """Print one line a size, and write them."""
    head = ["Redis", "edges", "events/s", "per edge CPU s", "per Redis CPU s", "B in Redis",
            "B in its file", "forwarded per CPU s", "B in ClickHouse"]  # fmt: skip
    lines = [
        [
            str(row.redis),
            str(row.edges),
            *(f"{value:,.0f}" for value in list(asdict(row).values())[3:]),
        ]
        for row in rows
    ]
    print_table([head, *lines])
    place = Path("build/bench/scale.json")
    place.parent.mkdir(parents=True, exist_ok=True)
    first, last = rows[0], rows[-1]
    ratios = {
        f"{last.redis} Redis, {last.edges} edges / {first.redis}, {first.edges}, events/s": (
            last.per_second / first.per_second
        ),
        "forwarded / appended, events per processor second": (
            last.forwarded_per_cpu_s / last.per_edge_cpu_s
        ),
    }
    document = {"rows": [asdict(row) for row in rows], "ratios": ratios}
    place.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
