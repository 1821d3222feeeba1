"""Answer requests for the tracker script: coding, validators and age in caches.

The bytes come from ``edge.collector.builds``. The one invariant: only the URL that names the
script's own hash is immutable; every other name gets the current one for a short time, because
pages live in caches for months and a name of the site's choice stays while the script changes.
"""

from edge.collector.builds import Script
from edge.collector.messages import (
    EndpointRequest,
    EndpointResponse,
    Headers,
    refuse_method,
    render_empty,
    render_response,
)
from edge.collector.origins import cors_headers

IMMUTABLE = b"public, max-age=31536000, immutable"
SHORT = b"public, max-age=600"
_JAVASCRIPT = b"text/javascript; charset=utf-8"
_PREFERENCE = (b"br", b"zstd", b"gzip")


def respond_with_script(request: EndpointRequest, script: Script, name: str) -> EndpointResponse:
    """Answer one request for ``name``, the part of the path behind the prefix."""
    if request.method not in {"GET", "HEAD"}:
        return refuse_method(b"GET, HEAD")
    coding = choose_coding(request.named.get(b"accept-encoding", b""))
    entity_tag = b'"%s%s"' % (script.hash.encode(), b"-" + coding if coding else b"")
    headers: Headers = (
        (b"Cache-Control", IMMUTABLE if name == f"{script.hash}.js" else SHORT),
        (b"ETag", entity_tag),
        (b"Vary", b"Accept-Encoding, Origin"),
        (b"Cross-Origin-Resource-Policy", b"cross-origin"),
        *cors_headers(request.site, request.named),
    )
    if _is_known(request.named.get(b"if-none-match", b""), script.hash.encode()):
        return render_empty(304, headers)
    if coding:
        headers = (*headers, (b"Content-Encoding", coding))
    body = {b"br": script.br, b"zstd": script.zstd, b"gzip": script.gzip}.get(coding, script.body)
    return render_response(200, _JAVASCRIPT, body, headers, head=request.method == "HEAD")


def choose_coding(accepted: bytes) -> bytes:
    """Choose the best coding that Accept-Encoding allows; empty means none.

    Source: RFC 9110, section 12.5.3: a weight of 0 forbids, ``*`` stands for what is not named.
    """
    allowed: dict[bytes, bool] = {}
    for member in accepted.lower().split(b","):
        coding, _, weight = member.partition(b";")
        quality = weight.partition(b"=")[2].strip()
        allowed[coding.strip()] = not quality or quality.strip(b"0.") != b""
    rest = allowed.get(b"*", False)
    return next((coding for coding in _PREFERENCE if allowed.get(coding, rest)), b"")


def _is_known(if_none_match: bytes, version: bytes) -> bool:
    """Tell whether the client holds this build, in whatever coding (weak comparison)."""
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix(b"W/").strip(b'"') for tag in if_none_match.split(b",")]
    return any(tag == b"*" or tag.partition(b"-")[0] == version for tag in tags)
