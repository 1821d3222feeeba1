"""A client that sends exactly the bytes it is told to and reports exactly what comes back."""

import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Reply:
    """One answer, its interim ones before it; ``complete`` only if its frame ended as announced."""

    status: int
    head: bytes
    fields: list[tuple[bytes, bytes]]
    interim: list[bytes] = field(default_factory=list)
    body: bytes = b""
    trailers: bytes = b""
    complete: bool = False
    frame: str = "none"

    def values(self, name: str) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def value(self, name: str) -> bytes:
        return next(iter(self.values(name)), b"")


class RawClient:
    """One connection to a front."""

    def __init__(
        self, port: int, *, timeout_s: float = 5.0, context: ssl.SSLContext | None = None,
        name: str = "shop.localhost",
    ) -> None:  # fmt: skip
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self.buffer = b""
        self.ended = False
        self.was_reset = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes, *, method: bytes | None = None) -> Reply:
        self.send(data)
        return self.read(method or data.split(b" ")[0])

    def read(self, method: bytes = b"GET") -> Reply:
        """Read one final answer."""
        interim: list[bytes] = []
        while True:
            head = self._until(b"\r\n\r\n")
            status = int(head.split(b" ")[1])
            if status >= 200 or status == 101:
                break
            interim.append(head)
        lines = head.split(b"\r\n")[1:-2]
        fields = [(k, v.strip()) for k, _, v in (line.partition(b":") for line in lines)]
        reply = Reply(status, head, fields, interim)
        if status != 101 and method != b"HEAD" and status not in {204, 304}:
            self._read_body(reply)
        else:
            reply.complete = True
        return reply

    def read_some(self) -> bytes:
        """Return what is here, or wait for the next bytes."""
        if not self.buffer:
            self._more()
        data, self.buffer = self.buffer, b""
        return data

    def is_closed(self, within_s: float = 2.0) -> bool:
        """Tell whether the other side ends the connection within a time, sending nothing more."""
        self.socket.settimeout(within_s)
        deadline = time.monotonic() + within_s
        while not self.ended and not self.buffer and time.monotonic() < deadline:
            try:
                self._more()
            except TimeoutError:
                return False
        return self.ended and not self.buffer

    def _read_body(self, reply: Reply) -> None:
        if reply.values("transfer-encoding"):
            reply.frame = "chunked"
            self._read_chunks(reply)
        elif reply.values("content-length"):
            reply.frame = "length"
            length = int(reply.value("content-length"))
            while len(self.buffer) < length and not self.ended:
                self._more()
            reply.body, self.buffer = self.buffer[:length], self.buffer[length:]
            reply.complete = len(reply.body) == length
        else:
            reply.frame = "close"
            while not self.ended:
                self._more()
            reply.body, self.buffer = self.buffer, b""
            reply.complete = not self.was_reset

    def _read_chunks(self, reply: Reply) -> None:
        parts: list[bytes] = []
        try:
            while size := int(self._until(b"\r\n"), 16):
                parts.append(self._exactly(size))
                assert self._exactly(2) == b"\r\n"
            while (line := self._until(b"\r\n")) != b"\r\n":
                reply.trailers += line
            reply.complete = True
        except EOFError:
            reply.complete = False
        reply.body = b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if self.ended:
                raise EOFError("closed in a chunk")
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            if self.ended:
                raise EOFError(f"closed before {end!r}: {self.buffer[:200]!r}")
            self._more()
        head, _, self.buffer = self.buffer.partition(end)
        return head + end

    def _more(self) -> None:
        try:
            data = self.socket.recv(262_144)
        except (ConnectionError, ssl.SSLEOFError):
            self.was_reset = True
            data = b""
        if not data:
            self.ended = True
        self.buffer += data


def ask(port: int, data: bytes, **options: float) -> Reply:
    """Make one request on a connection of its own."""
    with RawClient(port, **options) as client:  # type: ignore[arg-type]
        return client.ask(data)
