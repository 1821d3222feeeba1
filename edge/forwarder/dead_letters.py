"""Dead letters as an operator works them: list, send again, discard (INGESTION 3.7, 7).

They are written by the shard's writer, together with the batch that they were left out of. Here
they are only moved on, each by one script that moves its account along: ``replay`` puts the entry
at the end of the shard's stream, where it waits as it did, ``discard`` makes it a drop.
The one invariant: a letter is moved once, whoever asks and however often; to be killed between two
letters leaves the rest as they were.

A letter sent again is a new entry: it may come late by the rules of ``edge.forwarder.visits``, and
it has lost yesterday's hash. One that still cannot be read stays where it is.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from edge.buffer.keys import FIELD, ShardKeys
from edge.buffer.scripts import DEADLETTER
from edge.forwarder.entries import UNKNOWN_SITE, UNREADABLE, decode_entries
from edge.outcomes import DropReason
from edge.sites import SHARDS, shard_of

PAGE = 500

type _Page = list[tuple[bytes, dict[bytes, bytes]]]


class DeadLetterError(ValueError):
    """What was asked of dead letters cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. ``at`` is its id in the dead-letter stream of its shard."""

    shard: int
    at: str
    site_id: int
    why: str
    size_bytes: int
    entry: str
    body: bytes

    @property
    def name(self) -> str:
        """What a person calls it by."""
        return f"{self.shard}:{self.at}"

    @property
    def is_readable(self) -> bool:
        """Whether the writer of this release can read what was kept of it."""
        return not decode_entries([_entry(self.body)])[1]

    def as_dict(self) -> dict[str, Any]:
        """Give the letter for JSON; ``at_s`` is when it was set aside, Unix seconds."""
        return {
            "id": self.name,
            "shard": self.shard,
            "site_id": self.site_id or None,
            "why": self.why,
            "at_s": int(self.at.partition("-")[0]) // 1000,
            "entry": self.entry,
            "size_bytes": self.size_bytes,
            "readable": self.is_readable,
            "body": self.body.decode(errors="replace"),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: those of a shard, of a site, by name, or all."""

    shard: int | None = None
    site_id: int | None = None
    names: frozenset[str] = frozenset()

    @property
    def shards(self) -> Iterable[int]:
        """The shards to look into: a letter of unknown site may lie in any."""
        if self.shard is not None:
            return [self.shard]
        if self.names:
            return sorted({_shard_in(name) for name in self.names})
        return [shard_of(self.site_id)] if self.site_id else range(SHARDS)

    def means(self, letter: Letter) -> bool:
        """Tell whether a letter is meant."""
        return (self.site_id is None or letter.site_id == self.site_id) and (
            not self.names or letter.name in self.names
        )


def _shard_in(name: str) -> int:
    shard, _, at = name.partition(":")
    ms, _, seq = at.partition("-")
    if not (shard.isdigit() and int(shard) < SHARDS and ms.isdigit() and seq.isdigit()):
        raise DeadLetterError(f"{name!r} is no id of a dead letter, such as 7:1767225600000-0")
    return int(shard)


class DeadLetters:
    """The dead letters of an installation. Its calls block."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def chosen(self, choice: Choice) -> Iterator[Letter]:
        """List what is meant, the oldest of each shard first."""
        for shard in choice.shards:
            yield from filter(choice.means, self._of(shard))

    def count(self) -> dict[int, int]:
        """Count the letters that wait, by site; 0 stands for letters of unknown site."""
        found: dict[int, int] = {}
        for letter in self.chosen(Choice()):
            found[letter.site_id] = found.get(letter.site_id, 0) + 1
        return found

    def replay(self, letter: Letter, body: bytes | None = None) -> bool:
        """Send a letter again, or what it was repaired to; False if it is no longer there.

        Raises:
            DeadLetterError: It cannot be read, or is another site's than it was.
        """
        body = letter.body if body is None else body
        events, unreadable = decode_entries([_entry(body)])
        if unreadable:
            raise DeadLetterError(f"{letter.name} cannot be read; repair it, or discard it")
        site_id = events[0][1].site_id
        if letter.site_id not in {UNKNOWN_SITE, site_id} or shard_of(site_id) != letter.shard:
            raise DeadLetterError(f"{letter.name} is not of site {site_id}")
        return self._move(letter, "replay", body)

    def discard(self, letter: Letter) -> bool:
        """Drop a letter for good; False if it is no longer there."""
        return self._move(letter, "drop", DropReason.DEAD_LETTER_DISCARDED.value)

    def _move(self, letter: Letter, *what: str | bytes) -> bool:
        keys = ShardKeys.of(letter.shard)
        names = (keys.dead, keys.counts, keys.events)
        return bool(self._redis.eval(DEADLETTER.source, len(names), *names, letter.at, *what))

    def _of(self, shard: int) -> Iterator[Letter]:
        key, first = ShardKeys.of(shard).dead, "-"
        # What is set aside while we walk is another day's work: a replay may come back as one.
        until = str(time.time_ns() // 1_000_000)
        while page := cast("_Page", self._redis.xrange(key, first, until, PAGE)):
            yield from (_letter(shard, at, fields) for at, fields in page)
            first = f"({page[-1][0].decode()}"


def _letter(shard: int, at: bytes, fields: dict[bytes, bytes]) -> Letter:
    return Letter(
        shard=shard,
        at=at.decode(),
        site_id=int(fields.get(b"site", UNKNOWN_SITE)),
        why=fields.get(b"why", UNREADABLE.encode()).decode(),
        size_bytes=int(fields[b"size"]),
        entry=fields[b"id"].decode(),
        body=fields[b"d"],
    )


def _entry(body: bytes) -> list[Any]:
    return [b"0-1", [FIELD, body]]
