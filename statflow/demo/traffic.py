"""Believable traffic for the demo shop: 90 uneven days in the form of CONTRACT 5.

It invents visitors and what they did; deriving visits and writing rows is ``edge.importer``. The
shape is what a small shop sees: weekends and evenings, slow growth, a letter to subscribers, a day
in the news, people who read and leave. The one invariant: the same arguments give the same lines,
so a seeding that was interrupted can go on.

Shapes: see ``generate``; every weight below is a share, their sums need not be 1.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EVENTS_PER_VISIT = 5.0
"""Mean number of events of one visit; found by counting, used to plan the number of visits."""
LIVE_MS = 4.5 * 60 * 1000
LIVE_VISITORS = 9
HOURS = (2, 1, 1, 1, 1, 2, 4, 8, 12, 14, 15, 15, 14, 13, 14, 14, 14, 15, 17, 20, 22, 20, 13, 6)
WEEKDAYS = (1.0, 1.05, 1.0, 0.98, 0.9, 0.82, 1.12)
LETTER_DAYS_AGO = (6, 34, 62)
NEWS_DAYS_AGO = 23
QUIET_DAYS_AGO = 48

PRODUCTS = (
    ("tea-bowl-ash", 38),
    ("tea-bowl-celadon", 42),
    ("sencha-spring", 14),
    ("genmaicha", 11),
    ("kettle-iron", 89),
    ("plate-river", 27),
    ("vase-tall", 64),
    ("cup-set-slate", 52),
)
ARTICLES = ("glazing-with-ash", "how-we-fire", "a-year-of-tea")
STUDIO = ("/studio", "/studio/wheel", "/studio/kiln", "/studio/glaze")
LISTS = ("/shop", "/shop/tea", "/shop/ceramics")
DEPTHS = (
    ("/journal/", (1.3, 1.5)), ("/shop/tea-bowl-moss", (1, 6)), ("/shop/", (2.4, 1.3)),
    ("/shop", (2, 2.2)), ("/checkout", (6, 1.2)), ("/basket", (5, 1.1)), ("/studio", (1.8, 1.9)),
    ("/", (1.5, 2.6)),
)  # fmt: skip
"""How far people scroll by the beginning of a path: parameters of a beta distribution."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where visits come from; ``landing`` is where most of them begin."""

    weight: float
    referrer: str
    query: str = ""
    landing: str = ""


ORIGINS: tuple[Origin, ...] = (
    Origin(27, "https://www.google.com/"),
    Origin(24, ""),
    Origin(5, "https://www.bing.com/"),
    Origin(4, "https://duckduckgo.com/"),
    Origin(7, "https://www.instagram.com/", landing="/shop/ceramics"),
    Origin(4, "https://www.pinterest.com/", landing="/shop/ceramics"),
    Origin(
        3, "https://www.facebook.com/", "?utm_source=facebook&utm_medium=paid&utm_campaign=autumn"
    ),
    Origin(5, "https://chatgpt.com/", "?utm_source=chatgpt.com", "/journal/a-year-of-tea"),
    Origin(2, "https://www.perplexity.ai/", landing="/journal/glazing-with-ash"),
    Origin(3, "https://www.reddit.com/r/Pottery/", landing="/journal/how-we-fire"),
    Origin(2, "https://teablog.example/best-bowls", landing="/shop/tea-bowl-ash"),
    Origin(2, "https://www.youtube.com/", landing="/studio"),
    Origin(
        5,
        "https://www.google.com/",
        "?utm_source=google&utm_medium=cpc&utm_campaign=bowls",
        "/shop",
    ),
)
LETTER = Origin(1, "", "?utm_source=letter&utm_medium=email&utm_campaign=october", "/shop/tea")
NEWS = Origin(1, "https://news.ycombinator.com/item", "", "/journal/how-we-fire")

