"""Takes note of documents as they are served, and makes hits of them a moment later.

A front only appends to a list; everything else happens in one task of the same process: salts,
place, agent, hash, and the way to the buffer. The one invariant: nobody's page waits for a hit;
what is too much, or cannot be derived, is counted and forgotten, and no address leaves this memory.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import Protocol

from prometheus_client import Counter

from edge.collector.messages import EndpointRequest
from edge.crash import place_of
from edge.event import Beacon, Event, Sender
from edge.fronts.loads import refusal_of
from edge.fronts.served import Asked, Served
from edge.hits.derive import Noted, derive_hit, is_hit, is_view, sender_of, view_of
from edge.hits.hit import Capture, Hit, Kind
from edge.load_id import was_ahead
from edge.outcomes import DropReason
from edge.pipeline.draft import Context
from edge.pipeline.pace import Pace
from edge.sites import Measure, Site

log = logging.getLogger(__name__)

EVERY_S = 0.25
AT_ONCE = 16
"""Hits derived before other work of the process gets its turn."""
MOST_WAITING = 20_000

_HITS = Counter("statflow_hits_total", "Hits recorded, by site and kind.", ["site", "kind"])
_LOST = Counter(
    "statflow_hits_lost_total",
    "Hits that were not recorded, by reason: too_many, shielded, no_room, failed.",
    ["reason"],
)


class HitSink(Protocol):
    """Takes hits to the store, as well as it can."""

    async def append(self, site: Site, hits: Sequence[Hit], /) -> bool:
        """Hand hits over; False if they are lost."""


class Views(Protocol):
    """The collector, as far as documents concern it."""

    async def context_of(self, sender: Sender) -> Context:
        """Gather what the steps need for a document."""

    async def observe(self, view: Beacon, sender: Sender, /, *, opted_out: bool) -> None:
        """Take the page view of a site that has no script."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class HitRecorder:
    """One process's notes; the methods that take them are called from its event loop only."""

    def __init__(self, sink: HitSink, now_ms: Callable[[], int] = _now_ms) -> None:
        self._sink = sink
        self._now_ms = now_ms
        self._pace = Pace()
        self._noted: list[Noted] = []
        self._ready: list[tuple[Site, Hit]] = []

    def note(self, served: Served) -> None:
        """Take note of a document; see ``edge.fronts.served.OnServed``."""
        if not (served.asked.site.notes_documents and is_hit(served)):
            return
        if len(self._noted) >= MOST_WAITING:
            _LOST.labels("too_many").inc()
            return
        self._noted.append(Noted(served, self._now_ms() - round(served.duration_ms)))

    def note_script(self, request: EndpointRequest) -> None:
        """Take note that a visitor's browser fetched the script; who said no is not noted."""
        site = request.site
        if not site.hits or len(self._noted) >= MOST_WAITING:
            return
        asked = Asked(
            site, "GET", request.path.encode(), request.headers, _origin_of(request),
            request.address, opted_out=False,
        )  # fmt: skip
        served = Served(asked, 200, Kind.SCRIPT, 0, 0.0, 0.0, complete=True, is_html=False)
        if not refusal_of(asked):
            self._noted.append(Noted(served, request.received_at_ms))

    def note_activated(self, site: Site, event: Event) -> None:
        """Take note that a document which had been fetched ahead is shown: its first view says so.

        Its hit was not eligible; this row is, in its stead.
        """
        if site.hits and event.is_first and was_ahead(event.load_id):
            self._ready.append((site, _activated(event)))

    async def run(self, stop: asyncio.Event, views: Views) -> None:
        """Record what is noted until stopped, and then what is left."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY_S)
            await self.record(views)

    async def record(self, views: Views) -> None:
        """Make hits of all that was noted, and hand them over."""
        noted, self._noted = self._noted, []
        for at in range(0, len(noted), AT_ONCE):
            for one in noted[at : at + AT_ONCE]:
                await self._derive(one, views)
            await asyncio.sleep(0)
        ready, self._ready = self._ready, []
        by_site: dict[int, tuple[Site, list[Hit]]] = {}
        for site, hit in ready:
            by_site.setdefault(site.id, (site, []))[1].append(hit)
        for site, hits in by_site.values():
            await self._hand_over(site, hits)

    async def _derive(self, noted: Noted, views: Views) -> None:
        noted = noted.indexed()
        asked = noted.served.asked
        site, address = asked.site, asked.address
        if address is None:
            return
        try:
            sender = sender_of(asked, address, noted.at_ms)
            if site.measure is Measure.EDGE and is_view(noted.served):
                await views.observe(view_of(noted.served), sender, opted_out=asked.opted_out)
            if not site.hits:
                return
            context = await views.context_of(sender)
            if not refusal_of(asked) and noted.served.outcome != Kind.SCRIPT:
                context = context._replace(pace=self._pace)
            hit = derive_hit(noted.served, sender, context)
        except Exception as error:  # noqa: BLE001 - the rim: the page was served long ago.
            log.error("a hit could not be made: %s", place_of(error))  # noqa: TRY400 - no trace.
            _LOST.labels("failed").inc()
            return
        if isinstance(hit, DropReason):
            _LOST.labels("shielded").inc()
        elif noted.served.outcome == Kind.SCRIPT:
            self._ready.append((site, _script(hit)))
        else:
            self._ready.append((site, hit))

    async def _hand_over(self, site: Site, hits: list[Hit]) -> None:
        try:
            taken = await self._sink.append(site, hits)
        except Exception as error:  # noqa: BLE001 - the rim: the pages were served long ago.
            log.error("hits could not be handed over: %s", place_of(error))  # noqa: TRY400
            taken = False
        if taken:
            for kind, n in Tally(hit.kind for hit in hits).items():
                _HITS.labels(str(site.id), kind).inc(n)
        else:
            _LOST.labels("no_room").inc(len(hits))


def _origin_of(request: EndpointRequest) -> str:
    return f"http{'s' if request.secure else ''}://{request.site.host}"


def _script(hit: Hit) -> Hit:
    """Keep of a fetch of the script who fetched it, not which of its names."""
    return hit._replace(
        kind=Kind.SCRIPT, outcome="", capture=Capture.ASIDE, path="", from_path="", evidence=0
    )


def _activated(event: Event) -> Hit:
    return Hit(
        site_id=event.site_id,
        ts_ms=event.ts_ms,
        local_day=event.local_day,
        visitor=event.visitor,
        kind=Kind.ACTIVATED,
        method="GET",
        status=200,
        outcome="injected",
        capture=Capture.ELIGIBLE,
        refusal="",
        hostname=event.hostname,
        path=event.path,
        referrer_host="",
        from_path="",
        redirect="",
        sent_bytes=0,
        ttfb_ms=0,
        duration_ms=0,
        is_complete=True,
        load_id=event.load_id,
        country=event.country,
        browser=event.browser,
        browser_version=event.browser_version,
        os=event.os,
        device=event.device,
        bot=event.bot,
        operator=event.operator,
        evidence=event.evidence,
    )
