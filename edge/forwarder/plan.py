"""The plan of a batch: which entries it holds, and the tokens under which it is written.

A plan is recorded before the first insert; whoever finds one repeats exactly it. Pure. The one
invariant: one plan, one set of rows, one token a table, whoever writes them and however often.

Poison: where the store refuses rows of a plan, nothing of it is stored, and a smaller plan takes
its place (``halved``), down to one entry, which is left out (``without``). Each is a plan like any
other. What is not set is not written down, so an older release reads every plan that needs none
of it.
"""

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Self

import orjson

from edge.forwarder.visit import StreamId

BATCH_FORMAT = 2
"""Version of the rows made from entries."""
KNOWN_FORMATS = frozenset({1, BATCH_FORMAT})
"""Plans that this release repeats. Rows of format 1 lack only columns that have defaults."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Entries ``first`` to ``last`` of one life of a shard's stream, ``count`` of them.

    ``suspect``: up to here the store refused a greater plan that began at or before ``first``.
    ``refused``: why the one entry of this plan is left out; empty where it is not.
    ``data``: the data epoch, which grows with every erasure in the shard.
    ``phase``, ``erased``, ``rows``: of an erasure, how far it is, how many events its account loses
    and how many rows of each table go (``edge.forwarder.erase``); unset for a batch of events.
    """

    epoch: int
    generation: int
    first: StreamId
    last: StreamId
    count: int
    format: int = BATCH_FORMAT
    suspect: StreamId | None = None
    refused: str = ""
    data: int = 0
    phase: int = 0
    erased: int = 0
    rows: tuple[tuple[str, int], ...] = ()

    def render(self) -> bytes:
        """Write the form in which it is recorded."""
        values = asdict(self)
        unset = [name for name, default in _LATER.items() if values[name] == default]
        return orjson.dumps({k: v for k, v in values.items() if k not in unset}, default=list)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what ``render`` wrote.

        Raises:
            ValueError: It is not a plan.
        """
        try:
            values = orjson.loads(raw)
            first, last = StreamId(*values.pop("first")), StreamId(*values.pop("last"))
            suspect = values.pop("suspect", None)
            suspect = suspect and StreamId(*suspect)
            rows = tuple((str(table), int(n)) for table, n in values.pop("rows", ()))
            return cls(first=first, last=last, suspect=suspect, rows=rows, **values)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a plan: {error}") from error

    def halved(self, epoch: int, ids: list[StreamId]) -> "Plan":
        """Plan the first half of the entries ``ids``, which were refused together."""
        count = (len(ids) + 1) // 2
        return replace(self, epoch=epoch, last=ids[count - 1], count=count, suspect=self.last)

    def at_phase(self, phase: int) -> "Plan":
        """Plan the same erasure, further on."""
        return replace(self, phase=phase)

    def without(self, epoch: int, why: str) -> "Plan":
        """Plan to leave the one entry out."""
        return replace(self, epoch=epoch, refused=why)

    @property
    def still_suspect(self) -> StreamId | None:
        """The end of what is left of a refused plan, once this one is done.

        The entry that was left out is taken for the only bad one until the store says otherwise.
        """
        is_left = self.suspect is not None and self.last < self.suspect and not self.refused
        return self.suspect if is_left else None

    def token(self, shard: int, table: str) -> str:
        """Name the insert of this plan into one table (INGESTION 3.5)."""
        span = f"{self.first}-{self.last}-{self.count}"
        form = f"{self.format}.{self.data}" if self.data else f"{self.format}"
        return f"{shard}-{self.generation:016x}-{span}-{form}-{table}"


_LATER = {
    f.name: f.default for f in fields(Plan) if f.default is not MISSING and f.name != "format"
}
