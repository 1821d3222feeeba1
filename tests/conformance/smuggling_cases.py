"""Requests that two readers could take for two different things.

Those in ``SMUGGLED_HEADS`` are refused by their head, before any origin is asked; those in
``SMUGGLED_BODIES`` break off while the body is read, and never become a second request. What looks
odd and has one reading only stands in ``HARMLESS``. It is long because it is a table.
"""

from tests.conformance.cases import SHOP, Case, get, post
from tests.conformance.refused_cases import TAKEN, refused

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: shop.localhost\r\n\r\n"
"""What an attack hides behind a first request."""

_CHUNKS = b"0\r\n\r\n"


def _coding(name: str, line: bytes) -> Case:
    """A coding beside a length: CL.TE and TE.CL, by whoever overlooks the coding."""
    return refused(
        f"coding: {name}", TAKEN + b"Content-Length: 5\r\n" + line + b"\r\n\r\n" + _CHUNKS
    )


def _length(name: str, *lines: bytes) -> Case:
    fields = b"".join(line + b"\r\n" for line in lines)
    return refused(f"length: {name}", TAKEN + fields + b"\r\nhello")


def _host(name: str, value: bytes, status: int = 400) -> Case:
    return refused(f"host: {name}", b"GET / HTTP/1.1\r\nHost: " + value + b"\r\n\r\n", status)


def _line(name: str, line: bytes) -> Case:
    return refused(f"line: {name}", line + b"\r\n" + SHOP + b"\r\n")


