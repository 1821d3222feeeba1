"""The wire format, key by key, and whatever else arrives."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.collector.payload import Payload, PayloadError, Rejection, parse_payload
from edge.event import NO_SCROLL, Beacon, Revenue
from edge.outcomes import DropReason

URL = "https://shop.example/"


def _parse(document: Any) -> Payload | PayloadError:
    return parse_payload(orjson.dumps(document))


def _one(**keys: Any) -> Beacon:
    parsed = _parse({"n": "pageview", "u": URL} | keys)
    assert isinstance(parsed, Payload), parsed
    return parsed.beacons[0]


def test_the_least_is_a_name_and_a_url() -> None:
    assert _one() == Beacon(name="pageview", url=URL)


def test_every_key_is_read() -> None:
    everything = _one(
        n="Buy", r="https://x.example/", a=12, p={"k": "v"}, i=False, g=1500, d=80, w=1440,
        l="aB3-_", s="410", b=1, **{"$": {"amount": "9.90", "currency": "EUR"}},
    )  # fmt: skip
    assert everything == Beacon(
        name="Buy", url=URL, referrer="https://x.example/", age_ms=12, props=(("k", "v"),),
        revenue=Revenue(990, "EUR"), interactive=False, engaged_ms=1500, scroll=80,
        viewport_px=1440, load_id="aB3-_", status=410, automation=True,
    )  # fmt: skip


def test_plausibles_long_names_are_read() -> None:
    parsed = _parse(
        {"name": "Buy", "url": URL, "domain": "shop.example", "referrer": "https://x.example/",
         "props": {"k": 1}, "revenue": {"amount": 5, "currency": "usd"}, "interactive": False}
    )  # fmt: skip
    assert isinstance(parsed, Payload)
    assert parsed.beacons[0] == Beacon(
        name="Buy", url=URL, referrer="https://x.example/", props=(("k", 1),),
        revenue=Revenue(500, "USD"), interactive=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "attribute", "value"),
    [
        ({"s": "404"}, "status", 404),
        ({"s": 503}, "status", 503),
        ({"s": "200"}, "status", 0),
        ({"s": 7}, "status", 0),
        ({"n": "  Buy  "}, "name", "Buy"),
        ({"n": "x" * 120}, "name", "x" * 120),
        ({"u": "HTTPS://Shop.example"}, "url", "HTTPS://Shop.example"),
        ({"u": "http://[::1]:8080/"}, "url", "http://[::1]:8080/"),
        ({"r": None}, "referrer", ""),
        ({"r": "https://a.example/b/" + "x" * 3000}, "referrer", "https://a.example/b"),
        ({"a": -5}, "age_ms", 0),
        ({"a": 1.9}, "age_ms", 1),
        ({"a": 1e40}, "age_ms", 2**53),
        ({"a": None}, "age_ms", 0),
        ({"p": None}, "props", ()),
        ({"p": {"a": None, "b": 1}}, "props", (("b", 1),)),
        ({"p": {"a": "x\x00y"}}, "props", (("a", "xy"),)),
        ({"p": {"a": "x" * 2000}}, "props", (("a", "x" * 2000),)),
        ({"p": {str(n): n for n in range(30)}}, "props", tuple((str(n), n) for n in range(30))),
        ({"i": 0}, "interactive", False),
        ({"i": None}, "interactive", True),
        ({"g": -1}, "engaged_ms", 0),
        ({"g": 10**12}, "engaged_ms", 86_400_000),
        ({"d": 33.3}, "scroll", 33),
        ({"d": 250}, "scroll", 100),
        ({"d": None}, "scroll", NO_SCROLL),
        ({"w": 10**9}, "viewport_px", 65_535),
        ({"b": True}, "automation", True),
        ({"$": None}, "revenue", None),
        ({"unknown": [1, {"a": 2}]}, "name", "pageview"),
    ],
)
def test_values_at_their_limits(keys: dict[str, Any], attribute: str, value: Any) -> None:
    assert getattr(_one(**keys), attribute) == value


@pytest.mark.parametrize(
    ("keys", "code", "field"),
    [
        ({"n": None}, "missing", "n"),
        ({"n": 5}, "wrong_type", "n"),
        ({"n": ""}, "wrong_length", "n"),
        ({"n": "   "}, "wrong_length", "n"),
        ({"n": "x" * 121}, "wrong_length", "n"),
        ({"n": "a\x00b"}, "bad_characters", "n"),
        ({"u": None}, "missing", "u"),
        ({"u": ["x"]}, "wrong_type", "u"),
        ({"u": URL + "x" * 2000}, "too_long", "u"),
        ({"u": "/relative"}, "not_a_url", "u"),
        ({"u": "ftp://shop.example/"}, "not_a_url", "u"),
        ({"u": "javascript:alert(1)"}, "not_a_url", "u"),
        ({"u": "https://"}, "not_a_url", "u"),
        ({"u": "https:///path"}, "not_a_url", "u"),
        ({"u": "https://shop.example:99999/"}, "not_a_url", "u"),
        ({"u": "https://[::1/"}, "not_a_url", "u"),
        ({"u": "https://shop.example/\n"}, "not_a_url", "u"),
        ({"r": 5}, "wrong_type", "r"),
        ({"a": "5"}, "wrong_type", "a"),
        ({"a": True}, "wrong_type", "a"),
        ({"p": []}, "wrong_type", "p"),
        ({"p": {str(n): n for n in range(31)}}, "too_many", "p"),
        ({"p": {"": 1}}, "wrong_length", "p"),
        ({"p": {"k" * 301: 1}}, "wrong_length", "p"),
        ({"p": {"a\x00": 1}}, "bad_characters", "p"),
        ({"p": {"a": [1]}}, "wrong_type", "p"),
        ({"p": {"a": {"b": 1}}}, "wrong_type", "p"),
        ({"p": {"a": "x" * 2001}}, "too_long", "p"),
        ({"$": 5}, "not_money", "$"),
        ({"$": {"amount": "abc"}}, "not_money", "$"),
        ({"i": "yes"}, "wrong_type", "i"),
        ({"g": "x"}, "wrong_type", "g"),
        ({"d": {}}, "wrong_type", "d"),
        ({"w": []}, "wrong_type", "w"),
        ({"l": 5}, "wrong_type", "l"),
        ({"l": "x y"}, "wrong_type", "l"),
        ({"l": "x" * 65}, "wrong_type", "l"),
        ({"s": "4o4"}, "wrong_type", "s"),
        ({"s": True}, "wrong_type", "s"),
        ({"s": [404]}, "wrong_type", "s"),
        ({"b": 2}, "wrong_type", "b"),
    ],
)
def test_a_wrong_event_is_named(keys: dict[str, Any], code: str, field: str) -> None:
    parsed = _parse({"n": "pageview", "u": URL} | keys)
    assert isinstance(parsed, PayloadError)
    assert (parsed.reason, parsed.fault.code, parsed.fault.field) == (
        DropReason.INVALID_PAYLOAD, code, field,
    )  # fmt: skip


def test_of_several_faults_the_first_of_the_table_is_told_in_whatever_order_they_come() -> None:
    for document in ({"b": 2, "a": "x", "u": 5, "n": "x"}, {"u": 5, "a": "x", "b": 2, "n": "x"}):
        parsed = _parse(document)
        assert isinstance(parsed, PayloadError)
        assert parsed.fault.field == "u"


def test_of_a_short_and_a_long_name_the_short_one_counts() -> None:
    assert _one(name="Buy", n="pageview").name == "pageview"
    parsed = _parse({"n": None, "name": "Buy", "u": URL})
    assert isinstance(parsed, PayloadError)
    assert (parsed.fault.code, parsed.fault.field) == ("missing", "n")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"null", b"[]", b"5", b'"x"', b"{", b"NaN", b'{"n": NaN}', b'{"n": 1e999}',
     b'{"n": "\\ud800"}', b"\xef\xbb\xbf{}", b"[" * 5_000, b"\x00"],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    parsed = parse_payload(body)
    assert isinstance(parsed, PayloadError)
    assert parsed.reason is DropReason.INVALID_JSON


def test_of_duplicate_keys_the_last_counts() -> None:
    parsed = parse_payload(b'{"n": "a", "u": "https://shop.example/", "n": "b"}')
    assert isinstance(parsed, Payload)
    assert parsed.beacons[0].name == "b"


@pytest.mark.parametrize(
    ("document", "reason", "code", "field"),
    [
        ({"v": 1, "e": []}, DropReason.INVALID_PAYLOAD, "wrong_type", "e"),
        ({"v": 1, "e": {}}, DropReason.INVALID_PAYLOAD, "wrong_type", "e"),
        ({"v": 2, "e": [{}]}, DropReason.INVALID_PAYLOAD, "unknown_version", "v"),
        ({"v": 1, "e": [{}] * 51}, DropReason.TOO_MANY_EVENTS, "too_many_events", "e"),
        ({}, DropReason.INVALID_PAYLOAD, "missing", "n"),
    ],
)
def test_a_wrong_batch_is_named(document: Any, reason: DropReason, code: str, field: str) -> None:
    parsed = _parse(document)
    assert isinstance(parsed, PayloadError)
    assert (parsed.reason, parsed.fault.code, parsed.fault.field) == (reason, code, field)


def test_of_a_batch_the_good_events_are_kept() -> None:
    good = {"n": "pageview", "u": URL}
    parsed = _parse({"v": 1, "e": [good, {"n": "x"}, 5, good | {"g": 3}]})
    assert isinstance(parsed, Payload)
    assert [beacon.engaged_ms for beacon in parsed.beacons] == [0, 3]
    assert parsed.rejected == (Rejection(1, "missing", "u"), Rejection(2, "wrong_type", None))


def test_fifty_events_are_taken() -> None:
    parsed = _parse({"v": 1, "e": [{"n": "pageview", "u": URL}] * 50})
    assert isinstance(parsed, Payload)
    assert len(parsed.beacons) == 50


def test_no_message_repeats_what_was_sent() -> None:
    parsed = _parse({"n": "secret-name" * 20, "u": "secret-url"})
    assert isinstance(parsed, PayloadError)
    assert "secret" not in parsed.fault.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(
        st.characters(codec="utf-8"), max_size=5), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
KEYS = st.sampled_from(
    ["n", "u", "r", "a", "p", "$", "i", "g", "d", "w", "l", "b", "name", "url", "props", "revenue"]
)
EVENTS = st.dictionaries(KEYS, JSON | st.just(URL) | st.just({"amount": "1e5", "currency": "X"}))


@given(EVENTS | st.fixed_dictionaries({"v": JSON, "e": st.lists(EVENTS, max_size=4)}))
def test_no_document_makes_it_raise(document: Any) -> None:
    assert isinstance(_parse(document), Payload | PayloadError)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    assert isinstance(parse_payload(body), Payload | PayloadError)


DEEP = b'{"n": "pageview", "u": "https://shop.example/", "x": %s}'


@pytest.mark.parametrize(
    "body",
    [
        DEEP % (b"[" * 30_000 + b"]" * 30_000),
        DEEP % (b'{"a":' * 9_000 + b"1" + b"}" * 9_000),
        DEEP % b"NaN",
        DEEP % b"Infinity",
        DEEP % b"01",
        DEEP % b"'a'",
        DEEP % b'"\\ud800"',
        DEEP % b'"\xed\xa0\x80"',
        DEEP % b'"\xc0\xaf"',
        DEEP % b'"a\nb"',
        DEEP % b"[1,]",
        DEEP % b"1 /* c */",
        b"\xef\xbb\xbf" + DEEP % b"1",
    ],
)
def test_json_is_read_strictly_also_where_a_key_is_not_known(body: bytes) -> None:
    """Depth, numbers, escapes, encoding and what other readers let pass."""
    found = parse_payload(body)
    assert isinstance(found, PayloadError)
    assert found.reason is DropReason.INVALID_JSON


def test_a_referrer_that_is_too_long_is_cut_at_a_slash() -> None:
    referrer = "https://a.example/" + "b" * 1_970 + "/jane@example.org"
    found = parse_payload(orjson.dumps({"n": "x", "u": "https://a.b/", "r": referrer}))
    assert isinstance(found, Payload)
    assert found.beacons[0].referrer == "https://a.example/" + "b" * 1_970
