"""A TCP connection as the handler uses it: a reader that waits, and a writer that batches.

mitmproxy reads on whatever it cannot pass on, and sends each piece on its own. Whether there is
room is the handler's to say. UDP has pipes of its own, in ``mitm_quic_listener``. The one
invariant: what is written goes out in order, and before the end of the connection.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from mitmproxy.connection import Connection

from edge.fronts.mitm_http1 import RESET


class ClientReader(Protocol):
    """What the handler reads a client by."""

    async def read(self, n: int, /) -> bytes:
        """Read what is here; empty is the end."""


class ClientWriter(Protocol):
    """What the handler answers a client by."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell ``peername``, ``sockname`` or ``transport_protocol``."""

    def write(self, data: bytes, /) -> None:
        """Send without waiting."""

    def close(self) -> None:
        """End the connection."""


class Gate:
    """A reader that waits until there is room for what it reads, and remembers resets."""

    def __init__(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        wait_for_room: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._wait_for_room = wait_for_room

    async def read(self, n: int) -> bytes:
        """Read what is here, once there is room for it."""
        await self._wait_for_room(self._connection)
        try:
            return await self._reader.read(n)
        except ConnectionError:
            self._connection.error = self._connection.error or RESET
            raise


class Outbox:
    """A writer that sends what one event brought in one go: one packet, not four."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def write(self, data: bytes) -> None:
        """Keep a piece until ``flush``."""
        self._parts.append(data)

    def flush(self) -> None:
        """Send what is here; asyncio's ``writelines`` forgets back-pressure (CPython 3.13.0)."""
        if self._parts:
            data = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
            self._parts.clear()
            if not self._writer.is_closing():
                self._writer.write(data)

    def waiting_bytes(self) -> int:
        """Tell how much the socket has not taken yet."""
        held = sum(map(len, self._parts))
        return held + self._writer.transport.get_write_buffer_size()

    def write_eof(self) -> None:
        """Send what is here and end our direction."""
        self.flush()
        self._writer.write_eof()

    def close(self) -> None:
        """Send what is here and end the connection."""
        self.flush()
        self._writer.close()

    def reset(self) -> None:
        """End the connection in a way that no client takes for the end of the answer."""
        self.flush()
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
