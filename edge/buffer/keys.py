"""The names of everything kept in the buffer Redis, for one logical shard.

All keys of a shard carry one hash tag, so that each script touches one slot of a cluster.

Layout:
    ``{s07}:events``          stream; field ``d`` is one encoded event, field ``c`` a message to
                              the writer (``edge.forwarder.erasure``)
    ``{s07}:producers:<id>``  number of the last group that edge process appended; expires unseen
    ``{s07}:counts``          hash of accounting: ``<site>:received``, ``:accepted``, ``:stored``,
                              ``:dropped:<reason>``, ``:dead``, ``:erased``; and ``:control``,
                              messages in the stream that are no events
    ``{s07}:generation``      random 64 bits, hexadecimal; tells this stream from one lost before
    ``{s07}:lease``           hash: owner, epoch, until (ms of Redis's clock)
    ``{s07}:plan``            the batch being written, or absent
    ``{s07}:done``            id of the last entry that is stored
    ``{s07}:visits``          hash: one field a kept visit, and ``state`` (generation, watermark,
                              data epoch)
    ``{s07}:accounts``        list of what ``counts`` and the stream were, one a minute, for a day
    ``{s07}:dead``            stream of entries that were set aside, bounded: id in the events'
                              stream, site (0 unknown), why, size, what may be kept of it
    ``{s07}:hits``            stream of hits, bounded; field ``d`` is up to a hundred encoded hits
    ``{s07}:hits_plan``       ids of the hits being written, or absent
    ``{s07}:erased``          hash: erasures of late, by the id of their message; they still meet
                              what was on its way (``edge.forwarder.latecomers``)
"""

from dataclasses import dataclass, fields
from typing import Self

FIELD = b"d"
"""The field of a stream entry that holds the event."""


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """Key names of one shard."""

    tag: str
    events: str
    counts: str
    generation: str
    lease: str
    plan: str
    done: str
    visits: str
    dead: str
    accounts: str
    producers: str
    hits: str
    hits_plan: str
    erased: str

    @classmethod
    def of(cls, shard: int) -> Self:
        """Name the keys of a logical shard."""
        tag = f"{{s{shard:02d}}}"
        return cls(tag, *(f"{tag}:{key.name}" for key in fields(cls) if key.name != "tag"))

    def producer(self, producer: str) -> str:
        """Name the key that holds a producer's last group number."""
        return f"{self.producers}:{producer}"
