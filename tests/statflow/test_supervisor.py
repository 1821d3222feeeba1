"""The supervisor with real child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from statflow.supervisor import Part, PartFailedError, State, Supervisor

SERVE = "import pathlib,sys,time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"


@pytest.fixture
async def supervised() -> AsyncIterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def make(*parts: Part) -> Supervisor:
        started.append(Supervisor(parts, lambda _part: None))
        return started[-1]

    yield make
    for supervisor in started:
        await supervisor.stop()


def a_part(name: str, folder: Path, code: str = SERVE, start_s: float = 20) -> Part:
    mark = folder / name

    async def is_ready() -> bool:
        return mark.exists()

    return Part(name, [sys.executable, "-c", code, str(mark)], is_ready, start_s=start_s, stop_s=5)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - waits for another process
        await asyncio.sleep(0.02)


async def test_parts_start_in_order_and_stop_in_reverse(
    tmp_path: Path, supervised: Callable[..., Supervisor]
) -> None:
    parts = [a_part("one", tmp_path), a_part("two", tmp_path)]
    seen: list[tuple[str, State]] = []
    supervisor = Supervisor(parts, lambda part: seen.append((part.name, part.state)))
    await supervisor.start()
    await supervisor.stop()
    assert seen == [
        ("one", State.STARTING),
        ("one", State.SERVING),
        ("two", State.STARTING),
        ("two", State.SERVING),
        ("two", State.STOPPED),
        ("one", State.STOPPED),
    ]
    assert [part.pid for part in parts] == [None, None]


async def test_a_killed_part_starts_again(
    tmp_path: Path, supervised: Callable[..., Supervisor]
) -> None:
    part = a_part("one", tmp_path)
    await supervised(part).start()
    first = part.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: part.state is State.SERVING and part.pid not in {None, first})
    assert part.restarts == 1


async def test_a_part_that_cannot_start_says_its_last_words(
    tmp_path: Path, supervised: Callable[..., Supervisor]
) -> None:
    broken = a_part("one", tmp_path, "raise SystemExit('no space left')")
    with pytest.raises(PartFailedError, match="one did not start"):
        await supervised(broken).start()


async def test_a_task_that_is_over_stays_over(
    tmp_path: Path, supervised: Callable[..., Supervisor]
) -> None:
    task = a_part("seed", tmp_path, "pass")
    task.once = True
    await supervised(task).start()
    await until(lambda: task.state is State.DONE)
    assert task.restarts == 0


async def test_no_part_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from statflow.supervisor import Part, Supervisor
async def ready(): return True
async def main():
    part = Part("one", [sys.executable, "-c", "import time; time.sleep(60)"], ready)
    await Supervisor([part], lambda _: None).start()
    print(part.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until(lambda: is_gone(child))
    assert is_gone(child)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
