"""Requests in the form most tests need, and patience."""

import time
from collections.abc import Callable

from tests.support.front_stack import TAG, FrontStack
from tests.support.h2_client import H2Client

MIB = 2**20
MARKUP = b'<script async="async" src="%s"></script>' % TAG.script_url.encode()


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
