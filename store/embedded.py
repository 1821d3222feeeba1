"""The store process: the embedded ClickHouse engine behind ClickHouse's HTTP protocol, on loopback.

One process opens the folder; portal, forwarder and every command talk to it with the client they
use for a server, so there is one code path (INGESTION 6). Schema is ``store.migrate``'s. The
invariant: what was answered 200 is in the folder and survives SIGKILL of this process. Parts of the
tables in ``store/schema`` survive a power failure too, as they are synced; the engine's record of
tokens is not, so the ``batches`` marker is asked first (INGESTION 3.5).

Layout of the folder, nothing is written outside of it: ``lock`` (held by the kernel while the
process lives, with its pid), ``engine.xml`` (written at each start), ``engine/`` (the tables),
``backups/`` (the one place where ``BACKUP … TO File('name')`` may write).
"""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from store.embedded_engine import Engine, StoreFolderInUse
from store.embedded_http import FaceServer

__all__ = ["DEFAULT_MEMORY_BYTES", "StoreFolderInUse", "serve"]

DEFAULT_MEMORY_BYTES = 1_536 * 1024 * 1024
"""Enough for the dashboards of a small machine; the engine refuses a query rather than pass it."""

DRAIN_S = 10.0
CANCEL_S = 5.0


def serve(
    data_dir: Path,
    *,
    port: int,
    secret: str,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve a folder until SIGTERM or SIGINT. Call it from the process's main thread.

    ``port`` 0 takes a free one; ``ready`` is told the port once requests are answered. On a signal
    it takes nothing new, lets running requests end, stops what still runs after 10 s, and closes
    the engine.

    Raises:
        StoreFolderInUse: Another process has the folder open.
        OSError: The port is taken, or the folder cannot be written.
    """
    # A handler runs in the thread that waits, between any two of its steps. An event's lock may be
    # held just then, by that very thread; this queue may be put into at any moment.
    stop: SimpleQueue[int] = SimpleQueue()
    before = {
        number: signal.signal(number, lambda number, _: stop.put(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        _serve_until(stop, data_dir, port, secret, memory_bytes, ready)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve_until(
    stop: SimpleQueue[int],
    data_dir: Path,
    port: int,
    secret: str,
    memory_bytes: int,
    ready: Callable[[int], None] | None,
) -> None:
    engine = Engine(data_dir.resolve(), memory_bytes)
    try:
        with FaceServer(port, secret, engine) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
            if ready is not None:
                ready(server.server_port)
            stop.get()
            server.shutdown()
            if not server.drain(DRAIN_S):
                engine.cancel_all()
                server.drain(CANCEL_S)
    finally:
        engine.close()
