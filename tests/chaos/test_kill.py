"""Every part is killed in the middle of a load, and no acknowledged event is lost or counted twice.

``SCALE`` scales how long a part is kept dead by killing it again; the load is the same at any.
"""

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random, randrange

import pytest

from tests.chaos.ledger import Ledger, has_plan, open_store, read_accounts
from tests.chaos.reference import replay
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
from tests.support.stack import Stack, free_port

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.xdist_group("chaos"),
    pytest.mark.timeout(300),
]

SCALE = float(os.environ.get("SCALE", "0.01"))
EVENTS = 20_000
CONNECTIONS = 12
LOAD_S = 24.0
OUTAGE_S = 20.0 * SCALE
VICTIMS = ("forwarder", "store", "edge", "redis")
KILLED_IN_A_BATCH = frozenset({"forwarder", "store", "redis"})
SUPERVISOR = "up"

PAGE = (
    b"<!doctype html><html><head><title>Shop</title></head><body>"
    + b"".join(b"<p>Paragraph %d of the page.</p>" % i for i in range(800))
    + b"</body></html>"
)
TAG = re.compile(rb'<script async="async" src="/sf/[0-9a-f]{10}\.js"></script>')


def find_fault(status: int, body: bytes) -> str:
    """Say what is wrong with the page that a visitor got; empty if nothing is."""
    if status != 200:
        return f"status {status}"
    page, tags = TAG.subn(b"", body)
    if page != PAGE:
        return f"{len(page)} bytes of the page instead of {len(PAGE)}"
    return "" if tags == 1 else f"{tags} tags"


def zone_at_noon(now: datetime) -> str:
    """Name a zone in which no midnight is near, so that the load lies within one salt period."""
    ahead = 12 - now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@asynccontextmanager
async def small_origin(port: int) -> AsyncIterator[None]:
    """Serve one page, whatever is asked."""
    writers: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                writer.write(head + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
                await writer.drain()
        except (EOFError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in writers), return_exceptions=True)


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
                self.plans_left += has_plan(self._stack.data)
            await until(
                lambda killed=killed: self._stack.has_restarted(victim, killed),  # type: ignore[misc]
                f"a new {victim}",
                60,
            )

    async def _until_inside_a_batch(self) -> None:
        """Wait until a plan is recorded, then for some moment before its batch is done."""
        await until(lambda: has_plan(self._stack.data), "the next batch", 30)
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


@asynccontextmanager
async def running_shop() -> AsyncIterator[Stack]:
    """``statflow up`` before a small origin, with a site whose clock says noon."""
    origin_port = free_port()
    upstream = f"http://127.0.0.1:{origin_port}"
    environment = {
        "STATFLOW_RATE_CLIENT": "0",
        "STATFLOW_RATE_SITE": "0",
        "STATFLOW_TRUSTED_PROXIES": "loopback",
    }
    stack = Stack("--upstream", upstream, "--host", HOST, environment=environment)
    try:
        async with small_origin(origin_port):
            zone = zone_at_noon(datetime.now(UTC))
            stack.run("site", "add", HOST, "--upstream", upstream, "--timezone", zone)
            await asyncio.to_thread(stack.start)
            yield stack
    finally:
        await asyncio.to_thread(stack.remove)


async def load_and_kill(stack: Stack, random: Random) -> tuple[dict[int, Sent], Tally, Killer]:
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
    assert not browsing.faults, browsing.faults[:5]
    assert not tally.faults, tally.faults[:5]
    assert browsing.pages > 50
    return {event.number: event for batch in batches for event in batch.events}, tally, killer


async def test_kills_lose_nothing_and_double_nothing() -> None:
    random = Random(randrange(2**32))
    async with running_shop() as stack:
        began_s = time.monotonic()
        sent, tally, killer = await load_and_kill(stack, random)
        loaded_s = time.monotonic()
        await until(lambda: read_accounts(stack.data)[0] == 0, "the rest of the stream", 60)
        stored_s = time.monotonic()
        _, accounts = read_accounts(stack.data)
        ledger = Ledger(open_store(stack.data))
        outcomes = ledger.check_events(sent, tally)
        check_accounts(accounts, ledger)
        check_visits(ledger)
        check_visitors(ledger, sent)
        assert await asyncio.to_thread(stack.stop) == 0
    print_figures(outcomes, tally, killer, len(ledger.sessions))
    print(f"load {loaded_s - began_s:.1f} s, rest {stored_s - loaded_s:.1f} s")  # noqa: T201 - figures


def check_accounts(accounts: Counter[str], ledger: Ledger) -> None:
    """What Redis accounts for is what is in the tables."""
    assert accounts["stored"] == len(ledger.rows) == ledger.marked_rows
    assert accounts["accepted"] == accounts["stored"] + accounts["dropped:no_visit"]
    assert not accounts["dropped:unreadable"]


def check_visits(ledger: Ledger) -> None:
    """The stored visits are those of a plain replay, with FINAL and as sums."""
    visits = ledger.visits()
    expected = {figures.numbers: figures for figures in replay(ledger.rows)}
    found = {figures.numbers: figures for figures in visits.values()}
    assert len(found) == len(visits)
    assert found.keys() == expected.keys(), "events are grouped otherwise"
    wrong = [(found[key], expected[key]) for key in found if found[key] != expected[key]]
    assert not wrong, f"{len(wrong)} visits differ, such as {wrong[0]}"
    sums = {
        visit_id: [
            1,
            figures.duration_ms,
            figures.engaged_ms,
            figures.pageviews,
            figures.events,
            figures.interactive_events,
            figures.is_bounce,
        ]
        for visit_id, figures in visits.items()
    }
    assert ledger.sums == sums


def check_visitors(ledger: Ledger, sent: dict[int, Sent]) -> None:
    """A visitor keeps one hash through every kill and restart, and no two share one."""
    hashes = ledger.visitor_hashes(sent)
    assert all(len(of_one) == 1 for of_one in hashes.values()), "a visitor is counted twice"
    assert len(set.union(*hashes.values())) == len(hashes)
    assert len(hashes) > 0.9 * ADDRESSES * len(AGENTS)


def print_figures(outcomes: Counter[str], tally: Tally, killer: Killer, visits: int) -> None:
    """Print what happened, for the log of a run."""
    rows = {
        "sent": EVENTS,
        "acknowledged": sum(len(batch.events) for batch in tally.acknowledged),
        "unknown": outcomes["unknown"],
        "  of those stored": outcomes["unknown_stored"],
        "stored": outcomes["stored"],
        "engagement without a visit": outcomes["homeless"],
        "visits": visits,
        "refused connections": tally.refused_connections,
        "batches left half done": killer.plans_left,
        **{f"kills of {name}": n for name, n in killer.kills.items()},
    }
    print()  # noqa: T201 - the figures of the run
    for name, value in rows.items():
        print(f"{name:>28} {value:>7}")  # noqa: T201 - the figures of the run
