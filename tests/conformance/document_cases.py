"""Codings, charsets, policies and pieces of pages: where the tag is, and what stays byte for byte.

Cases as in ``cases``; odd documents are those of the injector's own tests, replayed by
``test_documents``. It is long because it is a table.
"""

import gzip
import zlib

import brotli
import zstandard

from tests.conformance.cases import HTML, PAGE, Case, get, page
from tests.support.origin import Close, chunked, ok

ORIGIN = b"http://shop.localhost"
JS = ORIGIN + b"/sf/0123456789.js " + ORIGIN + b"/sf/m/"
TO = ORIGIN + b"/sf/e"
POLICY = b"Content-Security-Policy: "
REPORTED = b"Content-Security-Policy-Report-Only: "
NAVIGATION = (b"Sec-Fetch-Dest: document", b"Sec-Fetch-Mode: navigate")


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


PACK = {
    "gzip": (b"gzip", gzip.compress(PAGE, mtime=0)),
    "x-gzip": (b"x-gzip", gzip.compress(PAGE, mtime=0)),
    "gzip in capitals": (b"GZip", gzip.compress(PAGE, mtime=0)),
    "gzip of two members": (b"gzip", gzip.compress(PAGE[:50]) + gzip.compress(PAGE[50:])),
    "zlib": (b"deflate", zlib.compress(PAGE)),
    "raw deflate": (b"deflate", raw_deflate(PAGE)),
    "brotli": (b"br", brotli.compress(PAGE)),
    "zstandard": (b"zstd", zstandard.ZstdCompressor().compress(PAGE)),
    "identity": (b"identity", PAGE),
}


def packed(data: bytes, coding: bytes, *fields: bytes) -> bytes:
    return page(b"Content-Encoding: " + coding, *fields, body=data)


def _untouched(name: str, data: bytes, coding: bytes, *fields: bytes) -> Case:
    return Case(
        name,
        get(b"Accept-Encoding: gzip, br"),
        (packed(data, coding, *fields),),
        body=data,
        sees=(b"Content-Encoding: " + coding,),
    )


_GZIP = gzip.compress(PAGE, mtime=0)
CODINGS = [
    *(
        Case(
            f"a page in {name}",
            get(b"Accept-Encoding: gzip, deflate, br, zstd"),
            (packed(data, coding),),
            body=PAGE,
            injected=True,
            unpack=coding != b"GZip",
            sees=(b"Content-Encoding: " + coding,),
        )
        for name, (coding, data) in PACK.items()
        if name != "gzip in capitals"
    ),
    Case(
        "a page to a client that takes no coding",
        get(b"Accept-Encoding: identity"),
        (packed(_GZIP, b"gzip"),),
        body=PAGE,
        injected=True,
        unpack=True,
        origin_sees=(b"Accept-Encoding: identity",),
    ),
    Case(
        "codings that cannot be undone are not asked for",
        get(b"Accept-Encoding: dcb, gzip;q=0.5, compress, br;q=0", *NAVIGATION),
        (page(),),
        body=PAGE,
        injected=True,
        origin_sees=(b"Accept-Encoding: gzip;q=0.5, br;q=0",),
    ),
    Case(
        "any coding becomes one that can be undone",
        get(b"Accept-Encoding: *", *NAVIGATION),
        origin_sees=(b"Accept-Encoding: gzip",),
    ),
    Case(
        "no coding stays no coding",
        get(b"Accept-Encoding: identity;q=1, *;q=0", *NAVIGATION),
        origin_sees=(b"Accept-Encoding: identity;q=1, *;q=0",),
    ),
    Case("nothing is made up about codings", get(*NAVIGATION), origin_never=(b"Accept-Encoding",)),
    Case(
        "what is no page may come in any coding",
        get(b"Accept-Encoding: dcb, gzip, compress", b"Sec-Fetch-Dest: image"),
        (ok(b"x" * 99, b"Content-Encoding: dcb", b"Content-Type: image/x"),),
        body=b"x" * 99,
        origin_sees=(b"Accept-Encoding: dcb, gzip, compress",),
    ),
    _untouched("two codings", gzip.compress(brotli.compress(PAGE)), b"br, gzip"),
    _untouched("one coding twice", gzip.compress(_GZIP), b"gzip, gzip"),
    Case(
        "two codings in two fields",
        get(),
        (packed(gzip.compress(_GZIP), b"gzip", b"Content-Encoding: gzip"),),
        body=gzip.compress(_GZIP),
    ),
    _untouched("a page in an unknown coding", PAGE, b"compress"),
    _untouched("a page that only says gzip", PAGE, b"gzip"),
    _untouched("a page that only says br", PAGE, b"br"),
    _untouched("a page that only says zstd", PAGE, b"zstd"),
    _untouched("a page that only says deflate", PAGE, b"deflate"),
    _untouched("brotli that says gzip", brotli.compress(PAGE), b"gzip"),
    Case("gzip that says nothing", get(), (page(body=_GZIP),), body=_GZIP),
    _untouched("gzip cut in its head", _GZIP[:8], b"gzip"),
    _untouched("gzip cut before the place", gzip.compress(b"<!doctype html><ht")[:-4], b"gzip"),
    _untouched("nothing in gzip", b"", b"gzip"),
    _untouched("gzip of nothing", gzip.compress(b"", mtime=0), b"gzip"),
    _untouched("no page in gzip", gzip.compress(b'{"a": 1}' * 99, mtime=0), b"gzip"),
    _untouched("a fragment in gzip", gzip.compress(b"<p>x</p>" * 99, mtime=0), b"gzip"),
]

