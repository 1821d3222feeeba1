"""Run wrk and read what it prints.

wrk keeps a fixed number of connections busy, so its latencies are those at full load; latency at a
given rate is ``paced``'s.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.machine import BenchError

_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)\s*$", re.MULTILINE)
_COUNT = re.compile(r"^\s+(\d+) requests in", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_FAULTS = re.compile(r"^\s+(Socket errors|Non-2xx).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk measured. Units: requests a second, milliseconds."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    faults: str


_POSTING = """
wrk.method = 'POST'
local bodies, requests, at = {%s}, {}, 0
function init()
  for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, nil, nil, body) end
end
function request()
  at = at %% #requests + 1
  return requests[at]
end
"""


def run_wrk(
    url: str,
    fields: dict[str, str],
    connections: int,
    duration_s: int,
    on: int,
    bodies: Sequence[str] = (),
) -> Load:
    """Keep ``connections`` busy for a while, from one processor; ``bodies`` are posted in turn.

    Raises:
        BenchError: wrk is missing or failed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise BenchError("the bench needs wrk (Debian: apt-get install wrk)")
    headers = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if bodies:
            script.write(_POSTING % ", ".join(f"[[{body}]]" for body in bodies))
            script.flush()
            headers += ["-s", script.name]
        done = subprocess.run(
            [program, "-t1", f"-c{connections}", f"-d{duration_s}s", "--latency", *headers, url],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, {on}),
        )
    if done.returncode:
        raise BenchError(f"wrk failed: {done.stderr or done.stdout}")
    return parse_load(done.stdout)


def parse_load(said: str) -> Load:
    """Read wrk's report."""
    quantiles = {
        name: float(value) * _UNITS_MS[unit] for name, value, unit in _LATENCY.findall(said)
    }
    count, rate, faults = _COUNT.search(said), _RATE.search(said), _FAULTS.search(said)
    if count is None or rate is None:
        raise BenchError(f"wrk said something else: {said}")
    return Load(
        int(count[1]),
        float(rate[1]),
        quantiles.get("50", 0.0),
        quantiles.get("99", 0.0),
        faults[0].strip() if faults else "",
    )
