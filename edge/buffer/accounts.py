"""The account of every event (INGESTION 7).

received = stored + erased + dropped + dead letters + waiting.

The counts themselves move in the same scripts as the events (``append.lua``, ``commit.lua``). Here
they are read together with the length of the stream, in one transaction a shard; once a minute
that is kept, so that the account can be shown minute by minute. A group that was sent twice counts
once; what lies in an edge's spool has not been received yet, and the edge's metrics tell of it.

The one invariant: what waits is found twice, as what is missing in the sums and as the length of
the stream, and where the two differ it is said.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Self

import orjson
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from edge.buffer.keys import ShardKeys
from edge.buffer.opening import open_sync
from edge.buffer.scripts import connect
from edge.sites import shard_of

log = logging.getLogger(__name__)

EVERY_S = 15.0
MINUTE_S = 60
MINUTES_KEPT = 1_440
_SLOW_S = 2.0

_STATES = Gauge(
    "statflow_account_events", "Events of a site by what became of them.", ["site", "state"]
)
_DEAD_LETTERS = Gauge(
    "statflow_dead_letters", "Entries that were set aside and wait for somebody.", ["shard"]
)
_DIFFERENCE = Gauge(
    "statflow_account_difference_events",
    "What waits by the sums, less what waits in the stream; anything but 0 is a fault.",
    ["shard"],
)


@dataclass(frozen=True, slots=True)
class Account:
    """A site's events since its stream began; ``dropped`` by reason.

    ``erased`` were stored, or dead letters, until somebody asked for them to go.
    """

    received: int = 0
    stored: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    dead_letters: int = 0
    erased: int = 0

    @property
    def waiting(self) -> int:
        """What was received and is nowhere else yet."""
        kept = self.stored + self.erased + self.dead_letters
        return self.received - kept - sum(self.dropped.values())

    def since(self, before: Self) -> "Account":
        """Tell what has come since an earlier account of the same site."""
        dropped = Counter(self.dropped)
        dropped.subtract(before.dropped)
        return Account(
            self.received - before.received,
            self.stored - before.stored,
            {reason: n for reason, n in dropped.items() if n},
            self.dead_letters - before.dead_letters,
            self.erased - before.erased,
        )


NOTHING = Account()


@dataclass(frozen=True, slots=True)
class ShardAccount:
    """All sites of one shard at one moment, and how many entries its stream held then."""

    minute: int
    counts: Mapping[str, int]
    entries: int

    @property
    def sites(self) -> dict[int, Account]:
        """The accounts of the sites."""
        return read_counts(self.counts)

    @property
    def difference(self) -> int:
        """What waits by the sums, less what waits in the stream; 0 unless something is wrong."""
        events = self.entries - sum(n for name, n in self.counts.items() if _is_control(name))
        return sum(account.waiting for account in self.sites.values()) - events

    def render(self) -> bytes:
        """Write the form that is kept."""
        return orjson.dumps(asdict(self))

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read what ``render`` wrote."""
        return cls(**orjson.loads(raw))


def read_counts(counts: Mapping[str, int]) -> dict[int, Account]:
    """Sort the fields of a shard's counts (``edge.buffer.keys``) by site."""
    found: dict[int, dict[str, Any]] = {}
    for name, n in counts.items():
        site, state, reason = (*name.split(":", 2), "")[:3]
        account = found.setdefault(int(site), {"dropped": {}})
        if state == "dropped":
            account["dropped"][reason] = n
        elif state in {"received", "stored", "erased"}:
            account[state] = n
        elif state == "dead":
            account["dead_letters"] = n
    return {site: Account(**values) for site, values in found.items()}


def _is_control(name: str) -> bool:
    """Tell whether a count is of messages to the writer, which wait in the stream like events."""
    return name.endswith(":control")


def by_minute(kept: Iterable[ShardAccount], site_id: int) -> list[tuple[int, Account]]:
    """List what came in each minute, the latest first, out of what was kept at their ends.

    A minute in which nobody looked is part of the next one.
    """
    ordered = sorted({account.minute: account for account in kept}.values(), key=_minute)
    rows: list[tuple[int, Account]] = []
    for before, after in pairwise(ordered):
        came = after.sites.get(site_id, NOTHING).since(before.sites.get(site_id, NOTHING))
        if came != NOTHING:
            rows.append((after.minute, came))
    return rows[::-1]


