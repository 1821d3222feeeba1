"""Numbers as people read them."""

import pytest

from portal.dashboard.cards import CARDS
from portal.dashboard.figures import (
    COLUMNS,
    FIGURES,
    GOAL_FIGURES,
    GRAPHS,
    HINTS,
    UNITS,
    change,
    full,
    short,
)
from portal.dashboard.questions import details_metrics
from statflow.settings import ROOT


@pytest.mark.parametrize(
    ("value", "unit", "glance", "exact"),
    [
        (0, "count", "0", "0"),
        (9999, "count", "9,999", "9,999"),
        (12_449, "count", "12.4k", "12,449"),
        (100_000, "count", "100k", "100,000"),
        (999_499, "count", "999k", "999,499"),
        (999_500, "count", "1M", "999,500"),
        (1_250_000, "count", "1.3M", "1,250,000"),
        (2_000_000_000, "count", "2B", "2,000,000,000"),
        (None, "count", "\N{EN DASH}", "not known"),
        (2.5, "ratio", "2.50", "2.50"),
        (39, "percent", "39%", "39%"),
        (28.98, "percent", "29%", "28.98%"),
        (7.47, "percent", "7.5%", "7.47%"),
        (0, "percent", "0%", "0%"),
        (59, "seconds", "59s", "59s"),
        (65, "seconds", "1m 05s", "1m 05s"),
        (3725, "seconds", "1h 02m", "1h 02m"),
    ],
)
def test_a_number_is_short_at_a_glance_and_whole_on_hover(
    value: float | None, unit: str, glance: str, exact: str
) -> None:
    assert short(value, unit) == glance
    assert full(value, unit) == exact


def test_up_is_not_always_good() -> None:
    more = change(FIGURES["visitors"], 20, 100)
    bounced = change(FIGURES["bounce_rate"], 5, 40)
    better = change(FIGURES["bounce_rate"], -5, 40)
    assert more
    assert bounced
    assert better
    assert [c.tone for c in (more, bounced, better)] == ["good", "bad", "good"]
    assert more.text == "20%"
    assert bounced.text == "5 pt"
    assert better.words == "down by 5 points; before it was 40%"


def test_no_change_is_said_and_nothing_to_compare_is_not() -> None:
    even = change(FIGURES["visits"], 0, 7)
    assert even
    assert (even.text, even.arrow) == ("unchanged", "")
    assert change(FIGURES["visits"], None, 7) is None


def test_every_number_of_the_dashboard_is_explained_and_defined() -> None:
    defined = (ROOT / "docs" / "numbers.md").read_text()
    columns = {metric for card in CARDS.values() for tab in card.tabs for metric in tab.metrics}
    for tab in (tab for card in CARDS.values() for tab in card.tabs):
        columns |= set(details_metrics(tab))
    for metric in columns | set(GRAPHS) | set(GOAL_FIGURES):
        figure = (GRAPHS | GOAL_FIGURES).get(metric)
        assert HINTS.get(metric) or (figure and figure.hint), metric
        assert metric == "requests" or f"| `{metric}` |" in defined, metric
    for metric in columns:
        assert COLUMNS[metric]
        assert UNITS[metric]
