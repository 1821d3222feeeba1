"""Requests that no origin may ever see, and answers that no client may."""

from tests.conformance.cases import SHOP, Case
from tests.support.origin import Close

TAKEN = b"POST / HTTP/1.1\r\n" + SHOP


def refused(name: str, request: bytes, status: int = 400) -> Case:
    return Case(
        name,
        request,
        status=status,
        reaches_origin=False,
        sees=(b"Content-Type: text/plain; charset=utf-8", b"Cache-Control: no-store"),
        never_sees=(b"Server", b"Via"),
        closes=True,
    )


REFUSED = [
    refused("two hosts", b"GET / HTTP/1.1\r\n" + SHOP + SHOP + b"\r\n"),
    refused(
        "two different hosts",
        b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nhost: blog.localhost\r\n\r\n",
    ),
    refused("no host", b"GET / HTTP/1.1\r\n\r\n"),
    refused("an empty host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    refused("a host with a path", b"GET / HTTP/1.1\r\nHost: shop.localhost/../x\r\n\r\n"),
    refused("a host with a user", b"GET / HTTP/1.1\r\nHost: a@shop.localhost\r\n\r\n"),
    refused(
        "a host with a comma", b"GET / HTTP/1.1\r\nHost: shop.localhost,blog.localhost\r\n\r\n"
    ),
    refused("a port out of range", b"GET / HTTP/1.1\r\nHost: shop.localhost:99999\r\n\r\n"),
    refused(
        "absolute-form with a user",
        b"GET http://a@shop.localhost/ HTTP/1.1\r\nHost: shop.localhost\r\n\r\n",
    ),
    refused(
        "absolute-form of another scheme",
        b"GET ftp://shop.localhost/ HTTP/1.1\r\nHost: shop.localhost\r\n\r\n",
    ),
    refused("NUL in a value", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX: a\0b\r\n\r\n"),
    refused("a bare CR in a value", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX: a\rb\r\n\r\n"),
    refused(
        "a bare LF between fields", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX: a\nY: b\r\n\r\n"
    ),
    refused("a folded line", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX: a\r\n b\r\n\r\n"),
    refused("a space before the colon", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX : a\r\n\r\n"),
    refused(
        "a line without a colon", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nnonsense\r\n\r\n"
    ),
    refused("a space in the target", b"GET /a b HTTP/1.1\r\nHost: shop.localhost\r\n\r\n"),
    refused("an unknown version", b"GET / HTTP/3.0\r\n" + SHOP + b"\r\n"),
    refused("no version", b"GET /\r\n\r\n"),
    refused("TLS on the plain port", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
    refused("CONNECT", b"CONNECT shop.localhost:443 HTTP/1.1\r\nHost: shop.localhost\r\n\r\n", 405),
    refused(
        "length and coding",
        b"POST / HTTP/1.1\r\n"
        + SHOP
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "two lengths",
        TAKEN + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    ),
    refused("a list of lengths", TAKEN + b"Content-Length: 5, 5\r\n\r\nhello"),
    refused("a signed length", TAKEN + b"Content-Length: +5\r\n\r\nhello"),
    refused(
        "a coding twice",
        b"POST / HTTP/1.1\r\n"
        + SHOP
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "an unknown coding",
        TAKEN + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "a hidden coding",
        TAKEN + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "a coding in HTTP/1.0",
        b"POST / HTTP/1.0\r\n" + SHOP + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    refused(
        "a header of 70,000 bytes",
        b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        431,
    ),
    refused("a header without an end", b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaa\r\n" * 5000, 431),
    refused(
        "a target of 40,000 bytes",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: shop.localhost\r\n\r\n",
        414,
    ),
    refused("an unknown host", b"GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n", 421),
    refused(
        "absolute-form of an unknown host",
        b"GET http://nobody.localhost/ HTTP/1.1\r\nHost: shop.localhost\r\n\r\n",
        421,
    ),
    refused("an origin that is down", b"GET / HTTP/1.1\r\nHost: dead.localhost\r\n\r\n", 502),
    refused(
        "an upload to an origin that is down",
        b"POST / HTTP/1.1\r\nHost: dead.localhost\r\nContent-Length: 200000\r\n\r\n"
        + b"x" * 200_000,
        502,
    ),
    refused(
        "a body above the site's limit",
        b"POST / HTTP/1.1\r\nHost: small.localhost\r\nContent-Length: 100001\r\n\r\nx",
        413,
    ),
    refused(
        "a certificate of another name", b"GET / HTTP/1.1\r\nHost: liar.localhost\r\n\r\n", 502
    ),
]

BAD_ANSWERS = [
    ("no HTTP", (b"220 mail.example ESMTP\r\n\r\n", Close())),
    ("an end before an answer", (Close(),)),
    ("half a head", (b"HTTP/1.1 200 OK\r\nX: 1", Close())),
    ("two lengths", (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",)),
    (
        "length and coding",
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
    ),
    ("an unasked switch", (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",)),
    ("an endless head", (b"HTTP/1.1 200 OK\r\n" + b"X: aaaaaaaaaaaaaaaa\r\n" * 5000,)),
]
