"""``make bench``: the collector, durable in Redis, beside a bare aiohttp handler.

The collector is the edge with its direct front, as visitors meet it. Each has a processor to
itself; load and Redis (``appendfsync always``) share the other. Single beacons as a browser sends
them, one event a request, of many pages in turn. Writes ``build/bench/collector.json``.
"""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.bench.fronts import Row, median_row
from tests.bench.machine import BenchError, Running, free_port, processors, running
from tests.bench.report import Ratio, print_ratios, print_rows, say, write_report
from tests.bench.wrk import run_wrk
from tests.support.edge_process import SHOP, EdgeProcess
from tests.support.redis_server import RedisServer

PAGES, REFERRERS = 500, 21
BODY = (
    '{"v":1,"e":[{"n":"pageview","u":"http://%s/orders/%d?utm_source=news","r":"https://%s.example/"'
    ',"w":1440,"a":12}]}'
)
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=int, default=2, help="seconds a measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="statflow-bench-") as folder, ExitStack() as stack:
        redis = RedisServer()
        stack.callback(redis.remove)
        os.sched_setaffinity(0, {processors()[-1]})  # And so is Redis, which starts from here.
        redis.start()
        started = _start(Path(folder), redis.url, stack)
        rows = _measure(started, options.duration, options.rounds)
    costs = {row.contender: row.cpu_us for row in rows if row.connections == 64}
    rates = {row.contender: row.per_second for row in rows if row.connections == 64}
    ratios = [
        Ratio("collector / bare aiohttp", costs["bare aiohttp"] / costs["collector"], 0.4),
        Ratio("collector / bare aiohttp, rate", rates["collector"] / rates["bare aiohttp"], 0.4),
    ]
    print_rows(rows)
    print_ratios(ratios)
    write_report(Path("build/bench/collector.json"), [asdict(row) for row in rows], ratios)


def _start(folder: Path, redis_url: str, stack: ExitStack) -> dict[str, Running]:
    on = {min(_all_processors())}
    log = folder / "log"
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.serve_bare", str(port)]
    bare = stack.enter_context(running("bare aiohttp", command, port, on, log))
    edge = EdgeProcess(
        folder, "--front", "direct", REDIS_URL=redis_url, RATE_CLIENT="0", RATE_SITE="0"
    )
    edge.write_sites("http://127.0.0.1:1")
    process = edge.start().process
    assert process is not None
    stack.callback(edge.stop)
    collector = Running("collector", process, edge.port)
    for pid in collector.pids():
        os.sched_setaffinity(pid, on)
    return {"bare aiohttp": bare, "collector": collector}


def _all_processors() -> range:
    return range(os.cpu_count() or 1)


def _measure(started: dict[str, Running], duration_s: int, rounds: int) -> list[Row]:
    rows: dict[tuple[str, int], list[Row]] = {}
    for round_ in range(rounds):
        for connections in (16, 64):
            for name, contender in started.items():
                say(f"round {round_ + 1}: {name}, {connections}")
                row = _measure_one(contender, name, connections, duration_s)
                rows.setdefault((name, connections), []).append(row)
    return [median_row(found) for found in rows.values()]


def _measure_one(contender: Running, name: str, connections: int, duration_s: int) -> Row:
    fields = {"Host": SHOP, "User-Agent": AGENT, "Content-Type": "text/plain"}
    before = contender.cpu_s()
    load = run_wrk(
        f"http://127.0.0.1:{contender.port}/sf/e",
        fields,
        connections,
        duration_s,
        processors()[-1],
        [BODY % (SHOP, page, f"site{page % REFERRERS}") for page in range(PAGES)],
    )
    if load.faults:
        raise BenchError(f"{name}: {load.faults}")
    cpu_us = (contender.cpu_s() - before) / max(load.requests, 1) * 1e6
    return Row(
        name, "beacon", connections, load.per_second, load.p50_ms, load.p99_ms, cpu_us,
        contender.memory_mib(), load.faults,
    )  # fmt: skip


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
