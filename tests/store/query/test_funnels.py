"""Funnels: the engine and a plain walk through every chain agree."""

from dataclasses import replace
from typing import Any

import pytest

from store.query.funnels import parse_funnel_question, run_funnel
from store.query.goals import Funnel
from store.query.model import QueryError
from tests.store.query.conftest import NOW, Traffic
from tests.store.query.dataset import Event, a_visit, hash_of
from tests.store.query.reference import Reference, reaches
from tests.store.query.test_goals import GOALS, SEGMENTS
from tests.store.query.test_reference import RANGE, SPAN

NAMES = {goal.name: goal for goal in GOALS}


@pytest.fixture(scope="session")
def site(traffic: Traffic) -> Traffic:
    funnels = (Funnel((GOALS[3], GOALS[0]), id=4, name="Sales"),)
    return replace(
        traffic, site=replace(traffic.site, goals=GOALS, segments=SEGMENTS, funnels=funnels)
    )


def ask(site: Traffic, funnel: Any, **rest: Any) -> dict[str, Any]:
    body = {"date_range": RANGE, "funnel": funnel, **rest}
    return run_funnel(site.store, parse_funnel_question(body, site.site), site.site, NOW)


def level(events: list[Event], funnel: dict[str, Any]) -> int:
    """Try every event as the beginning; the earliest next step is always the best one."""
    goals = [NAMES[name] for name in funnel["steps"]]
    nothing_between = funnel.get("between") == "nothing"
    best = 0
    for start, first in enumerate(events):
        if not reaches(first, goals[0]):
            continue
        reached = 1
        for event in events[start + 1 :]:
            late = (event.at - first.at).total_seconds() > funnel.get("window_s", 86_400)
            if reached == len(goals) or late:
                break
            if reaches(event, goals[reached]):
                reached += 1
            elif nothing_between:
                break
        best = max(best, reached)
    return best


def walked(site: Traffic, funnel: dict[str, Any], filters: list[Any]) -> dict[int, list[Event]]:
    """Return the events of each visit or visitor, in their order."""
    reference = Reference(site.events, {"filters": filters}, SPAN, GOALS, SEGMENTS)
    deep = [NAMES[name] for name in funnel["steps"] if NAMES[name].kind == "scroll"]
    place = {id(event): index for index, event in enumerate(site.events)}
    found: dict[int, list[Event]] = {}
    for visit in reference.visits:
        for event in visit.events:
            counts = event.counts or any(reaches(event, goal) for goal in deep)
            if counts and reference.in_span(event) and reference.passes(event, visit):
                who = event.visit if funnel.get("within") == "visit" else hash_of(event)
                found.setdefault(who, []).append(event)
    return {who: sorted(e, key=lambda e: (e.at, place[id(e)])) for who, e in found.items()}


FUNNELS: list[dict[str, Any]] = [
    {"steps": ["Visit /a", "Signup"]},
    {"steps": ["Visit /a", "Signup"], "within": "visit"},
    {"steps": ["Visit /blog/*", "Visit /blog/*", "Signup"]},
    {"steps": ["Visit /a", "Signup"], "between": "nothing"},
    {"steps": ["Visit /blog/*", "Visit /blog/*"], "between": "nothing", "within": "visit"},
    {"steps": ["Visit /blog/*", "Read", "Signup", "Signup pro"]},
    {"steps": ["Read", "Signup"], "between": "nothing"},
    {"steps": ["Signup", "Signup pro"], "window_s": 120},
    {"steps": ["Signup", "Signup"], "window_s": 1, "within": "visit"},
    {"steps": ["Signup", "Signup pro", "Signup", "Signup pro"] * 2},
    {"steps": ["Never", "Signup"]},
]
FILTERS: list[list[Any]] = [
    [],
    [["is", "visit:country", ["FR", "DE"]]],
    [["is", "event:hostname", ["shop.example"]]],
    [["is", "segment", [8]]],
    [["is_not", "visit:entry_page", ["/a"]]],
    [["is", "visit:bot", ["ai_training"]]],
]