def _minute(account: ShardAccount) -> int:
    return account.minute


class AccountKeeper:
    """Reads the accounts of the shards a forwarder owns, tells Prometheus, keeps one a minute."""

    def __init__(self, redis_url: str, shards: Iterable[int], owns: Callable[[int], bool]) -> None:
        self._redis = connect(redis_url, timeout_s=_SLOW_S)
        self._shards = list(shards)
        self._owns = owns
        self._minute = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until stopped; a Redis that is away is waited for."""
        while not stop.is_set():
            with contextlib.suppress(RedisError, OSError):
                await self.look(int(time.time() // MINUTE_S))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_S)
        await self._redis.aclose()

    async def look(self, minute: int) -> None:
        """Read every account that is ours; keep it if the minute is another than last time.

        Units: ``minute`` minutes since 1970.

        Raises:
            RedisError: Redis is away.
        """
        is_new, self._minute = minute != self._minute, minute
        for shard in self._shards:
            if not self._owns(shard):  # Whoever has it tells of it.
                for gauge in (_DEAD_LETTERS, _DIFFERENCE):
                    with contextlib.suppress(KeyError):
                        gauge.remove(str(shard))
                continue
            account = await read_shard(self._redis, shard, minute)
            if not account.counts:
                continue
            _DEAD_LETTERS.labels(str(shard)).set(
                sum(s.dead_letters for s in account.sites.values())
            )
            if account.difference:
                log.error("shard %d: %d events are not accounted for", shard, account.difference)
            _DIFFERENCE.labels(str(shard)).set(account.difference)
            for site_id, states in account.sites.items():
                _publish(site_id, states)
            if is_new:
                await self._keep(shard, account)

    async def _keep(self, shard: int, account: ShardAccount) -> None:
        key = ShardKeys.of(shard).accounts
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.lpush(key, account.render())
            pipe.ltrim(key, 0, MINUTES_KEPT)
            await pipe.execute()


async def read_shard(redis: Redis, shard: int, minute: int) -> ShardAccount:
    """Read a shard's counts and the length of its stream at one moment.

    Raises:
        RedisError: Redis is away.
    """
    keys = ShardKeys.of(shard)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(keys.counts)
        pipe.xlen(keys.events)
        counts, entries = await pipe.execute()
    return ShardAccount(minute, _numbers(counts), entries)


def read_account(redis_url: str, site_id: int) -> dict[str, Any]:
    """Read a site's account now and minute by minute, for who shows it.

    Raises:
        RedisError: Redis is away.
    """
    keys = ShardKeys.of(shard_of(site_id))
    with open_sync(redis_url, timeout_s=_SLOW_S) as redis:
        pipe = redis.pipeline(transaction=True)
        pipe.hgetall(keys.counts)
        pipe.xlen(keys.events)
        pipe.lrange(keys.accounts, 0, MINUTE_S)
        counts, entries, kept = pipe.execute()
    now = ShardAccount(int(time.time() // MINUTE_S), _numbers(counts), entries)
    rows = by_minute([now, *map(ShardAccount.parse, kept)], site_id)
    return {
        **_plain(now.sites.get(site_id, NOTHING)),
        "difference": now.difference,
        "minutes": [{"at_s": minute * MINUTE_S, **_plain(came)} for minute, came in rows],
    }


def _plain(account: Account) -> dict[str, Any]:
    return {**asdict(account), "waiting": account.waiting}


def _numbers(counts: Mapping[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(n) for name, n in counts.items()}


def _publish(site_id: int, account: Account) -> None:
    states = {
        "received": account.received,
        "stored": account.stored,
        "waiting": account.waiting,
        "dead_letter": account.dead_letters,
        "erased": account.erased,
        **{f"dropped_{reason}": n for reason, n in account.dropped.items()},
    }
    for state, n in states.items():
        _STATES.labels(str(site_id), state).set(n)
