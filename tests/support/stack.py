"""A whole installation, started as a user starts it: ``statflow up`` in a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]
START_S = 120.0
ORPHANS_S = 60.0


def free_port() -> int:
    """Give a port of loopback that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """One ``statflow up``; ``start`` after ``kill`` or ``stop`` goes on with the same data."""

    def __init__(
        self,
        *options: str,
        ports: dict[str, int] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sfup-"))
        self.data = self.folder / "data"
        names = ("edge", "edge-tls", "portal", "private", "shop")
        self.ports = ports or {name: free_port() for name in names}
        self._options = options
        self._environment = environment or {}
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment without another installation's settings, with those of this."""
        caller = {k: v for k, v in os.environ.items() if not k.startswith("STATFLOW_")}
        return caller | self._environment

    def command(self, *arguments: str) -> list[str]:
        """Name a command of this installation."""
        return [sys.executable, "-m", "statflow.cli", *arguments, "--data-dir", str(self.data)]

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a command beside the stack and return what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, within_s: float = START_S) -> Self:
        """Start it and wait until it says that it is ready."""
        stale = self._announced_ns
        ports = [
            flag for name, port in self.ports.items() for flag in (f"--{name}-port", str(port))
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("up", *ports, *self._options),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + within_s
        while self._announced_ns in {0, stale}:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self

    @property
    def _announced_ns(self) -> int:
        """When ``run.json`` was written, 0 if there is none; a killed ``up`` leaves its own."""
        try:
            return (self.data / "run.json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    @property
    def run_json(self) -> dict[str, Any]:
        """What ``up`` tells the world."""
        return dict(json.loads((self.data / "run.json").read_text()))

    def pid(self, part: str) -> int:
        """The process of a part, once it lives."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for row in self.run_json["parts"]:
                if row["name"] == part and row["pid"]:
                    return int(row["pid"])
            time.sleep(0.05)
        raise AssertionError(f"{part} does not live:\n{self.log.read_text()}")

    def kill_part(self, part: str) -> int:
        """Kill a part as a crash would; returns the process that was killed."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def has_restarted(self, part: str, killed: int) -> bool:
        """Tell whether a part that was killed serves again, in another process."""
        rows = {row["name"]: row["pid"] for row in self.run_json["parts"]}
        return rows[part] not in {None, killed}

    def kill(self) -> None:
        """Kill the supervisor as a crash would, and wait until its parts are gone as well."""
        assert self.process is not None
        pids = [int(row["pid"]) for row in self.run_json["parts"] if row["pid"]]
        self.process.kill()
        self.process.wait()
        self.process = None
        deadline = time.monotonic() + ORPHANS_S
        while left := [pid for pid in pids if _lives(pid)]:
            assert time.monotonic() < deadline, f"{left} outlive the supervisor"
            time.sleep(0.05)

    def stop(self) -> int:
        """Stop it as Ctrl-C does and return its status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(60)
        self.process = None
        return status

    def remove(self) -> None:
        """Stop it, whatever its state, and delete its data."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)


def _lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie, which nobody may be there to reap."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
