"""The visitors of a soak: each kind is a coroutine that goes on until it is cancelled.

Those whose latency counts go by the clock and measure from the moment a request was due. Every
answer is compared with what the origin has, plus our tag. The one invariant: a visitor survives
whatever it sees, and says it to the ledger.
"""

import asyncio
import gzip
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.soak.client import BLOCK_BYTES, Answer, Client
from tests.soak.ledger import Ledger

SHOP, LIVE = "shop.localhost", "live.localhost"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
TAG_MARK = b'<script async="async" src="/sf/'
BEHIND_S = 1.0
"""A visitor so late plans anew: what could not be asked in an outage is not asked after it."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the visitors go, and what is there."""

    port: int
    page: bytes
    asset: bytes
    big_bytes: int
    """Size of a large transfer."""
    big_rate: float
    """Bytes a second of a large transfer, each way."""


def request(path: str, *fields: str, method: str = "GET", host: str = SHOP) -> bytes:
    """Write a request head."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {AGENT}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


DOCUMENT = "Sec-Fetch-Dest: document"
PAGE = request("/page.html", DOCUMENT)
PAGE_GZIP = request("/page.html", DOCUMENT, "Accept-Encoding: gzip")
ASSET = request("/file.bin", "Sec-Fetch-Dest: image")


async def pages(site: Site, ledger: Ledger, per_second: float) -> None:
    """Ask for pages, every fourth compressed, and look at every byte."""
    number = 0

    async def one(client: Client) -> tuple[str, Answer, bytes]:
        nonlocal number
        number += 1
        packed = number % 4 == 0
        answer = await client.ask(PAGE_GZIP if packed else PAGE)
        body = answer.body
        if packed and b"gzip" in answer.head.lower():
            body = gzip.decompress(body)
        return "page gzip" if packed else "page", answer, body

    def judge(kind: str, answer: Answer, body: bytes) -> str:
        if answer.status != 200:
            return f"status {answer.status}"
        before, tag, after = body.partition(TAG_MARK)
        whole = before + after.partition(b"</script>")[2]
        return "" if tag and whole == site.page else "another body"

    await _by_the_clock(site, ledger, per_second, one, judge)


async def assets(site: Site, ledger: Ledger, per_second: float) -> None:
    """Ask for files that are no pages."""

    async def one(client: Client) -> tuple[str, Answer, bytes]:
        answer = await client.ask(ASSET)
        return "asset", answer, answer.body

    def judge(kind: str, answer: Answer, body: bytes) -> str:
        return "" if answer.status == 200 and body == site.asset else f"status {answer.status}"

    await _by_the_clock(site, ledger, per_second, one, judge)


async def _by_the_clock(
    site: Site,
    ledger: Ledger,
    per_second: float,
    one: Callable[[Client], Awaitable[tuple[str, Answer, bytes]]],
    judge: Callable[[str, Answer, bytes], str],
) -> None:
    # Each starts at a moment of its own, or all would ask at once, for ever.
    due = time.perf_counter() + random.random() / per_second
    async with Client(site.port) as client:
        while True:
            due = max(due + 1 / per_second, time.perf_counter() - BEHIND_S)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            try:
                kind, answer, body = await one(client)
            except (OSError, EOFError, gzip.BadGzipFile) as error:
                ledger.fault("page or asset", f"{type(error).__name__}: {error}", "origin")
                await asyncio.sleep(0.2)
                continue
            if wrong := judge(kind, answer, body):
                ledger.fault(kind, wrong, "origin")
                if answer.status not in {200, 502, 504}:
                    ledger.fault(kind, f"not a clean answer: {answer.status}")
            else:
                ledger.note(kind, answer.status, time.perf_counter() - due)


async def beacons(site: Site, ledger: Ledger, per_second: float) -> None:
    """Send single page views from many addresses."""
    number = 0
    async with Client(site.port) as client:
        while True:
            await asyncio.sleep(1 / per_second)
            number += 1
            event = {"n": "pageview", "u": f"http://{SHOP}/page/{number % 40}"}
            body = json.dumps({"v": 1, "e": [event]}).encode()
            head = request(
                "/sf/e", "Content-Type: text/plain", f"Content-Length: {len(body)}",
                f"X-Forwarded-For: 198.51.100.{number % 250 + 1}", method="POST",
            )  # fmt: skip
            try:
                answer = await client.ask(head + body)
            except OSError as error:
                ledger.fault("beacon", f"{type(error).__name__}: {error}")
                continue
            if answer.status == 202:
                ledger.note("beacon", 202)
            else:
                ledger.fault("beacon", f"status {answer.status}", "redis")


async def slow_readers(site: Site, ledger: Ledger) -> None:
    """Read a large file a little at a time, then leave in the middle of it."""
    while True:
        async with Client(site.port) as client:
            try:
                reader, writer = await client.open()
                writer.write(ASSET)
                for _ in range(40):
                    if not await reader.read(2_048):
                        break
                    await asyncio.sleep(0.1)
                ledger.note("slow reader", 200)
            except OSError as error:
                ledger.fault("slow reader", str(error), "origin")
                await asyncio.sleep(0.5)


async def aborting(site: Site, ledger: Ledger) -> None:
    """Ask, and reset the connection before, at or in the answer."""
    number = 0
    while True:
        number += 1
        client = Client(site.port)
        try:
            reader, writer = await client.open()
            writer.write((PAGE, ASSET, PAGE_GZIP, PAGE[:60])[number % 4])
            if number % 3:
                await asyncio.wait_for(reader.read(200), 0.5 if number % 4 == 3 else 5)
            ledger.note("aborted", 0)
        except (OSError, TimeoutError):
            ledger.note("aborted", 0)
        await client.abort()
        await asyncio.sleep(0.2)


async def events(site: Site, ledger: Ledger) -> None:
    """Hold a stream of events for its twenty seconds; each must come soon after it was sent."""
    while True:
        async with Client(site.port) as client:
            try:
                reader, writer = await client.open()
                writer.write(request("/stream", "Accept: text/event-stream", host=LIVE))
                async with asyncio.timeout(60):
                    await reader.readuntil(b"\r\n\r\n")
                    while int(await reader.readuntil(b"\r\n"), 16):
                        async with asyncio.timeout(5):
                            await reader.readuntil(b"\n\n\r\n")
                ledger.note("event stream", 200)
            except (OSError, EOFError, ValueError) as error:
                ledger.fault("event stream", f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)


async def sockets(site: Site, ledger: Ledger) -> None:
    """Speak over a WebSocket every second, for a minute, then open another."""
    head = request(
        "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", host=LIVE,
    )  # fmt: skip
    while True:
        async with Client(site.port) as client:
            try:
                reader, writer = await client.open()
                writer.write(head)
                async with asyncio.timeout(10):
                    await reader.readuntil(b"\r\n\r\n")
                for number in range(60):
                    word = b"%05d" % number
                    writer.write(bytes([0x81, 0x80 | len(word), 0, 0, 0, 0]) + word)
                    async with asyncio.timeout(5):
                        if (await reader.readexactly(2 + len(word)))[2:] != word:
                            raise ConnectionError("another word came back")
                    await asyncio.sleep(1)
                ledger.note("websocket", 101)
            except (OSError, EOFError) as error:
                ledger.fault("websocket", f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)


async def uploads(site: Site, ledger: Ledger) -> None:
    """Send 1 MiB every second."""
    body = os.urandom(2**20)
    head = request("/digest", f"Content-Length: {len(body)}", method="POST", host=LIVE)
    async with Client(site.port) as client:
        while True:
            try:
                answer = await client.ask(head + body)
                if not answer.body.startswith(b"%d " % len(body)):
                    ledger.fault("upload", f"status {answer.status}")
                ledger.note("upload", answer.status)
            except OSError as error:
                ledger.fault("upload", f"{type(error).__name__}: {error}")
            await asyncio.sleep(1)


async def large_download(site: Site, ledger: Ledger) -> None:
    """Fetch the large file again and again, at a steady rate."""
    while True:
        async with Client(site.port) as client:
            try:
                reader, writer = await client.open()
                writer.write(request("/big.bin", "Sec-Fetch-Dest: empty"))
                await reader.readuntil(b"\r\n\r\n")
                start, got = time.perf_counter(), 0
                while got < site.big_bytes:
                    data = await reader.readexactly(min(2**20, site.big_bytes - got))
                    got += len(data)
                    ledger.transferred_bytes["down"] += len(data)
                    await asyncio.sleep(max(0.0, start + got / site.big_rate - time.perf_counter()))
                ledger.note("large download", 200)
            except (OSError, EOFError) as error:
                ledger.fault("large download", f"{type(error).__name__}: {error}", "origin")
                await asyncio.sleep(1)


async def large_upload(site: Site, ledger: Ledger) -> None:
    """Send as much as the large file holds again and again, at a steady rate."""
    block = os.urandom(BLOCK_BYTES)
    head = request("/digest", f"Content-Length: {site.big_bytes}", method="PUT", host=LIVE)
    while True:
        async with Client(site.port) as client:
            try:
                reader, writer = await client.open()
                writer.write(head)
                start, sent = time.perf_counter(), 0
                while sent < site.big_bytes:
                    writer.write(block)
                    sent += len(block)
                    await writer.drain()
                    ledger.transferred_bytes["up"] += len(block)
                    due = start + sent / site.big_rate
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                async with asyncio.timeout(60):
                    said = await reader.readuntil(b"\r\n\r\n")
                ledger.note("large upload", int(said.split(b" ")[1]))
            except (OSError, EOFError) as error:
                ledger.fault("large upload", f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)
