"""What the demo says of its edge fits its events, and every row fits its table."""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.event import Event
from edge.importer import parse_line
from edge.signals import SIGNALS, check_signal
from edge.sites import Site
from rules.agents import CLASSES
from statflow.demo.edge import MISSING, MOVED, DemoEdge
from statflow.demo.traffic import generate
from tests.support.factories import a_site

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    zone = ZoneInfo("UTC")
    lines = generate(host="shop.localhost", now=NOW, days=10, events=4_000, seed=7, zone=zone)
    return [parse_line(line, the_site()) for line in lines]


def the_site() -> Site:
    return a_site(host="shop.localhost")


def watched(events: list[Event]) -> tuple[DemoEdge, list[Event]]:
    edge = DemoEdge(the_site(), 7)
    return edge, list(edge.watch(events))


def test_no_event_is_lost_or_added_but_signals(events: list[Event]) -> None:
    _, seen = watched(events)
    kept = [event for event in seen if event.name not in SIGNALS]
    assert [event._replace(screen="", is_first=False) for event in kept] == [
        event._replace(screen="", is_first=False) for event in events
    ]
    assert {event.name for event in seen} >= set(SIGNALS) - {"$rage", "$error"}


def test_every_signal_is_one_that_the_collector_takes(events: list[Event]) -> None:
    numbers = {"x", "y", "px", "py", "h", "d", "v", "l", "c", "n", "i"}
    for event in watched(events)[1]:
        if event.name in SIGNALS:
            props = {k: float(v) if k in numbers else v for k, v in event.props.items()}
            check_signal(SIGNALS[event.name], props)
            assert event.screen in {"Mobile", "Tablet", "Laptop", "Desktop"}


def test_documents_tell_of_the_same_views(events: list[Event]) -> None:
    edge, _ = watched(events)
    views = Counter((e.ts_ms, e.path) for e in events if e.name == "pageview")
    people = Counter(
        (hit.ts_ms, hit.path) for hit in edge.hits
        if not hit.bot and hit.kind == "document" and not hit.refusal
    )  # fmt: skip
    assert not views - people
    bots = [hit for hit in edge.hits if hit.bot]
    assert 0.2 < len(bots) / views.total() < 0.5
    assert {hit.bot for hit in bots} <= set(CLASSES)
    assert {hit.path for hit in edge.hits if hit.status == 404} == {MISSING}
    assert all(hit.redirect for hit in edge.hits if hit.path == MOVED)


def test_numbers_of_different_pages_do_not_contradict_each_other(events: list[Event]) -> None:
    orders = sum(event.name == "Order" for event in events)
    sent = [e for e in watched(events)[1] if e.name == "$form" and e.props["o"] == "submitted"]
    assert len(sent) == orders > 0
    viewed = {(e.visitor, e.path) for e in events if e.name == "pageview"}
    assert {(e.visitor, e.path) for e in events} == viewed


def test_the_same_events_give_the_same_rows(events: list[Event]) -> None:
    first, second = watched(events), watched(events)
    assert first[0].hits == second[0].hits
    assert first[1] == second[1]
