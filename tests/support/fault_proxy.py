"""A proxy before ClickHouse's HTTP port that goes wrong on demand.

It relays bytes and understands just enough of HTTP/1.1 to know where a request begins, whether it
is an insert, and into which table. It runs in a thread of its own, so it works whatever a test
waits for.

``mode`` says what becomes of every request from now on; ``on_insert`` is called, in that thread,
with the table of each insert before any of it goes on.
"""

import asyncio
import re
import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK_BYTES = 64 * 1024
_INSERT = re.compile(rb"^\s*insert\s+into\s+(?:`?\w+`?\.)?`?(\w+)`?", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_REFUSALS = (
    (500, 241, b"Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)"),
    (500, 252, b"Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)"),
    (500, 242, b"Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)"),
    (403, 497, b"Code: 497. DB::Exception: statflow: Not enough privileges. (ACCESS_DENIED)"),
    (503, 0, b"<html><body>503 Service Unavailable: a load balancer says so</body></html>"),
)


class Mode(Enum):
    """What becomes of a request."""

    PASS = auto()
    AWAY = auto()
    """Every connection is reset at once."""
    SLOW = auto()
    """Every request waits for ``delay_s`` first."""
    REFUSE = auto()
    """Every request is answered with an error, a different one each time."""
    LOSE_ANSWER = auto()
    """Three of four inserts are carried out, and their answers are lost."""
    CUT_BODY = auto()
    """Three of four inserts break off in the middle of their rows.

    Not every other: the driver repeats a request on a connection that broke, once, by itself.
    """


class FaultProxy:
    """Listens on a free port of loopback and relays to ``upstream_port``, which may change."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.port = 0
        self.mode = Mode.PASS
        self.delay_s = 0.5
        self.on_insert: Callable[[str], None] | None = None
        self.faults = 0
        """Requests that were not relayed as they came."""
        self._inserts = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: asyncio.StreamWriter | None = None
        try:
            if self.mode is not Mode.AWAY:
                source, upstream = await asyncio.open_connection("127.0.0.1", self.upstream_port)
                while await self._exchange(reader, writer, source, upstream):
                    pass
        except (OSError, EOFError):
            pass
        finally:
            for end in (writer, upstream):
                if end is not None:
                    end.transport.abort()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> bool:
        """Relay one request and its answer, or go wrong; False ends the connection."""
        request = await _read_message(reader)
        mode = self.mode
        table = _table_of(request)
        if table and self.on_insert is not None:
            self.on_insert(table)
        if mode is Mode.AWAY:
            self.faults += 1
            return False
        if mode is Mode.SLOW:
            self.faults += 1
            await asyncio.sleep(self.delay_s)
        if mode is Mode.REFUSE:
            writer.write(self._refusal())
            await writer.drain()
            return True
        goes_wrong = bool(table) and mode in {Mode.LOSE_ANSWER, Mode.CUT_BODY} and self._bad_luck()
        if goes_wrong and mode is Mode.CUT_BODY:
            upstream.write(request[: len(request) * 2 // 3])
            await upstream.drain()
            return False
        upstream.write(request)
        await upstream.drain()
        answer = await _read_message(source)
        if goes_wrong:
            return False
        writer.write(answer)
        await writer.drain()
        return True

    def _bad_luck(self) -> bool:
        self._inserts += 1
        is_wrong = self._inserts % 4 != 0
        self.faults += is_wrong
        return is_wrong

    def _refusal(self) -> bytes:
        status, code, text = _REFUSALS[self.faults % len(_REFUSALS)]
        self.faults += 1
        named = f"X-ClickHouse-Exception-Code: {code}\r\n" if code else ""
        head = f"HTTP/1.1 {status} No\r\n{named}Content-Length: {len(text)}\r\n\r\n"
        return head.encode() + text


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """Read a whole request or answer: the head, and a body by its length or in chunks.

    Raises:
        EOFError: The connection ended, or ended inside it.
    """
    head = await _read_until(reader, b"\r\n\r\n")
    if found := _LENGTH.search(head):
        return head + await reader.readexactly(int(found[1]))
    if not _CHUNKED.search(head):
        return head
    pieces = [head]
    while True:
        line = await _read_until(reader, b"\r\n")
        size = int(line.partition(b";")[0], 16)
        pieces += [line, await reader.readexactly(size + 2)]
        if not size:
            return b"".join(pieces)


async def _read_until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    try:
        return await reader.readuntil(end)
    except asyncio.LimitOverrunError:
        raise EOFError from None


def _table_of(request: bytes) -> str:
    """Name the table that a request inserts into; empty for any other request."""
    _, _, body = request.partition(b"\r\n\r\n")
    if _CHUNKED.search(request[: request.find(b"\r\n\r\n") + 2]):
        _, _, body = body.partition(b"\r\n")
    found = _INSERT.match(body[:200])
    return found[1].decode() if found else ""
