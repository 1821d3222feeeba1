"""What the edge and the tracker's modules saw of the demo's traffic: documents, crawlers, signals.

Made beside the events of ``statflow.demo.traffic`` as they go by, so that both tell of the same
visits. The one invariant: the same events give the same rows, so a seeding that was interrupted can
go on; no number of visits or views is changed.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from edge.event import Event
from edge.hits.hit import Hit
from edge.signals import BANDS, SCALE
from edge.sites import Site

MISSING = "/shop/tea-bowl-moss"
MOVED = "/shop/old-catalogue"
FAILING = "/studio/glaze"
CHECKOUT = "/checkout"
ORDER = "Order"
FORM_MS = 25 * 60_000
"""A form that was not sent for so long is left; later signals would miss their visit."""
CRAWLERS = (
    ("ai_training", "OpenAI", 7), ("ai_assistant", "OpenAI", 3), ("ai_search", "OpenAI", 3),
    ("ai_training", "Anthropic", 6), ("ai_assistant", "Anthropic", 1),
    ("ai_search", "Perplexity", 3),
    ("ai_training", "Meta", 4), ("ai_training", "ByteDance", 5), ("ai_training", "Common Crawl", 1),
    ("search", "Google", 12), ("search", "Microsoft", 5), ("search", "DuckDuckGo", 1),
    ("seo", "Ahrefs", 4), ("seo", "Semrush", 3), ("monitor", "", 2), ("scanner", "", 2),
)  # fmt: skip
BUTTON = "main>article>div>p:nth-of-type(4)>button"
CARD = "main>section>a:nth-of-type(2)>svg"
PLACES = (
    ("header>nav>a:nth-of-type(1)", 0.62, 40, 5),
    ("header>nav>a:nth-of-type(2)", 0.71, 40, 3),
    ("header>nav>a:nth-of-type(5)", 0.93, 40, 2),
    ("#newsletter", 0.85, 1_500, 1),
)
"""Elements of every page: selector, share of the width, pixels from the top, weight."""
HEIGHTS = {"Mobile": 2_900, "Tablet": 2_100, "Laptop": 1_700, "Desktop": 1_600}
FIELDS = (("name", 4_000), ("street", 11_000), ("email", 8_000))


@dataclass
class DemoEdge:
    """Goes along with the demo's events; ``hits`` are the documents of those that went by."""

    site: Site
    seed: int
    hits: list[Hit] = field(default_factory=list)
    _fetched: set[int] = field(default_factory=set)

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """Give the events on, with signals behind them, and note what was served."""
        rng = random.Random(self.seed)  # noqa: S311 - invention, not secrecy
        referrers: dict[int, str] = {}
        at_checkout: dict[int, Event] = {}
        for event in events:
            event = event._replace(screen=_screen(event))  # noqa: PLW2901 - the same with its window
            yield from self._given_up(rng, at_checkout, event)
            if event.name == ORDER and event.visitor in at_checkout:
                yield from _form(rng, at_checkout.pop(event.visitor), is_sent=True)
            if event.name != "pageview":
                yield event
                continue
            if event.path == CHECKOUT:
                at_checkout[event.visitor] = event
            capture = rng.choices(("eligible", "cacheable", "untagged"), (95, 4, 1))[0]
            confirmed = capture == "eligible" and rng.random() < 0.985
            self._serve(rng, event, capture, referrers.get(event.visitor, ""))
            referrers[event.visitor] = event.path
            yield event._replace(is_first=confirmed)
            yield from _signals(rng, event)

    def _given_up(
        self, rng: random.Random, at_checkout: dict[int, Event], event: Event
    ) -> Iterator[Event]:
        """Leave the forms that nobody sends any more."""
        over = [
            visitor
            for visitor, opened in at_checkout.items()
            if opened.ts_ms < event.ts_ms - FORM_MS
            or (visitor == event.visitor and event.name == "pageview")
        ]
        for visitor in over:
            yield from _form(rng, at_checkout.pop(visitor), is_sent=False)

    def _serve(self, rng: random.Random, event: Event, capture: str, came_from: str) -> None:
        """Note a person's document, now and then a visitor without the script, and a crawler's."""
        status = 404 if event.path == MISSING else 200
        if event.path == FAILING and rng.random() < 0.04:
            status = 500
        hit = self._hit(rng, event, status=status, capture=capture)
        self.hits.append(hit._replace(from_path=came_from, referrer_host=_host(event)))
        if event.visitor not in self._fetched:
            self._fetched.add(event.visitor)
            self.hits.append(hit._replace(kind="script", capture="aside"))
        if rng.random() < (0.16 if event.browser == "Firefox" else 0.045):
            blocked = hit._replace(visitor=rng.getrandbits(64), ts_ms=hit.ts_ms + 500)
            self.hits.append(blocked._replace(capture="eligible"))
        if rng.random() < 0.02:
            self.hits.append(hit._replace(visitor=0, capture="refused", refusal="gpc"))
        if rng.random() < 0.35:
            self.hits.append(self._crawl(rng, hit))

    def _crawl(self, rng: random.Random, hit: Hit) -> Hit:
        bot, operator, _ = rng.choices(CRAWLERS, [row[2] for row in CRAWLERS])[0]
        path = rng.choices((hit.path, MISSING, MOVED), (90, 4, 6))[0]
        status = {MISSING: 404, MOVED: 301}.get(path, rng.choices((200, 304), (9, 2))[0])
        capture = "aside" if path == MOVED else "eligible"
        return hit._replace(
            bot=bot, operator=operator, path=path, status=status, browser="", os="", device="",
            visitor=rng.getrandbits(64), referrer_host="", from_path="", evidence=1,
            redirect="/shop" if path == MOVED else "", capture=capture,
        )  # fmt: skip

    def _hit(self, rng: random.Random, event: Event, *, status: int, capture: str) -> Hit:
        slow = 5.5 if event.path.startswith("/journal/") else 3.6
        return Hit(
            site_id=self.site.id,
            ts_ms=event.ts_ms,
            local_day=event.local_day,
            visitor=event.visitor,
            kind="document",
            method="GET",
            status=status,
            outcome="untagged" if capture == "untagged" else "injected",
            capture=capture,
            refusal="",
            hostname=event.hostname,
            path=event.path,
            referrer_host="",
            from_path="",
            redirect="",
            sent_bytes=rng.randrange(4_000, 14_000),
            ttfb_ms=min(8_000, round(rng.lognormvariate(slow, 0.7))),
            duration_ms=rng.randrange(5, 60),
            is_complete=True,
            load_id=0,
            country=event.country,
            browser=event.browser,
            browser_version=event.browser_version,
            os=event.os,
            device=event.device,
            bot="",
            operator="",
            evidence=0,
        )


