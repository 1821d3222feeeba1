"""The table of figures, which grows with every scenario and is printed when the last has run."""

from collections.abc import Iterator

import pytest

from tests.chaos.figures import Figures, render_table


@pytest.fixture(scope="session")
def table() -> Iterator[list[Figures]]:
    """Rows of the scenarios that ran."""
    rows: list[Figures] = []
    yield rows
    print(f"\n\n{render_table(rows)}")  # noqa: T201 - the result of `make chaos`
