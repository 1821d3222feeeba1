"""From the body of a beacon to events in the buffer: parse, run the pipeline, append.

HTTP is ``edge.collector.endpoints``, the wire format ``edge.collector.payload``, the steps
``edge.pipeline.steps``. The one invariant: each event has exactly one outcome, and an accepted one
is durable in the buffer before ``collect`` returns.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from edge.buffer.protocol import BufferUnavailable, EventBuffer
from edge.collector.payload import Payload, PayloadError, Rejection, parse_payload
from edge.collector.rate import RateLimits
from edge.event import PAGEVIEW, Beacon, Event, Sender, encode_event
from edge.outcomes import DropReason, count
from edge.pipeline.agents import Agents
from edge.pipeline.bots import count_marks
from edge.pipeline.cities import DEFAULT_K, Cities
from edge.pipeline.days import day_before, moment_of
from edge.pipeline.derived import derive_event
from edge.pipeline.draft import Context
from edge.pipeline.geo import Geo
from edge.pipeline.moment import MAX_AGE_MS
from edge.pipeline.pace import Pace
from edge.pipeline.salts import Salts, SaltsUnavailable
from edge.pipeline.seen_loads import SeenLoads
from edge.pipeline.steps import process
from edge.sites import Site
from rules.ranges import BotRanges, read_ranges

PATIENCE_S = 10
"""How long a beacon waits for a salt store that has just started: no salt is minted until then."""
MOST_PATIENT = 1_000
"""Beacons that wait at one time; any more are told to try again."""
_SECOND_PARTS_S = 0.5
"""The store tells its age in whole seconds, and now and then a little late."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole beacon was not taken; its sender may try again.

    Units: ``retry_after_s`` seconds, 0 where trying again is no use.
    """

    reason: DropReason
    status: int
    code: str
    message: str
    field: str | None = None
    retry_after_s: int = 0


class Verdict(NamedTuple):
    """What became of a beacon: refused whole, or each event accepted, dropped or rejected."""

    accepted: int = 0
    dropped: tuple[DropReason, ...] = ()
    """The distinct reasons, in the order in which they came up."""
    rejected: tuple[Rejection, ...] = ()
    refusal: Refusal | None = None


class Collector:
    """Takes events in for every site; one a process.

    ``on_confirmed`` is told of each first page view of a load, once it is in the buffer.
    """

    def __init__(  # noqa: PLR0913 - each is told apart by its name
        self,
        *,
        buffer: EventBuffer,
        salts: Salts,
        geo: Geo,
        agents: Agents,
        limits: RateLimits | None = None,
        ranges: BotRanges | None = None,
        on_confirmed: Callable[[Site, Event], None] | None = None,
        city_k: int = DEFAULT_K,
    ) -> None:
        self._buffer = buffer
        self._salts = salts
        self._geo = geo
        self._agents = agents
        self._limits = limits or RateLimits()
        self._ranges = ranges or read_ranges()
        self._pace = Pace()
        self._loads = SeenLoads()
        self._on_confirmed = on_confirmed
        self._cities = Cities(city_k)
        self._patient = 0

    def refuse(self, site: Site, refusal: Refusal, events: int = 1) -> Verdict:
        """Count events that are not taken; a body that was not read counts as one."""
        self._count_drop(site, refusal.reason, events)
        return Verdict(refusal=refusal)

    async def collect(self, body: bytes, sender: Sender, *, opted_out: bool = False) -> Verdict:
        """Take one beacon; see ``Verdict``."""
        payload = parse_payload(body, sender.site.currency)
        return await self.take(payload, sender, opted_out=opted_out)

    async def take(
        self, payload: Payload | PayloadError, sender: Sender, *, opted_out: bool
    ) -> Verdict:
        """Take what was read of a beacon, in whatever format it came."""
        site = sender.site
        if isinstance(payload, PayloadError):
            fault = payload.fault
            refusal = Refusal(payload.reason, 400, fault.code, fault.message, fault.field)
            return self.refuse(site, refusal)
        sent = len(payload.beacons) + len(payload.rejected)
        wait_s = self._limits.retry_after_s(site.id, sender.address, sent, sender.received_at_ms)
        if wait_s:
            message = "Too many events in too short a time."
            limited = Refusal(DropReason.RATE_LIMITED, 429, "rate_limited", message, None, wait_s)
            return self.refuse(site, limited, sent)
        if payload.rejected:
            self._count_drop(site, DropReason.INVALID_PAYLOAD, len(payload.rejected))
        return await self._take(payload.beacons, payload.rejected, sender, opted_out)

    async def preview(
        self, beacon: Beacon, sender: Sender, *, opted_out: bool
    ) -> Event | DropReason:
        """Tell what would become of an event that nobody sent; nothing is counted or kept.

        Raises:
            SaltsUnavailable: The salt store cannot be asked.
        """
        return process(beacon, sender, await self._context([beacon], sender, opted_out))

    async def observe(self, view: Beacon, sender: Sender, *, opted_out: bool) -> None:
        """Take the page view that a served document amounts to, at a site without the script."""
        site = sender.site
        wait_s = self._limits.retry_after_s(site.id, sender.address, 1, sender.received_at_ms)
        if wait_s:
            self._count_drop(site, DropReason.RATE_LIMITED, 1)
        else:
            await self._take([view], (), sender, opted_out)

    async def context_of(self, sender: Sender) -> Context:
        """Gather what the steps need for a document that was served; if need be without a salt."""
        try:
            return await self._context([Beacon(PAGEVIEW, "")], sender, opted_out=False)
        except SaltsUnavailable:
            return await self._context([], sender, opted_out=False)

    async def _take(
        self,
        beacons: Sequence[Beacon],
        rejected: tuple[Rejection, ...],
        sender: Sender,
        opted_out: bool,
    ) -> Verdict:
        site = sender.site
        try:
            context = await self._context_in_time(beacons, sender, opted_out)
        except SaltsUnavailable as error:
            refusal = _unavailable(DropReason.NO_SALT, error.retry_after_s)
            return self.refuse(site, refusal, len(beacons))
        kept, drops = _sorted(_outcomes(beacons, sender, context))
        for reason, n in drops.items():
            self._count_drop(site, reason, n)
        events = [encode_event(event) for event in kept]
        if events:
            try:
                await self._buffer.append(site, events)
            except BufferUnavailable as error:
                for event in kept:
                    if event.is_first:
                        self._loads.release(event.load_id)
                refusal = _unavailable(DropReason.BUFFER_UNAVAILABLE, error.retry_after_s)
                return self.refuse(site, refusal, len(events))
            count(site.id, None, len(events))
            for event in kept:
                count_marks(event)
                if event.is_first and self._on_confirmed is not None:
                    self._on_confirmed(site, event)
        return Verdict(len(events), tuple(drops), rejected)

    async def _context_in_time(
        self, beacons: Sequence[Beacon], sender: Sender, opted_out: bool
    ) -> Context:
        """Gather the context of events that are taken in; wait for a store that is about to open.

        Raises:
            SaltsUnavailable: It is not, or too many wait.
        """
        try:
            return await self._context(beacons, sender, opted_out, counts=True)
        except SaltsUnavailable as error:
            if not 0 < error.opens_in_s <= PATIENCE_S or self._patient >= MOST_PATIENT:
                raise
            opens_in_s = error.opens_in_s
        self._patient += 1
        try:
            await asyncio.sleep(opens_in_s + _SECOND_PARTS_S)
        finally:
            self._patient -= 1
        return await self._context(beacons, sender, opted_out, counts=True)

    async def _context(
        self,
        beacons: Sequence[Beacon],
        sender: Sender,
        opted_out: bool,
        *,
        counts: bool = False,
    ) -> Context:
        """Gather what the steps need; for who opted out not even a salt is asked for.

        ``counts``: the events are taken in, so they count for pace, loads and cities.

        Raises:
            SaltsUnavailable: The salt store cannot be asked.
        """
        self._geo.refresh(sender.received_at_ms)
        now_ms = sender.received_at_ms + self._salts.offset_ms
        days = {} if opted_out else _days_needed(beacons, sender.site, now_ms)
        salts: dict[int, bytes] = {}
        for number, day in days.items():
            site = sender.site
            salt = await self._salts.for_day(
                site.id, day, site.zone, sender.received_at_ms, site.salt_period
            )
            if salt is not None:
                salts[number] = salt
        return Context(
            now_ms=now_ms,
            headers=sender.headers,
            salts=salts,
            places=self._geo,
            devices=self._agents,
            opted_out=opted_out,
            ranges=self._ranges,
            pace=self._pace if counts else None,
            loads=self._loads if counts else None,
            may_keep_city=self._cities.admit if counts else self._cities.would_admit,
        )

    def _count_drop(self, site: Site, reason: DropReason, n: int) -> None:
        """Count for this process's metrics, and for the account that the buffer keeps."""
        if n:
            count(site.id, reason, n)
            self._buffer.count_drop(site.id, reason, n)


