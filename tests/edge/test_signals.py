"""The one table of signals: what passes it fits its columns."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.collector.payload import Fault, parse_event
from edge.event import Beacon
from edge.signals import BANDS, COLUMNS, SCALE, SIGNALS, check_signal, signal_values
from edge.sites import Module
from statflow.docs import signals_part
from tests.support.factories import an_event

ROOT = Path(__file__).parents[2]
PAGE = "https://shop.example/"
CLICK = {"s": "main > a", "x": 1, "y": 2, "px": 3, "py": 4, "h": 5}
SCALARS = st.text(max_size=400) | st.integers() | st.booleans() | st.floats(allow_nan=False)


def parse(name: str, props: dict[str, object]) -> Beacon | Fault:
    return parse_event({"n": name, "u": PAGE, "p": props}, "EUR")


def test_a_signal_is_checked_by_its_own_table() -> None:
    beacon = parse("$click", {**CLICK, "more": "x", "x": 99_999, "y": -1})
    assert isinstance(beacon, Beacon)
    assert dict(beacon.props) == {**CLICK, "x": SCALE, "y": 0}
    assert not beacon.interactive


@pytest.mark.parametrize(
    ("name", "props"),
    [
        ("$click", {}),
        ("$click", CLICK | {"x": "1"}),
        ("$click", CLICK | {"x": True}),
        ("$click", CLICK | {"s": 7}),
        ("$vital", {"m": "FID", "v": 1}),
        ("$scroll", {"d": 1, "h": 1, "b": "1,2"}),
        ("$scroll", {"d": 1, "h": 1, "b": ",".join(["-1"] * BANDS)}),
        ("$form", {"f": "f", "o": "perhaps", "s": "a", "v": 1, "n": 1}),
    ],
)
def test_a_signal_that_is_not_whole_is_rejected(name: str, props: dict[str, object]) -> None:
    fault = parse(name, props)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.field) == ("bad_signal", "p")


def test_other_names_with_a_dollar_are_ordinary_events() -> None:
    beacon = parse("$pageleave", {"any": "prop"})
    assert isinstance(beacon, Beacon)
    assert beacon.interactive


@given(
    st.sampled_from(sorted(SIGNALS)), st.dictionaries(st.sampled_from("sxyhdbmvwtflcoinp"), SCALARS)
)
def test_whatever_passes_fits_its_columns(name: str, props: dict[str, object]) -> None:
    try:
        checked = check_signal(SIGNALS[name], props)  # type: ignore[arg-type]
    except ValueError:
        return
    event = an_event(name=name, props={key: str(value) for key, value in checked})
    values = signal_values(event)
    assert set(values) == set(COLUMNS)
    assert all(0 <= int(str(values[column])) <= 65_535 for column in ("x", "y", "page_x"))
    assert 0 <= int(str(values["depth"])) <= 100


def test_every_module_has_a_signal_and_every_kind_stands_in_the_decision() -> None:
    assert {signal.module for signal in SIGNALS.values()} == set(Module)
    decision = (ROOT / "docs/adr/0021-what-modules-see-is-kept-apart.md").read_text()
    for signal in SIGNALS.values():
        row = next(
            line for line in decision.splitlines() if re.match(rf"\|.*`{signal.kind}`", line)
        )
        for field in signal.fields:
            assert f"`{field.column}`" in row, (signal.name, field.column)


def test_the_page_on_modules_is_what_the_table_says() -> None:
    """After a change: make docs."""
    assert (ROOT / "docs/modules.md").read_text().endswith(signals_part())
