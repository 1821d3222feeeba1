"""The private port of a role that is no event loop: portal and reports.

The same endpoints as the edge's (``edge.private``), in a thread with a loop of its own. The one
invariant: nothing of it can hold up or end the role, but a port that is taken at the start.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from edge.private import PrivatePort


class PrivateThread:
    """Serves ``/healthz``, ``/readyz`` and ``/metrics`` from a thread.

    ``checks`` maps each check's name to what is wrong with it; it may block.
    """

    def __init__(self, checks: Callable[[], dict[str, str]]) -> None:
        self._checks = checks
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._private = PrivatePort(self._ask)

    async def _ask(self) -> dict[str, str]:
        return await asyncio.to_thread(self._checks)

    def start(self, bind: str, port: int | None, path: Path | None) -> None:
        """Listen where the role was told to, if it was.

        Raises:
            OSError: The address is taken or not ours to use.
        """
        if port is None and path is None:
            return
        self._thread.start()
        starting = self._private.start(host=bind, port=port or 0, path=path)
        asyncio.run_coroutine_threadsafe(starting, self._loop).result()

    def stop(self) -> None:
        """Stop listening."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._private.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
