"""``statflow edge`` as an operator runs it: processes, real ports, a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import psutil

from tests.support.stack import free_port

ROOT = Path(__file__).parents[2]
SHOP = "shop.localhost"


class EdgeProcess:
    """One edge; ``start`` waits until it is ready for traffic."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.data = folder
        self.port, self.tls_port, self.private_port = free_port(), free_port(), free_port()
        self.log = folder / "log"
        self.options = options
        caller = {k: v for k, v in os.environ.items() if not k.startswith("STATFLOW_")}
        self._environment = caller | {f"STATFLOW_{k}": v for k, v in environment.items()}
        self.process: subprocess.Popen[bytes] | None = None

    def write_sites(self, *upstreams: str, number: int = 1, **fields: Any) -> None:
        """Write the snapshot with one site, as an operator without a portal does."""
        site = {"id": 1, "host": SHOP, "upstreams": list(upstreams), "public_key": "stk"}
        document = {"schema": 1, "number": number, "sites": [site | fields]}
        (self.data / "sites.json").write_text(json.dumps(document))

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start it without waiting."""
        command = [sys.executable, "-m", "statflow.cli", "edge", "--data-dir", str(self.data)]
        ports = ["--port", str(self.port), "--private-port", str(self.private_port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *ports, *self.options],
                cwd=ROOT, env=self._environment, stdout=log, stderr=log,
            )  # fmt: skip
        return self.process

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        process = self.spawn()
        deadline = time.monotonic() + 60
        while self.readyz()[0] != 200:
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """Stop it as a service manager does; returns its status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        finally:
            self.process.kill()
            self.process.wait()

    def workers(self) -> list[int]:
        """List the processes of its workers."""
        assert self.process is not None
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def readyz(self) -> tuple[int, dict[str, Any]]:
        """Ask whether it should be sent traffic; status 0 where nobody answers."""
        status, body = self._private("/readyz")
        return status, json.loads(body) if body else {}

    def metrics(self) -> str:
        """Read its metrics."""
        return self._private("/metrics")[1].decode()

    def log_lines(self) -> list[dict[str, Any]]:
        """Read its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def _private(self, path: str) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.private_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""