_BODY = b"<!doctype html><html><head><title>\x82\xb1\x82\xf1\xff\x80</title></head><p>x"
_LATE = b"<!doctype html><html><head><title>" + b"x" * 920 + b"</title>"
CHARSETS = [
    *(
        Case(
            f"charset {charset}",
            get(),
            (ok(_BODY, b"Content-Type: text/html; charset=" + charset.encode()),),
            body=_BODY,
            injected=True,
            after=b"<head>",
        )
        for charset in (
            *("shift_jis", "gb18030", "windows-1251", "euc-jp", "euc-kr", "big5", "koi8-r"),
            *("iso-8859-8-i", "macintosh", "windows-874", '"UTF-8"', "us-ascii", "gbk"),
        )
    ),
    *(
        Case(
            f"charset {charset} is left alone",
            get(),
            (ok(PAGE, b"Content-Type: text/html; charset=" + charset.encode()),),
            body=PAGE,
        )
        for charset in ("iso-2022-jp", "utf-16", "UTF-16LE", "utf-32", "utf-7", "hz-gb-2312")
    ),
    Case(
        "a byte order mark of utf-8",
        get(),
        (page(body=b"\xef\xbb\xbf" + _BODY),),
        body=b"\xef\xbb\xbf" + _BODY,
        injected=True,
        after=b"<head>",
    ),
    *(
        Case(
            f"{name} by its mark is left alone",
            get(),
            (ok(mark + PAGE.decode().encode(name), HTML),),
            body=mark + PAGE.decode().encode(name),
        )
        for name, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"))
    ),
    Case(
        "utf-16 without a mark is left alone",
        get(),
        (ok(PAGE.decode().encode("utf-16-le"), HTML),),
        body=PAGE.decode().encode("utf-16-le"),
    ),
    Case(
        "the charset's element stays in reach",
        get(),
        (ok(_LATE + b"<meta charset=utf-8><p>x", HTML),),
        body=_LATE + b"<meta charset=utf-8><p>x",
        injected=True,
        after=b"<meta charset=utf-8>",
    ),
    Case(
        "a late charset in the body",
        get(),
        (ok(_LATE + b"<p><meta charset=utf-8><p>x", HTML),),
        body=_LATE + b"<p><meta charset=utf-8><p>x",
    ),
]


