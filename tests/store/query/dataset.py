"""Made-up traffic: events with their visits, and the rows of both tables that tell of it."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from store.client import Store

EPOCH = date(1970, 1, 1)
ATTRIBUTES = {
    "referrer": ("", "https://news.example/a", "https://www.google.com/"),
    "source": ("", "Google", "news.example", "ChatGPT"),
    "channel": ("", "Organic Search", "Referral", "AI Assistants"),
    "utm_source": ("", "letter"),
    "utm_medium": ("", "email"),
    "utm_campaign": ("", "summer", "Été 100%_\\"),
    "utm_content": ("", "a"),
    "utm_term": ("", "shoes"),
    "click_id": ("", "gclid"),
    "country": ("", "FR", "DE"),
    "region": ("", "FR-IDF"),
    "city": ("", "Paris"),
    "browser": ("", "Firefox", "Chrome"),
    "browser_version": ("", "120", "121"),
    "os": ("", "Linux", "iOS"),
    "os_version": ("", "17"),
    "device": ("", "Desktop", "Mobile"),
    "screen": ("", "md", "lg"),
    "language": ("", "fr", "en"),
    "bot": ("", "", "", "", "", "ai_training"),
    "operator": ("", "OpenAI"),
}
PAGES = ("/", "/a", "/A/b", "/blog/1", "/blog/2", "/100%_\\x")
HOSTS = ("shop.example", "Blog.example")
NAMES = ("pageview", "pageview", "pageview", "Signup", "Scroll 50", "engagement")

_ids = count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """One stored event; ``day`` is the visit's local day."""

    visit: int
    visitor: int
    at: datetime
    day: date
    name: str = "pageview"
    path: str = "/"
    hostname: str = "shop.example"
    interactive: bool = True
    engaged_ms: int = 0
    scroll: int = 255
    revenue_minor: int = 0
    currency: str = ""
    props: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        return self.name != "engagement"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visit's events make of it (NUMBERS 1 to 4 and 12)."""

    events: tuple[Event, ...]

    @property
    def first(self) -> Event:
        return self.events[0]

    @property
    def counting(self) -> list[Event]:
        return sorted((e for e in self.events if e.counts), key=lambda e: e.at)

    @property
    def views(self) -> list[Event]:
        return [e for e in self.counting if e.name == "pageview"]

    @property
    def bounced(self) -> bool:
        interactive = any(e.interactive for e in self.counting if e.name != "pageview")
        return len(self.views) == 1 and not interactive

    @property
    def duration_ms(self) -> int:
        span = self.counting[-1].at - self.counting[0].at
        return span // timedelta(milliseconds=1)

    @property
    def engaged_ms(self) -> int:
        return sum(e.engaged_ms for e in self.events if not e.counts)

    def edge(self, name: str) -> str:
        """Return entry_page, exit_page, entry_hostname or exit_hostname."""
        if not self.views:
            return ""
        event = self.views[0 if name.startswith("entry") else -1]
        return event.path if name.endswith("page") else event.hostname


def a_visit(
    zone: str = "UTC",
    start: str = "2026-03-10T12:00:00",
    visitor: int | None = None,
    **attributes: str,
) -> "VisitMaker":
    at = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    return VisitMaker(next(_ids), next(_ids) if visitor is None else visitor, at, attributes)


class VisitMaker:
    """Makes a visit's events one after another, in seconds after its start."""

    def __init__(
        self, visit: int, visitor: int, start: datetime, attributes: dict[str, str]
    ) -> None:
        self._base = Event(
            visit, visitor, start.astimezone(UTC), start.date(), attributes=attributes
        )
        self.events: list[Event] = []

    def view(self, path: str = "/", after_s: float = 0, **rest: Any) -> "VisitMaker":
        return self.add("pageview", after_s, path=path, **rest)

    def add(self, name: str, after_s: float = 0, **rest: Any) -> "VisitMaker":
        at = self._base.at + timedelta(seconds=after_s)
        self.events.append(replace(self._base, name=name, at=at, **rest))
        return self


