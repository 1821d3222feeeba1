"""Answer other trackers: Plausible's ``/api/event``, Umami's ``/api/send`` and ``/api/batch``.

Their documents are read by ``edge.collector.foreign``; from there on an event is like any other.
Who sent it: a browser speaks for itself, so its address and agent are the connection's. A server
that speaks for its visitors shows a token of the site with the scope ``events:write``; then, and
only then, the address, agent and time that it tells are taken. The one invariant: without a token
nothing that a sender says about its address, agent or time changes who it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

from edge.collector.client_ip import parse_address
from edge.collector.collect import Collector, Refusal, Verdict
from edge.collector.foreign import ForeignEvents, names_site, read_plausible, read_umami
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
from edge.collector.origins import cors_headers, is_own_origin
from edge.collector.payload import Fault, Payload, Rejection, parse_event
from edge.event import Beacon, Sender
from edge.names import Api
from edge.outcomes import DropReason
from edge.sites import Site

MAX_DOCUMENTS = 100
"""Documents of one batch; Umami has no limit of its own."""
_VARY = (b"Vary", b"Origin")
_PREFLIGHT: Headers = (
    (b"Access-Control-Allow-Methods", b"POST"),
    (b"Access-Control-Allow-Headers", b"Content-Type, X-Umami-Cache"),
    (b"Access-Control-Max-Age", b"86400"),
)


@dataclass(frozen=True, slots=True)
class _Document:
    """One document of a request, and its place in it."""

    index: int
    events: ForeignEvents | None
    """None: it is none of this API's."""


def has_write_token(site: Site, named: Mapping[bytes, bytes]) -> bool:
    """Tell whether a request shows a token that may write the site's events."""
    kind, _, token = named.get(b"authorization", b"").partition(b" ")
    if kind.lower() != b"bearer" or not site.write_tokens:
        return False
    digest = sha256(token.strip()).hexdigest()
    return any(compare_digest(digest, known) for known in site.write_tokens)


def find_named_site(api: Api, body: bytes, sites: Sequence[Site]) -> Site | None:
    """Find the site that a request's first document names, for whoever has no host to go by."""
    documents = _documents(api, body)
    first = documents[0].events if documents else None
    if first is None or not first.site:
        return None
    return next((site for site in sites if names_site(site, first.site)), None)


async def respond_to_foreign(
    request: EndpointRequest, api: Api, collector: Collector, *, opted_out: bool, trusted: bool
) -> EndpointResponse:
    """Answer one request; ``trusted``: it shows the site's token."""
    if request.method == "OPTIONS":
        allowed = cors_headers(request.site, request.named)
        return render_empty(204, (_VARY, *allowed, *_PREFLIGHT) if allowed else (_VARY,))
    if request.method != "POST":
        return refuse_method(b"POST, OPTIONS")
    refusal = _wrong_request(request, trusted=trusted)
    documents = None if refusal else _documents(api, request.body)
    if documents is None:
        return _refused(refusal or _NO_DOCUMENT, request, collector)
    verdicts = await _take(request, documents, collector, opted_out=opted_out, trusted=trusted)
    return _answer(request, api, documents, verdicts)


_NO_DOCUMENT = Refusal(
    DropReason.INVALID_JSON, 400, "invalid_json", "The body is not a document of this API."
)


def _wrong_request(request: EndpointRequest, *, trusted: bool) -> Refusal | None:
    if not trusted and not is_own_origin(request.site, request.named):
        message = "This page does not belong to the site."
        return Refusal(DropReason.HOSTNAME_NOT_ALLOWED, 403, "origin_not_allowed", message)
    if len(request.body) > MAX_BODY_BYTES:
        return Refusal(DropReason.TOO_LARGE, 413, "too_large", "The body is larger than 64 KiB.")
    return None


