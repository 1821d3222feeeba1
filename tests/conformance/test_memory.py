"""Bodies of hundreds of MiB at flat memory, measured on a front in a process of its own.

``BODY_MIB`` sets the size: 256 by default, 2048 for a soak.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator

import pytest

from tests.conformance.asking import MARKUP, MIB, get, post
from tests.conformance.conftest import FRONTS
from tests.support.front_process import FrontProcess
from tests.support.origin import CHUNK, PAGE_START, Origin, chunked
from tests.support.raw_client import RawClient

BODY_MIB = int(os.environ.get("BODY_MIB", "256"))
CHUNKS = BODY_MIB * MIB // len(CHUNK)
FLAT = 24 * MIB
"""Socket buffers and what an allocator keeps; a front that held bodies would need ten times it."""
SAMPLED = 32 * MIB
pytestmark = pytest.mark.timeout(60 + BODY_MIB // 8)


@pytest.fixture(scope="module")
def origin_port() -> Iterator[int]:
    loop, origin = asyncio.new_event_loop(), Origin()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(origin.start(), loop).result(5)
    asyncio.run_coroutine_threadsafe(origin.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module", params=sorted(FRONTS))
def process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, origin_port: int
) -> Iterator[FrontProcess]:
    with FrontProcess(request.param, tmp_path_factory.mktemp("process"), origin_port) as process:
        _download(process, "/big?64")
        _download(process, "/big-page?64")
        _upload(process, 64, in_chunks=True)
        yield process


def _download(process: FrontProcess, target: str) -> tuple[bytes, int, int]:
    """Read an answer of 64 KiB chunks; returns its start, its length, and the front's peak."""
    start, length, peak, sampled = b"", 0, 0, 0
    with RawClient(process.port, timeout_s=20) as client:
        client.send(get(target, "Connection: close").replace(b"HTTP/1.1", b"HTTP/1.0"))
        client._until(b"\r\n\r\n")
        while data := client.read_some():
            start = start or data
            length += len(data)
            if length - sampled >= SAMPLED:
                sampled, peak = length, max(peak, process.rss_bytes())
    return start, length, peak


def _upload(process: FrontProcess, chunks: int, *, in_chunks: bool) -> tuple[str, int]:
    """Send a body; returns the origin's answer, and the front's peak."""
    framing = "Transfer-Encoding: chunked" if in_chunks else ""
    head = post("/digest", chunks * len(CHUNK))
    if framing:
        head = head.replace(b"Content-Length: %d" % (chunks * len(CHUNK)), framing.encode())
    piece, peak = chunked(CHUNK) if in_chunks else CHUNK, 0
    with RawClient(process.port, timeout_s=20) as client:
        client.send(head)
        for number in range(chunks):
            client.send(piece)
            if not number * len(CHUNK) % SAMPLED:
                peak = max(peak, process.rss_bytes())
        if in_chunks:
            client.send(b"0\r\n\r\n")
        return client.read(b"POST").body.decode(), peak


def test_a_large_download_passes_at_flat_memory(process: FrontProcess) -> None:
    before = process.rss_bytes()
    _, length, peak = _download(process, f"/big?{CHUNKS}")

    assert length == CHUNKS * len(CHUNK)
    assert peak - before < FLAT


def test_a_page_of_any_size_gets_the_tag_at_flat_memory(process: FrontProcess) -> None:
    before = process.rss_bytes()
    start, length, peak = _download(process, f"/big-page?{CHUNKS}")

    assert MARKUP in start
    assert length == len(PAGE_START) + len(MARKUP) + CHUNKS * len(CHUNK)
    assert peak - before < FLAT


@pytest.mark.parametrize("in_chunks", [False, True], ids=["length", "chunked"])
def test_a_large_upload_passes_at_flat_memory(process: FrontProcess, in_chunks: bool) -> None:
    before = process.rss_bytes()
    digest = hashlib.sha256()
    for _ in range(CHUNKS):
        digest.update(CHUNK)
    answer, peak = _upload(process, CHUNKS, in_chunks=in_chunks)

    assert answer == f"{CHUNKS * len(CHUNK)} {digest.hexdigest()}"
    assert peak - before < FLAT
