"""Bodies of any size in both directions: nothing is held, nothing is lost."""

import contextlib
import gzip
import hashlib
import threading
import time
import tracemalloc

import brotli
import pytest
import zstandard

from edge.inject.codings import open_codec
from tests.conformance.asking import MARKUP, MIB, get, post
from tests.conformance.cases import PAGE
from tests.support.front_stack import FrontStack
from tests.support.origin import CHUNK, Close, Step, Until, chunked
from tests.support.raw_client import RawClient, ask


def test_each_event_of_a_stream_comes_before_the_next_is_sent(stack: FrontStack) -> None:
    """The origin sends an event only once the client has the one before."""
    arrived = [threading.Event() for _ in range(3)]
    steps: list[Step] = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"]
    for number, event in enumerate(arrived):
        steps += [b"data: %d\n\n" % number, Until(event)]
    stack.origin.script("/gated-events", *steps, Close())
    with RawClient(stack.port) as client:
        client.send(get("/gated-events", "Accept: text/event-stream"))
        received = b""
        for number, event in enumerate(arrived):
            while b"data: %d\n\n" % number not in received:
                received += client.read_some()
            event.set()


def test_an_upload_reaches_the_origin_while_it_is_sent(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.send(post("/mirror", 30))
        received = b""
        for number in range(3):
            client.send(b"%010d" % number)
            while b"%010d" % number not in received:
                received += client.read_some()


def test_the_tag_goes_out_before_the_page_is_complete(stack: FrontStack) -> None:
    arrived = threading.Event()
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    stack.origin.script(
        "/trickle", head + chunked(PAGE[:200]), Until(arrived), chunked(PAGE[200:]) + b"0\r\n\r\n"
    )
    with RawClient(stack.port) as client:
        client.send(get("/trickle"))
        received = b""
        while MARKUP not in received:
            received += client.read_some()
        arrived.set()
        while b"</html>" not in received:
            received += client.read_some()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_compressed_page_that_streams_keeps_streaming(stack: FrontStack, coding: str) -> None:
    encoder = open_codec(coding.encode())[1]()
    first = encoder.encode(PAGE[:200]) + encoder.flush()
    second = encoder.encode(b"second part") + encoder.flush()
    last = encoder.encode(b"</html>") + encoder.finish()
    seen_first, seen_second = threading.Event(), threading.Event()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    stack.origin.script(
        "/stream",
        head.encode() + chunked(first),
        *(Until(seen_first), chunked(second), Until(seen_second), chunked(last) + b"0\r\n\r\n"),
    )
    decoder = open_codec(coding.encode())[0]
    with RawClient(stack.port) as client:
        client.send(get("/stream", f"Accept-Encoding: {coding}"))
        client._until(b"\r\n\r\n")
        plain = b""
        for wanted, event in ((MARKUP, seen_first), (b"second part", seen_second)):
            while wanted not in plain:
                size = int(client._until(b"\r\n"), 16)
                plain += b"".join(decoder.feed(client._exactly(size + 2)[:-2]))
            event.set()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("size", [1, 7, 61, 4096])
def test_a_coded_page_gets_exactly_one_tag(stack: FrontStack, coding: str, size: int) -> None:
    packed = {
        "gzip": gzip.compress,
        "br": brotli.compress,
        "zstd": zstandard.ZstdCompressor().compress,
    }[coding](PAGE)
    parts = [packed[i : i + size] for i in range(0, len(packed), size)]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %s\r\n" % coding.encode()
    )
    stack.origin.script(
        "/coded", head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*parts) + b"0\r\n\r\n"
    )
    reply = ask(stack.port, get("/coded", f"Accept-Encoding: {coding}"))

    unpack = {
        b"gzip": gzip.decompress,
        b"br": brotli.decompress,
        b"zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        b"": bytes,
    }[reply.value("content-encoding")]
    plain = unpack(reply.body)
    assert plain.count(MARKUP) == 1
    assert plain.replace(MARKUP, b"") == PAGE


def test_a_download_of_64_mib_is_not_held(stack: FrontStack) -> None:
    tracemalloc.start()
    with RawClient(stack.port) as client:
        client.send(get("/big?1024"))
        time.sleep(0.5)  # Nobody reads: the front must not read either.
        assert stack.origin.seen[-1].sent_bytes < 56 * MIB, "sockets of the kernel may hold some 40"
        received = 0
        digest = hashlib.sha256()
        head = client._until(b"\r\n\r\n")
        while received < 64 * MIB:
            data = client.read_some()
            received += len(data)
            digest.update(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert b"Content-Length: %d" % (64 * MIB) in head
    assert digest.digest() == hashlib.sha256(CHUNK * 1024).digest()
    assert peak < 12 * MIB


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_an_upload_of_64_mib_is_not_held(stack: FrontStack, coding: str) -> None:
    tracemalloc.start()
    with RawClient(stack.port, timeout_s=20) as client:
        if coding == "length":
            client.send(post("/digest", 64 * MIB))
        else:
            client.send(
                b"POST /digest HTTP/1.1\r\nHost: shop.localhost\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
        piece = CHUNK if coding == "length" else chunked(CHUNK)
        for _ in range(1024):
            client.send(piece)
        if coding == "chunked":
            client.send(b"0\r\n\r\n")
        reply = client.read(b"POST")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    digest = hashlib.sha256(CHUNK * 1024).hexdigest()
    assert reply.body.decode() == f"{64 * MIB} {digest}"
    assert peak < 12 * MIB


def test_a_client_that_pipelines_without_reading_is_not_read(stack: FrontStack) -> None:
    with RawClient(stack.port, timeout_s=1.0) as client:
        client.send(get("/slow"))
        sent = 0
        filler = get("/echo", "X-Pad: " + "y" * 30_000) * 8
        with contextlib.suppress(TimeoutError):
            while sent < 64 * MIB:
                client.send(filler)
                sent += len(filler)
    assert sent < 32 * MIB


def test_an_upload_and_its_answer_flow_at_once(stack: FrontStack) -> None:
    total = 8 * MIB
    with RawClient(stack.port, timeout_s=20) as client:
        sender = threading.Thread(target=client.send, args=(post("/mirror", total) + b"m" * total,))
        sender.start()
        reply = client.read(b"POST")
        sender.join()

    assert reply.complete
    assert len(reply.body) == total


def test_an_answer_before_the_end_of_an_upload_arrives(stack: FrontStack) -> None:
    with RawClient(stack.port) as client:
        client.send(post("/early", 200_000) + b"x" * 1000)
        reply = client.read(b"POST")
        client.send(b"x" * 199_000)
        again = client.ask(get("/echo"))

    assert (reply.status, reply.body) == (413, b"no")
    assert again.status == 200


def test_a_chunked_body_above_the_sites_limit_is_stopped(stack: FrontStack) -> None:
    head = b"POST /digest HTTP/1.1\r\nHost: small.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = ask(stack.port, head + chunked(b"x" * 60_000, b"x" * 60_000) + b"0\r\n\r\n")

    assert reply.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"-1\r\n\r\n",
    ],
)
def test_broken_chunks_never_become_a_whole_request(stack: FrontStack, body: bytes) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = ask(stack.port, head + body)

    assert reply.status == 400
    assert b"body=" not in reply.body


def test_endless_chunk_extensions_are_cut(stack: FrontStack) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: shop.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;"
    reply = ask(stack.port, head + b"x" * 70_000)

    assert reply.status == 400
