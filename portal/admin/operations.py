"""What an administrator is shown of the parts behind the portal, given by whoever composes it.

The portal asks nothing of Redis or of the other parts itself. The one invariant: no secret is in
any of it, and no number of a visitor.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """What one check says, as ``statflow doctor`` does."""

    part: str
    good: bool
    said: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A shard of the buffer. ``lag_s`` is the age of its oldest event; None where none waits.

    ``writer`` names the forwarder that holds it, empty where nobody does.
    """

    shard: int
    waiting: int
    lag_s: float | None
    dead_letters: int
    hits: int
    writer: str


@dataclass(frozen=True, slots=True)
class Queues:
    """All shards that hold or held something, and what edges of this machine keep on disk."""

    shards: tuple[Queue, ...]
    spool_bytes: int

    @property
    def waiting(self) -> int:
        """Events that wait in all shards."""
        return sum(queue.waiting for queue in self.shards)

    @property
    def dead_letters(self) -> int:
        """Dead letters of all shards."""
        return sum(queue.dead_letters for queue in self.shards)

    @property
    def lag_s(self) -> float:
        """The age of the oldest event that waits."""
        return max((queue.lag_s or 0.0 for queue in self.shards), default=0.0)


@dataclass(frozen=True, slots=True)
class SettingShown:
    """One setting in force; ``value`` of a secret says only that it is set."""

    name: str
    value: str
    is_default: bool
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Operations:
    """Each is asked when its page is; ``queues`` raises where the buffer is away."""

    examine: Callable[[], list[Health]] = list
    queues: Callable[[], Queues] = lambda: Queues((), 0)
    versions: Callable[[], list[tuple[str, str]]] = list
    settings: Callable[[], list[SettingShown]] = list
