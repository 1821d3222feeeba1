"""Documents of Plausible's and Umami's, as their clients write them, become events of ours."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.collector.foreign import names_site, read_plausible, read_umami
from edge.collector.payload import Fault, parse_event
from edge.event import Beacon
from tests.support.factories import a_site

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


def umami(kind: str = "event", **payload: Any) -> dict[str, Any]:
    whole = {"website": "shop.example", "hostname": "shop.example", "url": "/tea", **payload}
    return {"type": kind, "payload": whole}


def beacon_of(wire: dict[str, Any]) -> Beacon:
    beacon = parse_event(wire, "EUR")
    assert isinstance(beacon, Beacon), beacon
    return beacon


def test_the_short_and_the_long_names_of_plausible_mean_the_same() -> None:
    short = {"n": "Signup", "u": "https://shop.example/a", "d": "shop.example", "r": None,
             "p": {"plan": "pro"}, "$": {"amount": 9.9, "currency": "USD"}, "i": False,
             "w": 1_200, "h": 0, "v": 36}  # fmt: skip
    long = {"name": "Signup", "url": "https://shop.example/a", "domain": "shop.example",
            "props": {"plan": "pro"}, "revenue": {"amount": 9.9, "currency": "USD"},
            "interactive": False, "screen_width": 1_200}  # fmt: skip
    one, other = read_plausible(short), read_plausible(long)
    assert one == other
    assert one.site == "shop.example"
    beacon = beacon_of(one.wire[0])
    assert (beacon.name, beacon.props, beacon.interactive) == ("Signup", (("plan", "pro"),), False)
    assert beacon.revenue is not None
    assert (beacon.revenue.minor, beacon.revenue.currency) == (990, "USD")
    assert beacon.viewport_px == 1_200


def test_props_as_json_in_json_are_read() -> None:
    raw = {"n": "Signup", "u": "https://shop.example/", "d": "x", "p": '{"plan":"pro"}'}
    assert read_plausible(raw).wire[0]["p"] == {"plan": "pro"}


@pytest.mark.parametrize(("depth", "kept"), [(63, 63), (0, 0), (255, None), (None, None)])
def test_engagement_of_plausible_carries_time_and_depth(depth: Any, kept: Any) -> None:
    raw = {"n": "engagement", "u": "https://shop.example/", "d": "x", "e": 4_200, "sd": depth}
    wire = read_plausible(raw).wire[0]
    assert (wire["g"], wire.get("d")) == (4_200, kept)
    assert beacon_of(wire).engaged_ms == 4_200


def test_a_document_of_umami_without_a_name_is_a_page_view() -> None:
    events = read_umami(umami(referrer="https://search.example/", screen="1920x1080"))
    beacon = beacon_of(events.wire[0])
    assert (beacon.name, beacon.url) == ("pageview", "https://shop.example/tea")
    assert (beacon.referrer, beacon.viewport_px) == ("https://search.example/", 1_920)


def test_a_page_view_of_umami_brings_its_title_and_an_event_does_not() -> None:
    view = beacon_of(read_umami(umami(title="Tea")).wire[0])
    assert view.props == (("title", "Tea"),)
    assert beacon_of(read_umami(umami(name="Buy", title="Tea")).wire[0]).props == ()
    assert beacon_of(read_umami(umami(title={"not": "a text"})).wire[0]).props == ()


def test_data_of_umami_is_laid_flat_and_its_revenue_is_money() -> None:
    data = {"a": {"b": 1, "c": {"d": True}}, "list": [1, 2], "none": None,
            "revenue": 19.9, "currency": "USD"}  # fmt: skip
    beacon = beacon_of(read_umami(umami(name="Buy", data=data, tag="blue")).wire[0])
    assert dict(beacon.props) == {
        "a.b": 1, "a.c.d": True, "list": "[1,2]", "revenue": 19.9, "currency": "USD", "tag": "blue",
    }  # fmt: skip
    assert beacon.revenue is not None
    assert (beacon.revenue.minor, beacon.revenue.currency) == (1_990, "USD")


def test_vitals_of_umami_are_signals() -> None:
    wires = read_umami(umami("performance", lcp=1_200.5, cls=0.02)).wire
    assert [(wire["n"], wire["p"]) for wire in wires] == [
        ("$vital", {"m": "LCP", "v": 1_200.5}),
        ("$vital", {"m": "CLS", "v": 0.02}),
    ]


@pytest.mark.parametrize("kind", ["identify", "error", "other", None])
def test_what_identifies_a_person_makes_no_event(kind: Any) -> None:
    assert read_umami(umami(kind, id="user-7", data={"email": "a@b.example"})).wire == ()


def test_what_a_document_says_of_its_sender_is_kept_apart() -> None:
    events = read_umami(umami(ip="198.51.100.7", userAgent="Phone", language="de-CH", timestamp=7))
    assert (events.address, events.agent, events.language) == ("198.51.100.7", "Phone", "de-CH")
    assert events.sent_at_ms == 7_000
    assert "198.51.100.7" not in orjson.dumps(events.wire).decode()


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("shop.example", True),
        ("SHOP.example", True),
        ("www.shop.example", True),
        ("other.example,shop.example", True),
        ("stk_test", True),
        ("1", True),
        ("other.example", False),
        ("2", False),
        ("", False),
    ],
)
def test_a_site_is_named_by_host_id_or_public_key(name: str, is_it: bool) -> None:
    assert names_site(a_site(), name) is is_it


@given(st.dictionaries(st.text(max_size=9), JSON), JSON)
def test_whatever_comes_is_read_without_an_error(raw: dict[str, Any], payload: Any) -> None:
    for wire in (
        *read_plausible(raw).wire,
        *read_umami({"type": "event", "payload": payload}).wire,
    ):
        assert isinstance(parse_event(wire, "EUR"), Beacon | Fault)
