"""Look for bytes that break a promise, guided by coverage: ``make fuzz SECONDS=60``.

Each target runs in a process of its own, because a failure ends it; what it failed on is written
beside the corpus and stays there, so that ``test_corpus.py`` fails until it is mended.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import click

CORPUS = Path(__file__).parent / "corpus"
LONGEST_INPUT = 4_096


def fuzz(name: str, seconds: int, found: Path) -> None:
    """Fuzz one target in this process; new inputs worth keeping go to ``found``."""
    import atheris  # noqa: PLC0415 - it instruments what is imported after it, here alone.

    with atheris.instrument_imports():
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - to be instrumented.
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-print_final_stats=1"]
    options += [f"-artifact_prefix={corpus}/", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, str(found), str(corpus)], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Fuzz the targets named, or all, in turn; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--found", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--here", action="store_true", help="fuzz the one target in this process")
    options = parser.parse_args()
    if options.here:
        fuzz(options.targets[0], options.seconds, options.found / options.targets[0])
        return 0
    names = options.targets or sorted(path.name for path in CORPUS.iterdir())
    failed = []
    for name in names:
        command = [sys.executable, "-m", "tests.fuzz.fuzz", name, "--here"]
        command += ["--seconds", str(options.seconds), "--found", str(options.found)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        click.echo(f"{name}: {'FAILED' if done.returncode else 'ok'}")
        if done.returncode:
            failed.append(name)
            click.echo(f"{done.stdout[-3_000:]}\n{done.stderr[-3_000:]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