def _policy(
    name: str,
    fields: tuple[bytes, ...],
    amended: tuple[bytes, ...] | None = None,
    *,
    nonce: bytes = b"",
    injected: bool = True,
    body: bytes = PAGE,
) -> Case:
    return Case(
        f"policy: {name}",
        get(),
        (page(*fields, body=body),),
        body=body,
        injected=injected,
        nonce=nonce,
        sees=amended if amended is not None else fields,
    )


POLICIES = [
    _policy(
        "only itself", (POLICY + b"script-src 'self'",), (POLICY + b"script-src 'self' " + JS,)
    ),
    _policy(
        "a nonce",
        (POLICY + b"script-src 'nonce-r4nd0m=='; object-src 'none'",),
        nonce=b"r4nd0m==",
    ),
    _policy(
        "a hash",
        (POLICY + b"script-src 'sha256-4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo='",),
        (POLICY + b"script-src 'sha256-4REjxQ4yrqUVicfSKYNO/cF9zNj5ANbzgDZt3/h3Qxo=' " + JS,),
    ),
    _policy(
        "strict-dynamic with a nonce",
        (POLICY + b"script-src 'strict-dynamic' 'nonce-abc' 'unsafe-inline' https:",),
        nonce=b"abc",
    ),
    _policy(
        "strict-dynamic without one",
        (POLICY + b"script-src 'strict-dynamic' 'sha256-abc='",),
        injected=False,
    ),
    _policy(
        "several fields",
        (POLICY + b"script-src 'nonce-abc'", POLICY + b"connect-src 'none'", POLICY + b"img-src a"),
        (
            POLICY + b"script-src 'nonce-abc'",
            POLICY + b"connect-src " + TO,
            POLICY + b"img-src a",
        ),
        nonce=b"abc",
    ),
    _policy(
        "several in one field",
        (POLICY + b"script-src a.example, script-src b.example",),
        (POLICY + b"script-src a.example " + JS + b", script-src b.example " + JS,),
    ),
    _policy(
        "only reported",
        (REPORTED + b"default-src 'self'; report-uri /r",),
        (
            REPORTED
            + b"default-src 'self'; report-uri /r; script-src 'self' "
            + JS
            + b"; connect-src 'self' "
            + TO,
        ),
    ),
    _policy(
        "nothing at all",
        (POLICY + b"default-src 'none'",),
        (POLICY + b"default-src 'none'; script-src " + JS + b"; connect-src " + TO,),
    ),
    _policy("a sandbox", (POLICY + b"sandbox",), injected=False),
    _policy(
        "a sandbox with scripts",
        (POLICY + b"sandbox allow-scripts allow-same-origin",),
    ),
    _policy(
        "trusted types",
        (POLICY + b"require-trusted-types-for 'script'; trusted-types default 'allow-duplicates'",),
    ),
    _policy(
        "elements apart",
        (POLICY + b"script-src 'none'; script-src-elem 'self'",),
        (POLICY + b"script-src " + JS + b"; script-src-elem 'self' " + JS,),
    ),
    _policy("nothing about scripts", (POLICY + b"frame-ancestors 'self'",)),
    _policy("integrity", (b"Integrity-Policy: blocked-destinations=(script)",), injected=False),
    _policy(
        "in a meta behind the tag",
        (),
        body=PAGE.replace(
            b"<title>",
            b"<meta http-equiv=content-security-policy content=\"script-src 'none'\"><title>",
        ),
    ),
]

_FRAGMENT = b"<div>part</div>"
_AMP = b"<!doctype html><html amp lang=en><head><meta charset=utf-8></head>"
_XHTML = (
    b"<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' 'x'>"
    b"<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body/></html>"
)
_TAGGED = PAGE.replace(
    b"<title>", b'<script async="async" src="/sf/0123456789.js"></script><title>'
)


def _piece(name: str, *fields: bytes, body: bytes = PAGE) -> Case:
    return Case(name, get(*fields), (page(body=body),), body=body, frame="length")


