"""The first-party endpoints of a site: one request in, one response out (DESIGN 5.2).

Framework-neutral, so that each front only adapts. Which paths they have is ``edge.names``; scripts,
the opt-out page and the taking in of events have modules of their own; this one routes and answers.
The one invariant: ``respond`` never raises and reads of Cookie nothing but the opt-out, of
Authorization nothing but whether it is a token of the site, where other trackers come in.
"""

import hmac
import logging
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import orjson
from prometheus_client import Counter

from edge.collector.builds import TrackerBuilds
from edge.collector.collect import Collector, Refusal, Verdict
from edge.collector.foreign_requests import has_write_token, respond_to_foreign
from edge.collector.messages import (
    JSON,
    MAX_BODY_BYTES,
    NO_STORE,
    EndpointRequest,
    EndpointResponse,
    Headers,
    refuse_method,
    render_empty,
    render_error,
    render_response,
)
from edge.collector.opt_out import respond_with_opt_out
from edge.collector.origins import cors_headers, is_own_origin, is_own_page
from edge.collector.proof import render_proof
from edge.collector.script import respond_with_script
from edge.event import PAGEVIEW, Beacon, Sender
from edge.names import BEACON, FOREIGN, MODULES, OPT_OUT, PIXEL, Api, Found
from edge.outcomes import DropReason
from edge.pipeline.page import is_own_host
from edge.pipeline.salts import SaltsUnavailable
from edge.sites import Site
from edge.wire.cookies import has_opt_out

__all__ = ["MAX_BODY_BYTES", "EndpointRequest", "EndpointResponse", "Endpoints"]

_log = logging.getLogger(__name__)
_FAILURES = Counter("statflow_endpoint_failures_total", "Requests answered 500 by an endpoint.")

_SECRETS = frozenset({b"cookie", b"authorization", b"proxy-authorization"})
_BEACON_TYPES = frozenset({b"", b"text/plain", b"application/json"})
_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_VARY = (b"Vary", b"Origin")
_FOREIGN = Refusal(
    DropReason.HOSTNAME_NOT_ALLOWED,
    403,
    "origin_not_allowed",
    "This page does not belong to the site.",
)
_PREFLIGHT: Headers = (
    (b"Access-Control-Allow-Methods", b"POST"),
    (b"Access-Control-Allow-Headers", b"Content-Type, X-Statflow-Debug"),
    (b"Access-Control-Max-Age", b"86400"),
)


type OnScript = Callable[[EndpointRequest], None]


class Endpoints:
    """What the edge answers itself, for every site."""

    def __init__(
        self, *, builds: TrackerBuilds, collector: Collector, on_script: OnScript | None = None
    ) -> None:
        """Take the parts; ``on_script`` is told of each fetch by who is willing to be counted."""
        self._builds = builds
        self._collector = collector
        self._on_script = on_script

    def owns(self, site: Site, path: str) -> bool:
        """Tell whether a raw path is ours to answer; all else is the origin's."""
        return self._builds.names.owns(site, path)

    def refuse_large(self) -> EndpointResponse:
        """Give the answer to a body that passes ``MAX_BODY_BYTES``."""
        return render_error(413, DropReason.TOO_LARGE, "The body is larger than 64 KiB.")

    async def respond(self, request: EndpointRequest) -> EndpointResponse:
        """Answer a request that ``owns`` said yes to."""
        try:
            headers = request.headers
            named = {name.lower(): value for name, value in reversed(headers)}
            opted_out = b"cookie" in named and has_opt_out(headers)
            found = self._builds.names.find(request.site, request.path)
            is_foreign = found is not None and found.name in FOREIGN
            is_trusted = is_foreign and has_write_token(request.site, named)
            if not _SECRETS.isdisjoint(named):
                headers = tuple([field for field in headers if field[0].lower() not in _SECRETS])
                named = {name: value for name, value in named.items() if name not in _SECRETS}
            safe = EndpointRequest._make((*request[:3], headers, *request[4:-1], named))
            if is_foreign and found is not None:
                return await respond_to_foreign(
                    safe, Api(found.name), self._collector, opted_out=opted_out, trusted=is_trusted
                )
            return await self._route(safe, found, opted_out)
        except Exception as error:  # noqa: BLE001 - the rim: count, log once, answer.
            _FAILURES.inc()
            _log.error("an endpoint failed: %s", type(error).__name__)
            return render_error(500, "internal", "Something went wrong on our side.")

    async def _route(
        self, request: EndpointRequest, found: Found | None, opted_out: bool
    ) -> EndpointResponse:
        if found is None:
            return _nothing()
        if found.name.startswith(MODULES):
            name = found.name.removeprefix(MODULES)
            module = self._builds.module(name.removesuffix(".js"))
            return _nothing() if module is None else respond_with_script(request, module, name)
        if found.name == BEACON:
            return await self._beacon(request, opted_out)
        if found.name == PIXEL:
            return await self._pixel(request, opted_out)
        if found.name == OPT_OUT:
            proof = await self._proof(request, opted_out) if request.method == "GET" else ""
            return respond_with_opt_out(request, opted_out=opted_out, proof=proof)
        script = self._builds.script(request.site, found.names)
        if self._on_script is not None and request.method == "GET" and not opted_out:
            self._on_script(request)
        return respond_with_script(request, script, found.name)

    async def _beacon(self, request: EndpointRequest, opted_out: bool) -> EndpointResponse:
        if request.method == "OPTIONS":
            return _preflight(request)
        if request.method != "POST":
            return refuse_method(b"POST, OPTIONS")
        refusal = _wrong_envelope(request)
        if refusal is not None:
            self._collector.refuse(request.site, refusal)
            return _refused(refusal, request)
        verdict = await self._collector.collect(request.body, _sender(request), opted_out=opted_out)
        return _refused(verdict.refusal, request) if verdict.refusal else _taken(verdict, request)

    async def _proof(self, request: EndpointRequest, opted_out: bool) -> str:
        """Show what would be stored about a view of the page that the visitor comes from."""
        sender = _sender(request)
        page = request.named.get(b"referer", b"").decode("latin-1")
        host = urlsplit(page).hostname if _is_url(page) else None
        if host is None or not is_own_host(request.site, host):
            page = f"http{'s' if request.secure else ''}://{request.site.host}/"
        try:
            outcome = await self._collector.preview(
                Beacon(PAGEVIEW, page), sender, opted_out=opted_out
            )
        except SaltsUnavailable:
            return ""
        return render_proof(outcome, sender.address, request.site.salt_period)

    async def _pixel(self, request: EndpointRequest, opted_out: bool) -> EndpointResponse:
        """Count a page view without JavaScript; the picture comes whatever becomes of it."""
        if request.method not in {"GET", "HEAD"}:
            return refuse_method(b"GET, HEAD")
        extra: Headers = (NO_STORE, (b"Cross-Origin-Resource-Policy", b"cross-origin"))
        if request.method == "GET" and not is_own_page(request.site, request.named):
            self._collector.refuse(request.site, _FOREIGN)
        elif request.method == "GET":
            page = parse_qs(request.query).get("u", [""])[0]
            page = page or request.named.get(b"referer", b"").decode("latin-1")
            body = orjson.dumps({"n": "pageview", "u": page})
            verdict = await self._collector.collect(body, _sender(request), opted_out=opted_out)
            extra = (*extra, *_debug_header(verdict, request))
        return render_response(200, b"image/gif", _GIF, extra, head=request.method == "HEAD")


