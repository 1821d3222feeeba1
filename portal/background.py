"""Work that no page waits for: sending mail, and what may not show in how long an answer takes.

One thread does jobs in order; what is left when the process ends is lost, so that only what can be
asked for again belongs here. The one invariant: a job that fails disturbs nobody.
"""

import logging
import queue
import threading
from collections.abc import Callable

MAX_JOBS = 1000
log = logging.getLogger(__name__)


class Background:
    """A queue with one thread, which begins with the first job."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(MAX_JOBS)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, job: Callable[[], None]) -> None:
        """Do a job soon; when too many wait, it is left out and logged."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            log.warning("too much waits in the background: a job was left out")

    def join(self) -> None:
        """Wait until every job is done."""
        self._jobs.join()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:
                log.exception("a job in the background failed")
            finally:
                self._jobs.task_done()
