"""Boring defaults for the injector's tests, and a page's way through it."""

import random
from collections.abc import Iterator
from typing import Any

from edge.inject.plan import Headers, RequestPlan, ResponsePlan, Tag, plan_request, plan_response
from edge.inject.rewriter import BodyRewriter
from edge.inject.stance import Stance
from edge.sites import Origin, Site

SCRIPT = b'<script async="async" src="/sf/1a2b3c4d5e.js"></script>'
TAG_DATE = 1_700_000_000
"""Tue, 14 Nov 2023 22:13:20 GMT."""
NAVIGATION: Headers = [(b"Host", b"shop.example"), (b"Sec-Fetch-Dest", b"document")]
PROGRAM: Headers = [(b"Host", b"shop.example")]
HTML_UTF8 = (b"Content-Type", b"text/html; charset=utf-8")


def a_site(**changes: Any) -> Site:
    fields: dict[str, Any] = {
        "id": 1,
        "host": "shop.example",
        "origins": (Origin("http", "127.0.0.1", 80),),
        "public_key": "pk",
    }
    return Site(**{**fields, **changes})


def a_tag(**changes: Any) -> Tag:
    fields: dict[str, Any] = {
        "script_url": "/sf/1a2b3c4d5e.js",
        "endpoint_url": "/sf/e",
        "module_prefix": "/sf/m/",
        "version": "1a2b3c4d5e",
        "modified_at": TAG_DATE,
    }
    return Tag(**{**fields, **changes})


def a_request(
    headers: Headers | None = None,
    *,
    site: Site | None = None,
    tag: Tag | None = None,
    method: str = "GET",
    origin: str = "https://shop.example",
    stance: Stance | None = None,
) -> RequestPlan:
    headers = NAVIGATION if headers is None else headers
    site, tag = site or a_site(), tag or a_tag()
    return plan_request(site, method, b"/", headers, tag, origin=origin, stance=stance)


def a_response(
    *headers: tuple[bytes, bytes], request: RequestPlan | None = None, status: int = 200
) -> ResponsePlan:
    return plan_response(request or a_request(), status, list(headers) or [HTML_UTF8])


def a_rewriter(coding: bytes = b"", request: RequestPlan | None = None) -> BodyRewriter:
    headers = [HTML_UTF8, (b"Content-Encoding", coding)] if coding else [HTML_UTF8]
    body = a_response(*headers, request=request).body
    assert body is not None
    return body


def run(body: BodyRewriter, data: bytes, size: int) -> bytes:
    """Send ``data`` through in chunks of ``size``; 0 draws random sizes."""
    out = [body.feed(chunk) for chunk in cut(data, size)]
    return b"".join((*out, body.finish()))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    dice = random.Random(len(data))
    at = 0
    while at < len(data):
        step = size or dice.randint(1, 1 + len(data) // 3)
        yield data[at : at + step]
        at += step


def values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name.lower()]
