"""Methods, statuses, ranges, digests and repeated fields: what passes, and which pages get the tag.

Cases as in ``cases``. It is long because it is a table.
"""

from tests.conformance.cases import HTML, PAGE, SHOP, Case, get, page
from tests.support.origin import Pause, chunked, ok

ODD_METHODS = (
    *(b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PURGE", b"PROPFIND", b"PROPPATCH"),
    *(b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"REPORT", b"SEARCH", b"QUERY", b"LINK"),
    *(b"M-SEARCH", b"VERSION-CONTROL", b"BREW", b"get", b"X_Y!~1"),
)
"""All but GET, HEAD and POST; the last three nobody has registered, or written so."""

_HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
_TWO_HINTS = _HINT[:-2] + b"Link: </b.js>; rel=preload\r\n\r\n"

PAGE_STATUSES = (
    *(200, 201, 202, 203, 207, 208, 226, 299, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410),
    *(411, 412, 413, 415, 418, 421, 422, 423, 425, 426, 428, 429, 431, 451, 460, 499, 500, 501),
    *(502, 503, 504, 505, 511, 520, 599, 600, 999),
)
PASSED_STATUSES = (206, 300, 301, 302, 303, 305, 307, 308, 399)
BODY_STATUSES = (*PAGE_STATUSES, *PASSED_STATUSES)


def _method(name: bytes) -> Case:
    return Case(
        f"method {name.decode()}",
        get(b"X-Field: 1").replace(b"GET", name, 1),
        (page(),),
        body=PAGE,
        frame="length",
        origin_line=name + b" {path} HTTP/1.1",
        origin_sees=(b"X-Field: 1",),
        origin_body_bytes=0,
    )


def _status(status: int) -> Case:
    return Case(
        f"status {status}",
        get(),
        (page(b"X-Field: 1", status=b"%d Some Words, Too" % status),),
        status=status,
        body=PAGE,
        injected=status in PAGE_STATUSES,
        sees=(b"X-Field: 1",),
        closes=False,
    )


METHODS = [
    *(_method(name) for name in ODD_METHODS),
    Case(
        "OPTIONS of the whole server",
        b"OPTIONS * HTTP/1.1\r\n" + SHOP + b"\r\n",
        origin_line=b"OPTIONS * HTTP/1.1",
    ),
    Case(
        "a DELETE with a body",
        b"DELETE {path} HTTP/1.1\r\n" + SHOP + b"Content-Length: 5\r\n\r\nhello",
        origin_body_bytes=5,
    ),
    Case(
        "a GET with a body",
        get(b"Content-Length: 5") + b"hello",
        (page(),),
        body=PAGE,
        injected=True,
        origin_body_bytes=5,
    ),
    Case(
        "HEAD of a page promises no length",
        b"HEAD {path} HTTP/1.1\r\n" + SHOP + b"Sec-Fetch-Dest: document\r\n\r\n",
        (page(b'ETag: "v1"').removesuffix(PAGE),),
        body=b"",
        never_sees=(b"Content-Length",),
        sees=(b'ETag: W/"v1.sf0123456789s"',),
        closes=False,
    ),
    Case(
        "HEAD of a chunked answer",
        b"HEAD {path} HTTP/1.1\r\n" + SHOP + b"\r\n",
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n",),
        body=b"",
        closes=False,
    ),
]

STATUSES = [
    *(_status(status) for status in BODY_STATUSES),
    Case(
        "status 205 has an empty body",
        get(),
        (ok(b"", HTML, status=b"205 Reset Content"),),
        status=205,
        body=b"",
        closes=False,
    ),
    Case(
        "a status without a reason",
        get(),
        (ok(b"ok", status=b"200 "),),
        body=b"ok",
    ),
    Case(
        "interim answers before a page",
        get(),
        (_TWO_HINTS, Pause(0.02), _HINT, page(b"Link: </a.css>; rel=preload")),
        body=PAGE,
        injected=True,
        interim=(_TWO_HINTS, _HINT),
        sees=(b"Link: </a.css>; rel=preload",),
    ),
    Case(
        "trailers after a page",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTrailer: Server-Timing\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
            + chunked(PAGE)
            + b"0\r\nServer-Timing: db;dur=5\r\n\r\n",
        ),
        body=PAGE,
        injected=True,
        trailers=b"Server-Timing: db;dur=5\r\n",
        closes=False,
    ),
]

_DIGESTS = (
    b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
    b"Digest: sha-256=4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo=",
    b"Repr-Digest: sha-256=:4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo=:",
    b"Content-Digest: sha-256=:4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo=:",
)
_WANTED = (
    b"Want-Digest: sha-256;q=1",
    b"Want-Repr-Digest: sha-256=10",
    b"Want-Content-Digest: sha-256=10",
)
_REPEATED = (
    b"Link: </a>; rel=x",
    b"Via: 1.1 a",
    b"link: </b>; rel=y",
    b"Set-Cookie: b=2; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    b"WWW-Authenticate: Basic realm=a",
    b"set-cookie: a=1, c=d",
    b"WWW-Authenticate: Negotiate",
    b"Set-Cookie: b=2; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
)

