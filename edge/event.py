"""The nouns of ingestion: Beacon (what arrives), Event (what is kept), Hit (what was served).

This module holds values and their one serial form. It decides nothing: parsing is
``edge.collector.payload``, deriving is ``edge.pipeline``, visits are ``edge.forwarder.visits``. The
one invariant: an Event carries no address and no user agent, so nothing after the pipeline can leak
one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import orjson

from edge.sites import Site

type Address = IPv4Address | IPv6Address
type Scalar = str | int | float | bool

ROW_FORMAT = 2
"""Version of the encoded Event. A forwarder must be able to read the formats still in a stream."""

PAGEVIEW = "pageview"
ENGAGEMENT = "engagement"
NO_SCROLL = 255
"""Scroll depth of an event that measured none."""


@dataclass(frozen=True, slots=True)
class Revenue:
    """An amount of money in the currency's minor unit (cents), with an ISO 4217 code."""

    minor: int
    currency: str


class Beacon(NamedTuple):
    """One event as a client sent it, parsed and checked but not yet believed.

    ``status``: that of the page's document if it is an error page, else 0.

    Units: ``age_ms`` milliseconds before sending; ``engaged_ms`` milliseconds; ``scroll`` percent.
    """

    name: str
    url: str
    referrer: str = ""
    age_ms: int = 0
    props: tuple[tuple[str, Scalar], ...] = ()
    revenue: Revenue | None = None
    interactive: bool = True
    engaged_ms: int = 0
    scroll: int = NO_SCROLL
    viewport_px: int = 0
    load_id: str = ""
    status: int = 0
    automation: bool = False


class Sender(NamedTuple):
    """Who sent a beacon, as the edge saw it. Lives in memory for one request only.

    ``headers`` are the request's first values by lower-case name, without Cookie and Authorization.
    ``is_document``: the request was for a page, and the edge made the beacon of it itself.
    """

    site: Site
    address: Address
    agent: bytes
    headers: Mapping[bytes, bytes]
    received_at_ms: int
    is_document: bool = False


class Event(NamedTuple):
    """One event as it is kept. Field order is the serial form (``ROW_FORMAT``).

    ``visitor`` is the hash under the salt of ``local_day``; ``previous`` the hash under the salt of
    the day before, present (non-zero) only in the first 60 minutes of a local day and never stored
    in a table. ``local_day`` is days since 1970-01-01 in the site's zone. ``load_id`` is that of
    the document the edge served, 0 where it gave none; ``is_first`` marks the first page view of
    that load. Fields from ``referrer`` to ``evidence`` describe the visit and are taken from its
    first event; ``evidence`` is a mask of signals (``rules.evidence``).

    Units: ``ts_ms`` Unix ms; ``engaged_ms`` milliseconds; ``scroll`` percent, 255 unknown.
    """

    site_id: int
    ts_ms: int
    local_day: int
    visitor: int
    previous: int
    name: str
    interactive: bool
    hostname: str
    path: str
    props: dict[str, str]
    revenue_minor: int
    currency: str
    engaged_ms: int
    scroll: int
    load_id: int
    is_first: bool
    referrer: str
    source: str
    channel: str
    utm_source: str
    utm_medium: str
    utm_campaign: str
    utm_content: str
    utm_term: str
    click_id: str
    country: str
    region: str
    city: str
    browser: str
    browser_version: str
    os: str
    os_version: str
    device: str
    screen: str
    language: str
    bot: str
    operator: str
    evidence: int


VISIT_ATTRIBUTES: tuple[str, ...] = Event._fields[Event._fields.index("referrer") :]
"""The fields of an Event that belong to the visit and never change within it."""


_BEFORE_BOTS = 1
"""The format without load id, operator and evidence."""
_LOAD_AT = Event._fields.index("load_id") + 1


def encode_event(event: Event) -> bytes:
    """Serialise an event for a stream entry: a JSON array, format version first."""
    return orjson.dumps((ROW_FORMAT, *event))


def decode_event(raw: bytes) -> Event:
    """Read a stream entry back.

    Raises:
        ValueError: The bytes are not an event of a format this release knows.
    """
    row = orjson.loads(raw)
    if isinstance(row, list) and row and row[0] == _BEFORE_BOTS:
        row = [ROW_FORMAT, *row[1:_LOAD_AT], 0, False, *row[_LOAD_AT:], "", 0]
    if not isinstance(row, list) or len(row) != len(Event._fields) + 1 or row[0] != ROW_FORMAT:
        raise ValueError("not an encoded event of a known format")
    del row[0]
    return Event._make(row)
