"""The capture rate: two counts without a join, against a count by hand, and parts that add up."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from store.client import Store
from store.query.capture import By, Capture, capture_report
from store.query.model import QuerySite

ZONE = "America/New_York"
START = datetime(2026, 10, 30, 4, tzinfo=UTC)  # Midnight there.
END = datetime(2026, 11, 4, 5, tzinfo=UTC)  # Midnight again, after the end of summer time.
_sites = count(930_000)
_VERIFIED, _NO_LANGUAGE = 1 << 12, 1 << 6


@dataclass(frozen=True)
class Row:
    """A hit, or with ``kind`` ``view`` the first page view of a load."""

    at: datetime
    visitor: int
    kind: str = "document"
    capture: str = "eligible"
    path: str = "/"
    browser: str = "Firefox"
    country: str = "FR"
    bot: str = ""
    evidence: int = 0
    method: str = "GET"


def store_rows(store: Store, rows: Sequence[Row]) -> QuerySite:
    site = QuerySite(next(_sites), "shop.example", ZONE)
    hits = [row for row in rows if row.kind != "view"]
    views = [row for row in rows if row.kind == "view"]
    common = ("visitor", "path", "browser", "country", "bot", "evidence")
    for table, some, own in (
        ("hits", hits, ("kind", "capture", "method")),
        ("events", views, ()),
    ):
        columns: dict[str, Sequence[Any]] = {
            name: [getattr(row, name) for row in some] for name in (*common, *own)
        }
        columns["ts"] = [round(row.at.timestamp() * 1000) for row in some]
        columns["site_id"] = [site.id] * len(some)
        if table == "events":
            columns["is_first"] = [True] * len(some)
            columns["name"] = ["pageview"] * len(some)
        store.insert(table, columns, token=f"capture-{table}-{site.id}")
    return site


def by_hand(rows: Sequence[Row], key: Any) -> dict[str, Capture]:
    """Count as the definitions say, one row after the other."""
    inside = [row for row in rows if START <= row.at < END]
    ran = {row.visitor for row in inside if row.kind in {"script", "view"}}
    people = {row.visitor for row in inside if row.kind != "view" and not row.bot}
    silent = people - ran - {0}
    counts: dict[str, dict[str, int]] = {}
    for row in inside:
        of = counts.setdefault(key(row), dict.fromkeys(
            ("measured", "confirmed", "silent", "barred", "cacheable", "refused", "untagged"), 0
        ))  # fmt: skip
        if row.bot:
            continue
        if row.kind == "view":
            of["confirmed"] += 1
            continue
        if row.kind == "script" or row.method != "GET":
            continue
        if row.evidence & ~_VERIFIED and row.visitor in silent:
            continue
        is_measured = row.capture in {"eligible", "meta_policy"}
        of["measured"] += is_measured
        of["silent"] += is_measured and row.visitor in silent
        of["barred"] += row.capture == "meta_policy" and row.visitor not in silent
        if row.capture in of:
            of[row.capture] += 1
    found = {}
    for group, of in counts.items():
        confirmed = min(of["confirmed"], of["measured"])
        lost = of["measured"] - confirmed
        not_fetched = min(of["silent"], lost)
        meta_policy = min(of["barred"], lost - not_fetched)
        capture = Capture(
            group, of["measured"], confirmed, not_fetched, meta_policy,
            lost - not_fetched - meta_policy, of["cacheable"], of["refused"], of["untagged"],
        )  # fmt: skip
        if capture.served:
            found[group] = capture
    return found


KEYS = {
    By.NOTHING: lambda _row: "",
    By.DAY: lambda row: row.at.astimezone(ZoneInfo(ZONE)).date().isoformat(),
    By.PAGES: lambda row: {"/": "/", "/shop": "/shop", "/shop/lamp?q=/x": "/shop/…"}[row.path],
    By.BROWSER: lambda row: row.browser,
    By.COUNTRY: lambda row: row.country,
}


def random_rows(seed: int) -> list[Row]:
    rng = random.Random(seed)
    rows = []
    for _ in range(1_500):
        visitor = rng.randrange(1, 120)
        refuses = visitor % 11 == 0
        kind = rng.choices(["document", "script", "activated", "view"], [6, 1, 1, 5])[0]
        if kind in {"script", "view"} and visitor % 7 == 0:
            kind = "document"  # Browsers without the script.
        fixed = {"script": "aside", "activated": "eligible"}
        captures = ["eligible", "meta_policy", "cacheable", "untagged", "ahead", "aside"]
        capture = rng.choices(captures, [8, 1, 2, 1, 1, 1])[0]
        rows.append(Row(
            START - timedelta(hours=6) + timedelta(seconds=rng.randrange(6 * 86_400)),
            0 if refuses and kind == "document" else visitor,
            kind,
            "refused" if refuses else fixed.get(kind, capture),
            rng.choice(["/", "/shop", "/shop/lamp?q=/x"]),
            rng.choice(["Firefox", "Chrome"]),
            rng.choice(["FR", "DE", ""]),
            rng.choices(["", "search"], [9, 1])[0],
            rng.choices([0, _NO_LANGUAGE, _VERIFIED], [8, 1, 1])[0],
            rng.choices(["GET", "POST"], [9, 1])[0],
        ))  # fmt: skip
    return rows


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("seed", [1, 2])
def test_the_report_is_what_counting_by_hand_gives(store: Store, by: By, seed: int) -> None:
    rows = random_rows(seed)
    site = store_rows(store, rows)
    found = capture_report(store, site, START, END, by)
    assert {row.key: row for row in found} == by_hand(rows, KEYS[by])
    if by is By.DAY:
        assert [row.key for row in found] == sorted(row.key for row in found)


@pytest.mark.parametrize("by", list(By))
def test_the_parts_add_up(store: Store, by: By) -> None:
    site = store_rows(store, random_rows(3))
    for row in capture_report(store, site, START, END, by):
        parts = row.confirmed + row.not_fetched + row.meta_policy + row.no_beacon
        assert parts == row.measured
        assert all(getattr(row, field.name) >= 0 for field in fields(row) if field.name != "key")
        assert row.lost == row.measured - row.confirmed


def test_a_browser_without_the_script_is_told_from_a_report_that_was_lost(store: Store) -> None:
    at = START + timedelta(hours=5)
    site = store_rows(store, [
        Row(at, 1), Row(at, 1, "script"), Row(at, 1, "view"), Row(at, 1),  # One of two came.
        Row(at, 2), Row(at, 2),  # Never ran.
        Row(at, 3, evidence=_NO_LANGUAGE),  # Never ran, and a sign of a program: no person.
        Row(at, 4, "script"), Row(at, 4, capture="meta_policy"),
    ])  # fmt: skip
    [whole] = capture_report(store, site, START, END)
    assert (whole.measured, whole.confirmed) == (5, 1)
    assert (whole.not_fetched, whole.meta_policy, whole.no_beacon) == (2, 1, 1)
    assert whole.rate == 0.2


def test_nothing_served_is_no_row(store: Store) -> None:
    site = store_rows(store, [Row(START - timedelta(days=2), 1), Row(END, 2, "view")])
    assert capture_report(store, site, START, END) == []
