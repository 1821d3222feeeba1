"""What every front must do, as data: the bytes sent, the origin's bytes, what each side must see.

A case is one request on a connection of its own. ``{path}`` in the request is a path that belongs
to the case alone; ``answer`` are the origin's steps for it. Head fragments are matched exactly,
as whole lines, but for the name's case. More tables stand in the other ``*_cases`` modules; cases
that need more than one request, timing or load are in the test modules beside this one. It is long
because it is a table.
"""

from dataclasses import dataclass

from tests.support.origin import Close, Pause, Reset, Step, chunked, ok

SHOP = b"Host: shop.localhost\r\n"
PAGE = (
    b"<!doctype html><HTML lang=en>\n<Head  data-x='a>b'>\n<title>x</title></head><body>"
    + b"hello " * 3000
    + b"</body></html>"
)
HTML = b"Content-Type: text/html"


@dataclass(frozen=True)
class Case:
    """One request and its consequences."""

    name: str
    request: bytes
    answer: tuple[Step, ...] = (ok(),)
    status: int = 200
    body: bytes | None = None
    injected: bool = False
    nonce: bytes = b""
    after: bytes | None = None
    """What stands straight before the tag."""
    unpack: bool = False
    """Undo Content-Encoding before the body is compared."""
    complete: bool = True
    frame: str | None = None
    interim: tuple[bytes, ...] = ()
    trailers: bytes = b""
    sees: tuple[bytes, ...] = ()
    never_sees: tuple[bytes, ...] = ()
    reaches_origin: bool = True
    origin_line: bytes | None = None
    origin_sees: tuple[bytes, ...] = ()
    origin_never: tuple[bytes, ...] = ()
    origin_body_bytes: int | None = None
    origin_trailers: bytes | None = None
    closes: bool | None = None


def get(*fields: bytes, host: bytes = SHOP, version: bytes = b"HTTP/1.1") -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"GET {path} " + version + b"\r\n" + host + lines + b"\r\n"


def post(*fields: bytes, body: bytes = b"") -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST {path} HTTP/1.1\r\n" + SHOP + lines + b"\r\n" + body


def page(*fields: bytes, body: bytes = PAGE, status: bytes = b"200 OK") -> bytes:
    return ok(body, HTML, *fields, status=status)


