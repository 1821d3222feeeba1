"""The benches that need nothing but what every test has run, and write what CONTRACT 2 says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