def _outcomes(
    beacons: Sequence[Beacon], sender: Sender, context: Context
) -> Iterator[Event | DropReason]:
    """Process each event and, behind a page view that is kept, what the site's rules make of it."""
    for beacon in beacons:
        outcome = process(beacon, sender, context)
        yield outcome
        derived = None if isinstance(outcome, DropReason) else derive_event(beacon, sender.site)
        if derived is not None:
            yield process(derived, sender, context)


def _sorted(
    outcomes: Iterable[Event | DropReason],
) -> tuple[list[Event], dict[DropReason, int]]:
    """Tell events from reasons, which are counted in the order in which they came up."""
    kept: list[Event] = []
    drops: dict[DropReason, int] = {}
    for outcome in outcomes:
        if isinstance(outcome, DropReason):
            drops[outcome] = drops.get(outcome, 0) + 1
        else:
            kept.append(outcome)
    return kept, drops


def _days_needed(beacons: Sequence[Beacon], site: Site, now_ms: int) -> dict[int, date]:
    """Find the local days of the events, and the day before one in its first hour, by number."""
    days: dict[int, date] = {}
    for beacon in beacons:
        if beacon.age_ms <= MAX_AGE_MS:
            day, number, is_first_hour = moment_of(now_ms - beacon.age_ms, site.zone)
            days[number] = day
            if is_first_hour:
                days[number - 1] = day_before(day)
    return days


def _unavailable(reason: DropReason, retry_after_s: int) -> Refusal:
    message = "Events cannot be taken just now; please try again."
    return Refusal(reason, 503, "unavailable", message, None, max(retry_after_s, 1))
