"""Salts in a Redis that writes nothing, shared by many edges.

A salt is minted by ``SET NX EXAT`` in one Lua call that refuses while the store has just started:
a store that lost its memory is first given back, by every edge's heartbeat, what the edges hold.
The day is that of the store's clock. What the store must be set to is checked by
``check_salt_store``. The one invariant: two edges never hold different salts of one site and day.

Source: INGESTION 1.1, 1.3 and 1.4.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from edge.pipeline.days import period_start, salt_end_ms
from edge.pipeline.salts import SALT_BYTES, SaltsUnavailable, is_due
from edge.sites import SaltPeriod

_log = logging.getLogger(__name__)

GIVE_BACK_S = 10
"""For how long after its start a store is only given back salts, and none is minted."""
HEARTBEAT_S = 1.0
MAX_SKEW_MS = 2_000
_TIMEOUT_S = 2.0
_STALE_S = 10.0

_MINT = """
local known = redis.call('GET', KEYS[1])
if known then return known end
local uptime = string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')
local left = tonumber(ARGV[3]) - tonumber(uptime)
if left > 0 then return left end
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EXAT', ARGV[2])
return ARGV[1]
"""
_REQUIRED_SETTINGS = {"save": "", "appendonly": "no", "slowlog-max-len": "0"}
_FORBIDDEN_COMMANDS = (
    *("SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF", "SYNC", "PSYNC", "MONITOR", "DEBUG"),
)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class RedisSalts:
    """A ``Salts`` over one Redis; one a process, between ``start`` and ``stop``.

    Args:
        url: Of the salt store, which is never the buffer's Redis.
        give_back_s: ``GIVE_BACK_S``, shorter only in tests.
        now_ms: This machine's clock, for the heartbeat.
    """

    def __init__(
        self,
        url: str,
        *,
        give_back_s: int = GIVE_BACK_S,
        now_ms: Callable[[], int] = _wall_clock_ms,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # A connection kept from before a restart is dead.
        )
        self._give_back_s = give_back_s
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._cache: dict[str, tuple[bytes, int]] = {}
        self._asking: dict[str, asyncio.Task[bytes]] = {}
        self._run_id = ""
        self._offset_ms = 0
        self._seen_at_ms = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def offset_ms(self) -> int:
        """Tell how far the store's clock is ahead of this machine's."""
        return self._offset_ms

    def problem(self) -> str:
        """Say what stands against being ready; empty if nothing does."""
        if not self._run_id:
            return "the salt store has not answered yet"
        if abs(self._offset_ms) > MAX_SKEW_MS:
            return f"the salt store's clock differs by {self._offset_ms} ms"
        if self._now_ms() - self._seen_at_ms > _STALE_S * 1_000:
            return "the salt store does not answer"
        return ""

    async def start(self) -> None:
        """Begin to watch the store."""
        with contextlib.suppress(SaltsUnavailable):
            await self.observe()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End the watch, forget the salts and close the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._cache.clear()
        await self._redis.aclose()

    async def for_day(
        self,
        site_id: int,
        day: date,
        zone: ZoneInfo,
        now_ms: int,
        period: SaltPeriod = SaltPeriod.DAY,
    ) -> bytes | None:
        """Give the salt of a day; see ``Salts.for_day``."""
        if not self._run_id:
            await self.observe()
        key = f"salt:{site_id}:{period_start(day, period).isoformat()}"
        if period is not SaltPeriod.DAY:
            key += f":{period}"
        store_ms = now_ms + self._offset_ms
        held = self._cache.get(key)
        if held is not None and store_ms < held[1]:
            return held[0]
        self._cache.pop(key, None)
        if not is_due(day, zone, store_ms, period):
            return None
        end_ms = salt_end_ms(day, zone, period)
        return await self._find_together(key, end_ms)

    def expire(self, now_ms: int) -> int:
        """Forget ended salts; the store forgets its own by ``EXAT``."""
        store_ms = now_ms + self._offset_ms
        kept = {key: held for key, held in self._cache.items() if store_ms < held[1]}
        ended, self._cache = len(self._cache) - len(kept), kept
        return ended

    async def observe(self) -> None:
        """Read the store's clock and run id; a new run id is given back what this edge holds.

        Raises:
            SaltsUnavailable: The store does not answer.
        """
        asked_at_ms = self._now_ms()
        try:
            (seconds, micros), server = await self._ask_store()
            answered_at_ms = self._now_ms()
            store_ms = seconds * 1_000 + micros // 1_000
            run_id = str(server["run_id"])
            if self._run_id and run_id != self._run_id:
                await self._give_back()
        except (RedisError, OSError) as error:
            raise SaltsUnavailable(f"the salt store: {type(error).__name__}") from None
        self._offset_ms = store_ms - (asked_at_ms + answered_at_ms) // 2
        self._run_id, self._seen_at_ms = run_id, answered_at_ms

    async def _ask_store(self) -> tuple[tuple[int, int], dict[str, Any]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.info("server")
            clock, server = await pipe.execute()
        return clock, server

    async def _find_together(self, key: str, end_ms: int) -> bytes:
        """Ask once for all that wait for a salt: an edge that begins is asked by everybody."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._find_or_mint(key, end_ms))
            asking.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(asking)

    def _asked(self, key: str, done: asyncio.Task[bytes]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # Also where everybody who waited has left.

    async def _find_or_mint(self, key: str, end_ms: int) -> bytes:
        salt = self._random_bytes(SALT_BYTES)
        arguments = (salt, end_ms // 1_000, self._give_back_s)
        try:
            found = await self._redis.eval(_MINT, 1, key, *arguments)
        except (RedisError, OSError) as error:
            raise SaltsUnavailable(f"the salt store: {type(error).__name__}") from None
        if isinstance(found, int):
            raise SaltsUnavailable("the salt store has just started", found, opens_in_s=found)
        self._cache[key] = (bytes(found), end_ms)
        return bytes(found)

    async def _give_back(self) -> None:
        """Offer every salt held; where the store already has one, that one counts."""
        held = list(self._cache.items())
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, (salt, end_ms) in held:
                pipe.set(key, salt, nx=True, get=True, exat=end_ms // 1_000)
            found = await pipe.execute()
        for (key, (salt, end_ms)), known in zip(held, found, strict=True):
            self._cache[key] = (known or salt, end_ms)
        _log.warning("the salt store was restarted: gave back %d salts", len(held))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await self.observe()
            except SaltsUnavailable as error:
                _log.warning("%s", error)


async def find_salt_store_problems(url: str) -> list[str]:
    """Connect and check; a store that cannot be asked is a problem too."""
    async with Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    ) as redis:
        return await check_salt_store(redis)


async def check_salt_store(redis: Redis) -> list[str]:
    """List what lets the store write a salt to a disk, or what could not be checked."""
    try:
        return [
            *await _wrong_settings(redis),
            *await _attached_replicas(redis),
            *await _allowed_commands(redis),
        ]
    except (RedisError, OSError) as error:
        return [f"the salt store could not be checked: {type(error).__name__}"]


async def _wrong_settings(redis: Redis) -> list[str]:
    found = await redis.config_get(*_REQUIRED_SETTINGS)
    return [
        f"the salt store has {name} {found.get(name)!r}, expected {expected!r}"
        for name, expected in _REQUIRED_SETTINGS.items()
        if found.get(name) != expected
    ]


async def _attached_replicas(redis: Redis) -> list[str]:
    replication = await redis.info("replication")
    if replication["role"] == "master" and not replication["connected_slaves"]:
        return []
    return ["the salt store has a replica or is one"]


async def _allowed_commands(redis: Redis) -> list[str]:
    """Ask which of the commands that copy memory elsewhere this edge's user may give."""
    user = _text(await redis.acl_whoami())
    problems = []
    for command in _FORBIDDEN_COMMANDS:
        answer = await redis.acl_dryrun(user, *_with_arguments(command))
        if answer in {b"OK", "OK"}:
            problems.append(f"the salt store's user may give {command}")
    return problems


def _text(answer: bytes | str) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer


def _with_arguments(command: str) -> tuple[str, ...]:
    """Complete a command with as many arguments as it needs to be judged."""
    needed = {"REPLICAOF": ("no", "one"), "PSYNC": ("?", "-1"), "DEBUG": ("help",)}
    return (command, *needed.get(command, ()))
