"""What the collector asks of a salt store, and the fence around a process that holds salts.

The stores are ``salts_file`` (one machine) and ``salts_redis`` (many edges). The one invariant: a
salt belongs to one site and one salt period of it, a local day unless the site chose a longer one,
and is gone everywhere 60 minutes after that period.

Source: INGESTION 1.
"""

import asyncio
import contextlib
import ctypes
import resource
import sys
from collections.abc import Callable
from datetime import date
from typing import Protocol
from zoneinfo import ZoneInfo

from edge.page_url import forget_pages
from edge.pipeline.days import day_start_ms, salt_end_ms
from edge.pipeline.identity import forget_keyed
from edge.sites import SaltPeriod

SALT_BYTES = 32
EXPIRY_INTERVAL_S = 30.0

_PR_SET_DUMPABLE = 4


class SaltsUnavailable(Exception):  # noqa: N818 - a state of the world, told to senders as 503.
    """The store cannot be asked now; the sender may try again after ``retry_after_s``.

    ``opens_in_s``: after so many seconds it is known to answer; 0 where nobody knows.
    """

    def __init__(self, why: str, retry_after_s: int = 5, opens_in_s: int = 0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.opens_in_s = opens_in_s


class Salts(Protocol):
    """A store of salts by site and local day."""

    @property
    def offset_ms(self) -> int:
        """Tell how far the store's clock is ahead of this machine's; the day is the store's."""

    async def for_day(
        self,
        site_id: int,
        day: date,
        zone: ZoneInfo,
        now_ms: int,
        period: SaltPeriod = SaltPeriod.DAY,
    ) -> bytes | None:
        """Give the salt of a day, minted if need be; None if the day's is gone or not yet due.

        ``now_ms`` is this machine's clock.

        Raises:
            SaltsUnavailable: The store cannot be asked.
        """

    def expire(self, now_ms: int) -> int:
        """Wipe what has ended by this machine's clock, and count it."""


def is_due(day: date, zone: ZoneInfo, now_ms: int, period: SaltPeriod = SaltPeriod.DAY) -> bool:
    """Tell whether a day's salt may exist: its day has begun, its period's grace has not ended."""
    return day_start_ms(day, zone) <= now_ms < salt_end_ms(day, zone, period)


async def keep_expiring(salts: Salts, now_ms: Callable[[], int], stop: asyncio.Event) -> None:
    """Wipe ended salts, what hangs on them and URLs of late, until stopped, traffic or none."""
    while not stop.is_set():
        salts.expire(now_ms())
        forget_pages()
        forget_keyed()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EXPIRY_INTERVAL_S)


def protect_process() -> list[str]:
    """Keep this process's memory out of core dumps and from other processes; list what failed.

    To be called in each process that holds a salt, after exec.
    """
    problems: list[str] = []
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        problems.append(f"core dumps could not be switched off: {error}")
    if not sys.platform.startswith("linux"):
        return [*problems, "this system has no way to forbid memory dumps"]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        problems.append("prctl refused to forbid memory dumps")
    return problems