PASSING = [
    Case(
        "header names keep case, order and duplicates",
        get(b"X-mIxEd: 1", b"x-dup: 1", b"X-Dup: 2", b"Accept-Language: de, en;q=0.5"),
        (ok(b"ok", b"Set-Cookie: a=1", b"set-cookie: b=2", b"X-mIxEd: 1", b"Set-Cookie: c=3"),),
        sees=(b"Set-Cookie: a=1", b"set-cookie: b=2", b"X-mIxEd: 1", b"Set-Cookie: c=3"),
        origin_sees=(b"X-mIxEd: 1", b"x-dup: 1", b"X-Dup: 2", b"Accept-Language: de, en;q=0.5"),
    ),
    Case(
        "the raw target reaches the origin",
        get().replace(b"{path}", b'{path}?x=%zz&y=a%2Fb;c|d[e]"f<g>//../%2e\xc3\xa9'),
        origin_line=b'GET {path}?x=%zz&y=a%2Fb;c|d[e]"f<g>//../%2e\xc3\xa9 HTTP/1.1',
    ),
    Case(
        "bytes above ASCII in a value pass",
        get(b"X-Name: caf\xe9"),
        (ok(b"ok", b"X-Name: caf\xe9"),),
        sees=(b"X-Name: caf\xe9",),
        origin_sees=(b"X-Name: caf\xe9",),
    ),
    Case(
        "absolute-form: its authority wins and leaves in origin-form",
        b"GET http://shop.localhost{path}?a=%2f HTTP/1.1\r\nHost: blog.localhost\r\n\r\n",
        origin_line=b"GET {path}?a=%2f HTTP/1.1",
        origin_sees=(b"Host: shop.localhost",),
        origin_never=(b"Host: blog.localhost",),
    ),
    Case(
        "host is kept with its port and case",
        get(host=b"Host: SHOP.localhost:8080\r\n"),
        origin_sees=(
            b"Host: SHOP.localhost:8080",
            b"X-Forwarded-Host: SHOP.localhost:8080",
            b'Forwarded: for=127.0.0.1;host="SHOP.localhost:8080";proto=http',
        ),
    ),
    Case(
        "an upstream host replaces Host",
        get(host=b"Host: renamed.localhost\r\n"),
        origin_sees=(b"Host: inner.example", b"X-Forwarded-Host: renamed.localhost"),
        origin_never=(b"Host: renamed.localhost",),
    ),
    Case(
        "forwarding fields of a stranger are replaced",
        get(
            b"X-Forwarded-For: 1.2.3.4",
            b"X-Forwarded-Proto: https",
            b"Forwarded: for=1.2.3.4",
            b"X-Real-IP: 1.2.3.4",
            b"CF-Connecting-IP: 1.2.3.4",
        ),
        origin_sees=(b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-Proto: http"),
        origin_never=(
            b"X-Real-IP: 1.2.3.4",
            b"CF-Connecting-IP: 1.2.3.4",
            b"Forwarded: for=1.2.3.4",
        ),
    ),
    Case(
        "connection-level fields stop at the edge, both ways",
        get(
            b"Connection: keep-alive, X-Hop",
            b"X-Hop: 1",
            b"Keep-Alive: timeout=5",
            b"TE: trailers",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABk",
            b"Proxy-Connection: keep-alive",
        ),
        (
            ok(
                b"ok",
                b"Connection: X-Back",
                b"X-Back: 1",
                b"Keep-Alive: timeout=5",
                b'Alt-Svc: h3=":1"',
            ),
        ),
        never_sees=(b"X-Back: 1", b"Keep-Alive: timeout=5", b'Alt-Svc: h3=":1"'),
        origin_never=(
            b"X-Hop: 1",
            b"Keep-Alive: timeout=5",
            b"TE: trailers",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABk",
            b"Proxy-Connection: keep-alive",
        ),
    ),
    Case(
        "Connection cannot name an end-to-end field",
        get(b"Connection: close, Cookie, X-Forwarded-For", b"Cookie: a=1"),
        origin_sees=(b"Cookie: a=1", b"X-Forwarded-For: 127.0.0.1"),
        closes=True,
    ),
    Case(
        "our cookie stops at the edge and nothing else of Cookie",
        get(b"Cookie: a=1; sf_out=1;  b=sf_out=1; sf_out=10"),
        origin_sees=(b"Cookie: a=1;  b=sf_out=1; sf_out=10",),
    ),
    Case(
        "a Cookie that held only ours goes whole",
        get(b"Cookie: sf_out=1"),
        origin_never=(b"Cookie: sf_out=1", b"Cookie:"),
    ),
    Case(
        "HEAD has the length and no body",
        b"HEAD {path} HTTP/1.1\r\n" + SHOP + b"\r\n",
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 1234\r\n\r\n",),
        sees=(b"Content-Length: 1234",),
        body=b"",
        closes=False,
    ),
    Case(
        "304 keeps its length and has no body",
        get(),
        (b'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: "v1"\r\n\r\n',),
        status=304,
        sees=(b"Content-Length: 1234", b'ETag: "v1"'),
        body=b"",
        closes=False,
    ),
    Case(
        "204 may not be framed",
        get(),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
        status=204,
        never_sees=(b"Transfer-Encoding: chunked",),
        closes=False,
    ),
    Case(
        "a chunked answer stays chunked",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(b"ab", b"c")
            + b"0\r\n\r\n",
        ),
        body=b"abc",
        frame="chunked",
        closes=False,
    ),
    Case(
        "an answer that ends with the connection keeps ours open",
        get(),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", Close()),
        body=b"abc",
        frame="chunked",
        closes=False,
    ),
    Case(
        "HTTP/1.0 gets no chunks",
        get(version=b"HTTP/1.0"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(b"ab", b"c")
            + b"0\r\n\r\n",
        ),
        body=b"abc",
        frame="close",
        never_sees=(b"Transfer-Encoding: chunked",),
        sees=(b"Connection: close",),
        origin_line=b"GET {path} HTTP/1.1",
    ),
    Case(
        "HTTP/1.0 keeps a known length",
        get(version=b"HTTP/1.0"),
        body=b"ok",
        frame="length",
        closes=True,
    ),
    Case(
        "HTTP/1.0 gets no interim answers",
        get(version=b"HTTP/1.0"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", ok()),
        body=b"ok",
    ),
    Case(
        "103 is passed on at once",
        get(),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n", Pause(0.05), ok()),
        interim=(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",),
        body=b"ok",
    ),
    Case(
        "102 comes as often as it was sent",
        get(),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 3, ok()),
        interim=(b"HTTP/1.1 102 Processing\r\n\r\n",) * 3,
        body=b"ok",
    ),
    Case(
        "an unasked 100 is not passed on",
        get(),
        (b"HTTP/1.1 100 Continue\r\n\r\n", ok()),
        body=b"ok",
    ),
    Case(
        "Expect is answered here",
        post(b"Expect: 100-continue", b"Content-Length: 2", body=b"hi"),
        interim=(b"HTTP/1.1 100 Continue\r\n\r\n",),
        origin_never=(b"Expect: 100-continue",),
        origin_body_bytes=2,
    ),
    Case(
        "request trailers reach the origin",
        post(
            b"Transfer-Encoding: chunked",
            b"Trailer: X-T",
            body=b"5;ext=1\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n",
        ),
        origin_trailers=b"X-T: 1\r\n",
        origin_body_bytes=5,
    ),
    Case(
        "response trailers reach the client",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(b"abc")
            + b"0\r\nX-Sum: abc\r\n\r\n",
        ),
        body=b"abc",
        trailers=b"X-Sum: abc\r\n",
        sees=(b"Trailer: X-Sum",),
        closes=False,
    ),
    Case(
        "a reset under a length is seen as cut off",
        get(),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5000, Reset()),
        complete=False,
    ),
    Case(
        "a reset under chunks is seen as cut off",
        get(),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 5000), Reset()),
        complete=False,
    ),
    Case(
        "a reset without a frame is seen as cut off",
        get(),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, Reset()),
        complete=False,
    ),
    Case(
        "a reset is seen as cut off by HTTP/1.0",
        get(version=b"HTTP/1.0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 5000), Reset()),
        complete=False,
    ),
    Case(
        "an end too early is seen as cut off",
        get(),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Close()),
        complete=False,
    ),
    Case(
        "an origin's folded line is unfolded",
        get(),
        (b"HTTP/1.1 200 OK\r\nX-A: 1\r\n  2\r\nContent-Length: 2\r\n\r\nok",),
        sees=(b"X-A: 1 2",),
    ),
    Case(
        "an origin's equal lengths are one",
        get(),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",),
        body=b"ok",
    ),
    Case(
        "a long answer header passes",
        get(),
        (ok(b"ok", b"X-Big: " + b"y" * 20_000),),
        sees=(b"X-Big: " + b"y" * 20_000,),
    ),
    Case("a request header of 60 KiB passes", get(b"X-Big: " + b"y" * 60_000)),
    Case("a target of 9,000 bytes passes", get().replace(b"{path}", b"{path}?" + b"a" * 9000)),
    Case("empty lines before a request are skipped", b"\r\n\r\n" + get(), body=b"ok"),
    Case(
        "a body without our media type is untouched",
        get(),
        (ok(PAGE, b"Content-Type: application/octet-stream"),),
        body=PAGE,
        frame="length",
    ),
    Case(
        "the second origin is asked when the first is down",
        get(host=b"Host: second.localhost\r\n"),
        body=b"ok",
    ),
    Case(
        "a site may limit bodies",
        b"POST {path} HTTP/1.1\r\nHost: small.localhost\r\nContent-Length: 5\r\n\r\nhello",
        origin_body_bytes=5,
    ),
]