FIELDS = [
    Case(
        "digests of a page that gets the tag go",
        get(*_WANTED),
        (page(*_DIGESTS),),
        body=PAGE,
        injected=True,
        never_sees=_DIGESTS,
        origin_sees=_WANTED,
    ),
    Case(
        "digests of what is not touched stay",
        get(*_WANTED),
        (ok(PAGE, b"Content-Type: text/plain", *_DIGESTS),),
        body=PAGE,
        sees=_DIGESTS,
        origin_sees=_WANTED,
    ),
    Case(
        "digests of an upload pass",
        b"PUT {path} HTTP/1.1\r\n"
        + SHOP
        + b"".join(digest + b"\r\n" for digest in _DIGESTS)
        + b"Content-Length: 2\r\n\r\nhi",
        origin_sees=_DIGESTS,
        origin_body_bytes=2,
    ),
    Case("a signed page is untouched", get(), (page(b"Signature-Input: a=()"),), body=PAGE),
    Case(
        "repeated fields of a page stay apart and in order",
        get(),
        (page(*_REPEATED),),
        body=PAGE,
        injected=True,
        sees=_REPEATED,
    ),
    Case(
        "repeated fields of a request stay apart and in order",
        get(b"Accept: text/html", b"X-A: 1", b"accept: */*", b"X-A: 2", b"Cookie: a", b"Cookie: b"),
        origin_sees=(b"X-A: 1", b"X-A: 2", b"Accept: text/html", b"accept: */*"),
    ),
    Case(
        "Vary and caching of a page are the origin's",
        get(),
        (page(b"Vary: Cookie, Accept-Language", b"Cache-Control: public, max-age=60", b"Age: 5"),),
        body=PAGE,
        injected=True,
        sees=(b"Vary: Cookie, Accept-Language", b"Cache-Control: public, max-age=60", b"Age: 5"),
    ),
    Case("no Vary is made up", get(), (page(),), body=PAGE, injected=True, never_sees=(b"Vary",)),
    Case(
        "security fields of a page stay",
        get(),
        (
            page(
                b"Cross-Origin-Embedder-Policy: require-corp",
                b"Cross-Origin-Opener-Policy: same-origin",
                b"Permissions-Policy: camera=()",
                b"Strict-Transport-Security: max-age=5",
                b"X-Frame-Options: DENY",
            ),
        ),
        body=PAGE,
        injected=True,
        sees=(
            b"Cross-Origin-Embedder-Policy: require-corp",
            b"Cross-Origin-Opener-Policy: same-origin",
            b"Permissions-Policy: camera=()",
            b"Strict-Transport-Security: max-age=5",
            b"X-Frame-Options: DENY",
        ),
    ),
    Case("an empty value stays", get(b"X-Empty:"), (ok(b"ok", b"X-Empty: "),), body=b"ok"),
    Case(
        "a redirect is untouched",
        get(),
        (page(b"Location: http://elsewhere.example/?a=b", status=b"302 Found"),),
        status=302,
        body=PAGE,
        frame="length",
        sees=(b"Location: http://elsewhere.example/?a=b",),
    ),
]

_SLICE = (b"Content-Range: bytes 0-%d/99999" % (len(PAGE) - 1), b"Accept-Ranges: bytes")
RANGES = [
    Case(
        "a range passes, and its answer",
        get(b"Range: bytes=0-99", b'If-Range: "v1"'),
        (page(*_SLICE, b'ETag: "v1"', status=b"206 Partial Content"),),
        status=206,
        body=PAGE,
        frame="length",
        sees=(*_SLICE, b'ETag: "v1"'),
        origin_sees=(b"Range: bytes=0-99", b'If-Range: "v1"'),
    ),
    Case(
        "a range that the origin ignores is a page",
        get(b"Range: bytes=0-99"),
        (page(b"Accept-Ranges: bytes"),),
        body=PAGE,
        injected=True,
    ),
    Case(
        "a range of a tagged copy asks for the whole page",
        get(b"Range: bytes=100-", b'If-Range: W/"v1.sf0123456789s"'),
        (page(b'ETag: "v1"'),),
        body=PAGE,
        injected=True,
        origin_never=(b"Range: bytes=100-",),
        sees=(b'ETag: W/"v1.sf0123456789s"',),
    ),
    Case(
        "a range that cannot be had",
        get(b"Range: bytes=99999999-"),
        (ok(b"no", b"Content-Range: bytes */5", status=b"416 Range Not Satisfiable"),),
        status=416,
        body=b"no",
        sees=(b"Content-Range: bytes */5",),
    ),
    Case(
        "several ranges",
        get(b"Range: bytes=0-1,5-6"),
        (
            ok(
                b"--x\r\nContent-Type: text/html\r\n\r\n<html>\r\n--x--",
                b"Content-Type: multipart/byteranges; boundary=x",
                status=b"206 Partial Content",
            ),
        ),
        status=206,
        body=b"--x\r\nContent-Type: text/html\r\n\r\n<html>\r\n--x--",
    ),
]
EXCHANGES = [*METHODS, *STATUSES, *FIELDS, *RANGES]