def random_events(seed: int, zone: str, first: date, days: int, visits: int) -> list[Event]:
    """Make uneven traffic: visits over midnight, returning visitors, late events, bots."""
    rng = random.Random(seed)
    visitors = [rng.getrandbits(64) for _ in range(max(2, visits // 2))]
    found: list[Event] = []
    for _ in range(visits):
        day = first + timedelta(days=rng.randrange(days))
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        start = midnight.astimezone(UTC) + timedelta(milliseconds=rng.randrange(86_000_000))
        if rng.random() < 0.2:
            start = midnight.astimezone(UTC) + timedelta(hours=23, minutes=rng.randrange(30, 59))
        local_day = start.astimezone(ZoneInfo(zone)).date()
        attributes = {
            name: rng.choice(values) for name, values in ATTRIBUTES.items() if name != "operator"
        }
        attributes["operator"] = "OpenAI" if attributes["bot"] else ""
        base = Event(
            rng.getrandbits(64), rng.choice(visitors), start, local_day, attributes=attributes
        )
        found.extend(_random_visit(rng, base))
    return found


def _random_visit(rng: random.Random, base: Event) -> list[Event]:
    at, events = base.at, []
    for index in range(rng.choice((1, 1, 2, 3, 5, 8))):
        name = rng.choice(NAMES) if index else rng.choice(("pageview", "pageview", "Signup"))
        engagement = name == "engagement"
        currency = ("", "", "EUR", "USD")[int(at.timestamp()) % 4] if name == "Signup" else ""
        keys = [key for key in ("plan", "Größe") if rng.random() < 0.6]
        events.append(
            replace(
                base,
                at=at,
                name=name,
                path=rng.choice(PAGES),
                hostname=rng.choice(HOSTS),
                interactive=engagement or rng.random() < 0.6,
                engaged_ms=rng.randrange(12_000) if engagement else 0,
                scroll=rng.choice((0, 30, 64, 100, 255)) if engagement else 255,
                revenue_minor=int(at.timestamp()) % 977 - 99 if currency else 0,
                currency=currency,
                props={key: rng.choice(("", "pro", "Pro+", "(none)")) for key in keys},
            )
        )
        at += timedelta(milliseconds=rng.choice((0, 900, 61_000, 1_700_000)))
    if len(events) > 1 and rng.random() < 0.3:  # one event came before the one that was first here
        late = events.pop()
        events.append(replace(late, at=base.at - timedelta(minutes=5)))
    return events


def visits_of(events: Iterable[Event]) -> list[Visit]:
    grouped: dict[int, list[Event]] = {}
    for event in events:
        grouped.setdefault(event.visit, []).append(event)
    return [Visit(tuple(group)) for group in grouped.values()]


def store_traffic(store: Store, site_id: int, events: Sequence[Event], token: str) -> None:
    """Store events, and their visits as every state they went through, an insert for each."""
    store.insert("events", _event_columns(site_id, events), token=f"{token}-e")
    blocks: dict[int, list[dict[str, Any]]] = {}
    for visit in visits_of(events):
        for block, rows in enumerate(_states(site_id, visit)):
            blocks.setdefault(block, []).extend(rows)
    for block, rows in blocks.items():
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        store.insert("sessions", columns, token=f"{token}-s{block}")


def hash_of(event: Event) -> int:
    """Hash a visitor as the edge does: another number in every salt period, which is a day."""
    return (event.visitor ^ event.day.toordinal() * 0x9E37_79B9_7F4A_7C15) % 2**64


def _event_columns(site_id: int, events: Sequence[Event]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "site_id": [site_id] * len(events),
        "ts": [_ms(e.at) for e in events],
        "local_day": [(e.day - EPOCH).days for e in events],
        "stream_seq": list(range(len(events))),
        "visit_id": [e.visit for e in events],
        "visitor": [hash_of(e) for e in events],
        "name": [e.name for e in events],
        "interactive": [e.interactive for e in events],
        "hostname": [e.hostname for e in events],
        "path": [e.path for e in events],
        "props": [e.props for e in events],
        "engaged_ms": [e.engaged_ms for e in events],
        "scroll": [e.scroll for e in events],
        "revenue_minor": [e.revenue_minor for e in events],
        "currency": [e.currency for e in events],
    }
    for name in ATTRIBUTES:
        columns[name] = [e.attributes.get(name, "") for e in events]
    return columns


def _states(site_id: int, visit: Visit) -> list[list[dict[str, Any]]]:
    states: list[list[dict[str, Any]]] = []
    before: dict[str, Any] | None = None
    for size in range(1, len(visit.events) + 1):
        row = _session_row(site_id, Visit(visit.events[:size])) | {"version": size, "sign": 1}
        states.append([row] if before is None else [before | {"sign": -1}, row])
        before = row
    return states


def _session_row(site_id: int, visit: Visit) -> dict[str, Any]:
    first, counting = visit.first, visit.counting
    row: dict[str, Any] = {
        "site_id": site_id,
        "visit_id": first.visit,
        "visitor": hash_of(first),
        "local_day": (first.day - EPOCH).days,
        "anchor": _ms(first.at),
        "start_at": _ms(counting[0].at),
        "end_at": _ms(counting[-1].at),
        "duration_ms": visit.duration_ms,
        "engaged_ms": visit.engaged_ms,
        "pageviews": len(visit.views),
        "events": len(counting),
        "is_bounce": int(visit.bounced),
    }
    edges = ("entry_page", "exit_page", "entry_hostname", "exit_hostname")
    row |= {name: visit.edge(name) for name in edges}
    return row | {name: first.attributes.get(name, "") for name in ATTRIBUTES}


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
