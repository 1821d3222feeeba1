"""Click maps, and clicks in anger and in vain: counted by element, page and width class.

A map is a grid, made in the store: over the element, whose places survive other layouts, or over
the page, as shares of its width and height. The one invariant: the cells of a row add up to the
row's number of what the map is of.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from store.query.behaviour.questions import (
    COMMON_KEYS,
    By,
    Reader,
    SignalQuestion,
    read_common,
    reader_at,
)
from store.query.bodies import read_whole, read_word
from store.query.model import QuerySite
from store.query.run import QueryStore

KEYS = (*COMMON_KEYS, "order", "grid", "grid_of")
GROUPS = (By.PAGE, By.ELEMENT, By.WIDTH)
MAX_GRID = 64
PAGE_ROWS = 4
"""A page is so many times as long as it is wide, for the cells of its grid."""
KINDS = ["click", "rage", "dead"]


class Order(StrEnum):
    """Which clicks rank the rows and make the map."""

    CLICKS = "clicks"
    RAGE = "rage_clicks"
    DEAD = "dead_clicks"


class GridOf(StrEnum):
    """What a map is laid over."""

    ELEMENT = "element"
    PAGE = "page"


_KIND_OF = {Order.CLICKS: "click", Order.RAGE: "rage", Order.DEAD: "dead"}


@dataclass(frozen=True, slots=True)
class ClickQuestion:
    """Clicks over a range; ``grid`` is the number of columns of the map, 0 for none."""

    signals: SignalQuestion
    order: Order = Order.CLICKS
    grid: int = 0
    grid_of: GridOf = GridOf.ELEMENT

    @property
    def grid_rows(self) -> int:
        """Return the rows of the map."""
        return self.grid * (PAGE_ROWS if self.grid_of is GridOf.PAGE else 1)


def parse_click_question(payload: object, site: QuerySite) -> ClickQuestion:
    """Parse the body of ``POST /api/v2/clicks``.

    Raises:
        QueryError: It is no such question.
    """
    signals, body = read_common(payload, site, KEYS, GROUPS, (By.PAGE,))
    return ClickQuestion(
        signals,
        read_word(body.get("order", Order.CLICKS), "order", Order),
        read_whole(body.get("grid", 0), "grid", 0, MAX_GRID),
        read_word(body.get("grid_of", GridOf.ELEMENT), "grid_of", GridOf),
    )


def run_clicks(
    store: QueryStore, question: ClickQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Count clicks at a moment.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    reader = reader_at(store, question.signals, site, now)
    kind = _KIND_OF[question.order]
    counts = [f"countIf(kind = '{kind}') as n_{kind}" for kind in KINDS]
    counts.append("uniqExact(visit_id)")
    columns = [*question.signals.keys, *counts, *([_map(question)] if question.grid else [])]
    rows = reader.rows(KINDS, columns, reader.grouped(f"n_{kind} desc", f"n_{kind} > 0"))
    ((clicks, rage, dead, visits),) = reader.rows(KINDS, counts)
    meta = {
        "clicks": int(clicks),
        "rage_clicks": int(rage),
        "dead_clicks": int(dead),
        "visits": int(visits),
        "grid": _grid(question),
    }
    return reader.answer([_row(reader, question, row) for row in rows], meta, order=question.order)


def _row(reader: Reader, question: ClickQuestion, row: tuple[Any, ...]) -> dict[str, Any]:
    keys = len(question.signals.by)
    clicks, rage, dead, visits = map(int, row[keys : keys + 4])
    found = {
        **reader.keyed(row),
        "clicks": clicks,
        "rage_clicks": rage,
        "dead_clicks": dead,
        "visits": visits,
    }
    if question.grid:
        cells, counts = row[-1]
        found["grid"] = [
            [int(cell) % question.grid, int(cell) // question.grid, int(count)]
            for cell, count in zip(cells, counts, strict=True)
        ]
    return found


def _map(question: ClickQuestion) -> str:
    """Write the sums of a map: its cells, numbered row by row, and how many clicks each has."""
    columns, rows = question.grid, question.grid_rows
    if question.grid_of is GridOf.PAGE:
        column = f"intDiv(page_x * {columns}, 32768)"
        row = f"least(intDiv(page_y * {rows}, greatest(page_height, 1)), {rows - 1})"
    else:
        column, row = f"intDiv(x * {columns}, 32768)", f"intDiv(y * {rows}, 32768)"
    cell = f"toUInt32(least({column}, {columns - 1}) + {columns} * least({row}, {rows - 1}))"
    return f"sumMapIf([{cell}], [toUInt64(1)], kind = '{_KIND_OF[question.order]}')"


def _grid(question: ClickQuestion) -> dict[str, Any] | None:
    if not question.grid:
        return None
    return {
        "of": question.grid_of,
        "columns": question.grid,
        "rows": question.grid_rows,
        "counted": question.order,
    }
