"""``make bench``: the edge's buffer with Redis there, with Redis away, and sending what it kept.

One process appends groups as a busy edge does: many callers at once, each with a batch of ten
events of one of some sites, acknowledged only when Redis (``appendfsync always``) or the disk has
it. Events a second by the clock, and by the processor time of the appending process. Writes
``build/bench/spool.json``.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import batched
from pathlib import Path
from statistics import median

import uvloop

from edge.buffer.redis import RedisBuffer
from edge.buffer.spool import Spool
from edge.event import encode_event
from edge.sites import Origin, Site
from statflow.output import print_table
from tests.bench.report import Ratio, print_ratios, say, write_report
from tests.bench.traffic import make_events
from tests.support.redis_server import RedisServer

CALLERS = 64
EVENTS_A_CALL = 10
LIMIT_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """One way of the events."""

    contender: str
    events: int
    per_second: float
    per_cpu_second: float


class Clock:
    """Seconds by the clock and of this process's processor time since it was made."""

    def __init__(self) -> None:
        self._at = (time.monotonic(), time.process_time())

    def row(self, contender: str, events: int) -> Row:
        took_s, cpu_s = time.monotonic() - self._at[0], time.process_time() - self._at[1]
        return Row(contender, events, events / took_s, events / cpu_s)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    Path("build").mkdir(exist_ok=True)
    calls = list(_make_calls(options.events))
    found: dict[str, list[Row]] = {}
    for round_ in range(options.rounds):
        say(f"round {round_ + 1}")
        for row in uvloop.run(_measure(calls)):
            found.setdefault(row.contender, []).append(row)
    rows = [
        Row(
            name,
            rows[0].events,
            median(row.per_second for row in rows),
            median(row.per_cpu_second for row in rows),
        )
        for name, rows in found.items()
    ]
    into_redis, into_spool, drain = rows
    ratios = [
        Ratio("spool / Redis, events/s", into_spool.per_second / into_redis.per_second, 0.5),
        Ratio("sending it / Redis, events/s", drain.per_second / into_redis.per_second, 1.0),
    ]
    lines = [
        [row.contender, f"{row.events:,}", f"{row.per_second:,.0f}", f"{row.per_cpu_second:,.0f}"]
        for row in rows
    ]
    print_table([["contender", "events", "events/s", "per CPU second"], *lines])
    print_ratios(ratios)
    write_report(Path("build/bench/spool.json"), [asdict(row) for row in rows], ratios)


def _make_calls(events: int) -> Iterator[tuple[Site, list[bytes]]]:
    origin = (Origin("http", "127.0.0.1", 1),)
    for batch in batched(make_events(events), EVENTS_A_CALL):
        site_id = batch[0].site_id
        site = Site(site_id, f"s{site_id}.localhost", origin, "stk")
        yield site, [encode_event(event._replace(site_id=site_id)) for event in batch]


async def _measure(calls: list[tuple[Site, list[bytes]]]) -> list[Row]:
    redis = RedisServer()
    try:
        redis.start()
        # A folder beside the results: /tmp may be memory, where syncing costs nothing.
        with tempfile.TemporaryDirectory(prefix="spool-", dir="build") as folder:
            spool = Spool(Path(folder), "bench", LIMIT_BYTES)
            buffer = RedisBuffer(redis.url, producer="bench", spool=spool)
            await buffer.start()
            rows = [await _append_all(buffer, calls, "into Redis")]
            redis.kill()
            rows.append(await _append_all(buffer, calls, "into the spool"))
            redis.start()
            clock = Clock()
            while not spool.empty:  # noqa: ASYNC110 - the spool tells nobody.
                await asyncio.sleep(0.01)
            rows.append(clock.row("spool into Redis", rows[0].events))
            await buffer.stop()
    finally:
        redis.remove()
    return rows


async def _append_all(
    buffer: RedisBuffer, calls: list[tuple[Site, list[bytes]]], contender: str
) -> Row:
    waiting = iter(calls)

    async def caller() -> None:
        for site, events in waiting:
            await buffer.append(site, events)

    clock = Clock()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return clock.row(contender, sum(len(events) for _, events in calls))


if __name__ == "__main__":
    main()
