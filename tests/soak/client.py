"""One keep-alive connection of a client that knows HTTP/1.1 well enough for the soak."""

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass
from typing import Self

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
ANSWER_S = 30.0
BLOCK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    head: bytes
    body: bytes


class Client:
    """A connection that is opened when it is needed, and again after it ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect if there is no connection that still stands."""
        if self._streams is not None and self._streams[0].at_eof():
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        return self._streams

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def abort(self) -> None:
        """Reset the connection, as a phone does that loses its network."""
        if self._streams is None:
            return
        _, writer = self._streams
        raw = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        self._streams = None

    async def ask(self, request: bytes) -> Answer:
        """Ask and read the whole answer.

        Raises:
            OSError: The connection ended before the answer did.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await self.open()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                answer = Answer(int(head.split(b" ", 2)[1]), head, await read_body(reader, head))
        except asyncio.IncompleteReadError as error:
            self.close()
            raise ConnectionError("the answer is cut off") from error
        except OSError:
            self.close()
            raise
        if b"connection: close" in head.lower():
            self.close()
        return answer


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """Read a body framed as its head says."""
    if length := _LENGTH.search(head):
        return await reader.readexactly(int(length[1]))
    if b"chunked" not in head.lower():
        return b""
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