COUNTRIES = (
    ("FR", "fr", 30), ("DE", "de", 17), ("GB", "en", 12), ("US", "en", 12), ("BE", "fr", 6),
    ("NL", "nl", 5), ("CH", "de", 4), ("ES", "es", 4), ("IT", "it", 4), ("JP", "ja", 3),
    ("CA", "en", 3), ("AU", "en", 1.5), ("SE", "sv", 1.5), ("BR", "pt", 1),
)  # fmt: skip
CLIENTS = (
    ("Mobile", "iOS", "18", "Mobile Safari", "18", 27),
    ("Mobile", "Android", "15", "Chrome Mobile", "141", 24),
    ("Desktop", "Windows", "10", "Chrome", "141", 20),
    ("Desktop", "Mac OS X", "15", "Safari", "18", 9),
    ("Desktop", "Mac OS X", "15", "Chrome", "141", 6),
    ("Desktop", "Windows", "10", "Edge", "141", 6),
    ("Desktop", "Linux", "", "Firefox", "143", 3),
    ("Desktop", "Windows", "10", "Firefox", "143", 4),
    ("Tablet", "iOS", "18", "Mobile Safari", "18", 3),
    ("Mobile", "Android", "14", "Samsung Internet", "28", 3),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One visitor of one day, with what their events have in common."""

    name: str
    fields: dict[str, str]
    origin: Origin


class _Visit:
    """The events of one visit, one after another in time."""

    def __init__(self, rng: random.Random, host: str, person: Person, start_ms: float) -> None:
        self._rng = rng
        self._base = f"https://{host}"
        self._person = person
        self._at_ms = start_ms
        self._referrer = person.origin.referrer
        self._path = "/"
        self.lines: list[tuple[int, dict[str, Any]]] = []

    def look(self, path: str, query: str = "", *, reading_s: float = 25) -> None:
        """View a page and stay for a while; engagement is sent as the page is left."""
        self._path = path
        self._add("pageview", path + query, referrer=self._referrer)
        self._referrer = ""
        stayed_ms = self._rng.lognormvariate(math.log(reading_s * 1000), 0.8)
        stayed_ms = min(stayed_ms, 20 * 60 * 1000)
        self._at_ms += stayed_ms
        if self._rng.random() < 0.8:
            engaged = round(stayed_ms * self._rng.uniform(0.5, 1))
            depth = min(100, round(self._rng.betavariate(*_depth(path)) * 100))
            self._add("engagement", path, engaged_ms=engaged, scroll=depth)
        self._at_ms += self._rng.uniform(200, 1500)

    def do(self, name: str, **more: Any) -> None:
        """Fire a custom event on the page that is open."""
        self._at_ms += self._rng.uniform(300, 4000)
        self._add(name, self._path, **more)

    def _add(self, name: str, path: str, **more: Any) -> None:
        line = {"visitor": self._person.name, "name": name, "url": self._base + path}
        kept = {key: value for key, value in more.items() if value not in ("", None)}
        self.lines.append((round(self._at_ms), line | self._person.fields | kept))


def generate(
    *, host: str, now: datetime, days: int, events: int, seed: int, zone: ZoneInfo
) -> Iterator[dict[str, Any]]:
    """Give about ``events`` lines of ``days`` days up to ``now``, in order of time."""
    rng = random.Random(seed)  # noqa: S311 - invention, not secrecy
    today = now.astimezone(zone).date()
    now_ms = round(now.timestamp() * 1000)
    weights = [_day_weight(rng, today - timedelta(days=ago), ago, days) for ago in range(days)]
    visits = events / EVENTS_PER_VISIT
    carried: list[tuple[int, dict[str, Any]]] = []
    for ago in reversed(range(days)):
        day = today - timedelta(days=ago)
        count = round(visits * weights[ago] / sum(weights))
        made = carried + _day_lines(rng, host, day, ago, count, zone)
        if ago == 0:
            made += _present(rng, host, day, now_ms)
        made.sort(key=lambda row: row[0])
        end_ms = _midnight_ms(day + timedelta(days=1), zone)
        carried = [row for row in made if row[0] >= end_ms]
        for at_ms, line in made:
            if at_ms < min(end_ms, now_ms):
                yield {"ts": _iso(at_ms), **line}


def _day_weight(rng: random.Random, day: date, ago: int, days: int) -> float:
    growth = 0.7 + 0.5 * (days - ago) / days
    luck = rng.uniform(0.88, 1.14)
    extra = 1.9 if ago in LETTER_DAYS_AGO else 4.2 if ago == NEWS_DAYS_AGO else 1.0
    extra = 1.7 if ago == NEWS_DAYS_AGO - 1 else extra
    quiet = 0.25 if ago == QUIET_DAYS_AGO else 1.0
    return growth * luck * extra * quiet * WEEKDAYS[day.weekday()]


def _day_lines(
    rng: random.Random, host: str, day: date, ago: int, visits: int, zone: ZoneInfo
) -> list[tuple[int, dict[str, Any]]]:
    midnight = _midnight_ms(day, zone)
    lines: list[tuple[int, dict[str, Any]]] = []
    people: list[Person] = []
    for number in range(visits):
        if people and rng.random() < 0.14:
            person = rng.choice(people)
        else:
            person = _person(rng, f"{day}:{number}", _origin(rng, ago))
            people.append(person)
        hour = rng.choices(range(24), HOURS)[0]
        start_ms = midnight + (hour + rng.random()) * 3_600_000
        visit = _Visit(rng, host, person, start_ms)
        _wander(rng, visit, person)
        lines += visit.lines
    return lines


def _present(
    rng: random.Random, host: str, day: date, now_ms: int
) -> list[tuple[int, dict[str, Any]]]:
    """Make a few visits that are going on at ``now``."""
    lines: list[tuple[int, dict[str, Any]]] = []
    for number in range(LIVE_VISITORS):
        person = _person(rng, f"{day}:live{number}", _origin(rng, 0))
        visit = _Visit(rng, host, person, now_ms - rng.uniform(0.1, 1) * LIVE_MS)
        _wander(rng, visit, person)
        lines += visit.lines
    return lines


def _origin(rng: random.Random, ago: int) -> Origin:
    if ago in LETTER_DAYS_AGO and rng.random() < 0.45:
        return LETTER
    if ago in {NEWS_DAYS_AGO, NEWS_DAYS_AGO - 1} and rng.random() < 0.7:
        return NEWS
    return rng.choices(ORIGINS, [origin.weight for origin in ORIGINS])[0]


def _person(rng: random.Random, name: str, origin: Origin) -> Person:
    country, language, _ = rng.choices(COUNTRIES, [row[2] for row in COUNTRIES])[0]
    device, system, system_version, browser, version, _ = rng.choices(
        CLIENTS, [row[5] for row in CLIENTS]
    )[0]
    fields = {
        "country": country,
        "language": language,
        "device": device,
        "os": system,
        "os_version": system_version,
        "browser": browser,
        "browser_version": version,
    }
    return Person(name, fields, origin)


def _wander(rng: random.Random, visit: _Visit, person: Person) -> None:
    """Walk through the shop: land, perhaps look around, perhaps buy."""
    landing = person.origin.landing
    if not landing or rng.random() < 0.3:
        landing = rng.choices(("/", _product_path(rng), _article_path(rng)), (6, 3, 2))[0]
    visit.look(landing, person.origin.query, reading_s=_reading_s(landing))
    if rng.random() < 0.46:
        return
    if rng.random() < 0.04:
        visit.look("/shop/tea-bowl-moss", reading_s=6)
        if rng.random() < 0.5:
            return
    for _ in range(rng.choices((1, 2, 3, 4, 6), (5, 5, 4, 2, 1))[0]):
        path = _next_path(rng)
        visit.look(path, reading_s=_reading_s(path))
    if rng.random() < 0.06:
        visit.do("Newsletter", props={"place": rng.choice(("footer", "journal"))})
    if rng.random() < 0.05:
        visit.do("File Download", props={"url": "/files/price-list.csv"})
    if rng.random() < 0.05:
        visit.do("Outbound Link: Click", props={"url": "https://pottery.example/"})
    if rng.random() < 0.22:
        _buy(rng, visit)


def _buy(rng: random.Random, visit: _Visit) -> None:
    slug, price = rng.choice(PRODUCTS)
    visit.look(f"/shop/{slug}", reading_s=30)
    visit.do("Add to basket", props={"product": slug})
    visit.look("/basket", reading_s=14)
    if rng.random() < 0.55:
        visit.look("/checkout", reading_s=50)
        if rng.random() < 0.6:
            amount = price * rng.choices((1, 2, 3), (7, 2, 1))[0]
            revenue = {"amount": f"{amount}.00", "currency": "EUR"}
            visit.do("Order", props={"product": slug}, revenue=revenue)
            visit.look("/thank-you", reading_s=8)


def _next_path(rng: random.Random) -> str:
    kinds: Sequence[str] = ("list", "product", "article", "studio", "about")
    kind = rng.choices(kinds, (5, 8, 3, 2, 1))[0]
    if kind == "list":
        return rng.choice(LISTS)
    if kind == "product":
        return _product_path(rng)
    if kind == "article":
        return _article_path(rng)
    return rng.choice(STUDIO) if kind == "studio" else "/about"


def _product_path(rng: random.Random) -> str:
    return f"/shop/{rng.choices(PRODUCTS, range(len(PRODUCTS), 0, -1))[0][0]}"


def _article_path(rng: random.Random) -> str:
    return f"/journal/{rng.choice(ARTICLES)}"


def _reading_s(path: str) -> float:
    return 75 if path.startswith("/journal/") else 22


def _depth(path: str) -> tuple[float, float]:
    return next(shape for beginning, shape in DEPTHS if path.startswith(beginning))


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def _iso(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
