import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.event import encode_event
from edge.forwarder.entries import decode_entries, render_dead_body
from edge.forwarder.visit import StreamId
from tests.support.factories import an_event


def test_entries_are_read_in_order() -> None:
    events = [an_event(path=f"/{i}") for i in range(3)]
    raw = [[b"17-%d" % i, [b"d", encode_event(event)]] for i, event in enumerate(events)]
    assert decode_entries(raw) == (
        [(StreamId(17, i), event) for i, event in enumerate(events)],
        [],
    )


@pytest.mark.parametrize("field", ["site_id", "ts_ms", "visitor", "previous", "engaged_ms"])
@pytest.mark.parametrize("value", ["12", None, 1.5, [1]])
def test_a_number_that_is_none_makes_an_entry_unreadable(field: str, value: object) -> None:
    raw = encode_event(an_event(**{field: value}))
    events, dead = decode_entries([[b"1-0", [b"d", raw]]])
    assert events == []
    assert [(letter.at, letter.size_bytes) for letter in dead] == [(StreamId(1, 0), len(raw))]


def test_a_dead_letter_can_be_repaired_but_does_not_tell_yesterdays_hash() -> None:
    raw = encode_event(an_event(previous=12345678901234567))
    body = orjson.loads(render_dead_body(raw))
    assert body == [0 if value == 12345678901234567 else value for value in orjson.loads(raw)]


@given(st.binary(max_size=60))
def test_no_bytes_stop_the_reading(raw: bytes) -> None:
    _, dead = decode_entries([[b"1-0", [b"d", raw]]])
    assert len(dead) == 1
    assert orjson.loads(dead[0].body or b"[]") is not None
