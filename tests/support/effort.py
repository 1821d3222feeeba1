"""How much processor time a call takes: what other processes do meanwhile does not count."""

import time
from collections.abc import Callable


def processor_s(call: Callable[[], object], rounds: int = 5) -> float:
    """Give the least of some rounds."""

    def once() -> float:
        started = time.process_time()
        call()
        return time.process_time() - started

    return min(once() for _ in range(rounds))
