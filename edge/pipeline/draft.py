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


@dataclass
class Draft:
    """One event in the making.

    What no step has set is the class's own default, so that a draft costs what it is given.
    """

    beacon: Beacon
    sender: Sender
    context: Context
    params: dict[str, str] = field(init=False, default_factory=dict)
    """The page's query parameters, first values; the steps keep only listed ones."""
    props: dict[str, str] = field(init=False, default_factory=dict)
    place: Place = field(init=False, default=Place())
    device: Device = field(init=False, default=Device())
    is_first_hour: bool = field(init=False, default=False)
    category: str = field(init=False, default="")
    ts_ms: int = field(init=False, default=0)
    local_day: int = field(init=False, default=0)
    visitor: int = field(init=False, default=0)
    previous: int = field(init=False, default=0)
    hostname: str = field(init=False, default="")
    path: str = field(init=False, default="")
    name: str = field(init=False, default="")
    referrer: str = field(init=False, default="")
    source: str = field(init=False, default="")
    channel: str = field(init=False, default="")
    utm_source: str = field(init=False, default="")
    utm_medium: str = field(init=False, default="")
    utm_campaign: str = field(init=False, default="")
    utm_content: str = field(init=False, default="")
    utm_term: str = field(init=False, default="")
    click_id: str = field(init=False, default="")
    screen: str = field(init=False, default="")
    language: str = field(init=False, default="")
    bot: str = field(init=False, default="")
    operator: str = field(init=False, default="")
    evidence: int = field(init=False, default=0)
    load_id: int = field(init=False, default=0)
    is_first: bool = field(init=False, default=False)

    def to_event(self) -> Event:
        """Give the finished event; its values stand in the order of its fields."""
        beacon, place, device = self.beacon, self.place, self.device
        revenue = beacon.revenue
        return Event._make(
            (
                self.sender.site.id,
                self.ts_ms,
                self.local_day,
                self.visitor,
                self.previous,
                self.name or beacon.name,
                beacon.interactive,
                self.hostname,
                self.path,
                self.props,
                revenue.minor if revenue else 0,
                revenue.currency if revenue else "",
                beacon.engaged_ms,
                beacon.scroll,
                self.load_id,
                self.is_first,
                self.referrer,
                self.source,
                self.channel,
                self.utm_source,
                self.utm_medium,
                self.utm_campaign,
                self.utm_content,
                self.utm_term,
                self.click_id,
                place.country,
                place.region,
                place.city,
                device.browser,
                device.browser_version,
                device.os,
                device.os_version,
                device.device,
                self.screen,
                self.language,
                self.bot,
                self.operator,
                self.evidence,
            )
        )
