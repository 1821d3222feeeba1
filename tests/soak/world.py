"""What stands around a soaked edge, with a plug on each part: origins, Redis, a database of places.

The edge and its front have one processor, everything else the other. There is no portal: the sites
come from a file, as after a portal went away. The one invariant: a part that was unplugged comes
back at the same address.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import contenders
from tests.bench.contenders import Bench
from tests.bench.fronts import write_files
from tests.bench.machine import BenchError, Running, free_port, processors, running
from tests.soak.visitors import LIVE, SHOP
from tests.support.edge_process import ROOT, EdgeProcess
from tests.support.redis_server import RedisServer


@dataclass
class World:
    """Everything that runs; ``edge`` is what is watched."""

    bench: Bench
    edge: Running
    redis: RedisServer
    geo: Path
    origin_port: int
    _origin: ExitStack = field(default_factory=ExitStack)

    def start_origin(self) -> None:
        """Let pages have an origin."""
        self._origin_process = self._origin.enter_context(
            contenders.origin(self.bench, self.origin_port)
        )

    def kill_origin(self) -> None:
        """Take the pages' origin away, without a word to anybody."""
        os.killpg(self._origin_process.process.pid, signal.SIGKILL)
        self._origin.close()

    def remove_places(self) -> None:
        """Take the database of places away."""
        self.geo.unlink()

    def stop(self) -> None:
        """End the origin."""
        self._origin.close()


@contextmanager
def opened_world(folder: Path, big_bytes: int) -> Iterator[World]:
    """Start everything in a folder; all of it ends with the block.

    Raises:
        BenchError: Something is missing or does not start.
    """
    on = processors()
    bench = Bench(folder, load_on=on[-1], serve_on=on[0])
    os.sched_setaffinity(0, {bench.load_on})
    folder.chmod(0o755)
    write_files(folder)
    with (folder / "big.bin").open("wb") as file:
        file.truncate(big_bytes)
    with ExitStack() as stack:
        redis = RedisServer().start()
        stack.callback(redis.remove)
        live = free_port()
        command = [sys.executable, "-m", "tests.soak.serve_live", str(live)]
        env = {"PYTHONPATH": str(ROOT)}
        stack.enter_context(running("live", command, live, {bench.load_on}, bench.log("live"), env))
        origin_port, geo = free_port(), _copy_places(folder)
        edge = _start_edge(folder, redis, geo, {SHOP: origin_port, LIVE: live}, stack)
        for pid in edge.pids():
            os.sched_setaffinity(pid, {bench.serve_on})
        world = World(bench, edge, redis, geo, origin_port)
        stack.callback(world.stop)
        world.start_origin()
        yield world


def _start_edge(
    folder: Path, redis: RedisServer, geo: Path, sites: dict[str, int], stack: ExitStack
) -> Running:
    data = folder / "data"
    data.mkdir()
    edge = EdgeProcess(
        data, "--front", "direct",
        REDIS_URL=redis.url, GEOIP_DB=str(geo), TRUSTED_PROXIES="loopback",
        RATE_CLIENT="0", RATE_SITE="0",
    )  # fmt: skip
    described = [
        {
            "id": number,
            "host": host,
            "upstreams": [f"http://127.0.0.1:{port}"],
            "public_key": f"k{number}",
        }
        for number, (host, port) in enumerate(sites.items(), 1)
    ]
    document = {"schema": 1, "number": 1, "sites": described}
    (data / "sites.json").write_text(json.dumps(document))
    process = edge.start().process
    assert process is not None
    stack.callback(edge.stop)
    return Running("edge", process, edge.port)


def _copy_places(folder: Path) -> Path:
    found = next(ROOT.glob("build/npm/**/*-ipv4.mmdb"), None)
    if found is None:
        raise BenchError("there is no database of places: make setup")
    return Path(shutil.copy(found, folder / "places.mmdb"))
