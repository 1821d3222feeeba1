"""Start and stop a real store process on a free port of loopback."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRET = "test-secret"
_PROGRAM = """
import sys
from pathlib import Path
from store.embedded import serve

serve(Path(sys.argv[1]), port=0, secret=sys.argv[2], memory_bytes=int(sys.argv[3]),
      ready=lambda port: print(port, flush=True))
"""
_ROOT = Path(__file__).parents[2]


class StoreProcess:
    """A running store process. ``url`` is what ``store.client.Store`` takes."""

    def __init__(self, folder: Path, *, memory_bytes: int = 1 << 30) -> None:
        self.folder = folder
        command = [sys.executable, "-c", _PROGRAM, str(folder), SECRET, str(memory_bytes)]
        self.process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.strip():
            raise RuntimeError(f"the store process did not start: {self.process.wait()}")
        self.port = int(line)

    @property
    def url(self) -> str:
        return f"http://statflow:{SECRET}@127.0.0.1:{self.port}/statflow"

    def stop(self) -> int:
        """Ask it to stop, as the supervisor does; returns its exit status."""
        self.process.terminate()
        return self._end()

    def kill(self) -> int:
        """Kill it with SIGKILL."""
        self.process.kill()
        return self._end()

    def _end(self) -> int:
        status = self.process.wait(timeout=40)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@contextmanager
def running_store(folder: Path, *, memory_bytes: int = 1 << 30) -> Iterator[StoreProcess]:
    """Run a store process for the time of a block."""
    process = StoreProcess(folder, memory_bytes=memory_bytes)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()
