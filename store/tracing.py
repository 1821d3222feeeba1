"""Where parts tell how long something took; nobody listens unless an operator asks for traces.

What listens is ``statflow.telemetry``; without it a span is one shared object that does nothing.
The one invariant: only the attributes of ``ATTRIBUTES`` are ever told, none of which can point at a
person: no path, no query, no address, no agent, no text of a statement, no message of an error.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

ATTRIBUTES = frozenset(
    {"site_id", "shard", "method", "status", "outcome", "endpoint", "table", "rows", "events"}
)
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Any other is a client's own word, and not repeated."""

type Value = str | int


class Span(Protocol):
    """Something that is under way."""

    def note(self, **attributes: Value) -> None:
        """Say more of it."""


class Listener(Protocol):
    """Who is told."""

    def open(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[Span]:
        """Begin a span that ends with the block; spans that begin inside belong to it."""

    def record(self, name: str, seconds: float, attributes: Mapping[str, Value]) -> None:
        """Take a span that ends now."""


class _Nothing:
    def note(self, **attributes: Value) -> None:
        """Tell nobody."""


_NOTHING: AbstractContextManager[Span] = nullcontext(_Nothing())
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Let somebody listen in this process, or nobody."""
    global _listener  # noqa: PLW0603 - one a process, set once at its start.
    _listener = listener


def span(name: str, **attributes: Value) -> AbstractContextManager[Span]:
    """Tell of a block."""
    return _NOTHING if _listener is None else _listener.open(name, attributes)


def record(name: str, seconds: float, **attributes: Value) -> None:
    """Tell of something that has just ended."""
    if _listener is not None:
        _listener.record(name, seconds, attributes)