def _host(event: Event) -> str:
    return event.referrer.partition("/")[0]


def _screen(event: Event) -> str:
    if event.device in {"Mobile", "Tablet"}:
        return event.device
    return "Laptop" if event.visitor % 5 < 3 else "Desktop"


def _signals(rng: random.Random, event: Event) -> Iterator[Event]:
    """Make what the modules saw on one page, all within its first seconds."""
    height = HEIGHTS[event.screen] + 40 * (len(event.path) % 9)
    clicks = list(_clicks(rng, event, height))
    yield from _told(
        rng,
        event,
        (
            *_vitals(rng, event, has_clicked=bool(clicks)),
            *clicks,
            _scroll(rng, height),
            *_errors(rng, event),
        ),
    )


type _Made = tuple[str, dict[str, Any]]


def _told(rng: random.Random, event: Event, made: Iterable[_Made]) -> Iterator[Event]:
    """Write signals of a page view, one soon after another."""
    at_ms = 400
    for name, props in made:
        at_ms += rng.randrange(50, 900)
        texts = {key: str(value) for key, value in props.items()}
        yield event._replace(
            ts_ms=event.ts_ms + at_ms, name=name, props=texts, revenue_minor=0, currency=""
        )


def _clicks(rng: random.Random, event: Event, height: int) -> Iterator[_Made]:
    product = event.path.startswith("/shop/")
    places: tuple[tuple[str, float, int, int], ...] = PLACES
    if product:
        places = (*places, (BUTTON, 0.68, 430, 9))
    if product or event.path in {"/", "/shop"}:
        places = (*places, (CARD, 0.5, 900, 4))
    for _ in range(rng.choices((0, 1, 2), (4, 5, 1))[0]):
        selector, across, down, _ = rng.choices(places, [place[3] for place in places])[0]
        x, y = (min(SCALE, max(0, round(rng.gauss(SCALE / 2, SCALE / 6)))) for _ in range(2))
        down = min(height, max(0, round(rng.gauss(down, 14))))
        place = {"s": selector, "x": x, "y": y, "py": down, "h": height}
        place["px"] = min(SCALE, max(0, round(rng.gauss(across, 0.02) * SCALE)))
        yield "$click", place
        if selector == CARD and rng.random() < 0.3:
            yield "$dead", place
        if selector == BUTTON and rng.random() < 0.03:
            yield "$rage", place


