"""Processes of a bench: started on a processor of their own, and read out from /proc.

The load and the origin run on one processor, the contender on another (or several), so that what is
counted is the contender's work. The one invariant: nothing that was started outlives ``Running``.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class BenchError(Exception):
    """The bench cannot run here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started process with all its children."""

    name: str
    process: subprocess.Popen[bytes]
    port: int

    def pids(self) -> list[int]:
        """List the process and all that descend from it."""
        parents = dict(_parents())
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_s(self) -> float:
        """Sum the processor time of all of them, in seconds."""
        return sum(_ticks(pid) for pid in self.pids()) / _TICKS

    def memory_mib(self) -> float:
        """Sum the resident memory of all of them."""
        return sum(_resident_pages(pid) for pid in self.pids()) * _PAGE_KIB / 1024

    def open_files(self) -> int:
        """Count the open descriptors of all of them."""
        return sum(_descriptors(pid) for pid in self.pids())

    def sockets(self) -> int:
        """Count the open sockets of all of them."""
        return sum(_descriptors(pid, "socket:") for pid in self.pids())


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def processors() -> list[int]:
    """List the processors that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def running(
    name: str,
    command: list[str],
    port: int,
    on: set[int],
    log: Path,
    env: dict[str, str] | None = None,
) -> Iterator[Running]:
    """Start a program on some processors, wait until it listens, and end it with the block.

    Raises:
        BenchError: It ended, or did not listen in time; what it said is in the message.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    os.sched_setaffinity(process.pid, on)
    started = Running(name, process, port)
    try:
        _await_port(started, log)
        for pid in started.pids():
            os.sched_setaffinity(pid, on)
        yield started
    finally:
        _end(process)


def _await_port(started: Running, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if started.process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", started.port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = log.read_text(errors="replace")[-2_000:]
    raise BenchError(f"{started.name} does not listen on {started.port}:\n{said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _stat(int(folder.name))):
            yield int(folder.name), int(stat[1])


def _stat(pid: int) -> list[str]:
    """Read the fields behind the name: state, parent, …; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _ticks(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[11]) + int(stat[12]) if stat else 0


def _resident_pages(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[21]) if stat else 0


def _descriptors(pid: int, kind: str = "") -> int:
    count = 0
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # One that was closed just now.
                count += str(entry.readlink()).startswith(kind)
    return count
