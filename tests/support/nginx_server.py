"""A real nginx, without root: its own folder, in the foreground, ended with its test."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

NJS_MODULE = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")


def find_nginx() -> str:
    """Find the program; a missing one is a failure, not a skip."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert found, "nginx is missing: make nginx-server"
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def check_config(text: str, folder: Path) -> str:
    """Let nginx judge a configuration; returns what it said against it."""
    file = folder / "nginx.conf"
    file.write_text(text)
    done = subprocess.run(
        [find_nginx(), "-t", "-q", "-p", str(folder), "-c", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr + done.stdout
    return said if done.returncode or "[warn]" in said else ""


@dataclass
class NginxServer:
    """One running nginx; ``text`` must not daemonize and must use ``folder`` for its files."""

    text: str
    folder: Path
    port: int

    async def start(self) -> None:
        probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", self.port)
        probe.close()
        await probe.wait_closed()
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "nginx.conf"
        file.write_text("daemon off;\n" + self.text)
        self.errors = (self.folder / "stderr").open("wb")
        command = [find_nginx(), "-p", str(self.folder), "-c", str(file)]
        self.process = await asyncio.to_thread(
            subprocess.Popen, command, stderr=self.errors, stdout=self.errors
        )
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def stop(self, timeout_s: float) -> None:
        """Let running requests end, then end the rest."""
        self.process.send_signal(3)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self.process.wait), timeout_s)
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.process.wait, 5)
        if self.process.poll() is None:
            self.process.kill()
        self.errors.close()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False
