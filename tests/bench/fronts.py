"""``make bench``: our fronts beside nginx and stock mitmdump, in one run.

Contenders take turns, round after round, so that whatever else the machine does hits them alike.
The contender has a processor to itself; load and origin share the other. What counts is the
processor time a request costs, which noise changes least; requests a second are shown beside it.
Writes ``build/bench/fronts.json``; missed budgets are said and are no failure.
"""

import argparse
import asyncio
import gzip
import os
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from edge.fronts.nginx import Inject
from tests.bench import contenders
from tests.bench.contenders import Bench
from tests.bench.machine import BenchError, Running, processors
from tests.bench.paced import measure_first_byte, measure_latency
from tests.bench.report import Ratio, print_ratios, print_rows, say, write_report
from tests.bench.wrk import run_wrk

CONNECTIONS = (1, 16, 64)
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
}
PAGE_BYTES, BINARY_BYTES = 21_000, 200_000


@dataclass(frozen=True, slots=True)
class Payload:
    """What is asked for: a path and the fields that go with it."""

    name: str
    path: str
    fields: dict[str, str]
    has_tag: bool


PAYLOADS = (
    Payload("page", "/page.html", BROWSER, has_tag=True),
    Payload("page gzip", "/page.html", {**BROWSER, "Accept-Encoding": "gzip"}, has_tag=True),
    Payload(
        "binary",
        "/file.bin",
        {**BROWSER, "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
        has_tag=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. Units: requests a second, milliseconds, microseconds, MiB."""

    contender: str
    payload: str
    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    memory_mib: float
    faults: str


type Start = Callable[[Bench], AbstractContextManager[Running]]

CONTENDERS: dict[str, Start] = {
    "nginx plain": contenders.nginx_plain,
    "nginx sub_filter": contenders.nginx_sub_filter,
    "mitmdump": contenders.mitmdump,
    "mitmproxy": partial(contenders.ours, kind="mitmproxy"),
    "direct": partial(contenders.ours, kind="direct"),
    "direct x2": partial(contenders.ours, kind="direct", workers=2),
    "nginx edge": partial(contenders.nginx_front, inject=Inject.EDGE),
    "nginx njs": partial(contenders.nginx_front, inject=Inject.NJS),
}
UNTAGGED = {"nginx plain"}


def main() -> None:
    """Measure, print and write."""
    options = _read_options()
    on = processors()
    with tempfile.TemporaryDirectory(prefix="statflow-bench-") as folder, ExitStack() as stack:
        bench = Bench(Path(folder), load_on=on[-1], serve_on=on[0])
        os.sched_setaffinity(0, {bench.load_on})  # This program is load, too.
        bench.folder.chmod(0o755)  # Workers of an nginx that root started are somebody else.
        write_files(bench.folder)
        origin = stack.enter_context(contenders.origin(bench))
        bench = replace(bench, origin_port=origin.port)
        started = {"origin": origin}
        for name in options.only or CONTENDERS:
            started[name] = stack.enter_context(CONTENDERS[name](bench))
        _check_all(started)
        rows = _measure(started, bench, options)
        ratios = _ratios(rows)
        if "mitmproxy" in started:
            ratios.append(_added_latency(started))
        ratios += [
            _first_byte(started, name) for name in ("mitmproxy", "direct") if name in started
        ]
    print_rows(rows)
    print_ratios(ratios)
    write_report(Path("build/bench/fronts.json"), [asdict(row) for row in rows], ratios)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=int, default=2, help="seconds a measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each kind")
    parser.add_argument("--only", nargs="*", choices=list(CONTENDERS), help="some contenders")
    parser.add_argument(
        "--connections", nargs="*", type=int, default=CONNECTIONS, help="16 is needed for ratios"
    )
    return parser.parse_args()


def write_files(folder: Path) -> None:
    """Write the page, plain and compressed once, and something that is no page."""
    lines = "<p>The quick brown fox jumps over the lazy dog, number %d.</p>\n"
    text = '<!doctype html>\n<html lang="en">\n<head>\n<title>A page</title></head>\n<body>\n'
    number = 0
    while len(text) < PAGE_BYTES:
        text, number = text + lines % number, number + 1
    page = (text + "</body></html>\n").encode()
    (folder / "page.html").write_bytes(page)
    (folder / "page.html.gz").write_bytes(gzip.compress(page, 6))
    (folder / "file.bin").write_bytes(bytes(range(256)) * (BINARY_BYTES // 256))


def _check_all(started: dict[str, Running]) -> None:
    """Make sure that each puts exactly one tag in, on every payload that is a page.

    Raises:
        BenchError: One does not, and comparing it would mean nothing.
    """
    for name, contender in started.items():
        for payload in PAYLOADS:
            expected = int(payload.has_tag and name not in UNTAGGED | {"origin"})
            request = urllib.request.Request(
                f"http://127.0.0.1:{contender.port}{payload.path}", headers=payload.fields
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                body: bytes = answer.read()
                if answer.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
            if body.count(b'<script async="async" src="/sf/') != expected:
                raise BenchError(f"{name}: {payload.name}: not {expected} tag(s)")


def _measure(started: dict[str, Running], bench: Bench, options: argparse.Namespace) -> list[Row]:
    rows: dict[tuple[str, str, int], list[Row]] = {}
    for round_ in range(options.rounds):
        for payload in PAYLOADS:
            for connections in options.connections:
                for name, contender in started.items():
                    say(f"round {round_ + 1}: {name}, {payload.name}, {connections}")
                    row = _measure_one(
                        contender, name, payload, connections, options.duration, bench
                    )
                    rows.setdefault((name, payload.name, connections), []).append(row)
    return [median_row(found) for found in rows.values()]


def _measure_one(
    contender: Running, name: str, payload: Payload, connections: int, duration_s: int, bench: Bench
) -> Row:
    url = f"http://127.0.0.1:{contender.port}{payload.path}"
    before = contender.cpu_s()
    load = run_wrk(url, payload.fields, connections, duration_s, bench.load_on)
    cpu_us = (contender.cpu_s() - before) / max(load.requests, 1) * 1e6
    return Row(
        name,
        payload.name,
        connections,
        load.per_second,
        load.p50_ms,
        load.p99_ms,
        cpu_us,
        contender.memory_mib(),
        load.faults,
    )


def median_row(rows: list[Row]) -> Row:
    """Take the middle of each figure."""

    def middle(name: str) -> float:
        return statistics.median(getattr(row, name) for row in rows)

    names = ("per_second", "p50_ms", "p99_ms", "cpu_us", "memory_mib")
    faults = next((row.faults for row in rows if row.faults), "")
    return replace(rows[0], faults=faults, **{name: middle(name) for name in names})


def _added_latency(started: dict[str, Running]) -> Ratio:
    """Measure what the mitmproxy front adds to the median, at half the rate that it reaches now."""
    port = started["mitmproxy"].port
    url = f"http://127.0.0.1:{port}/page.html"

    def median(name: str, per_second: float) -> float:
        work = measure_latency(started[name].port, _request("/page.html"), per_second, 2.0)
        return asyncio.run(work).p50_ms

    added = []
    for _ in range(5):
        half = run_wrk(url, BROWSER, 16, 2, min(os.sched_getaffinity(0))).per_second / 2
        added.append(median("mitmproxy", half) - median("origin", half))
    return Ratio("mitmproxy: ms added at half load", statistics.median(added), 1.2, at_most=True)


def _first_byte(started: dict[str, Running], name: str) -> Ratio:
    """Measure how far into a page that its origin dribbles the first byte arrives."""
    shares = [measure_first_byte(started[name].port, _request("/slow.html")) for _ in range(3)]
    return Ratio(f"{name}: first byte / whole slow page", statistics.median(shares), 0.2, True)


def _request(path: str) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in BROWSER.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n".encode()


def _ratios(rows: list[Row]) -> list[Ratio]:
    """Compare by processor time a request, at 16 connections."""
    costs = {(r.contender, r.payload): r.cpu_us for r in rows if r.connections == 16}

    def cost(what: str, one: str, other: str, payload: str, budget: float) -> list[Ratio]:
        if (one, payload) not in costs or (other, payload) not in costs:
            return []
        return [Ratio(what, costs[other, payload] / costs[one, payload], budget)]

    found = [
        *cost("mitmproxy / mitmdump", "mitmproxy", "mitmdump", "page", 1.6),
        *cost("direct / mitmproxy", "direct", "mitmproxy", "page", 6.0),
        *cost("direct / nginx sub_filter", "direct", "nginx sub_filter", "page", 0.5),
        *cost("direct / nginx sub_filter, gzip", "direct", "nginx sub_filter", "page gzip", 0.5),
        *cost("nginx front, assets / nginx plain", "nginx edge", "nginx plain", "binary", 0.95),
        *cost("nginx front, documents / direct", "nginx edge", "direct", "page", 0.8),
        *cost("nginx njs / nginx sub_filter", "nginx njs", "nginx sub_filter", "page", 0.5),
    ]
    # With two processors the load takes its share of what the second worker could have; what two
    # full processors would carry follows from what a request costs when two workers share them.
    return [
        *found,
        *(
            replace(ratio, value=2 * ratio.value)
            for ratio in cost("two workers / one", "direct x2", "direct", "page", 1.8)
        ),
    ]


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
