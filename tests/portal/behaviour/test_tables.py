"""How values read in tables of figures."""

import pytest

from portal.behaviour.maps import click_map
from portal.behaviour.tables import Value, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "\N{EN DASH}"),
        ("404", "count", "404"),
        (0, "ms", "0ms"),
        (999, "ms", "999ms"),
        (1_000, "ms", "1.00s"),
        (2_449, "ms", "2.45s"),
        (0.0, "score", "0"),
        (0.1, "score", "0.1"),
        (0.032, "score", "0.032"),
        (0, "bytes", "0 B"),
        (999, "bytes", "999 B"),
        (1_500, "bytes", "1.5 KB"),
        (94_000_000, "bytes", "94.0 MB"),
        (3_000_000_000_000_000, "bytes", "3000.0 TB"),
        (77, "seconds", "1m 17s"),
        (0.6, "percent", "0.6%"),
        (12_400, "count", "12,400"),
    ],
)
def test_values_are_written_for_people(value: Value, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_map_draws_each_cell_once_and_the_fullest_strongest() -> None:
    grid = {"of": "page", "columns": 10, "rows": 40, "counted": "clicks"}
    answer = {"results": [{"grid": [[0, 0, 9], [9, 39, 1]]}], "meta": {"grid": grid}}
    drawn = click_map(answer)
    assert drawn.height == 400
    assert [(spot.x, spot.y, spot.title) for spot in drawn.spots] == [(0, 0, "9"), (90, 390, "1")]
    assert drawn.spots[0].strength == 1
    assert 0.1 < drawn.spots[1].strength < 1
