"""The forwarder of a range of shards: watch, linger, forward, again; and wait out what is away.

Each shard has a task of its own, so one that is stopped or leased elsewhere holds up no other. Of
several forwarders each writes its share (``edge.forwarder.sharing``) and lets the rest go. One
reader waits for news on all idle shards. Errors of Redis and of the store are waited out with
growing pauses; nothing is given up. The rules of a batch are in ``edge.forwarder.shard``. The one
invariant: stopping at any point is safe; stopping in order only leaves less to repeat.
"""

import asyncio
import contextlib
import gc
import logging
import secrets
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram
from redis.exceptions import RedisError

from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import connect
from edge.crash import place_of
from edge.forwarder.checkpoint import ShardStopped
from edge.forwarder.lease import Lease, LeaseLost
from edge.forwarder.prepare import Prepared
from edge.forwarder.shard import ShardWriter
from edge.forwarder.sharing import Sharing
from edge.forwarder.stream import find_news
from edge.outcomes import DropReason, count
from store import tracing
from store.client import Store, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

REDIS_TIMEOUT_S = 20.0
WATCH_MS = 250
HEARTBEAT_S = 2.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 5.0
DRAIN_S = 10.0
BATCHES_AT_ONCE = 4
GC_OBJECTS = 1_000_000
"""New objects before the collector looks for cycles. A batch is some 100,000 small values without
any; walking them at the default of 2,000 was measured to cost as much as all the rest."""
SWITCH_S = 0.05
"""How long a thread may keep the interpreter from the others. Batches are made in threads that have
it to themselves for most of their time; at the default of 5 ms changing cost an eighth of all."""
BEHIND_S = 60.0
"""Entries that wait so long since the last commit make the forwarder unready."""

_LAG = Gauge("statflow_forwarder_lag_events", "Entries that are not stored yet.", ["shard"])
_STOPPED = Gauge("statflow_forwarder_stopped_shards", "Shards that cannot go on; see the log.")
_STORED = Counter("statflow_forwarder_stored_events_total", "Events stored.")
_DEAD = Counter("statflow_forwarder_dead_letters_total", "Entries set aside, by why.", ["why"])
_BATCH = Histogram(
    "statflow_forwarder_batch_events",
    "Entries in a batch.",
    buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000),
)
_SECONDS = Histogram("statflow_forwarder_batch_seconds", "Time from reading a batch to its commit.")


@dataclass(frozen=True, slots=True)
class ForwarderConfig:
    """What one forwarder does. ``owner`` names it; two that run at once must not share a name."""

    redis_url: str
    store: Store
    shards: range
    owner: str
    linger_s: float = 0.5
    batch_events: int = 20_000
    lease_s: float = 15.0


@dataclass(slots=True)
class ShardState:
    """What is known of a shard, for health and metrics. ``problem`` is empty if all is well."""

    lease: Lease
    waiting_events: int = 0
    last_commit_at_s: float = 0.0
    problem: str = ""
    is_leaving: bool = False
    """Whether the lease is about to be given back: nothing that needs it may begin."""

    @property
    def is_ours(self) -> bool:
        """Whether what needs the lease may begin."""
        return bool(self.lease.epoch) and not self.is_leaving