@pytest.mark.parametrize("funnel", FUNNELS, ids=str)
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_every_step_agrees(site: Traffic, funnel: dict[str, Any], filters: list[Any]) -> None:
    found = ask(site, funnel, filters=filters)
    levels = {who: level(events, funnel) for who, events in walked(site, funnel, filters).items()}
    count = len(funnel["steps"])
    wanted = [sum(1 for own in levels.values() if own > step) for step in range(count)]
    (row,) = found["results"]
    assert [step["count"] for step in row["steps"]] == wanted
    assert found["meta"]["entered"] == wanted[0]
    metric = "visits" if funnel.get("within") == "visit" else "visitors"
    everybody = site.ask({"metrics": [metric], "date_range": RANGE, "filters": filters})
    assert found["meta"]["total"] == everybody.results[0]["metrics"][0]


@pytest.mark.parametrize(
    "dimension", ["visit:source", "event:page", "event:props:plan", "visit:entry_page"]
)
@pytest.mark.parametrize("funnel", FUNNELS[:4], ids=str)
def test_a_funnel_is_told_by_what_entered_it(
    site: Traffic, funnel: dict[str, Any], dimension: str
) -> None:
    reference = Reference(site.events, {}, SPAN, GOALS)
    visits = {event.visit: visit for visit in reference.visits for event in visit.events}
    wanted: dict[str, list[int]] = {}
    for events in walked(site, funnel, []).values():
        reached = level(events, funnel)
        if reached:
            goal = NAMES[funnel["steps"][0]]
            first = next(event for event in events if reaches(event, goal))
            key = reference.value(dimension, first, visits[first.visit], {})
            counts = wanted.setdefault(key, [0] * len(funnel["steps"]))
            for step in range(reached):
                counts[step] += 1
    found = ask(site, funnel, dimensions=[dimension])["results"]
    rows = {row["dimensions"][0]: [step["count"] for step in row["steps"]] for row in found}
    assert rows == wanted


def test_rates_drops_and_what_a_step_earned(stored: Any) -> None:
    traffic = stored(
        a_visit().view("/a").add("Signup", 5, revenue_minor=990, currency="EUR"),
        a_visit().view("/a").add("Signup", 5, revenue_minor=10, currency="USD"),
        a_visit().view("/a"),
        a_visit().add("Signup", 5, revenue_minor=500, currency="EUR").view("/a", 9),
    )
    shop = replace(traffic, site=replace(traffic.site, goals=GOALS))
    body = {"date_range": ["2026-03-10", "2026-03-10"], "funnel": {"steps": ["Visit /a", "Signup"]}}
    found = run_funnel(shop.store, parse_funnel_question(body, shop.site), shop.site, NOW)
    view, signup = found["results"][0]["steps"]
    assert view["revenue"] is None
    assert (view["count"], view["conversion_rate"], view["dropoff"]) == (4, 100.0, 0)
    assert (signup["count"], signup["conversion_rate"], signup["dropoff"]) == (2, 50.0, 2)
    assert (signup["step_conversion_rate"], signup["dropoff_rate"]) == (50.0, 50.0)
    assert signup["revenue"]["value"] == 9.9


def test_a_saved_funnel_is_asked_by_its_id(site: Traffic) -> None:
    assert ask(site, 4)["results"] == ask(site, FUNNELS[0])["results"]


@pytest.mark.parametrize(
    ("funnel", "rest", "code", "field"),
    [
        (9, {}, "unknown_funnel", "funnel"),
        ({"steps": ["Signup"]}, {}, "out_of_range", "funnel.steps"),
        ({"steps": ["Signup"] * 11}, {}, "out_of_range", "funnel.steps"),
        ({"steps": ["Signup", "Nope"]}, {}, "unknown_goal", "funnel.steps[1]"),
        ({"steps": ["Signup", "Read"], "between": "x"}, {}, "unknown_word", "funnel.between"),
        ({"steps": ["Signup", "Read"], "window_s": 0}, {}, "out_of_range", "funnel.window_s"),
        (4, {"dimensions": ["time:day"]}, "unknown_dimension", "dimensions[0]"),
        (4, {"dimensions": ["event:goal"]}, "cannot_combine", "dimensions[0]"),
        (4, {"dimensions": ["visit:os", "visit:browser"]}, "too_many", "dimensions"),
    ],
)
def test_what_is_no_funnel_is_told(
    site: Traffic, funnel: Any, rest: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(QueryError) as refused:
        ask(site, funnel, **rest)
    assert (refused.value.code, refused.value.field) == (code, field)
