"""The buffer in Redis: groups of events, each appended once, acknowledged when it is on disk.

Calls are gathered per shard for a few milliseconds or until a group is full. One task sends, in one
pipeline, at most one group of each shard, so order within a shard is kept and one fsync serves all.
Every group has this process's random producer id and a number; ``append.lua`` refuses a number
already seen, so after an unknown outcome (time-out, lost connection) the same group is sent again.

The one invariant: a caller is answered only after Redis said that its group's number is in, or the
spool that it is on disk. What is
*not* promised: a call that was given up may have been written by an attempt whose answer was lost;
a sender that then repeats it counts twice. ``edge.buffer.lanes`` holds what waits.

With a spool (``edge.buffer.spool``), groups that Redis does not take go to the disk and are
acknowledged there. While the spool is not empty every new group queues behind it, so that the
numbers of a lane reach Redis in their order.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Sequence
from itertools import takewhile
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from redis.exceptions import NoScriptError, RedisError

from edge.buffer.durability import check_durability, read_memory_ratio
from edge.buffer.keys import ShardKeys
from edge.buffer.lanes import NEVER, Call, Lane
from edge.buffer.protocol import BufferUnavailable
from edge.buffer.scripts import APPEND, DRAIN, check_held, connect, send_commands, wait_words
from edge.buffer.spool import Spool
from edge.crash import place_of
from edge.outcomes import DropReason
from edge.sites import Site, shard_of

log = logging.getLogger(__name__)

PRODUCER_KEPT_S = 30 * 24 * 3600
"""How long an unseen producer's number is remembered; far longer than any group is retried."""
COUNTS_LINGER_S = 1.0
"""How long drop counts wait for a group to travel with before they go alone."""
MEMORY_LIMIT_RATIO = 0.7
ATTEMPT_S = 2.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.05, 1.0
WATCH_S = 1.0
ADOPT_EVERY, RECHECK_EVERY = 30, 5
"""Rounds of the watch after which dead edges' folders are looked for, a full disk tried again."""

_APPENDED = Counter("statflow_buffer_appended_events_total", "Events acknowledged by the buffer.")
_REFUSED = Counter("statflow_buffer_refused_events_total", "Events the buffer did not acknowledge.")
_FAILED = Counter("statflow_buffer_failed_rounds_total", "Pipelines that Redis did not take whole.")
_SPOOLED = Counter("statflow_buffer_spooled_events_total", "Events acknowledged by the spool.")
_SPOOL_BYTES = Gauge("statflow_buffer_spool_bytes", "Bytes on disk that wait for Redis.")
_WAITING = Gauge("statflow_buffer_waiting_events", "Events not yet acknowledged by Redis.")
_GROUP = Histogram(
    "statflow_buffer_group_events", "Events in a group.", buckets=(1, 5, 20, 50, 100, 200, 500)
)


