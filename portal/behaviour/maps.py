"""Maps of a page as a drawing: cells of clicks, or bands of what was reached, with their strength.

Sizes are those of a drawing that is 100 wide. The one invariant: a map draws the cells that
the answer has, each once.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

from portal.writing import number, percent
from portal.writing import seconds as in_seconds

WIDTH = 100
_FAINTEST = 0.18


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a map; ``strength`` is 0 to 1, ``title`` says it in words."""

    x: float
    y: float
    width: float
    height: float
    strength: float
    title: str


@dataclass(frozen=True, slots=True)
class PageMap:
    """A map of one page."""

    height: int
    spots: tuple[Spot, ...]


def click_map(answer: dict[str, Any]) -> PageMap:
    """Draw the one row of an answer of ``clicks`` whose grid lies over the page."""
    grid = answer["meta"]["grid"]
    side = WIDTH / grid["columns"]
    cells = [cell for row in answer["results"] for cell in row["grid"]]
    most = max((cell[2] for cell in cells), default=1)
    spots = tuple(
        Spot(
            round(column * side, 3),
            round(line * side, 3),
            round(side, 3),
            round(side, 3),
            round(_FAINTEST + (1 - _FAINTEST) * sqrt(count / most), 2),
            number(count),
        )
        for column, line, count in cells
    )
    return PageMap(round(side * grid["rows"]), spots)


def scroll_map(row: dict[str, Any]) -> PageMap:
    """Draw a row of an answer of ``scroll``: each twentieth of the page, by how many reached it."""
    bands = list(zip(row["reached"], row["seconds"], strict=True))
    side = 4 * WIDTH / len(bands)
    spots = tuple(
        Spot(
            0,
            round(place * side, 3),
            WIDTH,
            round(side, 3),
            round(reached / 100, 3),
            f"{percent(reached)} · {in_seconds(seconds)}",
        )
        for place, (reached, seconds) in enumerate(bands)
    )
    return PageMap(4 * WIDTH, spots)