def _scroll(rng: random.Random, height: int) -> _Made:
    depth = min(100, round(25 + rng.betavariate(1.6, 1.8) * 90))
    seen = depth * BANDS // 100
    bands = [rng.randrange(300, 6_000) // (1 + place // 5) for place in range(seen)]
    bands += [0] * (BANDS - seen)
    return "$scroll", {"d": depth, "h": height, "b": ",".join(map(str, bands))}


def _vitals(rng: random.Random, event: Event, *, has_clicked: bool) -> Iterator[_Made]:
    slow = (1.5 if event.device == "Mobile" else 1.0) * (1.6 if "/journal/" in event.path else 1.0)
    shift = 0.16 if event.path == "/shop/ceramics" else 0.02
    values = {
        "TTFB": rng.lognormvariate(5.6, 0.5) * slow,
        "FCP": rng.lognormvariate(6.8, 0.4) * slow,
        "LCP": rng.lognormvariate(7.3, 0.4) * slow,
        "INP": rng.lognormvariate(4.3, 0.7) * slow,
        "CLS": rng.betavariate(1.2, 6) * shift * 6,
    }
    if not has_clicked:
        del values["INP"]
    for label, value in values.items():
        yield "$vital", {"m": label, "v": round(value, 4), "s": "main>article>img"}


def _errors(rng: random.Random, event: Event) -> Iterator[_Made]:
    if event.browser == "Samsung Internet" and rng.random() < 0.12:
        said = {"t": "TypeError", "m": "navigator.share is not a function", "l": 31, "c": 9}
        yield "$error", said | {"f": "/static/shop.js"}
    elif event.path == "/basket" and rng.random() < 0.03:
        said = {"t": "RangeError", "m": "Invalid time value", "l": 44, "c": 17}
        yield "$error", said | {"f": "/static/shop.js"}


def _form(rng: random.Random, event: Event, *, is_sent: bool) -> Iterator[Event]:
    """Fill in the form of the checkout: whole where it was sent; some only look at it."""
    touched = len(FIELDS) if is_sent else rng.choices((0, 1, 2, 3), (4, 3, 3, 2))[0]
    if not touched:
        return
    made: list[_Made] = []
    spent = [round(rng.lognormvariate(0, 0.5) * usual) for _, usual in FIELDS[:touched]]
    for place, ms in enumerate(spent):
        again = 1 + (rng.random() < 0.2)
        name = FIELDS[place][0]
        made.append(("$field", {"f": "checkout", "s": name, "i": place + 1, "v": ms, "n": again}))
    told = {"f": "checkout", "o": "submitted" if is_sent else "abandoned"}
    last = FIELDS[touched - 1][0]
    made.append(("$form", told | {"s": last, "v": sum(spent) + 2_000, "n": touched}))
    yield from _told(rng, event, made)