PIECES = [
    _piece("htmx", b"HX-Request: true"),
    _piece("a Turbo frame", b"Turbo-Frame: cart"),
    _piece("PJAX", b"X-PJAX: true"),
    _piece("XMLHttpRequest", b"X-Requested-With: XMLHttpRequest"),
    _piece("a fetch", b"Sec-Fetch-Dest: empty", b"Sec-Fetch-Mode: cors"),
    _piece("an object", b"Sec-Fetch-Dest: object"),
    _piece("a template", b"Sec-Fetch-Dest: empty", body=_FRAGMENT),
    _piece("the client says no-transform", b"Cache-Control: no-transform"),
    Case("a piece without a label", get(), (page(body=_FRAGMENT),), body=_FRAGMENT),
    Case("a frame", get(b"Sec-Fetch-Dest: iframe"), (page(),), body=PAGE, injected=True),
    Case(
        "a service worker's navigation",
        get(b"Sec-Fetch-Dest: empty", b"Sec-Fetch-Mode: navigate"),
        (page(),),
        body=PAGE,
        injected=True,
    ),
    Case(
        "a page that is fetched ahead",
        get(b"Sec-Purpose: prefetch;prerender", *NAVIGATION),
        (page(),),
        body=PAGE,
        injected=True,
        origin_sees=(b"Sec-Purpose: prefetch;prerender",),
    ),
    Case(
        "a crawler sees what everybody sees",
        get(
            b"User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
        ),
        (page(),),
        body=PAGE,
        injected=True,
    ),
    Case(
        "a visitor who says do not track gets the same page",
        get(b"DNT: 1", b"Sec-GPC: 1"),
        (page(),),
        body=PAGE,
        injected=True,
    ),
    Case("AMP", get(), (page(body=_AMP),), body=_AMP),
    Case(
        "XHTML",
        get(),
        (ok(_XHTML, b"Content-Type: application/xhtml+xml; charset=utf-8"),),
        body=_XHTML,
        injected=True,
        after=b"<head>",
    ),
    Case(
        "a feed",
        get(*NAVIGATION),
        (ok(b"<?xml version='1.0'?><rss/>", b"Content-Type: application/rss+xml"),),
        body=b"<?xml version='1.0'?><rss/>",
    ),
    Case(
        "JSON that says it is a page", get(*NAVIGATION), (page(body=b'{"a": 1}'),), body=b'{"a": 1}'
    ),
    Case(
        "a download with a name",
        get(),
        (page(b'Content-Disposition: attachment; filename="a.html"'),),
        body=PAGE,
    ),
    Case(
        "a page with a name that is shown",
        get(),
        (page(b'Content-Disposition: inline; filename="a.html"'),),
        body=PAGE,
        injected=True,
    ),
    Case(
        "no-transform among others",
        get(),
        (page(b"Cache-Control: max-age=5", b"cache-control: private, No-Transform"),),
        body=PAGE,
        frame="length",
    ),
    Case(
        "a page that has the tag already",
        get(),
        (page(body=_TAGGED),),
        body=_TAGGED.replace(b'<script async="async" src="/sf/0123456789.js"></script>', b""),
        injected=True,
    ),
    Case("an empty page", get(), (ok(b"", HTML),), body=b"", frame="length"),
    Case(
        "an empty chunked page",
        get(),
        (b"HTTP/1.1 200 OK\r\n" + HTML + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
        body=b"",
    ),
    Case(
        "a page without a frame",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + PAGE,
            Close(),
        ),
        body=PAGE,
        injected=True,
    ),
    Case(
        "a page whose chunks are cut anywhere",
        get(),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(PAGE[:3], PAGE[3:20], PAGE[20:41], PAGE[41:])
            + b"0\r\n\r\n",
        ),
        body=PAGE,
        injected=True,
    ),
]
DOCUMENTS = [*CODINGS, *CHARSETS, *POLICIES, *PIECES]
