"""One front in a process of its own, so that its memory can be measured apart.

``FrontProcess`` starts ``python -m tests.support.front_process``, which serves until its standard
input ends. One site, whose origin is the test's.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Self

import psutil

from edge.collector.client_ip import parse_networks
from edge.sites import Origin, Site, Snapshot
from tests.support.certificates import Authority
from tests.support.front_stack import SHOP, TAG, StackParts, StubEndpoints

ROOT = Path(__file__).parents[2]


class FrontProcess:
    """A started front; ``rss_bytes`` counts the processes it started as well."""

    def __init__(self, front: str, folder: Path, origin_port: int) -> None:
        self._command = [sys.executable, "-m", "tests.support.front_process"]
        self._command += [front, str(folder), str(origin_port)]
        self.port = 0

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def rss_bytes(self) -> int:
        """Add up the memory of the front and of what belongs to it."""
        parent = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in [parent, *parent.children(recursive=True)])


async def serve(front: str, folder: Path, origin_port: int) -> None:
    """Serve until standard input ends."""
    # The fronts are registered beside the suite; it imports this module's neighbours.
    from tests.conformance.conftest import FRONTS  # noqa: PLC0415

    authority = Authority(folder)
    authority.write_pair(folder / "tls" / SHOP, SHOP)
    site = Site(1, SHOP, (Origin("http", "127.0.0.1", origin_port),), "k1")
    parts = StackParts(
        sites=lambda: Snapshot(1, (site,)),
        endpoints=StubEndpoints(),
        tag_for=lambda _site: TAG,
        trusted=parse_networks(""),
        on_served=lambda _served: None,
        tls_dir=folder / "tls",
        authorities=authority.path,
    )
    running = await FRONTS[front](parts)
    print(running.port, flush=True)  # noqa: T201 - the parent reads the port here
    await asyncio.to_thread(sys.stdin.read)
    await running.drain(0.2)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
