"""The graph of the page itself: its scale, its lines, its labels."""

import pytest

from portal.dashboard.still import draw_still, scale_of, tick_every


@pytest.mark.parametrize(
    ("most", "unit", "texts"),
    [
        (0, "count", ["0", "1"]),
        (3, "count", ["0", "1", "2", "3"]),
        (17, "count", ["0", "5", "10", "15", "20"]),
        (100_000, "count", ["0", "30k", "60k", "90k", "120k"]),
        (61.4, "percent", ["0%", "20%", "40%", "60%", "80%"]),
        (1.7, "ratio", ["0.00", "0.50", "1.00", "1.50", "2.00"]),
        (250, "seconds", ["0s", "2m 00s", "4m 00s", "6m 00s"]),
        (100_000, "seconds", ["0s", "12h 00m", "24h 00m", "36h 00m"]),
    ],
)
def test_a_scale_is_round_and_holds_the_most(most: float, unit: str, texts: list[str]) -> None:
    scale = scale_of([0, most], [], unit)
    assert scale.texts == texts
    assert scale.top >= most
    assert scale.top == pytest.approx(scale.step * (len(texts) - 1))


def test_the_comparison_is_within_the_scale() -> None:
    assert scale_of([1, 2], [80, None], "count").top == 80


def test_money_is_written_with_its_currency() -> None:
    euros = [{"value": 30.0, "currency": "EUR", "short": "", "long": ""}, None]
    assert scale_of(euros, [], "money").texts[-1] == "€30"


def test_the_present_is_a_line_of_its_own() -> None:
    labels, scale = ["a", "b", "c"], scale_of([4, 2, 1], [], "count")
    still = draw_still(labels, [4, 2, 1], [1, 1, 1, 9], scale, present=True)
    assert (still.now, still.present) == ("M0 0L50 50", "M50 50L100 75")
    assert still.area == "M0 0L50 50V100H0Z"
    assert still.before == "M0 75L50 75L100 75"
    over = draw_still(labels, [4, 2, 1], [], scale)
    assert (over.now, over.present, over.before) == ("M0 0L50 50L100 75", "", "")


def test_what_is_not_known_breaks_the_line() -> None:
    scale = scale_of([4, 4, None, 4, 4], [], "count")
    still = draw_still(list("abcde"), [4, 4, None, 4, 4], [], scale)
    assert still.now == "M0 0L25 0M75 0L100 0"


def test_labels_are_as_many_as_there_is_room_for() -> None:
    assert [tick_every(count) for count in (1, 8, 9, 24, 28, 90)] == [1, 1, 2, 4, 4, 13]
    still = draw_still([f"{i}" for i in range(9)], [1] * 9, [], scale_of([1], [], "count"))
    assert still.ticks == [(0, "0"), (25, "2"), (50, "4"), (75, "6"), (100, "8")]


def test_one_moment_is_a_dot() -> None:
    still = draw_still(["a"], [1], [], scale_of([1], [], "count"), present=True, notes={0})
    assert (still.now, still.dot, still.flags) == ("", (0, 0), [0])
