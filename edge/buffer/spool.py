"""Groups of events kept on disk while Redis cannot take them (INGESTION 2.4).

Every edge process writes to a folder of its own, named after its producer id and locked while it
lives; the folders of dead processes are taken over, so what they acknowledged is sent all the same.
A folder holds segments; a segment holds records: length, CRC-32, then a group as JSON. A record
keeps the group's producer and number, so ``drain.lua`` takes it once, however often it is sent.
Sending is ``edge.buffer.redis``; this module knows no Redis.

The one invariant: ``write`` returns only when its records are on disk, and a segment is deleted
only after all of its records were sent.
"""

import base64
import contextlib
import errno
import fcntl
import logging
import os
import struct
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self

import orjson

log = logging.getLogger(__name__)

SEGMENT_BYTES = 4 * 1024 * 1024
PEEK_GROUPS, PEEK_EVENTS = 500, 5_000
"""Most that is handed out at once, so that no script of Redis holds up the others for long."""
_HEAD = struct.Struct(">II")
_LOCK = "lock"
_SUFFIX = ".spool"


@dataclass(frozen=True, slots=True)
class SpooledGroup:
    """One numbered group; ``counts`` are the accounting that travels with its events."""

    shard: int
    producer: str
    number: int
    counts: dict[str, int]
    events: list[bytes]

    def render(self) -> bytes:
        """Write the record."""
        events = [base64.b64encode(event).decode() for event in self.events]
        body = orjson.dumps([self.shard, self.producer, self.number, self.counts, events])
        return _HEAD.pack(len(body), zlib.crc32(body)) + body

    def arguments(self) -> list[Any]:
        """Write what ``drain.lua`` takes of the group."""
        sizes = (self.number, len(self.counts), len(self.events))
        return [*sizes, *chain.from_iterable(self.counts.items()), *self.events]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read what ``render`` wrote behind the record's head."""
        shard, producer, number, counts, events = orjson.loads(body)
        return cls(shard, producer, number, counts, [base64.b64decode(event) for event in events])


def read_records(raw: bytes) -> tuple[list[SpooledGroup], int]:
    """Read the records of a segment, past damaged ones up to one that is torn.

    Returns:
        The groups, and how many bytes could not be read; 0 where all is well. A torn end is what a
        killed process leaves: it was never acknowledged.
    """
    groups: list[SpooledGroup] = []
    at = damaged = 0
    while at + _HEAD.size <= len(raw):
        length, crc = _HEAD.unpack_from(raw, at)
        body = raw[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length:
            break
        at += _HEAD.size + length
        if zlib.crc32(body) == crc:
            groups.append(SpooledGroup.parse(body))
        else:
            damaged += _HEAD.size + length
    return groups, damaged + len(raw) - at


class Spool:
    """What one edge process keeps on disk, first in, first out. Its calls block.

    Args:
        folder: Shared by all edges of the machine; made if it is not there.
        producer: Names the process's own folder in it.
        limit_bytes: What this process keeps at most, folders taken over included.
    """

    def __init__(self, folder: Path, producer: str, limit_bytes: int) -> None:
        self._root = folder
        self._own = folder / producer
        self._limit_bytes = limit_bytes
        self._locks: dict[Path, int] = {}
        self._segments: deque[Path] = deque()
        self._writing: Path | None = None
        self._serial = 0
        self._unsent: deque[SpooledGroup] = deque()
        self._reading: Path | None = None
        self.bytes = 0
        """On disk now."""

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return not (self._unsent or self._segments)

    def open(self) -> None:
        """Make this process's folder and take over those of dead processes.

        Raises:
            OSError: The disk cannot be used.
        """
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own.mkdir(mode=0o700, exist_ok=True)
        self._lock(self._own)
        _sync_folder(self._root)
        self.adopt()

    def adopt(self) -> None:
        """Take over the folders whose process is gone."""
        for folder in sorted(self._root.iterdir()):
            if folder in self._locks or not folder.is_dir() or not self._lock(folder):
                continue
            segments = sorted(folder.glob(f"*{_SUFFIX}"))
            if not segments:
                self._leave(folder)
                continue
            log.warning("spool: taking over %d files of an edge that is gone", len(segments))
            self._segments.extend(segments)
            self.bytes += sum(segment.stat().st_size for segment in segments)

    def write(self, groups: Sequence[SpooledGroup]) -> None:
        """Return once the groups are on disk; all of them or none.

        Raises:
            OSError: They are not: the disk is full or broken, or the limit is reached.
        """
        raw = b"".join(group.render() for group in groups)
        if self.bytes + len(raw) > self._limit_bytes:
            raise OSError(errno.ENOSPC, "the spool is full")
        path, self._writing = self._writing or self._next_segment(), None
        start = _append(path, raw)
        self.bytes += len(raw)
        if start == 0:
            _sync_folder(self._own)
            self._segments.append(path)
        self._writing = path if start + len(raw) < SEGMENT_BYTES else None

    def peek(self) -> list[SpooledGroup]:
        """Return the oldest groups in their order; [] if none waits."""
        while not self._unsent and self._segments:
            self._read_next()
        oldest: list[SpooledGroup] = []
        events = 0
        for group in islice(self._unsent, PEEK_GROUPS):
            events += len(group.events)
            if oldest and events > PEEK_EVENTS:
                break
            oldest.append(group)
        return oldest

    def sent(self, n: int) -> None:
        """Forget the oldest ``n`` groups; delete a segment of which none is left."""
        for _ in range(n):
            self._unsent.popleft()
        if not self._unsent:
            self._finish_reading()

    def close(self) -> None:
        """Let go of the folders; what is not sent stays for the next process."""
        for folder in list(self._locks):
            self._leave(folder)

    def _read_next(self) -> None:
        self._finish_reading()
        path = self._segments.popleft()
        if path == self._writing:
            self._writing = None
        groups, torn = read_records(path.read_bytes())
        if torn:
            log.error("spool: %d bytes of a file cannot be read", torn)
        self._reading = path
        self._unsent.extend(groups)
        if not groups:
            self._finish_reading()

    def _finish_reading(self) -> None:
        path, self._reading = self._reading, None
        if path is None:
            return
        self.bytes -= path.stat().st_size
        path.unlink()
        if path.parent != self._own and not any(path.parent.glob(f"*{_SUFFIX}")):
            self._leave(path.parent)

    def _next_segment(self) -> Path:
        self._serial += 1
        return self._own / f"{self._serial:08d}{_SUFFIX}"

    def _lock(self, folder: Path) -> bool:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return False
            self._locks[folder] = descriptor
            return True
        return False

    def _leave(self, folder: Path) -> None:
        """Unlock a folder, and remove it if nothing is left in it."""
        if not any(entry.name != _LOCK for entry in folder.iterdir()):
            with contextlib.suppress(OSError):
                (folder / _LOCK).unlink()
                folder.rmdir()
        os.close(self._locks.pop(folder))


def _append(path: Path, raw: bytes) -> int:
    """Write to a file's end and to the disk; return where, or leave the file as it was."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        start = os.fstat(descriptor).st_size
        try:
            view = memoryview(raw)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, start)
            raise
    finally:
        os.close(descriptor)
    return start


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
