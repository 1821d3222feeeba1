"""What each edge process says of its sites, kept in Redis for the portal to read.

Every process writes one key of its own, which expires when the process is gone; the portal, which
cannot ask every edge, reads all keys (``read_health``, given to it by ``statflow``). Numbers come
from the front's ledger, the breaker's state from control. The one invariant: a feed that fails
costs a stale page in the portal and nothing else: nobody waits for it, and it goes on when Redis is
back.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from edge.buffer.opening import open_async, open_sync
from edge.fronts.control import Control
from edge.fronts.ledger import LEDGER, Histogram, Ledger, Tally
from edge.fronts.served import ABORTED, INJECTED

PREFIX = "statflow:edge:"
EVERY_S = 2.0
LONGEST_S = 10.0
EXPIRES_S = 15
_SLOW_S = 2
_PARTING_S = 0.5
_SMALL_BYTES = 65_536
_SCAN = 500
_MOST_PROCESSES = 1_000

log = logging.getLogger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Speaker:
    """The process that reports: ``name`` is unique among all edges."""

    name: str
    front: str
    version: str


class HealthFeed:
    """Write one process's report every two seconds until stopped.

    Units: ``now_ms`` gives Unix milliseconds.
    """

    def __init__(
        self,
        redis_url: str,
        speaker: Speaker,
        control: Control,
        *,
        ledger: Ledger = LEDGER,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._redis_url = redis_url
        self._key = PREFIX + speaker.name
        self._speaker = speaker
        self._control = control
        self._ledger = ledger
        self._now_ms = now_ms
        self._is_away = False

    async def run(self, stop: asyncio.Event) -> None:
        """Report until stopped or cancelled, then take the report back; no Redis, no report."""
        if not self._redis_url:
            return
        redis = open_async(self._redis_url, timeout_s=_SLOW_S)
        async with redis:
            try:
                while not stop.is_set():
                    written = await self._write(redis)
                    await _sleep(stop, min(EVERY_S * (1 + written // _SMALL_BYTES), LONGEST_S))
            finally:
                await self._withdraw(redis)

    async def _write(self, redis: Redis) -> int:
        """Report once; returns the size, so that a process with very many sites reports less."""
        report = b""
        try:
            report = render_report(self._speaker, self._ledger, self._control, self._now_ms())
            await redis.set(self._key, report, ex=EXPIRES_S)
            self._is_away = False
        except Exception as error:  # noqa: BLE001 - the rim: pages are served whatever this does.
            if not self._is_away:
                log.warning("health: cannot be reported (%s)", type(error).__name__)
            self._is_away = True
        return len(report)

    async def _withdraw(self, redis: Redis) -> None:
        try:
            async with asyncio.timeout(_PARTING_S):
                await redis.delete(self._key)
        except (RedisError, OSError) as error:
            log.info("health: the last report expires by itself (%s)", type(error).__name__)


def render_report(speaker: Speaker, ledger: Ledger, control: Control, at_ms: int) -> bytes:
    """Write a process's report as JSON."""
    sites = {
        str(site_id): _site(tally, str(control.state(site_id)))
        for site_id, tally in ledger.sites.items()
    }
    return orjson.dumps(
        {
            "name": speaker.name,
            "at_ms": at_ms,
            "version": speaker.version,
            "front": speaker.front,
            "sites": sites,
        }
    )


def read_health(redis_url: str) -> list[dict[str, Any]]:
    """Read what all living edge processes say; empty where Redis is away or nobody speaks."""
    if not redis_url:
        return []
    try:
        with open_sync(redis_url, timeout_s=_SLOW_S) as redis:
            keys = sorted(redis.scan_iter(match=PREFIX + "*", count=_SCAN))[:_MOST_PROCESSES]
            pipe = redis.pipeline(transaction=False)  # In a cluster they lie apart.
            for key in keys:
                pipe.get(key)
            raw = pipe.execute() if keys else []
    except (RedisError, OSError) as error:
        log.warning("health: cannot be read (%s)", type(error).__name__)
        return []
    return [report for value in raw if (report := _parse(value)) is not None]


def _site(tally: Tally, breaker: str) -> dict[str, Any]:
    # JSON wants plain strings for names, and reasons are enumerations of strings.
    outcomes = {str(outcome): count for outcome, count in tally.outcomes.items()}
    return {
        "eligible": tally.eligible,
        "injected": outcomes.pop(INJECTED, 0),
        "aborted": outcomes.pop(ABORTED, 0),
        "cut": tally.cut,
        "skipped": outcomes,
        "breaker": breaker,
        "ttfb_ms": _quantiles(tally.ttfb),
        "added_ms": _quantiles(tally.added),
    }


def _quantiles(histogram: Histogram) -> dict[str, float]:
    values = {"p50": histogram.quantile(0.5), "p95": histogram.quantile(0.95)}
    return {name: round(value * 1000, 3) for name, value in values.items() if value is not None}


def _parse(raw: bytes | None) -> dict[str, Any] | None:
    """Read one report; what is no report of ours is nobody's."""
    try:
        report = orjson.loads(raw or b"null")
    except orjson.JSONDecodeError:
        return None
    is_sound = isinstance(report, dict) and isinstance(report.get("sites"), dict)
    return report if is_sound else None


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