SMUGGLED_HEADS = [
    _coding("plain", b"Transfer-Encoding: chunked"),
    _coding("other case", b"tRANSFER-eNCODING: cHUNKED"),
    _coding("space before the colon", b"Transfer-Encoding : chunked"),
    _coding("tab before the colon", b"Transfer-Encoding\t: chunked"),
    _coding("tab after the colon", b"Transfer-Encoding:\tchunked"),
    _coding("no space", b"Transfer-Encoding:chunked"),
    _coding("trailing tab", b"Transfer-Encoding: chunked\t"),
    _coding("vertical tab", b"Transfer-Encoding: \x0bchunked"),
    _coding("form feed", b"Transfer-Encoding: \x0cchunked"),
    _coding("NUL at the end", b"Transfer-Encoding: chunked\0"),
    _coding("no-break space", b"Transfer-Encoding: \xa0chunked"),
    _coding("unknown", b"Transfer-Encoding: cow"),
    _coding("quoted", b'Transfer-Encoding: "chunked"'),
    _coding("a parameter", b"Transfer-Encoding: chunked;a=b"),
    _coding("identity first", b"Transfer-Encoding: identity, chunked"),
    _coding("identity last", b"Transfer-Encoding: chunked, identity"),
    _coding("twice in a list", b"Transfer-Encoding: chunked, chunked"),
    _coding("gzip first", b"Transfer-Encoding: gzip, chunked"),
    _coding("an empty member", b"Transfer-Encoding: ,chunked"),
    _coding("empty", b"Transfer-Encoding:"),
    _coding("folded name", b"X: y\r\n Transfer-Encoding: chunked"),
    _coding("folded value", b"Transfer-Encoding:\r\n chunked"),
    _coding("behind a bare LF", b"X: y\nTransfer-Encoding: chunked"),
    _coding("behind a bare CR", b"X: y\rTransfer-Encoding: chunked"),
    _coding("two fields", b"Transfer-Encoding: chunked\r\nTransfer-encoding: x"),
    _coding("two fields, unknown first", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
    _coding("a byte before the name", b"\x00Transfer-Encoding: chunked"),
    refused(
        "coding: twice alone",
        TAKEN + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    ),
    refused("coding: gzip alone", TAKEN + b"Transfer-Encoding: gzip\r\n\r\n" + _CHUNKS),
    refused("coding: two alone", TAKEN + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _CHUNKS),
    refused(
        "coding: the first line is folded",
        b"POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\n" + SHOP + b"\r\n" + _CHUNKS,
    ),
    _length("two different", b"Content-Length: 5", b"Content-Length: 6"),
    _length("two, one zero", b"Content-Length: 0", b"content-length: 5"),
    _length("a list of two", b"Content-Length: 5, 6"),
    _length("negative", b"Content-Length: -5"),
    _length("hexadecimal", b"Content-Length: 0x5"),
    _length("a leading zero", b"Content-Length: 05"),
    _length("a fraction", b"Content-Length: 5.0"),
    _length("an exponent", b"Content-Length: 1e1"),
    _length("two numbers", b"Content-Length: 5 5"),
    _length("empty", b"Content-Length:"),
    _length("a vertical tab", b"Content-Length: \x0b5"),
    _length("a wide digit", b"Content-Length: \xef\xbc\x95"),
    _length("an underscore", b"Content-Length: 5_0"),
    _length("more than 64 bits", b"Content-Length: 18446744073709551621"),
    _length("a space before the colon", b"Content-Length : 5"),
    _length("a bare LF behind", b"Content-Length: 5\nX: y"),
    _length("folded", b"Content-Length:\r\n 5"),
    _host("only a port", b":80"),
    _host("port garbage", b"shop.localhost:80a"),
    _host("a negative port", b"shop.localhost:-1"),
    _host("an empty port", b"shop.localhost:"),
    _host("two ports", b"shop.localhost:80:80"),
    _host("a user", b"shop.localhost:80@blog.localhost"),
    _host("an escape", b"%73hop.localhost"),
    _host("a space", b"shop.localhost blog.localhost"),
    _host("a tab", b"shop.localhost\tblog.localhost"),
    _host("a query", b"shop.localhost?x"),
    _host("a fragment", b"shop.localhost#x"),
    _host("a backslash", b"shop.localhost\\x"),
    _host("an open bracket", b"[::1"),
    _host("a quote", b'"shop.localhost"'),
    _host("a scheme", b"http://shop.localhost"),
    _host("letters above ASCII", "shöp.localhost".encode()),
    _host("a star", b"*"),
    _host("a folded second", b"shop.localhost\r\n Host: blog.localhost"),
    refused("host: a space before the colon", b"GET / HTTP/1.1\r\nHost : shop.localhost\r\n\r\n"),
    refused(
        "host: odd beside absolute-form",
        b"GET http://shop.localhost/ HTTP/1.1\r\nHost: a@b\r\n\r\n",
    ),
    refused("host: absolute-form alone", b"GET http://shop.localhost/ HTTP/1.1\r\n\r\n"),
    refused("host: none in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n"),
    _line("two spaces", b"GET  / HTTP/1.1"),
    _line("a tab", b"GET\t/ HTTP/1.1"),
    _line("a space before", b" GET / HTTP/1.1"),
    _line("a space behind", b"GET / HTTP/1.1 "),
    _line("a word behind", b"GET / HTTP/1.1 x"),
    _line("lower-case version", b"GET / http/1.1"),
    _line("HTTP/1.2", b"GET / HTTP/1.2"),
    _line("HTTP/2.0", b"GET / HTTP/2.0"),
    _line("HTTP/0.9 with a version", b"GET / HTTP/0.9"),
    _line("a long version", b"GET / HTTP/1.10"),
    _line("no target", b"GET HTTP/1.1"),
    _line("no method", b"/ HTTP/1.1"),
    _line("a star that is not OPTIONS", b"GET * HTTP/1.1"),
    _line("a target without a slash", b"GET shop.localhost/ HTTP/1.1"),
    _line("an opaque target", b"GET http:shop.localhost/ HTTP/1.1"),
    _line("an empty authority", b"GET http:/// HTTP/1.1"),
    _line("NUL in the target", b"GET /\0 HTTP/1.1"),
    _line("a control in the target", b"GET /\x01 HTTP/1.1"),
    _line("a bare CR in the target", b"GET /\r HTTP/1.1"),
    _line("a colon in the method", b"GE:T / HTTP/1.1"),
    refused("line: the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("field: an empty name", b"GET / HTTP/1.1\r\n" + SHOP + b": x\r\n\r\n"),
    refused("field: a space in the name", b"GET / HTTP/1.1\r\n" + SHOP + b"X Y: x\r\n\r\n"),
    refused("field: a name above ASCII", b"GET / HTTP/1.1\r\n" + SHOP + b"X\xe9: x\r\n\r\n"),
    refused("field: a tab fold", b"GET / HTTP/1.1\r\n" + SHOP + b"X: x\r\n\ty\r\n\r\n"),
    refused("field: ends in bare LF", b"GET / HTTP/1.1\n" + SHOP.replace(b"\r", b"") + b"\n\r\n"),
    refused("field: CR CR LF", b"GET / HTTP/1.1\r\n" + SHOP + b"X: x\r\r\n\r\n"),
    refused("field: NUL in a name", b"GET / HTTP/1.1\r\n" + SHOP + b"X\0: x\r\n\r\n"),
]

SMUGGLED_BODIES: dict[str, bytes] = {
    "a size that is no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "an underscore in a size": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a space before a size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a wide digit": b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a bare LF behind a size": b"5\nhello\r\n0\r\n\r\n",
    "a bare CR behind a size": b"5\rhello\r\n0\r\n\r\n",
    "a bare LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a bare LF behind the data": b"5\r\nhello\n0\r\n\r\n",
    "two bytes too many": b"5\r\nhelloXX0\r\n\r\n",
    "a chunk that is too short": b"9\r\nhello\r\n0\r\n\r\n",
    "a bare LF behind the last size": b"0\n\r\n",
    "a bare LF at the end": b"0\r\n\n",
    "a bare LF in the trailers": b"0\r\nX: a\nY: b\r\n\r\n",
    "a folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "a trailer with a space before its colon": b"0\r\nX : a\r\n\r\n",
    "a trailer that is no field": b"0\r\nnonsense\r\n\r\n",
    "NUL in a trailer": b"0\r\nX: a\0\r\n\r\n",
}
"""Bodies in chunks that nobody may complete; ``NEXT`` follows each."""

HARMLESS = [
    Case(
        "chunked in capitals",
        post(b"Transfer-Encoding: CHUNKED", body=b"5\r\nhello\r\n0\r\n\r\n"),
        origin_body_bytes=5,
    ),
    Case(
        "chunked after a tab",
        post(b"Transfer-Encoding:\tchunked ", body=b"5\r\nhello\r\n0\r\n\r\n"),
        origin_body_bytes=5,
    ),
    Case(
        "sizes with zeros before and capitals",
        post(b"Transfer-Encoding: chunked", body=b"0000A\r\n0123456789\r\n0000\r\n\r\n"),
        origin_body_bytes=10,
    ),
    Case(
        "chunk extensions",
        post(b"Transfer-Encoding: chunked", body=b'5;a;b="c\\"d"\r\nhello\r\n0;x=y\r\n\r\n'),
        origin_body_bytes=5,
    ),
    Case(
        "trailers that would frame or route",
        post(
            b"Transfer-Encoding: chunked",
            body=b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n"
            b"Host: blog.localhost\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
        ),
        origin_body_bytes=5,
        origin_trailers=b"",
        origin_sees=(b"Host: shop.localhost", b"X-Forwarded-For: 127.0.0.1"),
    ),
    Case(
        "a name that only looks like a length",
        post(b"Content_Length: 9", b"Content-Length: 2", body=b"hi"),
        origin_body_bytes=2,
    ),
    Case(
        "a length with spaces around",
        post(b"Content-Length: \t2 ", body=b"hi"),
        origin_body_bytes=2,
    ),
    Case(
        "absolute-form with a query only",
        b"GET http://shop.localhost?x HTTP/1.1\r\n" + SHOP + b"\r\n",
        origin_line=b"GET /?x HTTP/1.1",
    ),
    Case(
        "absolute-form of https in capitals",
        b"GET HTTPS://SHOP.localhost{path} HTTP/1.1\r\n" + SHOP + b"\r\n",
        origin_line=b"GET {path} HTTP/1.1",
        origin_sees=(b"Host: SHOP.localhost",),
    ),
    Case(
        "a path that looks like an authority",
        get().replace(b"{path}", b"//blog.localhost{path}"),
        origin_line=b"GET //blog.localhost{path} HTTP/1.1",
        origin_sees=(b"Host: shop.localhost",),
    ),
    Case("Host with a port", get(host=b"Host: shop.localhost:81\r\n"), body=b"ok"),
    Case("Host with spaces around", get(host=b"Host: \t shop.localhost \t\r\n"), body=b"ok"),
    Case(
        "fields that some origins route by are replaced or dropped",
        get(b"X-Forwarded-Host: blog.localhost", b"X-Forwarded-Port: 1"),
        origin_sees=(b"X-Forwarded-Host: shop.localhost",),
        origin_never=(b"X-Forwarded-Host: blog.localhost",),
    ),
]
