"""An origin that answers everything with the same page, fast, and clients that never let go."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Self

PAGE = b"<!doctype html><html><head><title>x</title></head><body>hello</body></html>"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"


class SteadyOrigin:
    """Serves from a thread of its own."""

    def __init__(self, host: str = "127.0.0.1", page: bytes = PAGE) -> None:
        self._host = host
        self._answer = _HEAD % len(page) + page
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.heads: list[bytes] = []

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

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
        server = await asyncio.start_server(self._serve, self._host, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self._answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@dataclass
class Load:
    """Clients that ask again as soon as they are answered, each on a connection it keeps.

    A client whose answer says ``Connection: close`` is ``told``, and leaves; one whose connection
    ends without an answer is ``failed``, and comes back on a new one where ``returns``.
    """

    port: int
    host: str
    clients: int = 8
    returns: bool = False
    served: int = 0
    told: int = 0
    failed: list[str] = field(default_factory=list)
    refused: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until ``stop`` or until every client has left."""
        await asyncio.gather(*(self._client(stop) for _ in range(self.clients)))

    async def _client(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.refused += 1
                return
            try:
                if not await self._ask(reader, writer, stop):
                    return
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failed.append(type(error).__name__)
                if not self.returns:
                    return
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop: asyncio.Event
    ) -> bool:
        """Ask until told to go; False ends the client."""
        while not stop.is_set():
            writer.write(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % self.host.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            if b"transfer-encoding: chunked" in head:
                await reader.readuntil(b"0\r\n\r\n")
            else:
                length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
                await reader.readexactly(int(length))
            self.served += 1
            if b"connection: close" in head:
                self.told += 1
                return False
            await asyncio.sleep(0.002)
        return False
