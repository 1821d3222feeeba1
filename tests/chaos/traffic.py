"""A load whose every event can be told apart, and clients that know what became of each.

An event carries its number as the property ``n``. A batch is sent once: it is sent again only where
the connection was refused, so nothing of it can have arrived. Whatever is neither acknowledged nor
surely unsent is *unknown*: it may be stored, but only once.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

HOST = "shop.localhost"
MINUTE_MS = 60_000
ADDRESSES = 100
AGENTS = tuple(
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 "
    "Safari/537.36"
    for system in ("X11; Linux x86_64", "Windows NT 10.0; Win64; x64")
    for major in (139, 140, 141)
)
ANSWER_S = 20.0
PAGE_S = 60.0
"""As long as a browser may wait for a page whose edge is frozen and not dead."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as the client made it; ``visitor`` numbers the client's identity."""

    number: int
    visitor: int
    name: str
    path: str
    interactive: bool
    engaged_ms: int
    age_ms: int

    def wire(self) -> dict[str, Any]:
        """Give the event as a beacon carries it."""
        event: dict[str, Any] = {
            "n": self.name,
            "u": f"http://{HOST}{self.path}",
            "a": self.age_ms,
            "p": {"n": self.number},
        }
        if self.engaged_ms:
            event["g"] = self.engaged_ms
        if not self.interactive:
            event["i"] = False
        return event


@dataclass(slots=True)
class Batch:
    """Events of one visitor in one request, and when it was sent and answered (Unix ms)."""

    events: list[Sent]
    sent_ms: int = 0
    answered_ms: int = 0

    @property
    def visitor(self) -> int:
        return self.events[0].visitor

    def request(self) -> bytes:
        """Write the request of a tracker behind a proxy that names its client."""
        body = json.dumps({"v": 1, "e": [event.wire() for event in self.events]}).encode()
        head = (
            f"POST /sf/e HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: text/plain\r\n"
            f"User-Agent: {AGENTS[self.visitor // ADDRESSES]}\r\n"
            f"X-Forwarded-For: {address_of(self.visitor)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def address_of(visitor: int) -> str:
    """Name the visitor's address; a third of them are IPv6."""
    number = visitor % ADDRESSES
    return f"2001:db8:77::{number:x}" if number % 3 == 0 else f"198.51.100.{number + 1}"


def make_batches(events: int, random: Random) -> list[Batch]:
    """Make batches with so many events in all."""
    batches: list[Batch] = []
    left = events
    for batch in endless_batches(random):
        batches.append(Batch(batch.events[:left]))
        left -= len(batches[-1].events)
        if not left:
            break
    return batches


def endless_batches(random: Random, first: int = 0) -> Iterator[Batch]:
    """Make batches of 1 to 20 events, most of them fresh, some aged by minutes, few by an hour.

    Events are numbered from ``first``.
    """
    number = first
    while True:
        visitor = random.randrange(ADDRESSES * len(AGENTS))
        size = random.randint(1, 20)
        oldest_ms = random.choices((0, 5, 45, 100), (60, 25, 12, 3))[0] * MINUTE_MS
        yield Batch([_event(number + i, visitor, oldest_ms, random) for i in range(size)])
        number += size


def _event(number: int, visitor: int, oldest_ms: int, random: Random) -> Sent:
    name = random.choices(("pageview", "Signup", "Seen", "engagement"), (45, 15, 15, 25))[0]
    engaged_ms = random.randint(1, 60_000) if name == "engagement" else 0
    age_ms = random.randint(oldest_ms // 2, oldest_ms)
    path = f"/page/{random.randrange(40)}"
    return Sent(number, visitor, name, path, name != "Seen", engaged_ms, age_ms)


@dataclass(slots=True)
class Tally:
    """What became of the batches."""

    acknowledged: list[Batch] = field(default_factory=list)
    unknown: list[Batch] = field(default_factory=list)
    refused_connections: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def settled_events(self) -> int:
        return sum(len(batch.events) for batch in self.acknowledged + self.unknown)


async def drive(
    port: int, batches: Iterable[Batch], tally: Tally, *, connections: int, pause_s: float
) -> None:
    """Send all batches over so many keep-alive connections, each pausing after every answer."""
    source = iter(batches)
    await asyncio.gather(*(_client(port, source, tally, pause_s) for _ in range(connections)))


async def _client(port: int, source: Iterable[Batch], tally: Tally, pause_s: float) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for batch in source:
        if connection is not None and connection[0].at_eof():
            await _close(connection[1])
            connection = None
        while connection is None:
            try:
                connection = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                tally.refused_connections += 1
                await asyncio.sleep(0.1)
        if not await _send(connection, batch, tally):
            await _close(connection[1])
            connection = None
        await asyncio.sleep(pause_s)
    if connection is not None:
        await _close(connection[1])


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is gone, so that none outlives its loop."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _send(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], batch: Batch, tally: Tally
) -> bool:
    """Send one batch and note its outcome; tell whether the connection can be used again."""
    reader, writer = connection
    batch.sent_ms = time.time_ns() // 1_000_000
    try:
        async with asyncio.timeout(ANSWER_S):
            writer.write(batch.request())
            await writer.drain()
            status, _, body = await read_answer(reader)
    except (OSError, EOFError, TimeoutError):
        tally.unknown.append(batch)
        return False
    batch.answered_ms = time.time_ns() // 1_000_000
    tally.answers[status] += 1
    if status == 202:
        tally.acknowledged.append(batch)
        if b"rejected" in body:
            tally.faults.append(f"rejected: {body!r}")
        return True
    tally.unknown.append(batch)
    if status != 503:
        tally.faults.append(f"answered {status}: {body!r}")
    await asyncio.sleep(0.5)
    return status == 503


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Read one answer to its end: status, head, body.

    Raises:
        EOFError: The connection ended inside it.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readline() or b"x", 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return status, head, body
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return status, head, await reader.readexactly(int(line[15:]))
    return status, head, await reader.read()


@dataclass(slots=True)
class Browsing:
    """One visitor who opens the page over and over; every one must be whole.

    ``check`` says what is wrong with an answer. A connection may fail only while ``is_edge_dead``,
    or if it was begun then.
    """

    port: int
    check: Callable[[int, bytes], str]
    is_edge_dead: bool = False
    pages: int = 0
    longest_ms: int = 0
    failures_while_dead: int = 0
    faults: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Browse until cancelled."""
        while True:
            was_dead = self.is_edge_dead
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(PAGE_S):
                    status, body = await fetch_page(self.port)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                if was_dead or self.is_edge_dead:
                    self.failures_while_dead += 1
                else:
                    self.faults.append(f"page {self.pages}: {error!r}")
            else:
                self.pages += 1
                took_ms = round((time.monotonic() - began_s) * 1000)
                self.longest_ms = max(self.longest_ms, took_ms)
                if wrong := self.check(status, body):
                    self.faults.append(f"page {self.pages}: {wrong}")
            await asyncio.sleep(0.05)


async def fetch_page(port: int) -> tuple[int, bytes]:
    """Open the page on a new connection; returns status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        status, _, body = await read_answer(reader)
        return status, body
    finally:
        await _close(writer)


async def until(is_so: Callable[[], Awaitable[bool] | bool], what: str, within_s: float) -> None:
    """Wait until something is so; an assertion error if it does not become so in time."""
    deadline = time.monotonic() + within_s
    while True:
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert time.monotonic() < deadline, f"{what} took more than {within_s} s"
        await asyncio.sleep(0.05)
