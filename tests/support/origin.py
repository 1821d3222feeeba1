"""An origin with odd manners, over raw sockets: it answers exactly the bytes a test tells it to.

``script`` registers an answer as a list of steps under a path; the paths in ``DYNAMIC`` (echo,
digest, big, events, websocket …) compute theirs. It remembers every request head byte for byte, so
that a test can say what an origin must see. It runs in the event loop of whoever starts it.
"""

import asyncio
import base64
import hashlib
import socket as sockets
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

CHUNK = b"x" * 65_536
PAGE_START = b"<!doctype html><html><head><title>long</title></head><body>"


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Reset:
    """Reset the connection, as a crashed server's kernel does."""


@dataclass(frozen=True)
class Close:
    """End the connection in good order."""


@dataclass(frozen=True)
class Until:
    """Wait until the test sets ``event``: order is what counts, not time."""

    event: threading.Event


type Step = bytes | Pause | Until | Reset | Close


@dataclass
class Seen:
    """One request as it arrived."""

    head: bytes
    body_bytes: int = 0
    body_sha256: str = ""
    sent_bytes: int = 0
    """How much of a large answer the front has taken so far."""
    trailers: bytes = b""
    connection: int = 0
    sni: str | None = None
    left: bool = False
    """The client ended the connection while the origin had not answered yet."""

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    def values(self, name: bytes) -> list[bytes]:
        fields = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [v.strip() for k, _, v in fields if k.lower() == name.lower()]

    def value(self, name: bytes) -> bytes:
        return next(iter(self.values(name)), b"")


