"""Made-up rows of ``hits`` and ``signals`` beside made-up visits."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from store.client import Store
from tests.store.query.dataset import EPOCH, PAGES, Event, hash_of

BOTS = (("ai_training", "OpenAI"), ("ai_assistant", "OpenAI"), ("search", "Google"), ("seo", ""))
WIDTHS = ("Mobile", "Tablet", "Laptop", "Desktop")
VITALS = ("LCP", "INP", "CLS", "FCP", "TTFB")
NO_LANGUAGE, VERIFIED = 1 << 6, 1 << 12


@dataclass(frozen=True)
class Hit:
    """One row of ``hits``."""

    at: datetime
    visitor: int = 1
    kind: str = "document"
    method: str = "GET"
    status: int = 200
    outcome: str = "injected"
    capture: str = "eligible"
    hostname: str = "shop.example"
    path: str = "/"
    referrer_host: str = ""
    from_path: str = ""
    redirect: str = ""
    sent_bytes: int = 1000
    ttfb_ms: int = 20
    country: str = "FR"
    browser: str = "Firefox"
    browser_version: str = "120"
    os: str = "Linux"
    device: str = "Desktop"
    bot: str = ""
    operator: str = ""
    evidence: int = 0


@dataclass(frozen=True)
class Signal:
    """One row of ``signals``, of the visit that ``event`` belongs to."""

    event: Event
    kind: str
    at: datetime
    path: str = "/"
    values: dict[str, Any] = field(default_factory=dict)

    def value(self, column: str, default: Any = "") -> Any:
        return self.values.get(column, default)


def store_hits(store: Store, site_id: int, zone: str, hits: Sequence[Hit], token: str) -> None:
    columns: dict[str, Sequence[Any]] = {
        name: [getattr(hit, name) for hit in hits] for name in Hit.__annotations__ if name != "at"
    }
    columns["ts"] = [round(hit.at.timestamp() * 1000) for hit in hits]
    days = [hit.at.astimezone(ZoneInfo(zone)).date() for hit in hits]
    columns["local_day"] = [(day - EPOCH).days for day in days]
    columns["site_id"] = [site_id] * len(hits)
    store.insert("hits", columns, token=f"{token}-h")


_DEFAULTS: dict[str, Any] = {
    "selector": "",
    "x": 0,
    "y": 0,
    "page_x": 0,
    "page_y": 0,
    "page_height": 0,
    "depth": 0,
    "bands": [],
    "label": "",
    "value": 0.0,
    "message": "",
    "file": "",
    "line": 0,
    "position": 0,
    "form": "",
    "times": 0,
    "width_class": "Desktop",
}


def told_last(signals: Sequence[Signal]) -> list[Signal]:
    """Leave out vitals that were told again: of a visit, under the same name and key."""
    last = {
        (s.event.visit, s.value("label"), s.value("position")): s
        for s in sorted(signals, key=lambda s: s.at)
        if s.kind == "vital"
    }
    kept = set(map(id, last.values()))
    return [s for s in signals if s.kind != "vital" or not s.value("position") or id(s) in kept]


def store_signals(store: Store, site_id: int, signals: Sequence[Signal], token: str) -> None:
    columns: dict[str, Sequence[Any]] = {
        name: [signal.value(name, default) for signal in signals]
        for name, default in _DEFAULTS.items()
    }
    for name in ("source", "country", "browser", "device", "screen", "bot", "operator", "channel"):
        columns[name] = [signal.event.attributes.get(name, "") for signal in signals]
    columns |= {
        "site_id": [site_id] * len(signals),
        "kind": [signal.kind for signal in signals],
        "ts": [round(signal.at.timestamp() * 1000) for signal in signals],
        "local_day": [(signal.event.day - EPOCH).days for signal in signals],
        "visit_id": [signal.event.visit for signal in signals],
        "visitor": [hash_of(signal.event) for signal in signals],
        "hostname": ["shop.example"] * len(signals),
        "path": [signal.path for signal in signals],
    }
    store.insert("signals", columns, token=f"{token}-g")


def random_hits(seed: int, start: datetime, days: int, count: int) -> list[Hit]:
    """Make documents, scripts and crawlers around the days asked for."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        bot, operator = rng.choice(BOTS) if rng.random() < 0.4 else ("", "")
        status = rng.choices((200, 304, 301, 404, 500), (10, 2, 1, 3, 1))[0]
        found.append(
            Hit(
                start + timedelta(milliseconds=rng.randrange(days * 86_400_000)),
                rng.randrange(1, 40),
                rng.choices(("document", "script", "activated"), (8, 1, 1))[0],
                rng.choices(("GET", "POST"), (9, 1))[0],
                status,
                rng.choice(("injected", "no_head", "aborted")),
                rng.choice(("eligible", "meta_policy", "cacheable", "untagged")),
                rng.choice(("shop.example", "Blog.example")),
                rng.choice(PAGES),
                rng.choice(("", "news.example")),
                rng.choice(("", "", "/a")),
                "/b" if status == 301 else "",
                rng.randrange(100_000),
                rng.randrange(2_000),
                rng.choice(("", "FR", "DE")),
                rng.choice(("", "Firefox", "Chrome")),
                rng.choice(("", "120", "121")),
                rng.choice(("", "Linux", "iOS")),
                rng.choice(("", "Desktop", "Mobile")),
                bot,
                operator,
                rng.choices((0, NO_LANGUAGE, VERIFIED), (8, 1, 1))[0],
            )
        )
    return found