class RedisBuffer:
    """An ``EventBuffer`` over one Redis; one a process.

    Args:
        url: ``unix:///path`` or ``redis://host:port``.
        producer: Random for every start of a process; two processes must never share one.
        linger_ms: How long a call waits for others (2 to 10).
        group_events: Events after which a group is full. A call is never split.
        deadline_s: How long a call is tried before ``BufferUnavailable``.
        max_waiting: Events held in memory before new calls are refused.
        spool: Where groups go while Redis cannot take them; None: callers are refused.
    """

    def __init__(  # noqa: PLR0913 - each is told apart by its name
        self,
        url: str,
        *,
        producer: str,
        linger_ms: int = 4,
        group_events: int = 500,
        deadline_s: float = 5.0,
        max_waiting: int = 20_000,
        spool: Spool | None = None,
    ) -> None:
        self._producer = producer
        self._linger_s = linger_ms / 1000
        self._group_events = group_events
        self._deadline_s = deadline_s
        self._max_waiting = max_waiting
        self._spool = spool
        self._spool_fault = ""
        self._pause_s = 0.0
        self._next_try = 0.0
        self._redis = connect(url, timeout_s=ATTEMPT_S)
        self._lanes: dict[int, Lane] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._failing_since: float | None = None
        self._durability_known = False
        self.waiting_events = 0
        """Events not yet acknowledged."""
        self.memory_ratio = 0.0
        """Share of ``maxmemory`` in use; 0 without a limit."""
        self.problems: list[str] = []
        """Why an acknowledged event could be lost (INGESTION 2.1); empty if all is well."""

    async def start(self) -> None:
        """Check Redis and begin to send. A Redis that is away is waited for, not an error."""
        if self._spool is not None:
            try:
                await asyncio.to_thread(self._spool.open)
            except OSError as error:
                log.error("buffer: the spool cannot be used: %s", error.strerror)  # noqa: TRY400
                self._spool = None
        await self._look()
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Send what waits, refuse what Redis does not take before its deadline, and close."""
        self._stopping = True
        self._wake.set()
        if self._tasks:
            sender, watcher = self._tasks
            watcher.cancel()
            await asyncio.gather(sender, watcher, return_exceptions=True)
        if self._spool is not None:
            self._spool.close()
        await self._redis.aclose()

    @property
    def reachable(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._failing_since is None

    def check(self) -> str:
        """Say what is wrong, for ``readyz``; empty if all is well."""
        spool = self._spool
        spooled = f"; {spool.bytes} bytes are spooled" if spool and not spool.empty else ""
        if not self.reachable:
            return f"Redis does not answer{spooled}"
        return self._refusal() or "; ".join(self.problems)

    async def append(self, site: Site, events: Sequence[bytes]) -> None:
        """Return once the events are durable in the site's shard; all of them or none.

        Raises:
            BufferUnavailable: Redis is away or too full and there is no room in a spool, or too
                much waits in front of them.
        """
        if not events:
            return
        why = self._refusal(len(events))
        if why:
            _REFUSED.inc(len(events))
            raise BufferUnavailable(why)
        loop = asyncio.get_running_loop()
        now = loop.time()
        due_at, deadline = now + self._linger_s, now + self._deadline_s
        call = Call(site.id, events, due_at, deadline, loop.create_future())
        lane = self._lane(site.shard)
        lane.add(call)
        self.waiting_events += len(events)
        if len(lane.waiting) == 1 or lane.waiting_events >= self._group_events:
            self._wake.set()
        await call.done

    def count_drop(self, site_id: int, reason: DropReason, n: int = 1) -> None:
        """Account for events that end here; the counts travel in the shard's next group."""
        lane = self._lane(shard_of(site_id))
        lane.counts[f"{site_id}:dropped:{reason.value}"] += n
        lane.counts[f"{site_id}:received"] += n
        if lane.counts_due_at == NEVER:
            lane.counts_due_at = asyncio.get_running_loop().time() + COUNTS_LINGER_S
            self._wake.set()

    def _refusal(self, more: int = 0) -> str:
        if self._stopping:
            return "the edge is stopping"
        if self.waiting_events + more > self._max_waiting:
            return "too many events wait for Redis"
        if self._spool is not None:
            return self._spool_fault
        if self._too_full:
            return "Redis has used 70 % of its memory"
        since = self._failing_since
        if since is not None and asyncio.get_running_loop().time() - since > self._deadline_s:
            return "Redis is away"
        return ""

    def has_room(self) -> bool:
        """Tell whether Redis answers and has memory to spare for what is not an event."""
        return self.reachable and not self._too_full and not self._spooling

    @property
    def _too_full(self) -> bool:
        return self.memory_ratio >= MEMORY_LIMIT_RATIO

    @property
    def _spooling(self) -> bool:
        return self._spool is not None and not self._spool.empty

    def _lane(self, shard: int) -> Lane:
        lane = self._lanes.get(shard)
        if lane is None:
            lane = Lane(shard, self._keys(shard, self._producer))
            self._lanes[shard] = lane
        return lane

    @staticmethod
    def _keys(shard: int, producer: str) -> list[str]:
        keys = ShardKeys.of(shard)
        return [keys.events, keys.producer(producer), keys.counts]

    async def _send(self) -> None:
        while await self._until_due():
            _WAITING.set(self.waiting_events)
            try:
                await self._place()
            except Exception as error:  # noqa: BLE001 - a dead sender would hang every later request.
                log.error("buffer: a round failed: %s", place_of(error))  # noqa: TRY400 - no trace.
                self._note_attempt(worked=False)
                self._give_up()
            _WAITING.set(self.waiting_events)

    async def _place(self) -> None:
        """Put each lane's group into Redis or the spool, and send what is spooled."""
        lanes = [lane for lane in self._lanes.values() if lane.load(self._group_events)]
        if self._spool is None or not (self._spooling or self._too_full):
            if await self._try(self._send_round(lanes)):
                return
            if self._spool is None or not await self._write_spool(lanes):
                self._give_up()
            return
        if lanes and not await self._write_spool(lanes):
            self._give_up()
        if self._too_full:
            self._wait_s(PAUSE_MAX_S)
        elif asyncio.get_running_loop().time() >= self._next_try:
            await self._try(self._drain())

    async def _try(self, attempt: Awaitable[bool]) -> bool:
        """Make one attempt at Redis; after a failure the next one waits longer each time."""
        try:
            worked = await attempt
        except (RedisError, OSError) as error:
            worked = False
            log.warning("buffer: Redis did not answer (%s)", type(error).__name__)
        self._note_attempt(worked=worked)
        return worked

    def _note_attempt(self, *, worked: bool) -> None:
        if worked:
            self._pause_s = self._next_try = 0.0
            return
        _FAILED.inc()
        self._note_failure()
        self._wait_s(min(max(PAUSE_MIN_S, 2 * self._pause_s), PAUSE_MAX_S))

    def _wait_s(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._next_try = asyncio.get_running_loop().time() + pause_s

    async def _write_spool(self, lanes: list[Lane]) -> bool:
        """Acknowledge the lanes' groups once they are on disk; False if they are not."""
        assert self._spool is not None
        groups = [lane.spooled(self._producer) for lane in lanes if lane.group]
        try:
            await asyncio.to_thread(self._spool.write, groups)
        except OSError as error:
            if not self._spool_fault:
                log.error("buffer: the spool refuses: %s", error.strerror)  # noqa: TRY400
            self._spool_fault = f"Redis is away and the spool refuses: {error.strerror}"
            return False
        self._spool_fault = ""
        _SPOOLED.inc(sum(len(group.events) for group in groups))
        _SPOOL_BYTES.set(self._spool.bytes)
        for lane in lanes:
            self._acknowledge(lane)
        return True

    async def _drain(self) -> bool:
        """Send the oldest groups of the spool; forget those in front of the first refused one.

        All groups of a lane go in one call, so a later one is never in where an earlier is not.
        """
        assert self._spool is not None
        groups = await asyncio.to_thread(self._spool.peek)
        lanes: dict[tuple[int, str], list[Any]] = {}
        for group in groups:
            args = lanes.setdefault((group.shard, group.producer), [PRODUCER_KEPT_S])
            args += group.arguments()
        commands = []
        for lane, args in lanes.items():
            keys = self._keys(*lane)
            commands.append(("EVALSHA", DRAIN.digest, len(keys), *keys, *args))
        replies = await self._execute(commands)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await self._redis.script_load(DRAIN.source)
        refused = {
            lane for lane, reply in zip(lanes, replies, strict=True) if isinstance(reply, Exception)
        }
        in_front = takewhile(lambda group: (group.shard, group.producer) not in refused, groups)
        await asyncio.to_thread(self._spool.sent, len(list(in_front)))
        _SPOOL_BYTES.set(self._spool.bytes)
        return not refused

    async def _until_due(self) -> bool:
        """Wait until something is to be done; False once stopping and nothing is left.

        Counts alone do not hold up the end when Redis is away, nor does what is spooled.
        """
        loop = asyncio.get_running_loop()
        while not self._stopping or self._pause_s:
            if self._stopping and not self.waiting_events:
                return False
            self._wake.clear()
            due_at = self._due_at()
            wait_s = due_at - loop.time()
            if wait_s <= 0:
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if due_at == NEVER else wait_s)
        return any(lane.due_at(self._group_events) < NEVER for lane in self._lanes.values())

    def _due_at(self) -> float:
        """Tell when there is something to do.

        With a spool that takes groups only Redis is let alone between two tries, else everything.
        """
        due_at = min(
            (lane.due_at(self._group_events) for lane in self._lanes.values()), default=NEVER
        )
        if self._spooling:
            return self._next_try if self._spool_fault else min(due_at, self._next_try)
        return max(due_at, self._next_try)

    async def _send_round(self, lanes: list[Lane]) -> bool:
        """Send each lane's group; settle those that are in; True if all are."""
        commands = []
        for lane in lanes:
            group = lane.load(self._group_events)
            assert group is not None
            args = group.arguments(PRODUCER_KEPT_S)
            commands.append(("EVALSHA", APPEND.digest, len(lane.keys), *lane.keys, *args))
        replies = await self._execute(commands)
        refused = {str(reply) for reply in replies if isinstance(reply, Exception)}
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await self._redis.script_load(APPEND.source)
        elif refused:
            log.warning("buffer: Redis refused groups: %s", "; ".join(sorted(refused)))
        for lane, reply in zip(lanes, replies, strict=True):
            if not isinstance(reply, Exception):
                self._acknowledge(lane)
        return not refused

    async def _execute(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """Run scripts, all sent at once; the answers, once the replicas that must have it do.

        Raises:
            TooFewReplicasError: They do not: the same groups have to be sent again.
        """
        waiting = wait_words(self._redis)
        if waiting:
            commands.append(waiting)
        replies = await send_commands(self._redis, commands)
        if waiting:
            check_held(waiting, replies.pop())
        return replies

    def _acknowledge(self, lane: Lane) -> None:
        events = 0
        for call in lane.settle():
            events += len(call.events)
            if not call.done.done():
                call.done.set_result(None)
        self.waiting_events -= events
        if events:
            _APPENDED.inc(events)
            _GROUP.observe(events)

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        for lane in self._lanes.values():
            for call in lane.give_up(now):
                self.waiting_events -= len(call.events)
                _REFUSED.inc(len(call.events))
                if not call.done.done():
                    call.done.set_exception(BufferUnavailable("Redis did not answer in time"))

    def _note_failure(self) -> None:
        self._durability_known = False
        if self._failing_since is None:
            self._failing_since = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(WATCH_S)
            await self._look()
            rounds += 1
            if rounds % RECHECK_EVERY == 0:
                self._spool_fault = ""
            if self._spool is not None and rounds % ADOPT_EVERY == 0:
                with contextlib.suppress(OSError):
                    self._spool.adopt()
                self._wake.set()

    async def _look(self) -> None:
        """Ask Redis how full it is and, whenever it may be another one, how it is set up."""
        try:
            self.memory_ratio = await read_memory_ratio(self._redis)
            if not self._durability_known:
                self.problems = await check_durability(self._redis)
                for problem in self.problems:
                    log.error("buffer: acknowledged events may be lost: %s", problem)
                for script in (APPEND, DRAIN):
                    await self._redis.script_load(script.source)
                self._durability_known = True
            self._failing_since = None
            if not self._spooling:
                self._spool_fault = ""
        except (RedisError, OSError):
            self._note_failure()
