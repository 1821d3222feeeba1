from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.event import VISIT_ATTRIBUTES, Event
from edge.forwarder.visit import SESSION_FIELDS, StreamId, Visit
from edge.forwarder.visits import Batch, Visits
from tests.edge.forwarder.reference import expected_sessions, replay
from tests.support.factories import an_event

MINUTE = 60_000
NOON = 20_454 * 86_400_000 + 12 * 60 * MINUTE
SHARD, GENERATION = 3, 2**63 + 11

type Entry = tuple[StreamId, Event]


def at(minutes: float = 0, **changes: Any) -> Event:
    return an_event(ts_ms=NOON + round(minutes * MINUTE), **changes)


def in_order(*events: Event) -> list[Entry]:
    return [(StreamId(1000 + i // 3, i % 3), event) for i, event in enumerate(events)]


def place(*events: Event) -> Batch:
    visits = Visits(SHARD, GENERATION)
    for entry in in_order(*events):
        visits.place(*entry)
    return visits.end_batch()


def sessions(batch: Batch) -> list[dict[str, Any]]:
    rows = [dict(zip(SESSION_FIELDS, row, strict=True)) for row in batch.after]
    return sorted(rows, key=lambda row: row["start_at"])


def session(*events: Event) -> dict[str, Any]:
    (row,) = sessions(place(*events))
    return row


def reload(visits: Visits, kept: dict[int, bytes]) -> Visits:
    """Do what a writer does that takes over: begin from the stored forms."""
    states = [Visit.parse(raw) for raw in kept.values()]
    return Visits(SHARD, GENERATION, visits.watermark_ms, states)


def test_a_gap_of_thirty_minutes_joins_and_a_millisecond_more_does_not() -> None:
    assert session(at(0), at(30))["events"] == 2
    assert len(sessions(place(at(0), at(30 + 1 / MINUTE)))) == 2


def test_visitors_and_sites_are_apart() -> None:
    assert len(sessions(place(at(visitor=1), at(visitor=2), at(visitor=1, site_id=2)))) == 3


def test_an_event_joins_the_nearest_visit_and_of_two_as_near_the_earlier() -> None:
    nearer_later = sessions(place(at(0), at(50), at(26)))
    assert [row["events"] for row in nearer_later] == [1, 2]
    tie = sessions(place(at(0), at(50), at(25)))
    assert [row["events"] for row in tie] == [2, 1]


def test_an_event_within_a_span_has_no_distance() -> None:
    # 0..20 is one visit; the event at 19 lies in it, although the second begins at 51.
    rows = sessions(place(at(0), at(20), at(51), at(19)))
    assert [row["events"] for row in rows] == [3, 1]


def test_an_event_later_than_ninety_minutes_opens_its_own_visit() -> None:
    assert [row["events"] for row in sessions(place(at(0), at(90, visitor=2), at(0)))] == [2, 1]
    late = place(at(0), at(90 + 1 / MINUTE, visitor=2), at(0))
    assert [row["events"] for row in sessions(late)] == [1, 1, 1]


def test_the_watermark_is_the_shards_not_the_sites() -> None:
    rows = sessions(place(at(0), at(100, site_id=2, visitor=9), at(0)))
    assert [row["events"] for row in rows] == [1, 1, 1]


def test_a_visit_opened_late_takes_events_that_are_not() -> None:
    rows = sessions(place(at(100, visitor=2), at(9.5), at(11)))
    assert [row["events"] for row in rows] == [2, 1]


def test_engagement_never_opens_a_visit() -> None:
    batch = place(at(0, name="engagement", engaged_ms=500), at(1, name="engagement", site_id=4))
    assert batch.no_visit == Counter({1: 1, 4: 1})
    assert (batch.events, batch.after, batch.changed) == ([], [], [])


def test_late_engagement_is_dropped_even_beside_its_visit() -> None:
    batch = place(at(0), at(91, visitor=2), at(0.5, name="engagement"))
    assert batch.no_visit == Counter({1: 1})


def test_engagement_keeps_a_visit_alive_and_changes_no_more_than_that() -> None:
    row = session(at(0), at(29, name="engagement", engaged_ms=700), at(58))
    assert row["events"] == row["pageviews"] == 2
    assert row["engaged_ms"] == 700
    only = session(at(0), at(20, name="engagement", engaged_ms=5_000))
    assert (only["end_at"], only["duration_ms"], only["is_bounce"]) == (NOON, 0, 1)
    assert only["last_alive"] == NOON + 20 * MINUTE
    early = session(at(5), at(0, name="engagement"))
    assert early["start_at"] == NOON + 5 * MINUTE


def test_bounces() -> None:
    one_view, interactive = at(0), at(1, name="Signup")
    silent = at(1, name="Seen", interactive=False)
    assert session(one_view)["is_bounce"] == 1
    assert session(one_view, at(1))["is_bounce"] == 0
    assert session(one_view, interactive)["is_bounce"] == 0
    assert session(interactive)["is_bounce"] == 0
    bounced = session(one_view, silent)
    assert (bounced["is_bounce"], bounced["duration_ms"]) == (1, 0)
    assert bounced["end_at"] - bounced["start_at"] == MINUTE


def test_entry_and_exit_are_by_time_and_at_one_moment_by_arrival() -> None:
    row = session(
        at(5, path="/b"), at(9, name="Signup", path="/z"), at(1, path="/a"), at(7, path="/c")
    )
    assert (row["entry_page"], row["exit_page"]) == ("/a", "/c")
    same = session(at(5, path="/1"), at(5, path="/2"), at(5, path="/3"))
    assert (same["entry_page"], same["exit_page"]) == ("/1", "/3")
    none = session(at(0, name="Signup", path="/z"))
    assert (none["entry_page"], none["exit_hostname"], none["entry_at"]) == ("", "", 0)


def test_attributes_and_anchor_are_those_of_the_first_event_to_arrive() -> None:
    batch = place(at(5, source="Google"), at(0, source="Bing"))
    (row,) = sessions(batch)
    assert (row["source"], row["anchor"]) == ("Google", NOON + 5 * MINUTE)
    assert row["start_at"] == NOON
    assert {visit.attributes[VISIT_ATTRIBUTES.index("source")] for visit in batch.visits} == {
        "Google"
    }


def test_a_visit_over_midnight_keeps_yesterdays_hash_to_its_end() -> None:
    before = at(0, visitor=11, local_day=5)
    just_after = at(20, visitor=22, previous=11, local_day=6)
    much_later = at(45, visitor=22, local_day=6)
    next_visit = at(100, visitor=22, local_day=6)
    rows = sessions(place(before, just_after, much_later, next_visit))
    assert [(row["visitor"], row["local_day"], row["events"]) for row in rows] == [
        (11, 5, 3),
        (22, 6, 1),
    ]


def test_a_late_event_of_yesterday_finds_the_visit_begun_under_todays_hash() -> None:
    row = session(at(10, visitor=22, previous=11, local_day=6), at(0, visitor=11, local_day=5))
    assert (row["visitor"], row["local_day"], row["events"]) == (22, 6, 2)


def test_a_batch_writes_what_was_there_before_with_the_same_version() -> None:
    visits = Visits(SHARD, GENERATION)
    entries = in_order(at(0), at(1), at(2))
    visits.place(*entries[0])
    first = visits.end_batch()
    visits.place(*entries[1])
    visits.place(*entries[2])
    second = visits.end_batch()
    assert first.before == []
    assert second.before == first.after
    assert [row[-1] for row in first.after + second.after] == [1, 2]


def test_memory_holds_open_visits_only() -> None:
    visits = Visits(SHARD, GENERATION)
    for i in range(2_000):
        visits.place(StreamId(1, i), at(i, visitor=i))
        visits.end_batch()
        assert len(visits) <= 121
    assert len(visits._by_visitor) <= 121
    assert len(visits._stored) <= 121


def test_a_forgotten_visit_is_deleted_where_it_was_stored_and_only_there() -> None:
    visits = Visits(SHARD, GENERATION)
    first = visits.place(StreamId(1, 0), at(0))
    assert first is not None
    visits.end_batch()
    visits.place(StreamId(1, 1), at(300, visitor=2))
    visits.place(StreamId(1, 2), at(0, visitor=3))
    batch = visits.end_batch()
    assert batch.evicted == [first.visit_id]
    assert [visit.visitor for visit in batch.changed] == [2]
    assert len(batch.after) == 2


def test_a_visit_is_kept_as_long_as_an_event_may_reach_it() -> None:
    visits = Visits(SHARD, GENERATION)
    first = visits.place(StreamId(1, 0), at(0))
    visits.place(StreamId(1, 1), at(120, visitor=2))
    visits.end_batch()
    assert visits.place(StreamId(1, 2), at(30)) is first


PEOPLE = st.integers(0, 2)
STEPS = st.sampled_from([0, 0, 1, 5, 15, 29.5, 30, 30 + 1 / MINUTE, 31, 45])
LATENESS = st.one_of(st.just(0), st.integers(0, 600).map(lambda n: n / 2))


@st.composite
def times(draw: st.DrawFn) -> list[float]:
    """Minutes around a midnight: mostly forward and some late, or all on the rules' boundaries."""
    n = draw(st.integers(1, 40))
    if draw(st.booleans()):
        return draw(st.lists(st.integers(-8, 8).map(lambda i: i * 15), min_size=n, max_size=n))
    clock, found = -90.0, []
    for _ in range(n):
        clock += draw(STEPS)
        found.append(clock - draw(LATENESS))
    return found


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events of a few people, with yesterday's hash in the first hour of a day."""
    events: list[Event] = []
    for minutes in draw(times()):
        ts = 20_455 * 86_400_000 + round(minutes * MINUTE)
        day, of_day = divmod(ts, 86_400_000)
        person = draw(PEOPLE)
        events.append(
            an_event(
                ts_ms=ts,
                local_day=day,
                site_id=draw(st.sampled_from([1, 1, 1, 2])),
                visitor=day * 10 + person + 1,
                previous=(day - 1) * 10 + person + 1 if of_day < 60 * MINUTE else 0,
                name=draw(st.sampled_from(["pageview", "pageview", "Signup", "engagement"])),
                interactive=draw(st.booleans()),
                engaged_ms=draw(st.integers(0, 3)) * 1000,
                path=f"/{draw(st.integers(0, 3))}",
                source=draw(st.sampled_from(["", "Google", "Bing"])),
            )
        )
    return events


class Tables:
    """What the store would hold: event rows, and session rows with their signs."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.sessions: Counter[tuple[Any, ...]] = Counter()
        self.states: dict[int, bytes] = {}
        self.no_visit = 0

    def take(self, batch: Batch) -> None:
        for entry, event, visit in zip(batch.entries, batch.events, batch.visits, strict=True):
            self.events.append((entry, event.name, visit.visit_id, visit.visitor, visit.local_day))
        self.sessions.update(batch.after)
        self.sessions.subtract(batch.before)
        self.no_visit += batch.no_visit.total()
        for visit in batch.changed:
            self.states[visit.visit_id] = visit.render()
        for visit_id in batch.evicted:
            del self.states[visit_id]

    def final_sessions(self) -> list[dict[str, Any]]:
        assert set(self.sessions.values()) <= {0, 1}
        rows = [
            dict(zip(SESSION_FIELDS, row, strict=True)) for row, n in self.sessions.items() if n
        ]
        for row in rows:
            del row["version"]
        return sorted(rows, key=lambda row: str(row["visit_id"]))


@settings(max_examples=150)
@given(streams(), st.data())
def test_any_split_into_batches_and_any_restart_gives_the_reference(
    events: list[Event], data: st.DataObject
) -> None:
    entries = in_order(*events)
    visits, tables = Visits(SHARD, GENERATION), Tables()
    for i, entry in enumerate(entries):
        visits.place(*entry)
        if i == len(entries) - 1 or data.draw(st.booleans()):
            tables.take(visits.end_batch())
            if data.draw(st.booleans()):
                visits = reload(visits, tables.states)
    expected, homeless = replay(entries, SHARD, GENERATION)
    assert tables.final_sessions() == expected_sessions(entries, SHARD, GENERATION)
    assert tables.no_visit == homeless
    assert sorted(tables.events) == sorted(
        (place, event.name, visit.visit_id, visit.opener.visitor, visit.opener.local_day)
        for visit in expected
        for place, event in visit.entries
    )


@given(streams())
def test_no_visit_joins_two_salt_periods(events: list[Event]) -> None:
    batch = place(*events)
    days: dict[int, set[tuple[int, int]]] = {}
    for visit in batch.visits:
        days.setdefault(visit.visit_id, set()).add((visit.visitor, visit.local_day))
    assert all(len(found) == 1 for found in days.values())
    assert all(visitor // 10 == day for found in days.values() for visitor, day in found)


@given(streams())
def test_the_same_stream_gives_the_same_bytes(events: list[Event]) -> None:
    first, second = place(*events), place(*events)
    assert (first.before, first.after) == (second.before, second.after)
    assert [visit.render() for visit in first.changed] == [
        visit.render() for visit in second.changed
    ]


@given(streams())
def test_the_kept_form_of_a_visit_reads_back_the_same(events: list[Event]) -> None:
    for visit in place(*events).changed:
        again = Visit.parse(visit.render())
        assert again.session() == visit.session()
        assert again.render() == visit.render()
        assert (again.opened, again.keys) == (visit.opened, visit.keys)


def test_a_visit_kept_by_the_release_before_is_read() -> None:
    visit = Visit(1, StreamId(1, 0), an_event(bot="seo"))
    visit.attributes = visit.attributes[:-2]
    assert Visit.parse(visit.render()).attributes == (*visit.attributes, "", 0)
