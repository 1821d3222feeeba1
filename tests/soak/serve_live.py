"""The origin of what lives: events, WebSocket echo, uploads.

``python -m tests.soak.serve_live PORT``

The conformance suite's origin in a process of its own, with one more path: ``/stream``, events that
go on for a while. Pages and files are nginx's.
"""

import asyncio
import sys

import uvloop

from tests.support.origin import DYNAMIC, Origin, Seen

EVENTS, EVERY_S = 40, 0.5


async def _stream(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for number in range(EVENTS):
        event = b"data: %d\n\n" % number
        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(EVERY_S)
    writer.write(b"0\r\n\r\n")


async def serve(port: int) -> None:
    """Serve until killed, without remembering."""
    DYNAMIC["/stream"] = _stream
    origin = Origin()
    await origin.start(port)
    while True:
        await asyncio.sleep(1)
        origin.take()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
