"""The serial form of an event, which streams hold across releases."""

import orjson
import pytest

from edge.event import VISIT_ATTRIBUTES, decode_event, encode_event
from tests.support.factories import an_event


def test_an_event_survives_its_serial_form() -> None:
    event = an_event(visitor=2**64 - 1, props={"plan": "team"}, path="/é")
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"[1,2]", b"[99" + b",0" * 34 + b"]", b"\xff"])
def test_foreign_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_event(raw)


def test_visit_attributes_name_no_identity() -> None:
    assert VISIT_ATTRIBUTES[0] == "referrer"
    assert VISIT_ATTRIBUTES[-1] == "evidence"
    assert not {"visitor", "previous", "path", "ts_ms"} & set(VISIT_ATTRIBUTES)


def test_an_event_of_the_release_before_is_read() -> None:
    event = an_event(path="/é", bot="seo")
    values = [1, *event]
    for name in ("evidence", "operator", "is_first", "load_id"):
        del values[event._fields.index(name) + 1]
    assert decode_event(orjson.dumps(values)) == event
