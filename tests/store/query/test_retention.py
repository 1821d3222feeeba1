"""Retention: the engine and a plain count agree, and nobody is known longer than the salt lives."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from store.query.model import QueryError
from store.query.retention import parse_retention_question, run_retention
from tests.store.query import dataset
from tests.store.query.conftest import NOW, Traffic
from tests.store.query.dataset import a_visit, random_events, store_traffic
from tests.store.query.reference import Reference, Span, reaches
from tests.store.query.test_goals import GOALS

ZONE = "Europe/Paris"
RANGE = ["2026-10-20", "2026-11-09"]
SPAN = Span(ZoneInfo(ZONE), days=(date(2026, 10, 20), date(2026, 11, 9)))
NAMES = {goal.name: goal for goal in GOALS}


def start_of(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


@pytest.fixture(scope="module", params=["day", "week", "month"])
def salted(request: Any, uncollapsed: Any, traffic: Traffic) -> Traffic:
    """The same people, known again for a day, a week or a month."""
    site = replace(
        traffic.site, id=930_000 + ["day", "week", "month"].index(request.param),
        timezone=ZONE, salt_period=request.param, goals=GOALS,
    )  # fmt: skip
    events = random_events(11, ZONE, date(2026, 10, 20), 20, 160)
    original = dataset.hash_of

    def hash_of(event: Any) -> int:
        period = start_of(event.day, request.param).toordinal()
        return int((event.visitor ^ period * 0x9E37_79B9_7F4A_7C15) % 2**64)

    dataset.hash_of = hash_of
    store_traffic(uncollapsed, site.id, events, f"retention-{request.param}")
    dataset.hash_of = original
    return Traffic(uncollapsed, site, events)


def ask(traffic: Traffic, **body: Any) -> dict[str, Any]:
    question = parse_retention_question({"date_range": RANGE, **body}, traffic.site)
    return run_retention(traffic.store, question, traffic.site, NOW)


def counted(traffic: Traffic, body: dict[str, Any]) -> dict[str, dict[int, int]]:
    reference = Reference(traffic.events, {"filters": body.get("filters", [])}, SPAN, GOALS)
    salt = traffic.site.salt_period
    people: dict[Any, list[Any]] = {}
    for visit in reference.visits:
        for event in visit.events:
            if reference.in_span(event) and reference.passes(event, visit):
                who = (event.visitor, start_of(event.day, salt))
                people.setdefault(who, []).append(event)
    found: dict[str, Counter[int]] = {}
    for (_, salted), events in people.items():
        firsts = [e.day for e in events if does(e, body.get("first"))]
        if not firsts:
            continue
        began, unit = min(firsts), body.get("unit", "day")
        cohort = max(start_of(began, unit), salted)
        again = {e.day for e in events if does(e, body.get("again")) and e.day >= began}
        offsets = {distance(began, day, unit) for day in again}
        found.setdefault(cohort.isoformat(), Counter()).update([-1, *offsets])
    return {cohort: dict(counts) for cohort, counts in found.items()}


def does(event: Any, goal: str | None) -> bool:
    return reaches(event, NAMES[goal]) if goal else bool(event.counts)


def distance(began: date, day: date, unit: str) -> int:
    if unit == "month":
        return (day.year - began.year) * 12 + day.month - began.month
    return (start_of(day, unit) - start_of(began, unit)).days // (7 if unit == "week" else 1)


@pytest.mark.parametrize("unit", ["day", "week", "month"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filters": [["is_not", "visit:country", ["FR"]]]},
        {"first": "Signup"},
        {"first": "Visit /a", "again": "Read"},
        {"again": "Signup"},
    ],
    ids=str,
)
def test_every_cohort_agrees(salted: Traffic, unit: str, body: dict[str, Any]) -> None:
    body = {"unit": unit, **body}
    found = ask(salted, **body)["results"]
    wanted = counted(salted, body)
    assert [row["cohort"] for row in found] == sorted(wanted)
    for row in found:
        counts = wanted[row["cohort"]]
        assert row["visitors"] == counts.pop(-1)
        shown = {offset: count for offset, count in enumerate(row["returned"]) if count}
        assert shown == counts


def test_nobody_is_followed_past_the_salt(salted: Traffic) -> None:
    most = {"day": 1, "week": 7, "month": 31}[salted.site.salt_period]
    found = ask(salted)
    assert max(len(row["returned"]) for row in found["results"]) <= most
    assert all(row["rates"][0] == 100.0 for row in found["results"])
    assert ("one day only" in found["meta"]["note"]) is (salted.site.salt_period == "day")


def test_what_has_not_been_yet_is_not_nought(stored: Any) -> None:
    made = stored(a_visit(start="2026-03-09T10:00:00").view())
    weekly = replace(made, site=replace(made.site, salt_period="week"))
    now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    body = {"date_range": ["2026-03-09", "2026-03-20"]}
    question = parse_retention_question(body, weekly.site)
    (row,) = run_retention(weekly.store, question, weekly.site, now)["results"]
    assert row == {"cohort": "2026-03-09", "visitors": 1, "returned": [1, 0, 0],
                   "rates": [100.0, 0.0, 0.0]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"unit": "year"}, "unknown_word"),
        ({"first": "Nope"}, "unknown_goal"),
        ({"date_range": "24h"}, "bad_date_range"),
        ({"date_range": ["2020-01-01", "2026-01-01"]}, "bad_date_range"),
    ],
)
def test_what_cannot_be_followed_is_told(salted: Traffic, change: Any, code: str) -> None:
    with pytest.raises(QueryError) as refused:
        ask(salted, **change)
    assert refused.value.code == code