def chunked(*parts: bytes) -> bytes:
    """Frame parts as chunks, without the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def masked(data: bytes, mask: bytes) -> bytes:
    """Mask a WebSocket payload, or take the mask off."""
    pattern = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(pattern)).to_bytes(len(data))


def ok(body: bytes = b"ok", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """Write a whole answer with a length."""
    lines = b"".join(line + b"\r\n" for line in fields)
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, lines, len(body), body)


@dataclass
class Origin:
    """The server; ``faults`` collects what a correct front never does to it."""

    context: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    open: int = 0
    _scripts: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    _connections: int = 0
    _server: asyncio.Server | None = None
    _sni: dict[int, str | None] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def start(self, port: int = 0) -> int:
        if self.context is not None:
            self.context.sni_callback = self._note_sni
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", port, ssl=self.context, limit=2**20
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        for task in list(self._tasks):
            if task is not None:
                task.cancel()
        await self._server.wait_closed()

    def script(self, path: str, *steps: Step) -> None:
        self._scripts[path] = steps

    def take(self) -> list[Seen]:
        """Return what was seen since the last call."""
        taken, self.seen = self.seen, []
        return taken

    def _note_sni(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self._sni[id(connection)] = name

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        self.open += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        sni = self._sni.pop(id(writer.get_extra_info("ssl_object")), None)
        try:
            while await self._one(reader, writer, number, sni):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        except asyncio.LimitOverrunError:
            self.faults.append("a head of more than 1 MiB")
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _one(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
        sni: str | None,
    ) -> bool:
        seen = Seen(await reader.readuntil(b"\r\n\r\n"), connection=number, sni=sni)
        self.seen.append(seen)
        path = seen.line.split(b" ")[1].partition(b"?")[0].decode("latin-1")
        steps = self._scripts.get(path)
        if path == "/early":
            writer.write(ok(b"no", status=b"413 Content Too Large"))
            await writer.drain()
            await self._read_body(reader, seen)
            return True
        if path in UPGRADED:
            return await UPGRADED[path](seen, reader, writer)
        await self._read_body(reader, seen)
        if steps is not None:
            return await _play(steps, writer)
        await DYNAMIC.get(path, _page)(seen, writer)
        await writer.drain()
        return True

    async def _read_body(self, reader: asyncio.StreamReader, seen: Seen) -> None:
        digest = hashlib.sha256()
        lengths = seen.values(b"content-length")
        codings = seen.values(b"transfer-encoding")
        if lengths and codings:
            self.faults.append("both length and coding")
        if codings:
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                data = await reader.readexactly(size)
                seen.body_bytes += size
                digest.update(data)
                if await reader.readexactly(2) != b"\r\n":
                    self.faults.append("a chunk without its end")
            while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
                seen.trailers += line
        elif lengths:
            left = int(lengths[0])
            while left:
                data = await reader.read(min(65_536, left))
                if not data:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(data)
                seen.body_bytes += len(data)
                digest.update(data)
        seen.body_sha256 = digest.hexdigest()


async def _play(steps: tuple[Step, ...], writer: asyncio.StreamWriter) -> bool:
    for step in steps:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Until(event):
                assert await asyncio.to_thread(event.wait, 10)
            case Reset():
                await asyncio.sleep(0.05)
                raw = writer.get_extra_info("socket")
                raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            case Close():
                return False
    return True


async def _page(seen: Seen, writer: asyncio.StreamWriter) -> None:
    body = b"" if seen.line.startswith(b"HEAD ") else b"<!doctype html><title>x</title>"
    head = ok(b"<!doctype html><title>x</title>", b"Content-Type: text/html")
    writer.write(head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body)


async def _echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
    tail = b"body=%d trailers=%r" % (seen.body_bytes, seen.trailers)
    writer.write(ok(seen.head + tail, b"Content-Type: text/plain"))


async def _digest(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(ok(f"{seen.body_bytes} {seen.body_sha256}".encode()))


async def _big(seen: Seen, writer: asyncio.StreamWriter) -> None:
    chunks = int(seen.line.partition(b"?")[2].split(b" ")[0] or b"16")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (chunks * len(CHUNK)))
    await _send_chunks(seen, writer, chunks)


async def _big_page(seen: Seen, writer: asyncio.StreamWriter) -> None:
    chunks = int(seen.line.partition(b"?")[2].split(b" ")[0] or b"16")
    length = len(PAGE_START) + chunks * len(CHUNK)
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % length
    )
    writer.write(PAGE_START)
    await _send_chunks(seen, writer, chunks)


async def _send_chunks(seen: Seen, writer: asyncio.StreamWriter, chunks: int) -> None:
    for _ in range(chunks):
        writer.write(CHUNK)
        await writer.drain()
        seen.sent_bytes += len(CHUNK)


async def _events(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    await writer.drain()
    await asyncio.sleep(0.6)
    writer.write(b"data: 2\n\n")
    await writer.drain()
    writer.close()


async def _slow(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.5)
    writer.write(ok(b"slow"))


async def _websocket(
    seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Echo masked frames, with whatever reserved bits they carry; grant what is asked for."""
    if not seen.value(b"sec-websocket-key") or seen.value(b"upgrade").lower() != b"websocket":
        writer.write(ok(b"upgrade, please", status=b"426 Upgrade Required"))
        return True
    key = seen.value(b"sec-websocket-key") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Extensions: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n"
        % (seen.value(b"sec-websocket-extensions"), accept)
    )
    while True:
        first, second = await reader.readexactly(2)
        size = {126: 2, 127: 8}.get(second & 127, 0)
        extended = await reader.readexactly(size)
        length = int.from_bytes(extended) if size else second & 127
        mask = await reader.readexactly(4)
        plain = masked(await reader.readexactly(length), mask)
        writer.write(bytes([first, second & 127]) + extended + plain)
        await writer.drain()
        if first & 15 == 8:
            return False


async def _mirror(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Send an upload back while it arrives."""
    left = int(seen.value(b"content-length"))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
    while left:
        data = await reader.read(min(65_536, left))
        if not data:
            return False
        left -= len(data)
        writer.write(data)
        await writer.drain()
    return True


async def _hang(seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    """Never answer."""
    await reader.read()
    seen.left = True
    return False


DYNAMIC: dict[str, Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]] = {
    "/echo": _echo,
    "/digest": _digest,
    "/big": _big,
    "/big-page": _big_page,
    "/events": _events,
    "/slow": _slow,
}
UPGRADED: dict[
    str, Callable[[Seen, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
] = {"/ws": _websocket, "/mirror": _mirror, "/hang": _hang}