def _nothing() -> EndpointResponse:
    return render_error(404, "not_found", "There is nothing here.")


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:
        return False


def _sender(request: EndpointRequest) -> Sender:
    named = request.named
    agent = named.get(b"user-agent", b"")
    return Sender(request.site, request.address, agent, named, request.received_at_ms)


def _preflight(request: EndpointRequest) -> EndpointResponse:
    allowed = cors_headers(request.site, request.named)
    return render_empty(204, (_VARY, *allowed, *_PREFLIGHT) if allowed else (_VARY,))


def _wrong_envelope(request: EndpointRequest) -> Refusal | None:
    """Refuse a beacon for what can be seen without reading its body."""
    if not is_own_origin(request.site, request.named):
        return _FOREIGN
    if len(request.body) > MAX_BODY_BYTES:
        return Refusal(DropReason.TOO_LARGE, 413, "too_large", "The body is larger than 64 KiB.")
    media_type = request.named.get(b"content-type", b"").partition(b";")[0].strip().lower()
    coding = request.named.get(b"content-encoding", b"").strip().lower()
    if media_type not in _BEACON_TYPES or coding not in {b"", b"identity"}:
        message = "Send text/plain or application/json, without a content coding."
        return Refusal(DropReason.INVALID_PAYLOAD, 415, "unsupported_media_type", message)
    return None


def _refused(refusal: Refusal, request: EndpointRequest) -> EndpointResponse:
    extra: Headers = (_VARY, *cors_headers(request.site, request.named))
    if refusal.retry_after_s:
        extra = (*extra, (b"Retry-After", b"%d" % refusal.retry_after_s))
    return render_error(refusal.status, refusal.code, refusal.message, refusal.field, extra)


def _taken(verdict: Verdict, request: EndpointRequest) -> EndpointResponse:
    body = b"{}"
    if verdict.rejected:
        rows = [{"index": r.index, "code": r.code, "field": r.field} for r in verdict.rejected]
        body = orjson.dumps({"rejected": rows})
    cors = cors_headers(request.site, request.named)
    extra = (NO_STORE, _VARY, *cors, *_debug_header(verdict, request))
    return render_response(202, JSON, body, extra)


def _debug_header(verdict: Verdict, request: EndpointRequest) -> Headers:
    """Tell a developer why events were dropped; nobody else may learn it."""
    if not verdict.dropped:
        return ()
    site = request.site
    key = request.named.get(b"x-statflow-debug", b"")
    is_asked = site.debug_key and hmac.compare_digest(key, site.debug_key.encode())
    if not (site.debug or is_asked):
        return ()
    return ((b"X-Statflow-Dropped", ", ".join(verdict.dropped).encode()),)
