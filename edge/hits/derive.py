"""From a document as it was served to a Hit: the steps of the pipeline that concern one. Pure.

A hit is derived by the same steps as an event, so that both name a page, a browser and a country
alike. The one invariant: of who refuses to be counted nothing is derived that tells visitors apart:
no hash, no place, no referrer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from edge.event import PAGEVIEW, Address, Beacon, Sender
from edge.fronts.loads import is_fetched_ahead, is_in_frame, refusal_of
from edge.fronts.served import Asked, Served
from edge.hits.hit import Capture, Hit, Kind
from edge.load_id import is_error
from edge.outcomes import DropReason
from edge.pipeline.bots import put_bot
from edge.pipeline.device import put_device
from edge.pipeline.draft import Context, Draft
from edge.pipeline.identity import put_place, put_visitor
from edge.pipeline.moment import put_moment
from edge.pipeline.page import is_own_host, kept_path, put_page
from edge.pipeline.shields import (
    drop_shielded_country,
    drop_shielded_host,
    drop_shielded_ip,
    drop_shielded_path,
)
from edge.pipeline.source import put_referrer
from edge.sites import Site
from edge.wire.fields import Fields, Indexed, keys_of, values_of

_PIECES = frozenset({"not_document", "partial_request", "head"})
_FIRST_ERROR = 400
_NOT_MODIFIED = 304
_READS = frozenset({"GET"})
_SECRETS = frozenset({b"cookie", b"authorization", b"proxy-authorization"})

_STEPS = (
    drop_shielded_ip,
    put_page,
    drop_shielded_host,
    drop_shielded_path,
    put_moment,
    put_device,
)
_STEPS_OF_THE_WILLING = (
    put_referrer,
    put_place,
    drop_shielded_country,
)


@dataclass(frozen=True, slots=True)
class Noted:
    """What a front noted of one request, with the time it came; in memory only.

    Units: ``at_ms`` Unix milliseconds.
    """

    served: Served
    at_ms: int

    def indexed(self) -> "Noted":
        """Index the request's fields, which are asked for a dozen times."""
        asked = self.served.asked
        if isinstance(asked.headers, Indexed):
            return self
        asked = asked._replace(headers=Indexed(asked.headers))
        return replace(self, served=replace(self.served, asked=asked))


def is_hit(served: Served) -> bool:
    """Tell whether an answer was a document for somebody, not a piece that a script asked for."""
    return served.asked.address is not None and str(served.outcome) not in _PIECES


def is_view(served: Served) -> bool:
    """Tell whether a document was shown as a page: what a site without a script counts.

    A 304 shows the visitor's own copy; error pages are pages too, as they are with the script.
    """
    asked, status = served.asked, served.status
    has_shown = status == _NOT_MODIFIED or (served.is_html and _is_page(status))
    return (
        has_shown
        and asked.method in _READS
        and not is_in_frame(asked.headers)
        and not is_fetched_ahead(asked.headers)
        and (served.complete or served.sent_bytes > 0)
    )


def sender_of(asked: Asked, address: Address, at_ms: int) -> Sender:
    """Name who asked, as the pipeline wants it, without what identifies them to the site."""
    agent = b"".join(values_of(asked.headers, b"user-agent")[:1])
    return Sender(asked.site, address, agent, _named(asked.headers), at_ms, is_document=True)


def view_of(served: Served) -> Beacon:
    """Write the page view that a document amounts to."""
    asked, status = served.asked, served.status if is_error(served.status) else 0
    referrer = b"".join(values_of(asked.headers, b"referer")[:1])
    return Beacon(PAGEVIEW, page_url(asked), referrer.decode("latin-1"), status=status)


def page_url(asked: Asked) -> str:
    """Write the address that was asked for."""
    return asked.origin + asked.target.decode("utf-8", "replace")


def derive_hit(served: Served, sender: Sender, context: Context) -> Hit | DropReason:
    """Make the hit of a document, or say which shield of the site keeps it out."""
    asked, refusal = served.asked, refusal_of(served.asked)
    draft = Draft(view_of(served), sender, context)
    steps = _STEPS if refusal else (*_STEPS, *_STEPS_OF_THE_WILLING)
    reason = _run(steps, draft)
    if reason is not None:
        return reason
    if not refusal and draft.local_day in context.salts:
        put_visitor(draft)
    put_bot(draft)
    redirect = _target(served.location, page_url(asked), asked.site)
    return Hit(
        site_id=asked.site.id,
        ts_ms=draft.ts_ms,
        local_day=draft.local_day,
        visitor=draft.visitor,
        kind=Kind.DOCUMENT,
        method=asked.method[:16],
        status=served.status,
        outcome=str(served.outcome),
        capture=capture_of(served, refusal),
        refusal=refusal,
        hostname=draft.hostname,
        path=draft.path,
        referrer_host=draft.referrer.partition("/")[0],
        from_path="" if refusal else _linked_from(draft),
        redirect=redirect,
        sent_bytes=served.sent_bytes,
        ttfb_ms=round(served.ttfb_ms),
        duration_ms=round(served.duration_ms),
        is_complete=served.complete,
        load_id=served.load_id,
        country=draft.place.country,
        browser=draft.device.browser,
        browser_version=draft.device.browser_version,
        os=draft.device.os,
        device=draft.device.device,
        bot=draft.bot,
        operator=draft.operator,
        evidence=draft.evidence,
    )


def capture_of(served: Served, refusal: str) -> Capture:
    """Say whether the tracker can confirm a document, and what keeps it from that."""
    headers = served.asked.headers
    if served.location or not served.complete or is_in_frame(headers):
        return Capture.ASIDE
    if not served.shows_tag:
        return Capture.UNTAGGED
    if refusal:
        return Capture.REFUSED
    if is_fetched_ahead(headers):
        return Capture.AHEAD
    if not served.load_id:
        return Capture.CACHEABLE
    return Capture.META_POLICY if served.bars_beacon else Capture.ELIGIBLE


def _run(
    steps: tuple[Callable[[Draft], DropReason | None], ...], draft: Draft
) -> DropReason | None:
    for step in steps:
        reason = step(draft)
        if reason is not None:
            return reason
    return None


def _is_page(status: int) -> bool:
    return 200 <= status < 300 or status >= _FIRST_ERROR  # noqa: PLR2004 - HTTP's own numbers.


def _named(headers: Fields) -> dict[bytes, bytes]:
    """Map names to first values."""
    pairs = zip(reversed(keys_of(headers)), reversed(headers), strict=True)
    return {key: field[1] for key, field in pairs if key not in _SECRETS}


def _linked_from(draft: Draft) -> str:
    """Give the path of the page of the same site that linked here, masked as paths are."""
    try:
        parts = urlsplit(draft.beacon.referrer)
        host = parts.hostname or ""
    except ValueError:
        return ""
    site = draft.sender.site
    if not host or not is_own_host(site, host):
        return ""
    return kept_path(parts.path, site)


def _target(location: bytes, base: str, site: Site) -> str:
    """Reduce where a redirect leads to: a path of the site itself, else the other host and path."""
    if not location:
        return ""
    try:
        parts = urlsplit(urljoin(base, location.decode("latin-1")))
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    path = kept_path(parts.path, site)
    return path if is_own_host(site, host) else host + path
