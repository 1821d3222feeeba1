"""Answers about clicks, scroll, vitals, errors and forms are what counting by hand gives."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from statistics import median_high
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.api.behaviour import BY_NAME
from store.client import Store
from store.query.behaviour.vitals import THRESHOLDS
from store.query.model import QueryError, QuerySite
from tests.store.query.conftest import NOW, ZONE, _sites
from tests.store.query.dataset import Event, random_events, store_traffic
from tests.store.query.edge_dataset import Signal, random_signals, store_signals, told_last
from tests.store.query.edge_reference import quantile
from tests.store.query.reference import rounded

DAYS = (date(2026, 10, 29), date(2026, 11, 6))
COLUMNS = {"page": "path", "element": "selector", "width": "width_class"}


@dataclass(frozen=True)
class Seen:
    """A site with signals."""

    store: Store
    site: QuerySite
    events: list[Event]
    signals: list[Signal]

    def ask(self, name: str, **body: Any) -> dict[str, Any]:
        days = [str(day) for day in DAYS]
        return BY_NAME[name].ask(self.store, {"date_range": days, **body}, self.site, NOW)

    def of(
        self, kinds: Iterable[str], *, width: str = "", visits: set[int] | None = None
    ) -> list[Signal]:
        """The rows that count: of people, in the days, of a width, of some visits."""
        return [
            s
            for s in told_last(self.signals)
            if s.kind in kinds
            and DAYS[0] <= s.event.day <= DAYS[1]
            and not s.event.attributes.get("bot")
            and (not width or s.value("width_class") == width)
            and (visits is None or s.event.visit in visits)
        ]


@pytest.fixture(scope="module")
def seen(uncollapsed: Store) -> Seen:
    site = QuerySite(next(_sites), "shop.example", ZONE)
    events = random_events(15, ZONE, date(2026, 10, 28), 10, 100)
    signals = random_signals(17, events, 1_500)
    store_traffic(uncollapsed, site.id, events, f"seen-{site.id}")
    store_signals(uncollapsed, site.id, signals, f"seen-{site.id}")
    return Seen(uncollapsed, site, events, signals)


def part(signal: Signal, by: str) -> str:
    return signal.path if by == "page" else str(signal.value(COLUMNS[by]))


def groups(rows: Iterable[Signal], by: list[str]) -> dict[tuple[str, ...], list[Signal]]:
    found: dict[tuple[str, ...], list[Signal]] = {}
    for row in rows:
        found.setdefault(tuple(part(row, name) for name in by), []).append(row)
    return found


def visits_of(rows: Iterable[Signal]) -> int:
    return len({row.event.visit for row in rows})


def cell(signal: Signal, columns: int, of: str) -> tuple[int, int]:
    if of == "element":
        x, y = Fraction(signal.value("x"), 32_768), Fraction(signal.value("y"), 32_768)
        return int(x * columns), int(y * columns)
    height = max(signal.value("page_height"), 1)
    down = min(Fraction(signal.value("page_y"), height) * 4 * columns, 4 * columns - 1)
    return int(Fraction(signal.value("page_x"), 32_768) * columns), int(down)


@pytest.mark.parametrize("seed", range(6))
def test_clicks(seen: Seen, seed: int) -> None:
    rng = random.Random(seed)
    by = rng.sample(list(COLUMNS), rng.choice((1, 2)))
    order, kind = rng.choice(
        (("clicks", "click"), ("rage_clicks", "rage"), ("dead_clicks", "dead"))
    )
    of, columns, width = (
        rng.choice(("element", "page")),
        rng.choice((1, 7, 64)),
        rng.choice(("", "Mobile")),
    )
    body = {"width": width} if width else {}
    answer = seen.ask("clicks", by=by, order=order, grid=columns, grid_of=of, limit=1_000, **body)
    rows = seen.of({"click", "rage", "dead"}, width=width)
    wanted = {}
    for key, found in groups(rows, by).items():
        counts = Counter(row.kind for row in found)
        cells = Counter(cell(row, columns, of) for row in found if row.kind == kind)
        if counts[kind]:
            wanted[key] = (counts["click"], counts["rage"], counts["dead"], visits_of(found), cells)
    got = {
        tuple(row[name] for name in by): (
            row["clicks"],
            row["rage_clicks"],
            row["dead_clicks"],
            row["visits"],
            Counter({(column, line): count for column, line, count in row["grid"]}),
        )
        for row in answer["results"]
    }
    assert got == wanted
    ranked = [row[order] for row in answer["results"]]
    assert ranked == sorted(ranked, reverse=True)
    assert answer["meta"]["clicks"] == sum(row.kind == "click" for row in rows)
    assert answer["meta"]["visits"] == visits_of(rows)


@pytest.mark.parametrize("by", [["page"], ["page", "width"], []])
def test_scroll(seen: Seen, by: list[str]) -> None:
    got = {tuple(row.pop(name) for name in by): row for row in seen.ask("scroll", by=by)["results"]}
    wanted = {
        key: {
            "views": len(rows),
            "visits": visits_of(rows),
            "depth": rounded(Fraction(sum(r.value("depth") for r in rows), len(rows))),
            "page_height": median_high([r.value("page_height") for r in rows]),
            "reached": [
                rounded(
                    Fraction(100 * sum(r.value("depth") > 5 * band for r in rows), len(rows)), 1
                )
                for band in range(20)
            ],
            "seconds": [
                rounded(Fraction(sum(r.value("bands")[band] for r in rows), 1000 * len(rows)), 1)
                for band in range(20)
            ],
        }
        for key, rows in groups(seen.of({"scroll"}), by).items()
    }
    assert got == wanted
    assert all(row["reached"] == sorted(row["reached"], reverse=True) for row in got.values())


@pytest.mark.parametrize("by", [[], ["page"], ["element", "width"]])
def test_vitals(seen: Seen, by: list[str]) -> None:
    answer = seen.ask("vitals", by=by, limit=1_000)
    got = {(*(row.pop(name) for name in by), row.pop("vital")): row for row in answer["results"]}
    wanted = {}
    for key, rows in groups(seen.of({"vital"}), by).items():
        for label, (good, poor) in THRESHOLDS.items():
            values = [r.value("value") for r in rows if r.value("label") == label]
            if values:
                p75 = quantile(values, 0.75)
                wanted[(*key, label)] = {
                    **{f"p{n}": shown(label, quantile(values, n / 100)) for n in (50, 75, 95)},
                    "count": len(values),
                    "good": sum(v <= good for v in values),
                    "needs_work": sum(good < v <= poor for v in values),
                    "poor": sum(v > poor for v in values),
                    "rating": "good" if p75 <= good else "poor" if p75 > poor else "needs_work",
                }
    assert got == wanted
    one = seen.ask("vitals", by=by, vital="CLS", limit=1_000)["results"]
    assert [row["vital"] for row in one] == ["CLS"] * sum(key[-1] == "CLS" for key in wanted)


def shown(label: str, value: float) -> float:
    return rounded(Fraction(value), 3 if label == "CLS" else 0)


def test_errors(seen: Seen) -> None:
    answer = seen.ask("errors", order="last_seen")
    found: dict[tuple[Any, ...], list[Signal]] = {}
    for row in seen.of({"error"}):
        key = tuple(row.value(name) for name in ("label", "message", "file", "line"))
        found.setdefault(key, []).append(row)
    wanted = {
        key: {
            "count": len(rows),
            "visits": visits_of(rows),
            "pages": len({r.path for r in rows}),
            "seen_on": sorted({r.path for r in rows}),
            "first_seen": local(min(r.at for r in rows)),
            "last_seen": local(max(r.at for r in rows)),
            "browsers": sorted({r.event.attributes.get("browser") or "" for r in rows}),
        }
        for key, rows in found.items()
    }
    got = {}
    for row in answer["results"]:
        key = tuple(row.pop(name) for name in ("type", "message", "file", "line"))
        row["browsers"] = sorted(name.replace("(not set)", "") for name in row["browsers"])
        got[key] = row
    assert got == wanted
    latest = [row["last_seen"] for row in answer["results"]]
    assert (
        latest == sorted(latest, key=lambda text: text[:19], reverse=True) or len(set(latest)) > 1
    )
    assert answer["meta"]["groups"] == len(wanted)
    assert answer["meta"]["count"] == sum(row["count"] for row in wanted.values())


def local(at: Any) -> str:
    text: str = at.astimezone(ZoneInfo(ZONE)).isoformat(timespec="seconds")
    return text


def test_forms(seen: Seen) -> None:
    results = seen.ask("forms")["results"]
    forms: dict[tuple[str, str], list[Signal]] = {}
    fields: dict[tuple[str, str, str], list[Signal]] = {}
    for row in seen.of({"form", "field"}):
        key = (row.path, str(row.value("form")))
        if row.kind == "form":
            forms.setdefault(key, []).append(row)
        else:
            fields.setdefault((*key, str(row.value("selector"))), []).append(row)
    assert {(row["page"], row["form"]) for row in results} == set(forms)
    for row in results:
        key = (row["page"], row["form"])
        rows = forms[key]
        sent = [r for r in rows if r.value("label") == "submitted"]
        left = Counter(r.value("selector") for r in rows if r.value("label") == "abandoned")
        assert (row["begun"], row["submitted"]) == (len(rows), len(sent))
        assert row["abandoned"] == left.total()
        rate = rounded(Fraction(100 * left.total(), len(rows)), 1)
        assert row["abandonment_rate"] == rate
        assert row["visits"] == visits_of(rows)
        took = quantile([r.value("value") for r in sent], 0.5) if sent else None
        assert row["seconds"] == (None if took is None else rounded(Fraction(took) / 1000, 1))
        assert {field["field"] for field in row["fields"]} == {
            f for *k, f in fields if tuple(k) == key
        }
        assert [f["place"] for f in row["fields"]] == sorted(f["place"] for f in row["fields"])
        for field in row["fields"]:
            own = fields[(*key, field["field"])]
            seconds = rounded(Fraction(sum(r.value("value") for r in own)) / (1000 * len(own)), 1)
            assert (field["entered"], field["seconds"]) == (len(own), seconds)
            assert field["place"] == quantile([r.value("position") for r in own], 0.5)
            assert field["returned"] == sum(r.value("times") > 1 for r in own)
            assert field["left_at"] == left[field["field"]]


def test_filters_on_pages_visits_and_events(seen: Seen) -> None:
    did = {e.visit for e in seen.events if e.name == "Signup" and e.path == "/a"}
    filters = [
        ["is", "event:page", ["/"]],
        [
            "and",
            [
                ["is", "event:name", ["Signup"]],
                ["is", "event:props:plan", ["pro", "", "Pro+", "(none)"]],
            ],
        ],
        ["has_done", ["is", "event:page", ["/a"]]],
    ]
    rows = [
        s
        for s in seen.of({"click"}, visits={e.visit for e in seen.events if e.name == "Signup"})
        if s.path == "/"
        and s.event.visit in {e.visit for e in seen.events if e.path == "/a" and e.counts}
    ]
    assert seen.ask("clicks", filters=filters)["meta"]["clicks"] == len(rows) > 0
    assert did


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("clicks", {"by": ["page", "page"]}, "by[1]"),
        ("clicks", {"by": ["browser"]}, "by[0]"),
        ("clicks", {"grid": 65}, "grid"),
        ("clicks", {"order": "errors"}, "order"),
        ("clicks", {"width": "Watch"}, "width"),
        ("scroll", {"by": ["element"]}, "by[0]"),
        ("scroll", {"limit": 0}, "limit"),
        ("vitals", {"vital": "FID"}, "vital"),
        ("errors", {"by": ["page"]}, "by"),
        ("forms", {"filters": [["is", "hit:status", ["404"]]]}, "filters[0][1]"),
        ("forms", {"date_range": "yesteryear"}, "date_range"),
    ],
)
def test_what_is_no_question_is_told_where(name: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(QueryError) as refused:
        BY_NAME[name].parse({"date_range": "7d", **body}, QuerySite(1, "shop.example", ZONE))
    assert refused.value.field == field