def random_signals(seed: int, events: Sequence[Event], count: int) -> list[Signal]:
    """Make signals of visits that are there."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        event = rng.choice([e for e in events if e.counts])
        kind = rng.choice(
            ("click", "click", "rage", "dead", "scroll", "vital", "error", "form", "field")
        )
        at = event.at + timedelta(milliseconds=rng.randrange(60_000))
        values = _random_values(rng, kind) | {"width_class": rng.choice(WIDTHS)}
        found.append(Signal(event, kind, at, rng.choice(PAGES[:3]), values))
    return found


def _random_values(rng: random.Random, kind: str) -> dict[str, Any]:
    height = rng.choice((0, 900, 4_200))
    if kind in {"click", "rage", "dead"}:
        return {
            "selector": rng.choice(("#buy", "nav>a:nth-of-type(2)", "main")),
            "x": rng.choice((0, 16_383, 32_767, rng.randrange(32_768))),
            "y": rng.randrange(32_768),
            "page_x": rng.randrange(32_768),
            "page_y": rng.randrange(5_000),
            "page_height": height,
        }
    if kind == "scroll":
        bands = [rng.randrange(4_000) for _ in range(20)]
        return {"depth": rng.randrange(101), "bands": bands, "page_height": height}
    if kind == "vital":
        label = rng.choice(VITALS)
        value = (
            rng.random() / 2 if label == "CLS" else rng.choice((200.0, 2_500.0, rng.random() * 6e3))
        )
        load = rng.choice((0, 0, 1, 2))
        return {
            "label": label,
            "value": value,
            "selector": rng.choice(("", "img")),
            "position": load,
        }
    if kind == "error":
        return {
            "label": rng.choice(("TypeError", "RangeError")),
            "message": rng.choice(("x is not a function", "out of range")),
            "file": rng.choice(("", "/app.js")),
            "line": rng.choice((0, 7)),
            "position": rng.choice((0, 9)),
        }
    common = {"form": rng.choice(("checkout", "search")), "selector": rng.choice(("mail", "name"))}
    if kind == "form":
        outcome = rng.choice(("submitted", "abandoned"))
        return {**common, "label": outcome, "value": float(rng.randrange(90_000)), "times": 2}
    times = rng.choice((1, 1, 2, 3))
    return {
        **common,
        "position": rng.randrange(1, 4),
        "value": float(rng.randrange(9_000)),
        "times": times,
    }
