"""The draft of one event: what the steps of the pipeline read and fill in.

Steps are in modules of their own and listed in ``edge.pipeline.steps``. The one invariant: a draft
lives for one run of the steps; only ``to_event`` leaves it, and that carries no address or agent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from edge.event import Address, Beacon, Event, Sender
from edge.pipeline.pace import Pace
from edge.pipeline.seen_loads import SeenLoads
from rules.ranges import BotRanges


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is; empty where it is not known. ``region`` is ISO 3166-2."""

    country: str = ""
    region: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """What a user agent says; ``bot`` is empty for a person, else a class of CONTRACT 1.

    ``operator`` names who runs the bot, where that is known.
    """

    browser: str = ""
    browser_version: str = ""
    os: str = ""
    os_version: str = ""
    device: str = ""
    bot: str = ""
    operator: str = ""


class Places(Protocol):
    """Looks an address up."""

    def find(self, address: Address, /) -> Place:
        """Give the place, an empty one if it is not known; never raises."""


class Devices(Protocol):
    """Reads a user agent."""

    def read(self, agent: bytes, /) -> Device:
        """Give what is known of an agent; never raises."""


class Context(NamedTuple):
    """What the steps may look things up in, the same for all events of one request.

    ``headers`` maps lower-case names to first values; ``salts`` maps the local days that the
    request's events need, counted from 1970-01-01, to their salts, as far as those live.

    Units: ``now_ms`` Unix milliseconds by the salt store's clock.
    """

    now_ms: int
    headers: Mapping[bytes, bytes]
    salts: Mapping[int, bytes]
    places: Places
    devices: Devices
    opted_out: bool = False
    ranges: BotRanges | None = None
    pace: Pace | None = None
    """Where page views are counted by client; None for an event that nobody sent."""
    loads: SeenLoads | None = None
    """The loads that have been confirmed already; None: each is taken for new."""
    may_keep_city: Callable[[tuple[int, int, str, str, str], int, int], bool] | None = None
    """Tells whether enough share a city (``edge.pipeline.cities``); None: no city is kept."""


@dataclass(slots=True)
class Draft:
    """One event in the making."""

    beacon: Beacon
    sender: Sender
    context: Context
    params: dict[str, str] = field(default_factory=dict)
    """The page's query parameters, first values; the steps keep only listed ones."""
    place: Place = Place()
    device: Device = Device()
    is_first_hour: bool = False
    category: str = ""
    ts_ms: int = 0
    local_day: int = 0
    visitor: int = 0
    previous: int = 0
    hostname: str = ""
    path: str = ""
    name: str = ""
    props: dict[str, str] = field(default_factory=dict)
    referrer: str = ""
    source: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_content: str = ""
    utm_term: str = ""
    click_id: str = ""
    screen: str = ""
    language: str = ""
    bot: str = ""
    operator: str = ""
    evidence: int = 0
    load_id: int = 0
    is_first: bool = False

    def to_event(self) -> Event:
        """Give the finished event."""
        beacon, place, device = self.beacon, self.place, self.device
        revenue = beacon.revenue
        return Event(
            site_id=self.sender.site.id,
            ts_ms=self.ts_ms,
            local_day=self.local_day,
            visitor=self.visitor,
            previous=self.previous,
            name=self.name or beacon.name,
            interactive=beacon.interactive,
            hostname=self.hostname,
            path=self.path,
            props=self.props,
            revenue_minor=revenue.minor if revenue else 0,
            currency=revenue.currency if revenue else "",
            engaged_ms=beacon.engaged_ms,
            scroll=beacon.scroll,
            load_id=self.load_id,
            is_first=self.is_first,
            referrer=self.referrer,
            source=self.source,
            channel=self.channel,
            utm_source=self.utm_source,
            utm_medium=self.utm_medium,
            utm_campaign=self.utm_campaign,
            utm_content=self.utm_content,
            utm_term=self.utm_term,
            click_id=self.click_id,
            country=place.country,
            region=place.region,
            city=place.city,
            browser=device.browser,
            browser_version=device.browser_version,
            os=device.os,
            os_version=device.os_version,
            device=device.device,
            screen=self.screen,
            language=self.language,
            bot=self.bot,
            operator=self.operator,
            evidence=self.evidence,
        )
