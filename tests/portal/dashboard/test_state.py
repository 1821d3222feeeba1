"""The URL of a dashboard, and every URL one choice away."""

from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from portal.dashboard.cards import CARDS
from portal.dashboard.filters import DIMENSIONS, OPERATORS, Chip, read_chips
from portal.dashboard.state import State, read_state

TODAY = date(2026, 11, 10)


def read(query: str) -> State:
    pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True)
    return read_state(MultiDict(pairs), TODAY)


def test_nothing_said_is_the_default_view() -> None:
    state = read("")
    assert (state.period, state.comparison, state.metric) == ("28d", "previous", "visitors")
    assert state.interval == "day"
    assert state.chips == ()
    assert state.query() == "?"


@pytest.mark.parametrize(
    "query",
    [
        "?period=nonsense&compare=x&metric=x&interval=minute&f=x&f=is,nope,1&sources=nope",
        "?period=custom",
        "?period=custom&from=2027-01-01&to=2027-01-02",
        "?period=day%00&f=is,source",
        "?f=is,prop:,x",
    ],
)
def test_what_cannot_be_read_is_the_default(query: str) -> None:
    assert read(query).query() == "?"


@given(
    period=st.sampled_from(["day", "7d", "month", "year", "custom"]),
    compare=st.sampled_from(["previous", "year", "off"]),
    chips=st.lists(
        st.tuples(
            st.sampled_from([*OPERATORS]),
            st.sampled_from([*DIMENSIONS, "prop:plan", "prop:Größe"]),
            st.text(max_size=20),
        ),
        max_size=5,
    ),
    tab=st.sampled_from(["sources", "channels", "campaigns"]),
)
def test_a_view_is_read_back_as_it_was_written(
    period: str, compare: str, chips: list[tuple[str, str, str]], tab: str
) -> None:
    entries = [",".join(chip) for chip in chips]
    pairs = [("period", period), ("from", "2026-10-01"), ("to", "2026-10-20")]
    pairs += [("compare", compare), ("sources", tab), *(("f", entry) for entry in entries)]
    state = read_state(MultiDict(pairs), TODAY)
    assert read(state.query()) == state


def test_a_click_on_a_row_filters_and_another_of_the_kind_replaces_it() -> None:
    state = read(read("?period=7d").filtered("source", "Google"))
    assert state.period == "7d"
    assert state.chips == (Chip("is", "source", ("Google",)),)
    other = read(state.filtered("source", "Bing, or so"))
    assert other.chips == (Chip("is", "source", ("Bing, or so",)),)
    both = read(other.filtered("page", "/a"))
    assert len(both.chips) == 2


def test_a_chip_turns_and_goes() -> None:
    state = read("?f=is,source,Google&f=contains,page,/blog")
    turned = read(state.turned(state.chips[0]))
    assert turned.chips[0].operator == "is_not"
    assert read(turned.turned(turned.chips[0])).chips == state.chips
    assert read(state.without(state.chips[0])).chips == state.chips[1:]
    assert state.unfiltered() == "?"


def test_values_of_one_filter_belong_together() -> None:
    (chip,) = read_chips(["is,source,Google", "is,source,Bing", "is,source,Google"])
    assert chip.clause() == ["is", "visit:source", ["Google", "Bing"]]
    (prop,) = read_chips(["is_not,prop:plan,a,b"])
    assert prop.clause() == ["is_not", "event:props:plan", ["a,b"]]
    assert prop.label == "plan"


def test_an_interval_follows_the_period() -> None:
    state = read("?period=7d&interval=hour")
    assert read(state.with_period("year")).interval == "month"
    assert read(state.with_period("day")).interval == "hour"
    assert read(read("").with_period("day")).interval == "hour"


def test_a_tab_is_part_of_the_url_unless_it_is_the_first() -> None:
    state = read("?pages=exit")
    assert state.tab_of(CARDS["pages"]) == "exit"
    assert read(state.with_tab("pages", "top")).query() == "?"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"mode": "previous_period"}),
        ("?compare=off&match=weekday", None),
        ("?compare=year&match=weekday", {"mode": "year_over_year", "match_day_of_week": True}),
        (
            "?compare=custom&cfrom=2026-01-05&cto=2026-01-01",
            {"mode": "custom", "date_range": ["2026-01-01", "2026-01-05"]},
        ),
        ("?compare=custom&cfrom=2026-01-05&cto=x", {"mode": "previous_period"}),
        ("?cfrom=2026-01-05&cto=2026-01-06", {"mode": "previous_period"}),
    ],
)
def test_a_comparison_is_asked_for_as_the_url_says(
    query: str, wanted: dict[str, object] | None
) -> None:
    state = read(query)
    assert state.compared == wanted
    assert read(state.query()) == state
    assert "cfrom" not in read(state.with_comparison("year")).query()


def test_period_and_filters_go_along_to_other_pages() -> None:
    state = read("?period=7d&compare=off&f=is,source,Google&metric=visits&sources=channels&prop=x")
    there = read(state.elsewhere(of="scroll", page=""))
    assert (there.period, there.comparison, there.chips) == ("7d", "off", state.chips)
    assert state.elsewhere(of="scroll").endswith("&of=scroll")
    for left in ("metric", "sources", "prop", "page"):
        assert f"{left}=" not in state.elsewhere(of="scroll", page="").replace("f=is", "")
