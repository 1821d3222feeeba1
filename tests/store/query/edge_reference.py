"""A slow, obvious reading of the numbers of the edge and of signals, one row after another.

It takes a request as it is sent and shares nothing with the engine but the made-up rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

from tests.store.query.dataset import Event
from tests.store.query.edge_dataset import VERIFIED, Hit, Signal
from tests.store.query.reference import MISSING, matches, rounded

SENDERS = {"Google": "Google", "ChatGPT": "OpenAI"}
PLACES = {"visit:country", "visit:country_name"}
LEVELS = {"p50": 0.5, "p75": 0.75, "p95": 0.95}

type Keys = tuple[Any, ...]


@dataclass(frozen=True)
class View:
    """A first page view that confirms a document."""

    event: Event
    visitor: int


@dataclass(frozen=True)
class EdgeReference:
    """What is stored at one site, and the days that are asked for."""

    hits: Sequence[Hit]
    views: Sequence[View]
    events: Sequence[Event]
    signals: Sequence[Signal]
    zone: ZoneInfo
    days: tuple[date, date]

    def rows(self, body: dict[str, Any]) -> dict[Keys, list[Any]]:
        """Answer a query; rows that hold nothing at all are left out."""
        dimensions, filters = body.get("dimensions", []), body.get("filters", [])
        columns = [self.column(name, dimensions, filters) for name in body["metrics"]]
        keys = {key for column, _ in columns for key in column} or (
            {()} if not dimensions else set()
        )
        return {key: [column.get(key, empty) for column, empty in columns] for key in keys}

    def column(
        self, metric: str, dimensions: list[str], filters: list[Any]
    ) -> tuple[dict[Keys, Any], Any]:
        if metric in {"hits", "bytes"}:
            groups = self.of_hits(dimensions, filters)
            count = len if metric == "hits" else lambda rows: sum(h.sent_bytes for h in rows)
            return {key: count(rows) for key, rows in groups.items()}, 0
        if metric in {"ttfb_p50", "ttfb_p95"}:
            groups = self.of_hits(dimensions, filters)
            level = LEVELS[metric[-3:]]
            return {
                k: quantile([h.ttfb_ms for h in rows], level) for k, rows in groups.items()
            }, None
        if metric == "capture_rate":
            return self.captured(dimensions, filters), None
        if metric == "crawled_pages":
            return {k: len(rows) for k, rows in self.crawled(dimensions, filters).items()}, 0
        if metric == "crawl_to_visit_ratio":
            pages = self.crawled(dimensions, filters)
            visits = self.brought(dimensions, filters)
            return {
                key: rounded(Fraction(len(pages.get(key, [])), len(visits[key])), 2)
                if key in visits
                else None
                for key in pages.keys() | visits.keys()
            }, None
        return self.of_signals(metric, dimensions, filters)

    def inside(self, day: date) -> bool:
        return self.days[0] <= day <= self.days[1]

    def day(self, hit: Hit) -> date:
        return hit.at.astimezone(self.zone).date()

    def of_hits(self, dimensions: list[str], filters: list[Any]) -> dict[Keys, list[Hit]]:
        bots = "visit:bot" in str((dimensions, filters)) or "visit:operator" in str(
            (dimensions, filters)
        )
        return grouped(
            (
                h
                for h in self.hits
                if h.kind == "document" and (bots or not h.bot) and self.inside(self.day(h))
            ),
            lambda hit, name: self.hit_value(name, hit),
            dimensions,
            filters,
        )

    def crawled(self, dimensions: list[str], filters: list[Any]) -> dict[Keys, list[Hit]]:
        return grouped(
            (
                h
                for h in self.hits
                if h.kind == "document"
                and h.bot
                and h.method == "GET"
                and (200 <= h.status < 300 or h.status == 304)
                and self.inside(self.day(h))
            ),
            lambda hit, name: self.hit_value(name, hit),
            dimensions,
            filters,
        )

    def brought(self, dimensions: list[str], filters: list[Any]) -> dict[Keys, set[int]]:
        kept = [part for part in filters if part[1] != "visit:bot"]
        of_operators = "visit:operator" in str((dimensions, filters))
        everything = [*self.events, *(view.event for view in self.views)]
        found = grouped(
            (
                e
                for e in everything
                if e.counts
                and not e.attributes.get("bot")
                and self.inside(e.day)
                and (self.sender(e) or not of_operators)
            ),
            lambda event, name: (
                self.sender(event) if name == "visit:operator" else self.event_value(name, event)
            ),
            dimensions,
            kept,
        )
        return {key: {event.visit for event in rows} for key, rows in found.items()}

    def sender(self, event: Event) -> str:
        return SENDERS.get(event.attributes.get("source", ""), "")

    def captured(self, dimensions: list[str], filters: list[Any]) -> dict[Keys, Any]:
        hits = [h for h in self.hits if self.inside(self.day(h))]
        views = [v for v in self.views if self.inside(v.event.at.astimezone(self.zone).date())]
        ran = {h.visitor for h in hits if h.kind == "script"} | {v.visitor for v in views}
        had = grouped(
            (
                h
                for h in hits
                if h.kind in {"document", "activated"}
                and not h.bot
                and h.method == "GET"
                and h.capture in {"eligible", "meta_policy"}
                and not (h.evidence & ~VERIFIED and h.visitor not in ran)
            ),
            lambda hit, name: self.hit_value(name, hit),
            dimensions,
            filters,
        )
        came = grouped(
            (v.event for v in views if not v.event.attributes.get("bot")),
            lambda event, name: self.event_value(name, event, by_clock=True),
            dimensions,
            filters,
        )
        return {
            key: rounded(Fraction(100 * min(len(came.get(key, [])), len(rows)), len(rows)), 1)
            for key, rows in had.items()
        }

    def of_signals(
        self, metric: str, dimensions: list[str], filters: list[Any]
    ) -> tuple[dict[Keys, Any], Any]:
        kind = {
            "clicks": "click",
            "rage_clicks": "rage",
            "dead_clicks": "dead",
            "errors": "error",
        }.get(metric, "vital")
        label, _, level = metric.removeprefix("browser_").partition("_p")
        rows = [
            s
            for s in self.visible(filters)
            if s.kind == kind and (kind != "vital" or s.value("label") == label.upper())
        ]
        own = [part for part in filters if part[1] != "event:name"]
        groups = grouped(rows, lambda s, name: self.signal_value(name, s), dimensions, own)
        if kind != "vital":
            return {key: len(found) for key, found in groups.items()}, 0
        scale = 1000 if label == "cls" else 1
        return {
            key: floor(
                quantile([s.value("value") for s in found], LEVELS[f"p{level}"]) * scale + 0.5
            )
            / scale
            for key, found in groups.items()
        }, None

    def visible(self, filters: list[Any]) -> list[Signal]:
        """Signals of people, of visits that contain an event of a name that is asked for."""
        named = [part for part in filters if part[1] == "event:name"]
        did = {
            e.visit
            for e in self.events
            if e.counts and all(holds(part, lambda _n, e=e: e.name) for part in named)
        }
        bots = "visit:bot" in str(filters)
        return [
            s
            for s in self.signals
            if self.inside(s.event.day)
            and (bots or not s.event.attributes.get("bot"))
            and (not named or s.event.visit in did)
        ]

    def hit_value(self, name: str, hit: Hit) -> str:
        if name == "time:day":
            return self.day(hit).isoformat()
        if name in {"event:page", "event:hostname"}:
            return hit.path if name == "event:page" else hit.hostname
        if name.startswith("hit:"):
            return {
                "hit:status": str(hit.status),
                "hit:status_class": f"{hit.status // 100}xx",
                "hit:method": hit.method,
                "hit:outcome": hit.outcome,
                "hit:linked_from": hit.from_path or hit.referrer_host or "Direct / None",
                "hit:redirect": hit.redirect or "(none)",
            }[name]
        return shown(name, getattr(hit, name.removeprefix("visit:").removesuffix("_name")))

    def event_value(self, name: str, event: Event, *, by_clock: bool = False) -> str:
        if name == "time:day":
            return (event.at.astimezone(self.zone).date() if by_clock else event.day).isoformat()
        if name in {"event:page", "event:hostname"}:
            return event.path if name == "event:page" else event.hostname
        return shown(
            name, event.attributes.get(name.removeprefix("visit:").removesuffix("_name"), "")
        )

    def signal_value(self, name: str, signal: Signal) -> str:
        if name == "event:page":
            return signal.path
        return self.event_value(name, signal.event)


def shown(name: str, stored: str) -> str:
    if name == "visit:country_name":
        return {"FR": "France", "DE": "Germany", "": ""}[stored]
    column = name.removeprefix("visit:")
    return stored or ("" if name in PLACES else MISSING.get(column, "(not set)"))


def holds(part: Any, value: Callable[[str], str]) -> bool:
    operator, name, values = part
    found = any(
        matches(operator.removesuffix("_not"), value(name), v, insensitive=False) for v in values
    )
    return found is not operator.endswith("_not")


def grouped(
    rows: Any, value: Callable[[Any, str], str], dimensions: list[str], filters: list[Any]
) -> dict[Keys, list[Any]]:
    found: dict[Keys, list[Any]] = {}
    for row in rows:
        if not all(holds(part, lambda name, row=row: value(row, name)) for part in filters):
            continue
        key = tuple(value(row, name) for name in dimensions)
        if not any(name in PLACES and not part for name, part in zip(dimensions, key, strict=True)):
            found.setdefault(key, []).append(row)
    return found


def quantile(values: Sequence[float], level: float) -> float:
    """The value at the place that is ``level`` of the way through all, in order."""
    return sorted(values)[int(level * len(values))]
