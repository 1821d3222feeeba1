"""What `statflow top` makes of two readings."""

from io import StringIO

import pytest
from rich.console import Console

from statflow.top import Between, Reading, draw, read_parts
from tests.support.stack import free_port

BEFORE = """
# TYPE statflow_events counter
statflow_events_total{site="1",outcome="accepted"} 100
statflow_events_total{site="1",outcome="dnt"} 5
# TYPE statflow_added_seconds histogram
statflow_added_seconds_bucket{site="1",le="0.001"} 10
statflow_added_seconds_bucket{site="1",le="0.01"} 10
statflow_added_seconds_bucket{site="1",le="+Inf"} 10
"""
NOW = """
# TYPE statflow_events counter
statflow_events_total{site="1",outcome="accepted"} 150
statflow_events_total{site="1",outcome="dnt"} 8
statflow_events_total{site="2",outcome="accepted"} 20
# TYPE statflow_added_seconds histogram
statflow_added_seconds_bucket{site="1",le="0.001"} 16
statflow_added_seconds_bucket{site="1",le="0.01"} 19
statflow_added_seconds_bucket{site="1",le="+Inf"} 20
# TYPE statflow_forwarder_lag_events gauge
statflow_forwarder_lag_events{shard="1"} 1200
statflow_forwarder_lag_events{shard="2"} 34
"""


def reading(at_s: float, *texts: str) -> Reading:
    made = Reading(at_s)
    for text in texts:
        made.add(text)
    return made


@pytest.fixture
def seen() -> Between:
    return Between(reading(10, BEFORE), reading(20, NOW))


def test_rates_are_of_the_time_between(seen: Between) -> None:
    assert seen.rate("statflow_events_total", outcome="accepted") == 7
    assert seen.rates("statflow_events_total", "outcome") == [("accepted", 7), ("dnt", 0.3)]
    assert seen.rates("statflow_events_total", "site") == [("1", 5.3), ("2", 2)]


def test_quantiles_are_of_the_newest_values(seen: Between) -> None:
    assert seen.quantile("statflow_added_seconds", 0.5) == 0.001
    assert seen.quantile("statflow_added_seconds", 0.9) == 0.01
    assert seen.quantile("statflow_added_seconds", 0.99) == float("inf")
    assert seen.quantile("statflow_ttfb_seconds", 0.5) is None


def test_parts_are_added_up() -> None:
    both = reading(0, NOW, NOW)
    assert both.total("statflow_forwarder_lag_events") == 2468


def test_a_part_that_began_anew_never_counts_backwards() -> None:
    assert Between(reading(0, NOW), reading(1, BEFORE)).rate("statflow_events_total") == 0


def test_the_screen_shows_rates_lag_drops_and_times(seen: Between) -> None:
    for width in (60, 80, 140):
        console = Console(width=width, record=True, file=StringIO())
        console.print(draw(seen))
        text = console.export_text()
        for part in ("Events accepted", "7.0/s", "1,234", "dnt", "0.3/s", "site 2"):
            assert part in text
        assert "1 ms / longer" in text
        assert "…" not in text


async def test_a_part_that_is_away_is_said() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    found = await read_parts([address])
    assert found.away == [address]
