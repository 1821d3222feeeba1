"""Handles of the engine that wait, made ready, for the next request with the very same settings.

What makes requests alike is the caller's to say; ``None`` is like nothing. The one invariant: a
handle is lent to one request at a time, and only what ended well comes back.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any


class IdleHandles:
    """At most ``most`` handles, the one longest unused given up first. Threads may share it.

    ``connect`` opens a new one.
    """

    def __init__(self, connect: Callable[[], Any], most: int) -> None:
        self._connect = connect
        self._most = most
        self._idle: list[tuple[Hashable, Any]] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, alike: Hashable, prepare: Callable[[Any], None]) -> Iterator[Any]:
        """Lend a handle that ``prepare`` has made ready, now or for an earlier request alike."""
        handle = self._take(alike)
        is_new = handle is None
        if is_new:
            handle = self._connect()
        try:
            if is_new:
                prepare(handle)
            yield handle
        except BaseException:
            handle.close()
            raise
        self._keep(alike, handle)

    def close(self) -> None:
        """Close all that wait."""
        with self._lock:
            waiting, self._idle = self._idle, []
        for _, handle in waiting:
            handle.close()

    def _take(self, alike: Hashable) -> Any:
        with self._lock:
            for place in reversed(range(len(self._idle))):
                if alike is not None and self._idle[place][0] == alike:
                    return self._idle.pop(place)[1]
        return None

    def _keep(self, alike: Hashable, handle: Any) -> None:
        given_up = handle
        with self._lock:
            if alike is not None:
                self._idle.append((alike, handle))
                given_up = self._idle.pop(0)[1] if len(self._idle) > self._most else None
        if given_up is not None:
            given_up.close()
