"""The benches that need nothing but what every test has run, and write what CONTRACT 2 says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.startup import longest_task

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "events", "ratios"),
    [
        ("spool", 2_000, {"spool / Redis, events/s", "sending it / Redis, events/s"}),
        (
            "forwarder",
            4_000,
            {
                "forwarder, events/s",
                "forwarder, events per processor second",
                "forwarder / inserts alone",
                "memory, last third / second",
            },
        ),
    ],
)
def test_a_bench_prints_its_ratios_and_writes_them(
    tmp_path: Path, name: str, events: int, ratios: set[str]
) -> None:
    command = [sys.executable, "-m", f"tests.bench.{name}", "--events", str(events)]
    done = subprocess.run(
        [*command, "--rounds", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / f"build/bench/{name}.json").read_text())
    assert set(document["ratios"]) == ratios
    assert all(value > 0 for value in document["ratios"].values())
    assert all(row["per_second"] > 0 for row in document["rows"])
    assert all(what in done.stdout for what in ratios)


@pytest.mark.timeout(120)
def test_the_simulation_of_many_edges_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """It fails by itself if what was acknowledged is not in the streams, and then stored, once."""
    command = [sys.executable, "-m", "tests.bench.scale", "--events", "400", "--sizes", "1x2"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "build/bench/scale.json").read_text())
    (row,) = document["rows"]
    assert (row["redis"], row["edges"], row["events"]) == (1, 2, 400)
    assert all(value > 0 for value in [*row.values(), *document["ratios"].values()])


def test_of_a_start_the_longest_task_of_ours_counts() -> None:
    """Pieces of one task add up, what lies within another piece counts once, others' not at all.

    Nor does the collector of garbage, wherever it runs.
    """

    def piece(name: str, at: int, dur: int, tdur: int, url: str = "") -> dict[str, object]:
        where = {"args": {"data": {"url": url}}} if url else {}
        return {"ph": "X", "pid": 1, "tid": 1, "name": name, "ts": at, "dur": dur, "tdur": tdur,
                **where}  # fmt: skip

    ours = "http://a.example/sf/1a2b3c4d5e.js"
    events = [
        piece("RunTask", 0, 10_000, 9_000),
        piece("EvaluateScript", 1_000, 4_000, 3_000, ours),
        piece("v8.compile", 1_500, 500, 400, ours),
        piece("V8.GCHandleGCRequest", 3_000, 900, 800),
        piece("MajorGC", 3_100, 500, 500),
        piece("FunctionCall", 6_000, 2_000, 1_500, ours),
        piece("RunTask", 20_000, 9_000, 9_000),
        piece("EvaluateScript", 20_000, 8_000, 8_000, "http://a.example/app.js"),
        piece("FunctionCall", 28_500, 400, 300, ours),
    ]
    task = longest_task(events)
    assert (task.spent_ms, task.wall_ms) == (3.7, 6.0)
    assert task.what == "EvaluateScript, FunctionCall"
    with pytest.raises(ValueError, match="nothing of ours"):
        longest_task(events[6:8])


@pytest.mark.timeout(240)
def test_the_bench_of_questions_asks_all_of_them(tmp_path: Path) -> None:
    """A hundred events a day: what it measures means nothing, but every question is answered."""
    command = [sys.executable, "-m", "tests.bench.query", "--events", "200", "--days", "2"]
    done = subprocess.run(
        [*command, "--rounds", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "build/bench/query.json").read_text())
    asked = {(row["shape"], row["filtered"], row["question"]) for row in document["rows"]}
    assert {
        ("ours", "page", "pages: exit"),
        ("raw", "", "headline"),
        ("plain", "country", "by day"),
    } <= asked
    assert "all of the first page, ms" in document["ratios"]
