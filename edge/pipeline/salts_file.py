"""Salts in one file of a memory file system, shared by the processes of one machine.

The file is an array of 64-byte records; each holds one salt, or nothing. A record is written with
one ``pwrite`` and carries a checksum, so a process killed at any moment leaves whole records or one
that reads as empty. Minting holds a POSIX lock on the file. An ended salt is overwritten with
zeros, in the file and out of every cache. The one invariant: all processes that share the file give
the same salt for the same site and day.

Layout, little-endian: site id u64, first day of the period since 1970-01-01 i64, end in Unix ms
i64, salt 32 bytes, kind of period u32 (0 day, 1 week, 2 month), CRC-32 of what stands before u32.
"""

import fcntl
import os
import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32
from zoneinfo import ZoneInfo

from edge.pipeline.days import days_since_epoch, period_start, salt_end_ms
from edge.pipeline.salts import SALT_BYTES, SaltsUnavailable, is_due
from edge.sites import SaltPeriod

_BODY = struct.Struct(f"<Qqq{SALT_BYTES}sI")
_CHECKSUM = struct.Struct("<I")
RECORD_BYTES = _BODY.size + _CHECKSUM.size
_EMPTY = bytes(RECORD_BYTES)
_OWNER_ONLY = 0o600


_KINDS = {period: number for number, period in enumerate(SaltPeriod)}
type _Key = tuple[int, int, int]
"""Site, first day and kind of a period."""


class _Record(NamedTuple):
    """One salt as it stands in the file."""

    site_id: int
    day: int
    end_ms: int
    salt: bytes
    kind: int

    @property
    def key(self) -> _Key:
        return self.site_id, self.day, self.kind

    def pack(self) -> bytes:
        body = _BODY.pack(*self)
        return body + _CHECKSUM.pack(crc32(body))

    @classmethod
    def unpack(cls, raw: bytes) -> Self | None:
        body, checksum = raw[: _BODY.size], raw[_BODY.size :]
        if raw == _EMPTY or _CHECKSUM.pack(crc32(body)) != checksum:
            return None
        return cls(*_BODY.unpack(body))


class FileSalts:
    """Mint, share and wipe salts in a file; ``path`` may name a memfd (``/proc/self/fd/N``)."""

    offset_ms = 0

    def __init__(
        self, path: Path, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """Open the file, or make it for its owner only.

        Raises:
            PermissionError: Others may read it.
            OSError: It cannot be opened.
        """
        self._random_bytes = random_bytes
        self._cache: dict[_Key, _Record] = {}
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        if os.fstat(self._fd).st_nlink and os.fstat(self._fd).st_mode & 0o077:
            os.close(self._fd)
            raise PermissionError(f"{path}: others may read the salts; expected mode 0600")

    def close(self) -> None:
        """Let go of the file and forget the salts."""
        self._cache.clear()
        os.close(self._fd)

    async def for_day(
        self,
        site_id: int,
        day: date,
        zone: ZoneInfo,
        now_ms: int,
        period: SaltPeriod = SaltPeriod.DAY,
    ) -> bytes | None:
        """Give the salt of a day; see ``Salts.for_day``."""
        key = (site_id, days_since_epoch(period_start(day, period)), _KINDS[period])
        record = self._cache.get(key)
        if record is None or now_ms >= record.end_ms:
            self._cache.pop(key, None)
            if not is_due(day, zone, now_ms, period):
                return None
            try:
                record = self._find_or_mint(key, salt_end_ms(day, zone, period), now_ms)
            except OSError as error:
                raise SaltsUnavailable(f"the salt file cannot be used: {error.strerror}") from None
            self._cache[key] = record
        return record.salt

    def expire(self, now_ms: int) -> int:
        """Wipe ended salts from the file and from memory; count those in the file."""
        self._cache = {key: rec for key, rec in self._cache.items() if now_ms < rec.end_ms}
        with self._locked():
            ended = [at for at, record in self._records() if record and record.end_ms <= now_ms]
            for at in ended:
                os.pwrite(self._fd, _EMPTY, at)
        return len(ended)

    def _find_or_mint(self, key: _Key, end_ms: int, now_ms: int) -> _Record:
        """Take the record of a day, or write a new one over the first that is free or has ended."""
        with self._locked():
            free: int | None = None
            at = -RECORD_BYTES
            for at, record in self._records():
                if record is None or record.end_ms <= now_ms:
                    free = at if free is None else free
                elif record.key == key:
                    return record
            site_id, day, kind = key
            minted = _Record(site_id, day, end_ms, self._random_bytes(SALT_BYTES), kind)
            os.pwrite(self._fd, minted.pack(), at + RECORD_BYTES if free is None else free)
            return minted

    def _records(self) -> Iterator[tuple[int, _Record | None]]:
        raw = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        for at in range(0, len(raw), RECORD_BYTES):
            yield at, _Record.unpack(raw[at : at + RECORD_BYTES])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)
