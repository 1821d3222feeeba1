"""Journeys: the engine and a plain walk through every visit agree, and no visit gets lost."""

import fnmatch
from collections import Counter
from typing import Any

import pytest

from store.query.journeys import parse_journey_question, run_journeys
from store.query.model import QueryError
from tests.store.query.conftest import NOW, Traffic
from tests.store.query.dataset import a_visit
from tests.store.query.reference import Reference
from tests.store.query.test_reference import RANGE, SPAN

QUESTIONS: list[dict[str, Any]] = [
    {},
    {"direction": "to"},
    {"at": {"page": "/a"}},
    {"at": {"page": "/blog/*"}, "direction": "to", "steps": 3},
    {"at": {"event": "Signup"}, "steps": 2},
    {"at": {"event": "Signup"}, "direction": "to", "folders": 1},
    {"folders": 1, "steps": 10},
    {"at": {"page": "/blog/2"}, "folders": 1, "filters": [["is", "visit:country", ["FR"]]]},
    {"filters": [["is", "visit:entry_page", ["/a"]]]},
]


def ask(traffic: Traffic, **body: Any) -> dict[str, Any]:
    body = {"date_range": RANGE, "limit": 50, **body}
    question = parse_journey_question(body, traffic.site)
    return run_journeys(traffic.store, question, traffic.site, NOW)


def walked(traffic: Traffic, body: dict[str, Any]) -> Counter[Any]:
    reference = Reference(traffic.events, {"filters": body.get("filters", [])}, SPAN)
    place = {id(event): index for index, event in enumerate(traffic.events)}
    links: Counter[Any] = Counter()
    for visit in reference.visits:
        events = [
            e for e in visit.events
            if e.counts and reference.in_span(e) and reference.passes(e, visit)
        ]  # fmt: skip
        events.sort(key=lambda e: (e.at, place[id(e)]), reverse=body.get("direction") == "to")
        at = body.get("at", {})
        while events and at and not is_there(events[0], at):
            events.pop(0)
        way: list[str] = []
        for event in events:
            name = event.name if event.name != "pageview" else folded(event.path, body)
            if not way or way[-1] != name:
                way.append(name)
        way = way[: body.get("steps", 4)]
        for step, source in enumerate(way, 1):
            if step < body.get("steps", 4):
                target = way[step] if step < len(way) else None
                links[step, source, target, target is None] += 1
    return links


def is_there(event: Any, at: dict[str, str]) -> bool:
    if "event" in at:
        return bool(event.name == at["event"])
    return event.name == "pageview" and fnmatch.fnmatchcase(event.path, at["page"])


def folded(path: str, body: dict[str, Any]) -> str:
    parts, folders = path.strip("/").split("/"), body.get("folders", 0)
    return "/" + "/".join(parts[:folders]) + "/*" if folders and len(parts) > folders else path


@pytest.mark.parametrize("body", QUESTIONS, ids=str)
def test_every_link_agrees(traffic: Traffic, body: dict[str, Any]) -> None:
    found = ask(traffic, **body)["results"]
    links = {
        (row["step"], row["source"], row["target"], row["ends"]): row["visits"] for row in found
    }
    assert links == dict(walked(traffic, body))
    assert links


@pytest.mark.parametrize("body", QUESTIONS, ids=str)
def test_whoever_arrives_at_a_step_leaves_it_or_ends_there(
    traffic: Traffic, body: dict[str, Any]
) -> None:
    found = ask(traffic, **body, limit=2)
    for step in range(1, body.get("steps", 4) - 1):
        for node in {row["target"] for row in found["results"] if row["step"] == step}:
            came = sum(
                r["visits"] for r in found["results"]
                if r["step"] == step and r["target"] == node and not r["ends"]
            )  # fmt: skip
            went = sum(
                r["visits"] for r in found["results"]
                if r["step"] == step + 1 and r["source"] == node
            )  # fmt: skip
            assert came == went
        assert len({row["source"] for row in found["results"] if row["step"] == step}) <= 3


def test_repeats_are_one_and_what_is_rare_is_put_together(stored: Any) -> None:
    traffic = stored(
        a_visit().view("/").view("/", 1).view("/a", 2),
        a_visit().view("/").view("/a", 1),
        a_visit().view("/").view("/b", 1),
        a_visit().view("/").view("/c", 1),
    )
    found = ask(traffic, date_range=["2026-03-10", "2026-03-10"], steps=2, limit=1)
    assert found["results"] == [
        {"step": 1, "source": "/", "target": None, "ends": False, "visits": 2},
        {"step": 1, "source": "/", "target": "/a", "ends": False, "visits": 2},
    ]
    assert found["meta"] == {"counted": "visits", "visits": 4}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"steps": 11}, "out_of_range", "steps"),
        ({"direction": "up"}, "unknown_word", "direction"),
        ({"at": {"page": "/", "event": "x"}}, "too_many", "at"),
        ({"at": {"page": 1}}, "wrong_type", "at.page"),
        ({"at": {"page": "/" * 501}}, "too_long", "at.page"),
        ({"limit": 0}, "out_of_range", "limit"),
    ],
)
def test_what_is_no_journey_is_told(
    traffic: Traffic, change: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(QueryError) as refused:
        ask(traffic, **change)
    assert (refused.value.code, refused.value.field) == (code, field)