class Forwarder:
    """Forwards its share of the shards of its range until it is told to stop."""

    def __init__(self, config: ForwarderConfig) -> None:
        self.states: dict[int, ShardState] = {}
        self.before_leaving: list[Callable[[int], Awaitable[None]]] = []
        """What else works under the lease of a shard, to be waited for before it is given back."""
        self._config = config
        self._redis = connect(config.redis_url, timeout_s=REDIS_TIMEOUT_S)
        self._slots = asyncio.Semaphore(BATCHES_AT_ONCE)
        self._idle: dict[int, tuple[ShardWriter, asyncio.Event]] = {}
        kept_ms = round(config.lease_s * 1000)
        self.sharing = Sharing(self._redis, config.owner, config.shards, kept_ms=kept_ms)
        self._beat_s = min(HEARTBEAT_S, config.lease_s / 3)
        for shard in config.shards:
            key = ShardKeys.of(shard).lease
            lease = Lease(self._redis, key, owner=config.owner, kept_ms=kept_ms)
            self.states[shard] = ShardState(lease)

    async def run(self, stop: asyncio.Event) -> None:
        """Forward until ``stop`` is set, then finish what is at hand and give the leases back."""
        gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])
        sys.setswitchinterval(SWITCH_S)
        background = [
            asyncio.create_task(self._watch(stop)),
            asyncio.create_task(self._heartbeat(stop)),
        ]
        try:
            await asyncio.gather(*(self._serve(shard, stop) for shard in self._config.shards))
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self._redis.aclose()

    def check(self) -> dict[str, str]:
        """Say what is wrong, by name of check, for ``readyz``."""
        now = time.monotonic()
        stopped = [f"{i}: {state.problem}" for i, state in self.states.items() if state.problem]
        behind = [
            str(shard)
            for shard, state in self.states.items()
            if state.waiting_events and now - state.last_commit_at_s > BEHIND_S
        ]
        return {
            "shards": f"stopped: {'; '.join(stopped)}" if stopped else "",
            "lag": f"behind: shards {', '.join(behind)}" if behind else "",
        }

    async def _serve(self, shard: int, stop: asyncio.Event) -> None:
        """Own one shard for as long as possible, over and over."""
        state = self.states[shard]
        pause = _Pause(stop)
        while not stop.is_set():
            is_new = not state.lease.epoch
            try:
                if shard not in self.sharing.mine:
                    await self._leave(shard)
                    await _sleep(stop, self._beat_s)
                elif await state.lease.take():
                    if is_new:  # What waits there is nobody's delay yet.
                        state.last_commit_at_s = time.monotonic()
                    await self._own(shard, pause, stop)
                else:
                    await _sleep(stop, self._beat_s)
            except LeaseLost:
                log.warning("shard %d: another forwarder has it now", shard)
                self._set_problem(shard, "")
            except ShardStopped as error:
                log.error("shard %d is stopped: %s", shard, error)  # noqa: TRY400 - no trace needed.
                self._set_problem(shard, str(error))
                await pause.wait()
            except (RedisError, OSError) as error:
                log.warning("shard %d: Redis is away (%s)", shard, type(error).__name__)
                self._set_problem(shard, "Redis does not answer")
                await pause.wait()
            except Exception as error:  # noqa: BLE001 - told, and shown in health.
                # A bug in one shard must not end the others; it shows in log, health and lag.
                log.error("shard %d failed: %s", shard, place_of(error))  # noqa: TRY400 - no trace.
                self._set_problem(shard, "it failed; see the log")
                await pause.wait()
        with contextlib.suppress(RedisError, OSError):
            await self._leave(shard)

    async def _leave(self, shard: int) -> None:
        """Give a shard's lease back once nothing works under it."""
        state = self.states[shard]
        if not state.lease.epoch:
            return
        state.is_leaving = True
        try:
            for settled in self.before_leaving:
                await settled(shard)
            await state.lease.release()
        finally:
            state.is_leaving = False
        state.waiting_events = 0
        with contextlib.suppress(KeyError):
            _LAG.remove(str(shard))

    async def _own(self, shard: int, pause: "_Pause", stop: asyncio.Event) -> None:
        """Forward one shard until it is another's share, its lease is lost, or ``stop`` is set."""
        config, lease = self._config, self.states[shard].lease
        writer = ShardWriter(
            self._redis, config.store, shard, lease, batch_events=config.batch_events
        )
        await writer.open(secrets.randbits(64))
        self._set_problem(shard, "")
        more = writer.has_plan
        while not stop.is_set() and shard in self.sharing.mine:
            if not more:
                await self._news(writer)
                await _sleep(stop, config.linger_s)
            more = await self._forward(writer, pause)
        if stop.is_set():
            await self._drain(writer)

    async def _forward(self, writer: ShardWriter, pause: "_Pause") -> bool:
        """Write one batch, or wait out the store; tell whether to go on at once."""
        try:
            prepared = await self._write(writer)
        except StoreUnavailable as error:
            log.warning("shard %d: the store is away: %s", writer.shard, error)
            self._set_problem(writer.shard, "the store does not answer")
        except StoreError as error:
            # Its own words say what is wrong; the batch stays, and is tried again and again.
            log.error("shard %d is stopped: the store refuses: %s", writer.shard, error)  # noqa: TRY400
            self._set_problem(writer.shard, f"the store refuses: {error}")
        else:
            pause.reset()
            self._set_problem(writer.shard, "")
            return prepared is not None and prepared.plan.count >= self._config.batch_events
        await pause.wait()
        return True

    async def _write(self, writer: ShardWriter) -> Prepared | None:
        async with self._slots:
            began_s = time.monotonic()
            with tracing.span("forwarder.batch", shard=writer.shard) as told:
                prepared = await writer.forward()
                told.note(events=prepared.plan.count if prepared else 0)
        if prepared is not None:
            now_s = time.monotonic()
            self.states[writer.shard].last_commit_at_s = now_s
            _SECONDS.observe(now_s - began_s)
            _account(prepared)
        return prepared

    async def _drain(self, writer: ShardWriter) -> None:
        """Write what is at hand; what is not written in time is repeated by the next forwarder."""
        until_s = time.monotonic() + DRAIN_S
        with contextlib.suppress(StoreUnavailable, StoreError):
            while time.monotonic() < until_s and await self._write(writer):
                pass

    async def _news(self, writer: ShardWriter) -> None:
        """Wait until the shard has entries, its lease is lost, or the forwarder stops."""
        news = asyncio.Event()
        self._idle[writer.shard] = (writer, news)
        try:
            await news.wait()
        finally:
            self._idle.pop(writer.shard, None)

    def _announce(self, shard: int) -> None:
        if shard in self._idle:
            self._idle[shard][1].set()

    async def _watch(self, stop: asyncio.Event) -> None:
        """Look for new entries on all idle shards at once."""
        while True:
            idle = {shard: pair for shard, pair in self._idle.items() if not pair[1].is_set()}
            if stop.is_set():
                for shard in idle:
                    self._announce(shard)
            if stop.is_set() or not idle:
                await asyncio.sleep(WATCH_MS / 1000 / 5)
                continue
            done = {shard: str(writer.done) for shard, (writer, _) in idle.items()}
            try:
                for shard in await find_news(self._redis, done, WATCH_MS):
                    self._announce(shard)
            except (RedisError, OSError):
                await asyncio.sleep(HEARTBEAT_S)

    async def _heartbeat(self, stop: asyncio.Event) -> None:
        """Show that we live, renew the leases that are held, and measure how much waits."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                await (self.sharing.leave() if stop.is_set() else self.sharing.show())
            for shard, state in self.states.items():
                if shard not in self.sharing.mine:
                    self._announce(shard)
                if not state.lease.epoch:
                    continue
                try:
                    await state.lease.renew()
                    state.waiting_events = int(await self._redis.xlen(ShardKeys.of(shard).events))
                    _LAG.labels(str(shard)).set(state.waiting_events)
                except LeaseLost:
                    self._announce(shard)
                except (RedisError, OSError):
                    break
            if stop.is_set():  # What is at hand is finished under the leases that are held.
                await asyncio.sleep(self._beat_s)
            await _sleep(stop, self._beat_s)

    def _set_problem(self, shard: int, problem: str) -> None:
        self.states[shard].problem = problem
        _STOPPED.set(sum(bool(state.problem) for state in self.states.values()))


class _Pause:
    """Growing pauses that ``stop`` cuts short."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._next_s = PAUSE_MIN_S

    def reset(self) -> None:
        self._next_s = PAUSE_MIN_S

    async def wait(self) -> None:
        await _sleep(self._stop, self._next_s)
        self._next_s = min(2 * self._next_s, PAUSE_MAX_S)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _account(prepared: Prepared) -> None:
    batch = prepared.outcome.batch
    _BATCH.observe(prepared.plan.count)
    _STORED.inc(len(batch.events))
    for letter in prepared.outcome.dead:
        _DEAD.labels(letter.why).inc()
    for site_id, n in batch.no_visit.items():
        count(site_id, DropReason.NO_VISIT, n)


async def run_forwarder(config: ForwarderConfig, stop: asyncio.Event) -> None:
    """Forward the shards of ``config`` until ``stop`` is set."""
    await Forwarder(config).run(stop)
