"""The table of figures, printed when the last scenario has run; and which one that is."""

from collections.abc import Iterator

import pytest

from tests.chaos.figures import Figures, render_table

LAST = "[clock jumps]"
"""After it nothing can be said of engagement without a visit: its shard's time has gone ahead."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Shuffled as they are, let one scenario be the last of those on its installation."""
    places = [i for i, item in enumerate(items) if "chaos/test_faults.py" in item.nodeid]
    ordered = sorted((items[i] for i in places), key=lambda item: LAST in item.nodeid)
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def table() -> Iterator[list[Figures]]:
    """Rows of the scenarios that ran."""
    rows: list[Figures] = []
    yield rows
    print(f"\n\n{render_table(rows)}")  # noqa: T201 - the result of `make chaos`
