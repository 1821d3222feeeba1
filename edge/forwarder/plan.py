"""The plan of a batch: which entries it holds, and the tokens under which it is written.

A plan is recorded before the first insert; whoever finds one repeats exactly it. Pure. The one
invariant: one plan, one set of rows, one token a table, whoever writes them and however often.
"""

from dataclasses import asdict, dataclass
from typing import Self

import orjson

from edge.forwarder.visit import StreamId

BATCH_FORMAT = 2
"""Version of the rows made from entries."""
KNOWN_FORMATS = frozenset({1, BATCH_FORMAT})
"""Plans that this release repeats. Rows of format 1 lack only columns that have defaults."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Entries ``first`` to ``last`` of one life of a shard's stream, ``count`` of them."""

    epoch: int
    generation: int
    first: StreamId
    last: StreamId
    count: int
    format: int = BATCH_FORMAT

    def render(self) -> bytes:
        """Write the form in which it is recorded."""
        return orjson.dumps(asdict(self), default=list)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what ``render`` wrote.

        Raises:
            ValueError: It is not a plan.
        """
        try:
            values = orjson.loads(raw)
            first, last = StreamId(*values.pop("first")), StreamId(*values.pop("last"))
            return cls(first=first, last=last, **values)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a plan: {error}") from error

    def token(self, shard: int, table: str) -> str:
        """Name the insert of this plan into one table (INGESTION 3.5)."""
        span = f"{self.first}-{self.last}-{self.count}"
        return f"{shard}-{self.generation:016x}-{span}-{self.format}-{table}"
