"""``make bench``: one forwarder, from full streams into ClickHouse, beside the inserts alone.

The forwarder has a processor to itself; Redis, the store and the bench share the other. Beside it
the same rows are inserted ready-made, in the same batches by the same client: what no forwarder
could be faster than. Memory is read at each third of the way, while event time goes on and visits
open and end. Writes ``build/bench/forwarder.json``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.sites import shard_of
from statflow.output import print_table
from store.client import Store
from store.migrate import migrate
from tests.bench.machine import BenchError, Running, processors
from tests.bench.report import Ratio, print_ratios, say, write_report
from tests.bench.traffic import SITES, fill_streams
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

BATCH_EVENTS = 20_000
BUDGET_PER_S = 50_000
SHARDS = sorted({shard_of(site_id) for site_id in SITES})
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Row:
    """One contender over the same events. ``memory_mib``: at each third of the way."""

    contender: str
    events: int
    per_second: float
    per_cpu_second: float
    memory_mib: tuple[float, ...] = ()


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {processors()[-1]})  # And so are Redis and the store.
    forwarding, inserting = [], []
    for round_ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="statflow-bench-") as folder, ExitStack() as stack:
            redis = RedisServer()
            stack.callback(redis.remove)
            redis.start()
            store = stack.enter_context(running_store(Path(folder) / "store"))
            migrate(Store(store.url))
            say(f"round {round_ + 1}: filling the streams")
            fill_streams(redis.url, options.events)
            say(f"round {round_ + 1}: forwarding")
            forwarding.append(_forward(redis.url, store.url, options.events))
            say(f"round {round_ + 1}: inserting")
            inserting.append(_insert(store.url, options.events))
    rows = [_median(forwarding), _median(inserting)]
    _report(rows)


def _report(rows: list[Row]) -> None:
    forward, insert = rows
    ratios = [
        Ratio("forwarder, events/s", forward.per_second, BUDGET_PER_S),
        Ratio("forwarder, events per processor second", forward.per_cpu_second, BUDGET_PER_S),
        Ratio("forwarder / inserts alone", forward.per_cpu_second / insert.per_cpu_second, 0.2),
        Ratio("memory, last third / second", forward.memory_mib[2] / forward.memory_mib[1], 1.1,
              at_most=True),
    ]  # fmt: skip
    lines = [
        [row.contender, f"{row.events:,}", f"{row.per_second:,.0f}", f"{row.per_cpu_second:,.0f}",
         " ".join(f"{mib:.0f}" for mib in row.memory_mib)]
        for row in rows
    ]  # fmt: skip
    print_table([["contender", "events", "events/s", "per CPU second", "MiB at thirds"], *lines])
    print_ratios(ratios)
    write_report(Path("build/bench/forwarder.json"), [asdict(row) for row in rows], ratios)


def _forward(redis_url: str, store_url: str, events: int) -> Row:
    """Let one forwarder empty the streams; starting it is not counted."""
    with _contender("forward", redis_url, store_url) as process:
        running = Running("forwarder", process, 0)
        memory = []
        with Redis.from_url(redis_url) as redis:
            left = _await_waiting(redis, process, events - 1)
            began_s, began_cpu_s, began = time.monotonic(), running.cpu_s(), left
            for third in (2, 1, 0):
                left = _await_waiting(redis, process, began * third // 3)
                memory.append(running.memory_mib())
            took_s, cpu_s = time.monotonic() - began_s, running.cpu_s() - began_cpu_s
    return Row("forwarder", began, began / took_s, began / cpu_s, tuple(memory))


def _insert(store_url: str, events: int) -> Row:
    """Insert rows like the forwarder's, made before the clock starts."""
    with _contender("insert", str(events), store_url) as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
    if len(line) != 2:
        raise BenchError("the inserting process ended")
    took_s, cpu_s = map(float, line)
    return Row("inserts alone", events, events / took_s, events / cpu_s)


@contextmanager
def _contender(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a contender on the first processor; kill it at the end of the block."""
    command = [sys.executable, "-m", "tests.bench.serve_forwarder", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {0})
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _await_waiting(redis: "Redis", process: "subprocess.Popen[str]", at_most: int) -> int:
    """Wait until at most so many entries are left; returns how many are."""
    deadline = time.monotonic() + LIMIT_S
    while (left := sum(redis.xlen(ShardKeys.of(s).events) for s in SHARDS)) > at_most:
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"the forwarder stands still with {left} entries left")
        time.sleep(0.02)
    return left


def _median(rows: list[Row]) -> Row:
    """Take the median of every figure."""
    return replace(
        rows[0],
        per_second=median(row.per_second for row in rows),
        per_cpu_second=median(row.per_cpu_second for row in rows),
        memory_mib=tuple(
            median(values) for values in zip(*(row.memory_mib for row in rows), strict=True)
        ),
    )


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
