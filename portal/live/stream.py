"""Server-sent events: a live page's inside, again and again, for as long as it may be seen.

Each stream holds a thread of the server, so there are few seats; who finds none is refused, and the
page asks every while instead. A stream that nobody hears ends at the next beat, and every one ends
after a while and is opened anew by the browser. The one invariant: before each piece it is looked
up that the person is still signed in and still has the right.
"""

import threading
from collections.abc import Callable, Iterator
from time import monotonic

TYPE = "text/event-stream"
LONGEST_S = 300.0
_AGAIN_MS = 3_000


class Seats:
    """So many streams at once and no more."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    def take(self) -> bool:
        """Take a seat, if one is free."""
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        """Give a seat back."""
        self._free.release()


def pieces(
    look_again: Callable[[], str | None],
    wait: Callable[[float], object],
    every_s: float,
    longest_s: float = LONGEST_S,
) -> Iterator[str]:
    """Write the stream: a piece when it changed, else a beat that finds out who has gone.

    ``look_again`` gives the piece, or None once it may not be seen any more.
    """
    yield f"retry: {_AGAIN_MS}\n\n"
    until, last = monotonic() + longest_s, ""
    while monotonic() < until:
        piece = look_again()
        if piece is None:
            yield "event: end\ndata: \n\n"
            return
        yield ": beat\n\n" if piece == last else _event("view", piece)
        last = piece
        wait(every_s)


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {name}\n{lines}\n"
