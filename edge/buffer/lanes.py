"""What waits to be appended: calls, groups and one lane a shard. Pure; time is passed in.

States of a group:
    waiting    calls gathered in the lane, not yet numbered
    in flight  numbered; the lane makes no other until this one is settled
    settling   given up: its callers were refused; its events are taken out, its number and the
               counts it carries are still sent, so that the number is used up before the next

The one invariant: a number stands for one set of events for ever.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from edge.buffer.spool import SpooledGroup

NEVER = float("inf")


@dataclass(slots=True, eq=False)
class Call:
    """One ``append``: events of one site that are acknowledged together."""

    site_id: int
    events: Sequence[bytes]
    due_at: float
    deadline: float
    done: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Group:
    """Calls that go to Redis under one number, and the counts that travel with them."""

    number: int
    calls: list[Call]
    counts: Counter[str]

    def all_counts(self) -> Counter[str]:
        """Sum up what is accounted for when the group is taken."""
        taken: dict[int, int] = {}
        for call in self.calls:
            taken[call.site_id] = taken.get(call.site_id, 0) + len(call.events)
        counts = Counter(self.counts)
        for site_id, events in taken.items():
            counts[f"{site_id}:accepted"] += events
            counts[f"{site_id}:received"] += events
        return counts

    def arguments(self, kept_s: int) -> list[Any]:
        """Write the arguments of ``append.lua``."""
        counts = self.all_counts()
        args: list[Any] = [self.number, kept_s, len(counts), *chain.from_iterable(counts.items())]
        for call in self.calls:
            args += call.events
        return args


@dataclass(slots=True, eq=False)
class Lane:
    """What waits for one shard; drop counts without events to travel with wait longest."""

    shard: int
    keys: list[str]
    waiting: deque[Call] = field(default_factory=deque)
    waiting_events: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    counts_due_at: float = NEVER
    group: Group | None = None
    _number: int = 0

    def add(self, call: Call) -> None:
        """Queue a call behind those that wait."""
        self.waiting.append(call)
        self.waiting_events += len(call.events)

    def due_at(self, group_events: int) -> float:
        """Tell when the lane wants to be sent."""
        if self.group is not None or self.waiting_events >= group_events:
            return 0.0
        return min(self.waiting[0].due_at if self.waiting else NEVER, self.counts_due_at)

    def load(self, group_events: int) -> Group | None:
        """Return the group in flight, or make the next one out of what waits."""
        if self.group is None and (self.waiting or self.counts):
            calls: list[Call] = []
            room = group_events
            while self.waiting and (not calls or len(self.waiting[0].events) <= room):
                calls.append(self._pop())
                room -= len(calls[-1].events)
            self._number += 1
            self.group = Group(self._number, calls, self.counts)
            self.counts, self.counts_due_at = Counter(), NEVER
        return self.group

    def spooled(self, producer: str) -> SpooledGroup:
        """Return the group in flight in the form in which it is kept on disk."""
        group = self.group
        assert group is not None
        events = [event for call in group.calls for event in call.events]
        return SpooledGroup(self.shard, producer, group.number, dict(group.all_counts()), events)

    def settle(self) -> list[Call]:
        """Forget the group in flight, whose number Redis has, and return its calls."""
        calls = self.group.calls if self.group else []
        self.group = None
        return calls

    def give_up(self, now: float) -> list[Call]:
        """Return the calls whose deadline has passed; their group, if any, begins to settle."""
        given_up: list[Call] = []
        group = self.group
        if group is not None and all(call.deadline <= now for call in group.calls):
            given_up, group.calls = group.calls, []
        while self.waiting and self.waiting[0].deadline <= now:
            given_up.append(self._pop())
        return given_up

    def _pop(self) -> Call:
        call = self.waiting.popleft()
        self.waiting_events -= len(call.events)
        return call
