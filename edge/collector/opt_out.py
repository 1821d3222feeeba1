"""The page where a visitor sees what is stored and switches counting off: the one cookie there is.

Plain HTML without script or style: it works everywhere and needs nothing of the site's policy. What
would be stored is written by ``edge.collector.proof``; that the cookie is obeyed is a step of the
pipeline, that the origin never sees it is ``edge.wire.cookies``. The one invariant: the cookie is
set and removed only by the visitor's own click on a page of the site itself.
"""

from urllib.parse import parse_qs

from edge.collector.messages import (
    NO_STORE,
    EndpointRequest,
    EndpointResponse,
    refuse_method,
    render_empty,
    render_error,
    render_response,
)
from edge.collector.origins import is_same_origin

_ONE_YEAR_S = 31_536_000
_HTML = b"text/html; charset=utf-8"
_GUARD = (
    NO_STORE,
    (
        b"Content-Security-Policy",
        b"default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"X-Frame-Options", b"DENY"),
    (b"Referrer-Policy", b"same-origin"),
    (b"X-Robots-Tag", b"noindex"),
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Visitor statistics</title>
</head>
<body>
<main>
<h1>Visitor statistics</h1>
<p>This website counts visits without cookies and without keeping your address.</p>
<p role="status"><strong>{state}</strong></p>
<form method="post">
<button name="count" value="{value}">{label}</button>
</form>
<p>{remark}</p>
<!--proof-->
</main>
</body>
</html>
"""
_PROOF = "<!--proof-->"
_COUNTED = _PAGE.format(
    state="Your visits are counted.",
    value="no",
    label="Do not count my visits",
    remark="Your choice is kept in one cookie of this website, in this browser, for one year.",
)
_NOT_COUNTED = _PAGE.format(
    state="Your visits are not counted in this browser.",
    value="yes",
    label="Count my visits again",
    remark="This removes the cookie that holds your choice.",
)


def respond_with_opt_out(
    request: EndpointRequest, *, opted_out: bool, proof: str = ""
) -> EndpointResponse:
    """Show the page with its ``proof``, which is HTML, or take the visitor's choice."""
    if request.method in {"GET", "HEAD"}:
        page = (_NOT_COUNTED if opted_out else _COUNTED).replace(_PROOF, proof).encode()
        return render_response(200, _HTML, page, _GUARD, head=request.method == "HEAD")
    if request.method != "POST":
        return refuse_method(b"GET, HEAD, POST")
    if not is_same_origin(request.site, request.named):
        return render_error(
            403, "origin_not_allowed", "This form works only on the website itself."
        )
    choice = parse_qs(request.body[:1_024].decode("latin-1")).get("count", ["no"])[-1]
    location = (b"Location", request.path.encode())
    cookie = (b"Set-Cookie", _cookie(count=choice == "yes", secure=request.secure))
    return render_empty(303, (location, cookie, *_GUARD))


def _cookie(*, count: bool, secure: bool) -> bytes:
    value, age_s = ("", 0) if count else ("1", _ONE_YEAR_S)
    suffix = "; Secure" if secure else ""
    return f"sf_out={value}; Path=/; Max-Age={age_s}; SameSite=Lax{suffix}".encode()
