"""The corpus, replayed: bytes that once broke a promise, or reach far into the code."""

import pytest

from tests.fuzz.fuzz import CORPUS
from tests.fuzz.targets import TARGETS

FILES = sorted(CORPUS.glob("*/*"))


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for path in FILES} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_kept_input_breaks_no_promise(name: str) -> None:
    for path in FILES:
        if path.parent.name == name:
            TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_made_of_kept_ones_break_no_promise(name: str) -> None:
    """Cut every kept input in two, and join it with the next: cheap, and often enough."""
    kept = [path.read_bytes() for path in FILES if path.parent.name == name]
    for first, second in zip(kept, [*kept[1:], kept[0]], strict=True):
        TARGETS[name](first[: len(first) // 2] + second[len(second) // 2 :])
        TARGETS[name](first + second)
