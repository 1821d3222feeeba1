"""A verdict sees growth and does not see noise."""

from dataclasses import replace
from random import Random

import pytest

from tests.soak.verdict import Sample, find_growth

FLAT = [Sample(60.0 * i, 1000.0, 1.0, 5.0, 80.0, 100, 90, 0) for i in range(30)]


def test_a_flat_run_with_a_noisy_minute_is_fine() -> None:
    noisy = [*FLAT[:25], replace(FLAT[25], p50_ms=40.0, p99_ms=900.0), *FLAT[26:]]
    assert find_growth(noisy) == []


def test_warming_up_is_no_growth() -> None:
    warming = [replace(one, memory_mib=60.0 + min(i, 9) * 2) for i, one in enumerate(FLAT)]
    assert find_growth(warming) == []


@pytest.mark.parametrize(
    ("name", "each"), [("memory_mib", 1.0), ("open_files", 3), ("sockets", 3), ("p50_ms", 0.2)]
)
def test_steady_growth_is_found(name: str, each: float) -> None:
    noise = Random(1)
    growing = [
        replace(one, **{name: getattr(one, name) + each * i + noise.random()})
        for i, one in enumerate(FLAT)
    ]
    assert [found.split()[0] for found in find_growth(growing)] == [name]


def test_memory_that_once_held_a_whole_download_is_found() -> None:
    assert find_growth([*FLAT[:12], replace(FLAT[12], memory_mib=2_100.0), *FLAT[13:]])


def test_a_run_too_short_to_judge_is_not_passed() -> None:
    assert find_growth(FLAT[:5]) == ["too few samples to judge"]
