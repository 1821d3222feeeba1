"""Every part of ``statflow up`` is killed under load, and nothing acknowledged is lost or doubled.

Its own supervisor restarts what died, and is killed itself at the end. What is worse than a death
is ``test_faults``. ``SCALE`` scales how long a part is kept dead by killing it again; the load is
the same at any.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random, randrange

import pytest

from statflow.paths import Paths
from tests.chaos.figures import Figures
from tests.chaos.installation import PAGE, find_fault, zone_at_noon
from tests.chaos.ledger import Ledger, has_plan, open_store, read_accounts
from tests.chaos.traffic import (
    ADDRESSES,
    AGENTS,
    HOST,
    Browsing,
    Sent,
    Tally,
    drive,
    fetch_page,
    make_batches,
    until,
)
from tests.support.stack import Stack
from tests.support.steady_origin import SteadyOrigin

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300 + 600 * float(os.environ.get("SCALE", "0.01"))),
]

SCALE = float(os.environ.get("SCALE", "0.01"))
EVENTS = 12_000
CONNECTIONS = 12
LOAD_S = 16.0
OUTAGE_S = 20.0 * SCALE
VICTIMS = ("forwarder", "store", "edge", "redis")
KILLED_IN_A_BATCH = frozenset({"forwarder", "store", "redis"})
SUPERVISOR = "up"


class Killer:
    """Kills one part after the other, at random moments about as far apart as the load allows."""

    def __init__(self, stack: Stack, tally: Tally, browsing: Browsing, random: Random) -> None:
        self._stack = stack
        self._tally = tally
        self._browsing = browsing
        self._random = random
        self.kills: Counter[str] = Counter()
        self.plans_left = 0
        """Batches that a killed forwarder left half done."""

    async def run(self) -> None:
        """Kill everything once, each when a share of the load is through."""
        victims = [*VICTIMS, SUPERVISOR]
        for i, victim in enumerate(victims):
            share = (i + self._random.uniform(0.3, 0.9)) / (len(victims) + 1)
            await until(
                lambda share=share: self._tally.settled_events >= share * EVENTS,  # type: ignore[misc]
                f"{share:.0%} of the load",
                120,
            )
            if victim in {"edge", SUPERVISOR}:
                self._browsing.is_edge_dead = True
            await (self._restart_all() if victim == SUPERVISOR else self._keep_dead(victim))
            if self._browsing.is_edge_dead:
                await until(self._is_page_served, "the first page after a kill", 60)
                self._browsing.is_edge_dead = False

    async def _keep_dead(self, victim: str) -> None:
        dead_until = time.monotonic() + OUTAGE_S
        while not self.kills[victim] or time.monotonic() < dead_until:
            if victim in KILLED_IN_A_BATCH and not self.kills[victim]:
                await self._until_inside_a_batch()
            killed = self._stack.kill_part(victim)
            self.kills[victim] += 1
            if victim == "forwarder":
                self.plans_left += has_plan(redis_url(self._stack))
            await until(
                lambda killed=killed: self._stack.has_restarted(victim, killed),  # type: ignore[misc]
                f"a new {victim}",
                60,
            )

    async def _until_inside_a_batch(self) -> None:
        """Wait until a plan is recorded, then for some moment before its batch is done."""
        await until(lambda: has_plan(redis_url(self._stack)), "the next batch", 30)
        await asyncio.sleep(self._random.uniform(0, 0.03))

    async def _restart_all(self) -> None:
        self.kills[SUPERVISOR] += 1
        await asyncio.to_thread(self._stack.kill)
        await asyncio.to_thread(self._stack.start)

    async def _is_page_served(self) -> bool:
        try:
            status, body = await fetch_page(self._browsing.port)
        except (OSError, EOFError):
            return False
        return not find_fault(status, body)


def redis_url(stack: Stack) -> str:
    """Name the embedded Redis."""
    return f"unix://{Paths(stack.data).redis_socket}"


@asynccontextmanager
async def running_shop() -> AsyncIterator[Stack]:
    """``statflow up`` before a small origin, with a site whose clock says noon."""
    with SteadyOrigin(page=PAGE) as origin:
        environment = {
            "STATFLOW_RATE_CLIENT": "0",
            "STATFLOW_RATE_SITE": "0",
            "STATFLOW_TRUSTED_PROXIES": "loopback",
        }
        stack = Stack("--upstream", origin.url, "--host", HOST, environment=environment)
        try:
            zone = zone_at_noon(datetime.now(UTC))
            stack.run("site", "add", HOST, "--upstream", origin.url, "--timezone", zone)
            await asyncio.to_thread(stack.start)
            yield stack
        finally:
            await asyncio.to_thread(stack.remove)


async def load_and_kill(
    stack: Stack, random: Random
) -> tuple[dict[int, Sent], Tally, Browsing, Killer]:
    """Send the load while everything is killed; returns what was sent and what became of it."""
    tally = Tally()
    browsing = Browsing(stack.ports["edge"], find_fault)
    killer = Killer(stack, tally, browsing, random)
    batches = make_batches(EVENTS, random)
    pause_s = (LOAD_S + OUTAGE_S * len(VICTIMS)) * CONNECTIONS / len(batches)
    async with asyncio.TaskGroup() as tasks:
        browser = tasks.create_task(browsing.run())
        killing = tasks.create_task(killer.run())
        port = stack.ports["edge"]
        await drive(port, batches, tally, connections=CONNECTIONS, pause_s=pause_s)
        await killing
        browser.cancel()
    sent = {event.number: event for batch in batches for event in batch.events}
    return sent, tally, browsing, killer


async def test_kills_lose_nothing_and_double_nothing(table: list[Figures]) -> None:
    random = Random(randrange(2**32))
    async with running_shop() as stack:
        sent, tally, browsing, killer = await load_and_kill(stack, random)
        loaded_s = time.monotonic()
        await until(lambda: read_accounts(redis_url(stack))[0] == 0, "the rest of the stream", 60)
        recovery_s = time.monotonic() - loaded_s
        _, accounts = read_accounts(redis_url(stack))
        ledger = Ledger(open_store(stack.data))
        assert await asyncio.to_thread(stack.stop) == 0
    judged = ledger.judge(sent, tally)
    row = Figures(
        scenario="up: all killed",
        sent=len(sent),
        acknowledged=sum(len(batch.events) for batch in tally.acknowledged),
        stored=judged.stored,
        duplicates=len(judged.doubled),
        lost=len(judged.lost),
        wrong_visits=len(judged.wrong_visits),
        page_failures=len(browsing.faults),
        longest_page_ms=browsing.longest_ms,
        recovery_s=round(recovery_s, 1),
        pages=browsing.pages,
        refused_pages=browsing.failures_while_dead,
        refused_beacons=tally.answers[503],
        note=f"{dict(killer.kills)}; {killer.plans_left} batches left half done",
    )
    row.write()
    table.append(row)
    judged.check()
    assert not browsing.faults, browsing.faults[:5]
    assert not tally.faults, tally.faults[:5]
    assert browsing.pages > 50
    assert accounts["stored"] == len(ledger.rows) == ledger.marked_rows
    assert accounts["accepted"] == accounts["stored"] + accounts["dropped:no_visit"]
    assert not accounts["dropped:unreadable"]
    check_visitors(ledger, sent)


def check_visitors(ledger: Ledger, sent: dict[int, Sent]) -> None:
    """A visitor keeps one hash through every kill and restart, and no two share one."""
    hashes = ledger.visitor_hashes(sent)
    assert all(len(of_one) == 1 for of_one in hashes.values()), "a visitor is counted twice"
    assert len(set.union(*hashes.values())) == len(hashes)
    assert len(hashes) > 0.8 * ADDRESSES * len(AGENTS)