INJECTING = [
    Case(
        "a page gets the tag",
        get(),
        (page(),),
        body=PAGE,
        injected=True,
        never_sees=(b"Content-Length: %d" % len(PAGE),),
        closes=False,
    ),
    Case(
        "a page in single bytes gets the tag",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(*(PAGE[i : i + 1] for i in range(300)))
            + chunked(PAGE[300:])
            + b"0\r\n\r\n",
        ),
        body=PAGE,
        injected=True,
        frame="chunked",
    ),
    Case(
        "a page for HTTP/1.0 gets the tag",
        get(version=b"HTTP/1.0"),
        (page(),),
        body=PAGE,
        injected=True,
        frame="close",
    ),
    Case(
        "a 404 page gets the tag",
        get(),
        (page(status=b"404 Not Found"),),
        status=404,
        body=PAGE,
        injected=True,
    ),
    Case(
        "a cookie passes beside the tag",
        get(),
        (page(b"Set-Cookie: a=1", b"Set-Cookie: b=2"),),
        body=PAGE,
        injected=True,
        sees=(b"Set-Cookie: a=1", b"Set-Cookie: b=2"),
    ),
    Case(
        "a page that is a download is untouched",
        get(),
        (page(b"Content-Disposition: attachment"),),
        body=PAGE,
    ),
    Case("no-transform is obeyed", get(), (page(b"Cache-Control: no-transform"),), body=PAGE),
    Case(
        "a site that is off is passed through",
        get(host=b"Host: off.localhost\r\n"),
        (page(),),
        body=PAGE,
        sees=(b"Content-Length: %d" % len(PAGE),),
    ),
    Case("a POST's page is untouched", post(b"Content-Length: 1", body=b"x"), (page(),), body=PAGE),
    Case(
        "a cut page is seen as cut",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n"
            + PAGE[:5000],
            Reset(),
        ),
        complete=False,
    ),
]
