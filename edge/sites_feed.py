"""Keep the sites snapshot fresh: from Redis into a file, from the file into memory.

Each edge serves from its own file, so it starts and goes on without the portal and without Redis.
The portal publishes through ``publish_snapshot``; a pub/sub message is only a nudge, the key is the
truth, and it is read again on every connection. The one invariant: what is in memory has passed
``parse_snapshot``; a bad snapshot is refused, said once, and the last good one stays.
"""

import asyncio
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from edge.buffer.opening import is_cluster, open_async, open_sync
from edge.sites import (
    EMPTY,
    Snapshot,
    SnapshotError,
    normal_host,
    parse_snapshot,
    render_snapshot,
)

KEY = "statflow:sites"
NUMBER_KEY = "statflow:sites:number"
POLL_S = 1.0

log = logging.getLogger(__name__)


class PublishError(Exception):
    """The snapshot could not be published; it will be when Redis is back."""


def publish_snapshot(
    redis_url: str,
    sites: list[dict[str, Any]],
    now_ms: int,
    *,
    injection: bool = True,
    release: str = "",
) -> int:
    """Publish all sites and the kill switch, unless that is published already.

    Returns the snapshot's number. ``release`` is ours, for edges that are older.
    The number is the time, or one more than the last, so it grows even after Redis was lost.

    Raises:
        SnapshotError: An edge would refuse it; nothing is published.
        PublishError: Redis is away; nothing is published.
    """
    try:
        with open_sync(redis_url, timeout_s=5, connect_timeout_s=2) as redis:
            at = number_key(redis_url)
            return _publish(redis, at, sites, now_ms, injection=injection, release=release)
    except (RedisError, OSError) as error:
        raise PublishError(f"Redis is away ({type(error).__name__})") from error


def number_key(redis_url: str) -> str:
    """Name the key of the snapshot's number; in a cluster it must lie where the snapshot does."""
    return f"{{{KEY}}}:number" if is_cluster(redis_url) else NUMBER_KEY


def _publish(
    redis: SyncRedis,
    number_at: str,
    sites: list[dict[str, Any]],
    now_ms: int,
    *,
    injection: bool,
    release: str,
) -> int:
    published = orjson.loads(redis.get(KEY) or b"{}")
    last = int(redis.get(number_at) or 0)
    if published.get("sites") == sites and published.get("injection", True) == injection:
        return last
    number = max(now_ms, last + 1)
    document = render_snapshot(number, sites, injection=injection, release=release)
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(KEY, document)
        pipe.set(number_at, number)
        pipe.execute()
    redis.publish(KEY, str(number))
    return number


def write_atomically(path: Path, raw: bytes) -> None:
    """Replace a file so that a reader or a crash sees the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class SitesFeed:
    """The current snapshot, kept fresh by ``run``.

    ``default_host`` names the site that answers for unknown hosts. ``redis_url`` empty means that
    the file alone is the source: an operator without a portal edits it, and a changed file is taken
    within a second.
    """

    def __init__(self, path: Path, redis_url: str = "", default_host: str = "") -> None:
        self._default_host = normal_host(default_host)
        self._path = path
        self._redis_url = redis_url
        self._current = EMPTY
        self._file_stamp: tuple[int, int, int] | None = None
        self._refused = b""
        self._is_away = False
        self.problem = ""
        """What is wrong with the newest snapshot, in words; empty while all is well."""

    def current(self) -> Snapshot:
        """Return the snapshot in force."""
        return self._current

    def load_file(self, *, again: bool = False) -> None:
        """Take the file if it changed, or is to be read again, and is good; say so if it is not."""
        try:
            status = self._path.stat()
        except OSError:
            return
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._file_stamp and not again:
            return
        self._file_stamp = stamp
        try:
            self._take(self._path.read_bytes())
        except OSError as error:
            self._refuse(f"{self._path.name} cannot be read: {error.strerror}", b"")

    async def run(self, stop: asyncio.Event) -> None:
        """Follow Redis and the file until ``stop`` is set."""
        self.load_file()
        while not stop.is_set():
            if not self._redis_url:
                self.load_file()
                await _sleep(stop, POLL_S)
                continue
            try:
                await self._follow_redis(stop)
            except (RedisError, OSError) as error:
                self._say_once(type(error).__name__)
                self.load_file()
                await _sleep(stop, POLL_S)

    def _say_once(self, error: str) -> None:
        if not self._is_away:
            log.warning("sites: Redis is away (%s); serving from the file", error)
        self._is_away = True

    async def _follow_redis(self, stop: asyncio.Event) -> None:
        redis = open_async(self._redis_url, timeout_s=5)
        async with redis, redis.pubsub() as nudges:
            await nudges.subscribe(KEY)
            self._is_away = False
            while not stop.is_set():
                await self._pull(redis)
                self.load_file()
                await nudges.get_message(ignore_subscribe_messages=True, timeout=POLL_S)

    async def _pull(self, redis: Redis) -> None:
        number = int(await redis.get(number_key(self._redis_url)) or 0)
        if number <= self._current.number:
            return
        raw = await redis.get(KEY)
        if isinstance(raw, bytes) and raw != self._refused and self._take(raw):
            try:
                await asyncio.to_thread(write_atomically, self._path, raw)
            except OSError as error:
                self.problem = f"{self._path.name} cannot be written: {error.strerror}"
                log.warning("sites: %s", self.problem)

    def _take(self, raw: bytes) -> bool:
        try:
            snapshot = replace(parse_snapshot(raw), default_host=self._default_host)
        except SnapshotError as error:
            self._refuse(str(error), raw)
            return False
        self._refused, self.problem = b"", ""
        if snapshot.number < self._current.number:
            self.problem = "a snapshot older than the one in force was ignored"
            return False
        if snapshot != self._current:
            self._say_what_is_passed_over(snapshot)
            self._current = snapshot
            log.info("sites: serving snapshot %d, %d sites", snapshot.number, len(snapshot.sites))
        return True

    def _say_what_is_passed_over(self, snapshot: Snapshot) -> None:
        if snapshot.passed_over and snapshot.passed_over != self._current.passed_over:
            names = ", ".join(snapshot.passed_over)
            log.warning("sites: a newer release published them; not known here: %s", names)

    def _refuse(self, why: str, raw: bytes) -> None:
        self._refused, self.problem = raw, why
        log.error("sites: snapshot refused, the last good one stays: %s", why)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
