"""Requests in the form most tests need, and patience."""

import gzip
import time
import zlib
from collections.abc import Callable

import brotli
import zstandard

from tests.support.front_stack import TAG, FrontStack
from tests.support.h2_client import H2Client
from tests.support.raw_client import Reply

MIB = 2**20
MARKUP = b'<script async="async" src="%s"></script>' % TAG.script_url.encode()


def markup(nonce: bytes = b"") -> bytes:
    """Write the tag as a page with this nonce has it."""
    return MARKUP.replace(b"></", b' nonce="%s"></' % nonce) if nonce else MARKUP


def unpacked(reply: Reply) -> bytes:
    """Undo the coding of an answer's body."""
    return UNPACK[reply.value("content-encoding")](reply.body)


UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"": bytes,
    b"identity": bytes,
    b"gzip": gzip.decompress,
    b"x-gzip": gzip.decompress,
    b"deflate": lambda data: zlib.decompress(data, 15 if data[:1] == b"\x78" else -15),
    b"br": brotli.decompress,
    b"zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


def get(path: str, *fields: str, host: str = "shop.localhost") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


def post(path: str, length: int, host: str = "shop.localhost", method: str = "POST") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode()


def wait_until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def h2(stack: FrontStack, **options: int) -> H2Client:
    client = H2Client(stack.tls_port, stack.client_context("h2", "http/1.1"), **options)  # type: ignore[arg-type]
    assert client.raw.socket.selected_alpn_protocol() == "h2"  # type: ignore[attr-defined]
    return client
