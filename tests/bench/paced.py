"""Latency at a given rate: requests go out by the clock, whether or not earlier ones are answered.

A closed loop, such as wrk's, waits when the server is slow and so hides it; here each latency is
counted from the moment at which its request was due.
"""

import asyncio
import re
import socket
import statistics
import time
from dataclasses import dataclass

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the time at which a request was due to the end of its answer."""

    p50_ms: float
    p99_ms: float


async def measure_latency(
    port: int, request: bytes, per_second: float, duration_s: float, connections: int = 8
) -> Latency:
    """Ask at a rate, spread over connections, and collect the latencies."""
    interval = connections / per_second
    start = time.perf_counter() + 0.1
    lanes = [
        _lane(port, request, start + lane * interval / connections, interval, duration_s)
        for lane in range(connections)
    ]
    waits = sorted(wait for found in await asyncio.gather(*lanes) for wait in found)
    return Latency(
        statistics.median(waits) * 1000, waits[min(len(waits) - 1, len(waits) * 99 // 100)] * 1000
    )


def measure_first_byte(port: int, request: bytes) -> float:
    """Ask once for a page that comes slowly; returns the part of the wait that it began after."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        start = time.perf_counter()
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        got = b""
        while b"<" not in got.partition(b"\r\n\r\n")[2]:
            if not (data := connection.recv(65_536)):
                raise OSError("the answer ended before its page began")
            got += data
        first = time.perf_counter()
        while connection.recv(65_536):
            pass
        return (first - start) / (time.perf_counter() - start)


async def _lane(
    port: int, request: bytes, first_at: float, interval: float, duration_s: float
) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits: list[float] = []
    due = first_at
    try:
        while due < first_at + duration_s:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            await _read_answer(reader)
            waits.append(time.perf_counter() - due)
            due += interval
    finally:
        writer.close()
    return waits


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    match = _LENGTH.search(head)
    if match is not None:
        await reader.readexactly(int(match[1]))
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")
