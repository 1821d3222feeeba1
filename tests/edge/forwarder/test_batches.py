import re
from pathlib import Path

import pytest

from edge.event import Event
from edge.forwarder.batches import (
    event_columns,
    marker_columns,
    session_columns,
    signal_columns,
)
from edge.forwarder.plan import Plan
from edge.forwarder.visit import StreamId
from edge.forwarder.visits import Batch, Visits
from tests.support.factories import an_event

SCHEMA = Path(__file__).parents[3] / "store" / "schema"
MADE_BY_THE_STORE: dict[str, list[object]] = {"selector_hash": [], "error_hash": []}
PLAN = Plan(7, 2**64 - 1, StreamId(10, 1), StreamId(12, 0), 3)


def schema_columns(name: str) -> set[str]:
    text = (SCHEMA / "snapshot.sql").read_text()
    body = text.partition(f"CREATE TABLE {name}\n")[2].partition("ENGINE =")[0]
    return set(re.findall(r"^    `(\w+)` ", body, re.MULTILINE))


def a_batch() -> Batch:
    visits = Visits(3, 9)
    visits.place(StreamId(9, 0), an_event(visitor=1, source="Google"))
    visits.end_batch()
    visits.place(StreamId(10, 1), an_event(visitor=1, source="Bing", local_day=1, path="/b"))
    visits.place(StreamId(10, 2), an_event(visitor=2, props={"plan": "pro"}))
    return visits.end_batch()


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("events", event_columns(a_batch(), 3, 9)),
        ("signals", signal_columns(a_batch(), 3, 9) | MADE_BY_THE_STORE),
        ("sessions", session_columns(a_batch(), 3, 9)),
        ("batches", marker_columns(PLAN, 3, 2, 3) | {"written_at": [0]}),
    ],
)
def test_the_columns_are_those_of_the_schema(table: str, columns: dict[str, list[object]]) -> None:
    assert set(columns) == schema_columns(table)
    assert len({len(values) for values in columns.values()}) == 1


def test_an_events_row_carries_its_own_values_and_its_visits() -> None:
    columns = event_columns(a_batch(), 3, 9)
    assert list(columns["path"]) == ["/b", "/"]
    assert list(columns["source"]) == ["Google", ""]
    assert list(columns["local_day"]) == [20454, 20454]
    assert list(columns["props"]) == [{}, {"plan": "pro"}]
    assert list(zip(columns["stream_ms"], columns["stream_seq"], strict=True)) == [(10, 1), (10, 2)]


def a_signal(name: str, **props: str) -> Event:
    return an_event(visitor=1, name=name, props=props, screen="Mobile", path="/tea")


def test_signals_are_rows_of_their_own_with_their_visits_values() -> None:
    visits = Visits(3, 9)
    place = {"s": "main > a", "x": "7", "y": "8", "px": "9", "py": "10", "h": "11"}
    bands = ",".join(str(n) for n in range(20))
    for seq, event in enumerate(
        [
            an_event(visitor=1, source="Google"),
            a_signal("$click", **place),
            a_signal("$scroll", d="40", h="11", b=bands),
            a_signal("$vital", m="CLS", v="0.125"),
            a_signal("$error", t="TypeError", m="x is null", l="[card]"),
        ]
    ):
        visits.place(StreamId(10, seq), event)
    batch = visits.end_batch()
    assert list(event_columns(batch, 3, 9)["name"]) == ["pageview"]
    columns = signal_columns(batch, 3, 9)
    assert list(columns["kind"]) == ["click", "scroll", "vital", "error"]
    assert set(columns["source"]) == {"Google"}
    assert set(columns["path"]) == {"/tea"}
    assert set(columns["width_class"]) == {"Mobile"}
    click = {name: columns[name][0] for name in ("selector", "x", "y", "page_x", "page_y")}
    assert click == {"selector": "main > a", "x": 7, "y": 8, "page_x": 9, "page_y": 10}
    assert columns["bands"][1] == list(range(20))
    assert columns["value"][2] == 0.125
    assert columns["line"][3] == 0
    assert list(columns["stream_seq"]) == [1, 2, 3, 4]
    assert visits_of(batch) == [(1, 1, 0)]


def visits_of(batch: Batch) -> list[tuple[object, ...]]:
    columns = session_columns(batch, 3, 9)
    names = ("pageviews", "events", "interactive_events")
    return list(zip(*(columns[name] for name in names), strict=True))


def test_sessions_cancel_what_was_written_and_write_what_is() -> None:
    columns = session_columns(a_batch(), 3, 9)
    found = zip(
        columns["visitor"], columns["version"], columns["sign"], columns["pageviews"], strict=True
    )
    assert list(found) == [(1, 1, -1, 1), (1, 2, 1, 2), (2, 1, 1, 1)]


def test_an_empty_batch_has_every_column_and_no_row() -> None:
    batch = Visits(3, 9).end_batch()
    for columns, table in (
        (event_columns(batch, 3, 9), "events"),
        (session_columns(batch, 3, 9), "sessions"),
    ):
        assert set(columns) == schema_columns(table)
        assert {len(values) for values in columns.values()} == {0}


def test_a_token_names_everything_that_makes_the_rows() -> None:
    assert PLAN.token(3, "events") == "3-ffffffffffffffff-10-1-12-0-3-2-events"


def test_the_token_of_a_plan_does_not_depend_on_who_repeats_it() -> None:
    again = Plan.parse(PLAN.render())
    assert again == PLAN
    assert again.token(3, "sessions") == PLAN.token(3, "sessions")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"first":[1,2],"last":1}', b"null"])
def test_what_is_no_plan_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a plan|document"):
        Plan.parse(raw)
