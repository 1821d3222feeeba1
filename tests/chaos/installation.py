"""An installation as in production: every part a process of its own, none started by another.

Redis and the store are the test's, the store behind a ``FaultProxy``; edge, forwarder and portal
are ``statflow``'s own commands, and nginx, as ``statflow front nginx`` sets it up, stands before
the edge. Restarting what died is the business of the test, as of a service manager.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.chaos.traffic import HOST
from tests.support.fault_proxy import FaultProxy
from tests.support.nginx_server import NginxServer
from tests.support.redis_server import RedisServer
from tests.support.stack import ROOT, free_port
from tests.support.steady_origin import SteadyOrigin
from tests.support.store_process import SECRET, StoreProcess

PAGE = (
    b"<!doctype html><html><head><title>Shop</title></head><body>"
    + b"".join(b"<p>Paragraph %d of the page.</p>" % i for i in range(800))
    + b"</body></html>"
)
TAG = re.compile(rb'<script async="async" src="/sf/[0-9a-f]{10}\.js"></script>')
START_S = 60.0
_FORWARDER = """
import asyncio, dataclasses, signal, sys
from statflow.paths import Paths
from statflow.role_forwarder import forwarder_config, serve_forwarder
from statflow.settings import read_settings

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = read_settings()
    config = forwarder_config(settings, Paths(settings.data_dir), "0-63")
    config = dataclasses.replace(config, lease_s=float(sys.argv[2]), batch_events=500)
    await serve_forwarder(config, stop, port=int(sys.argv[1]), path=None)

asyncio.run(main())
"""


def zone_at_noon(now: datetime) -> str:
    """Name a zone in which no midnight is near, so that the load lies within one salt period."""
    ahead = 12 - now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def find_fault(status: int, body: bytes) -> str:
    """Say what is wrong with the page that a visitor got, with the tag or without."""
    if status != 200:
        return f"status {status}: {body[:80]!r}"
    page, tags = TAG.subn(b"", body)
    if page != PAGE:
        return f"{len(page)} bytes of the page instead of {len(PAGE)}"
    return "" if tags <= 1 else f"{tags} tags"


class Child:
    """One part: a command that serves on a port of loopback, by the code of ``root``."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        environment: Mapping[str, str],
        root: Path = ROOT,
    ) -> None:
        self._root = root
        self.port = port
        self.log = log
        self.environment = dict(environment)
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it accepts connections."""
        self.spawn()
        return self.wait()

    def spawn(self) -> None:
        """Start it without waiting."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._root, env=self.environment, stdout=log, stderr=log
            )

    def wait(self) -> Self:
        """Wait until it accepts connections."""
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while not self._accepts():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it do nothing, connections and all (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if self._process is None:
            return
        self.thaw()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class Installation:
    """All parts; ``lease_s`` is how long a dead forwarder keeps its shards."""

    def __init__(self, lease_s: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sfchaos-"))
        self.data = self.folder / "data"
        self.data.mkdir()
        self.redis = RedisServer()
        self.origin = SteadyOrigin(page=PAGE)
        self._stack = contextlib.ExitStack()
        self._lease_s = lease_s

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        self._stack.enter_context(self.origin)
        self._stack.callback(self.redis.remove)
        self.redis.start()
        self.store = StoreProcess(self.folder / "store")
        self._stack.callback(self._end_store)
        self.proxy = self._stack.enter_context(FaultProxy(self.store.port))
        zone = zone_at_noon(datetime.now(UTC))
        site = ["site", "add", HOST, "--upstream", self.origin.url, "--timezone", zone]
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda words: self.run(*words), (["migrate"], site)))
        self.edge = self._child("edge", "edge", "--front", "direct", "--port")
        self.portal = self._child("portal", "portal", "--port")
        self.forwarder = self.new_forwarder("forwarder")
        children = (self.edge, self.portal, self.forwarder)
        for child in children:
            self._stack.callback(child.stop)
            child.spawn()
        for child in children:
            child.wait()
        self._start_nginx()

    @property
    def environment(self) -> dict[str, str]:
        """What every command of this installation needs."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("STATFLOW_")}
        url = f"http://statflow:{SECRET}@127.0.0.1:{self.proxy.port}/statflow"
        return own | {
            "STATFLOW_DATA_DIR": str(self.data),
            "STATFLOW_REDIS_URL": self.redis.url,
            "STATFLOW_CLICKHOUSE_URL": url,
            "STATFLOW_RATE_CLIENT": "0",
            "STATFLOW_RATE_SITE": "0",
            "STATFLOW_TRUSTED_PROXIES": "loopback",
        }

    def run(self, *arguments: str) -> str:
        """Run a command of this installation and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "statflow.cli", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def new_forwarder(self, name: str) -> Child:
        """Make a forwarder under a random owner; the caller starts and stops it."""
        port = free_port()
        command = [sys.executable, "-c", _FORWARDER, str(port), str(self._lease_s)]
        return Child(command, port, self.folder / f"{name}.log", self.environment)

    def restart_store(self) -> None:
        """Start the store again, on the same data, once it is gone."""
        self.store.kill()
        self.store = StoreProcess(self.folder / "store")
        self.proxy.upstream_port = self.store.port

    def _end_store(self) -> None:
        """End the store that runs now, which need not be the first."""
        self.store.kill()

    def read_logs(self) -> str:
        """Give the last words of every part, for a failure's message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2_000:]}" for log in logs)

    def _child(self, name: str, *arguments: str) -> Child:
        port = free_port()
        command = [sys.executable, "-m", "statflow.cli", *arguments, str(port)]
        return Child(command, port, self.folder / f"{name}.log", self.environment)

    def _start_nginx(self) -> None:
        port, run_dir = free_port(), self.folder / "nginx"
        deadline = time.monotonic() + START_S
        while not (self.data / "sites.json").exists():
            assert time.monotonic() < deadline, self.read_logs()
            time.sleep(0.02)
        edge = f"127.0.0.1:{self.edge.port}"
        options = ["--edge", edge, "--bind", "127.0.0.1", "--port", str(port)]
        options += ["--tls-port", str(free_port()), "--run-dir", str(run_dir)]
        text = self.run("front", "nginx", *options).replace("processes auto;", "processes 1;")
        self.nginx = NginxServer(text, run_dir, port)
        asyncio.run(self.nginx.start())
        self._stack.callback(lambda: asyncio.run(self.nginx.stop(1)))
