"""One JSON line a request on standard output, for operators who ask for it.

A line says which site, method, status, size and time, the request id that error pages show, and
how the answer came about. It never holds a path, a query, an address or an agent: each can point at
a person. Who is told of requests is the fronts'; this module only writes. The one invariant:
whoever reads the lines slowly, or not at all, slows no page down; what does not fit is dropped and
counted.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

import orjson
from prometheus_client import Counter

from edge.fronts.operating import Answered
from store.tracing import METHODS

_WAITING_LINES = 10_000

_DROPPED = Counter(
    "statflow_request_log_dropped_total", "Lines of the request log that nobody read in time."
)


def render_line(answered: Answered, at: datetime) -> bytes:
    """Write one request as a line of JSON."""
    document = {
        "at": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "kind": "request",
        "site": answered.site_id,
        "method": answered.method if answered.method in METHODS else "other",
        "status": answered.status,
        "bytes": answered.sent_bytes,
        "ms": round(answered.duration_ms, 1),
        "id": answered.request_id,
        "outcome": answered.outcome,
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


class RequestLog:
    """Writes lines from a thread of its own; call it with each request that was answered."""

    def __init__(self, fd: int = 1, *, now: Callable[[], float] = time.time) -> None:
        self._fd = fd
        self._now = now
        self._lines: deque[bytes] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._write_all, name="request-log", daemon=True)

    def __call__(self, answered: Answered) -> None:
        """Take one line; never waits."""
        line = render_line(answered, datetime.fromtimestamp(self._now(), UTC))
        with self._wake:
            if len(self._lines) >= _WAITING_LINES:
                _DROPPED.inc()
                return
            self._lines.append(line)
            self._wake.notify()

    def start(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Write what waits, for a second at most."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(1.0)

    def _write_all(self) -> None:
        while True:
            with self._wake:
                while not self._lines and not self._stopping:
                    self._wake.wait()
                if not self._lines:
                    return
                batch = b"".join(self._lines)
                self._lines.clear()
            try:
                _write(self._fd, batch)
            except OSError:
                _DROPPED.inc(batch.count(b"\n"))


def _write(fd: int, batch: bytes) -> None:
    while batch:
        batch = batch[os.write(fd, batch) :]