def _documents(api: Api, body: bytes) -> list[_Document] | None:
    """Read the documents of a body; None if it is no JSON of the right shape."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    listed = raw if api is Api.UMAMI_BATCH else [raw]
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_DOCUMENTS:
        return None
    if api is not Api.UMAMI_BATCH and not isinstance(raw, dict):
        return None
    read = read_plausible if api is Api.PLAUSIBLE else read_umami
    return [
        _Document(index, read(document) if isinstance(document, dict) else None)
        for index, document in enumerate(listed)
    ]


async def _take(
    request: EndpointRequest,
    documents: Sequence[_Document],
    collector: Collector,
    *,
    opted_out: bool,
    trusted: bool,
) -> list[Verdict]:
    """Take the events of all documents, those of one sender together."""
    events = list(_checked(request, documents, trusted=trusted))
    verdicts = []
    for sender, group in groupby(events, key=itemgetter(0)):
        parsed = [outcome for _, outcome in group]
        beacons = tuple(outcome for outcome in parsed if isinstance(outcome, Beacon))
        rejected = tuple(outcome for outcome in parsed if isinstance(outcome, Rejection))
        payload = Payload(beacons, rejected)
        verdicts.append(await collector.take(payload, sender, opted_out=opted_out))
    return verdicts


def _checked(
    request: EndpointRequest, documents: Sequence[_Document], *, trusted: bool
) -> Iterator[tuple[Sender, Beacon | Rejection]]:
    """Check every event by the payload table; one of another site is rejected."""
    for document in documents:
        events = document.events
        sender = _sender(request, events, trusted=trusted)
        if events is None:
            yield sender, Rejection(document.index, "wrong_type", None)
        elif events.site and not names_site(request.site, events.site):
            yield sender, Rejection(document.index, "unknown_site", "domain")
        else:
            for wire in events.wire:
                aged = _aged(wire, events, request) if trusted else wire
                parsed = parse_event(aged, request.site.currency)
                if isinstance(parsed, Fault):
                    yield sender, Rejection(document.index, parsed.code, parsed.field)
                else:
                    yield sender, parsed


def _aged(wire: dict[str, Any], events: ForeignEvents, request: EndpointRequest) -> dict[str, Any]:
    """Take the time that a trusted sender tells as the event's age."""
    if not events.sent_at_ms:
        return wire
    return {**wire, "a": max(request.received_at_ms - events.sent_at_ms, 0)}


def _sender(request: EndpointRequest, events: ForeignEvents | None, *, trusted: bool) -> Sender:
    headers = request.named
    agent = headers.get(b"user-agent", b"")
    address = request.address
    if events is not None and events.language:
        headers = {**headers, b"accept-language": events.language.encode(errors="replace")}
    if trusted and events is not None:
        agent = events.agent.encode(errors="replace") or agent
        told = events.address.encode(errors="replace") or _first_forwarded(headers)
        address = parse_address(told) or address
    return Sender(request.site, address, agent, headers, request.received_at_ms)


def _first_forwarded(headers: Mapping[bytes, bytes]) -> bytes:
    """Give the first address of the chain: a server with a token names its visitor there."""
    return headers.get(b"x-forwarded-for", b"").partition(b",")[0]


def _refused(
    refusal: Refusal, request: EndpointRequest, collector: Collector | None = None
) -> EndpointResponse:
    """Tell a refusal; with a collector it is counted as well."""
    if collector is not None:
        collector.refuse(request.site, refusal)
    extra: Headers = (_VARY, *cors_headers(request.site, request.named))
    if refusal.retry_after_s:
        extra = (*extra, (b"Retry-After", b"%d" % refusal.retry_after_s))
    return render_error(refusal.status, refusal.code, refusal.message, refusal.field, extra)


def _answer(
    request: EndpointRequest, api: Api, documents: Sequence[_Document], verdicts: list[Verdict]
) -> EndpointResponse:
    """Answer as the API that was asked does; a single bad event is a 400."""
    refusal = next((verdict.refusal for verdict in verdicts if verdict.refusal), None)
    if refusal is not None:
        return _refused(refusal, request)
    rejected = [rejection for verdict in verdicts for rejection in verdict.rejected]
    extra: Headers = (NO_STORE, _VARY, *cors_headers(request.site, request.named))
    if api is Api.UMAMI_BATCH:
        return render_response(200, JSON, _batch_report(len(documents), rejected), extra)
    if rejected:
        first = rejected[0]
        message = "This event cannot be taken."
        return render_error(400, first.code, message, first.field, extra)
    if api is Api.UMAMI:
        body = orjson.dumps({"cache": "", "sessionId": "", "visitId": ""})
        return render_response(200, JSON, body, extra)
    if any(verdict.dropped for verdict in verdicts):
        extra = (*extra, (b"X-Plausible-Dropped", b"1"))
    return render_response(202, b"text/plain; charset=utf-8", b"ok", extra)


def _batch_report(size: int, rejected: Sequence[Rejection]) -> bytes:
    bad = {rejection.index: rejection for rejection in rejected}
    details = [
        {"index": index, "response": {"error": {"code": one.code, "field": one.field}}}
        for index, one in sorted(bad.items())
    ]
    report = {"size": size, "processed": size - len(bad), "errors": len(bad), "details": details}
    return orjson.dumps(report)
