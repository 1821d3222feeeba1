"""Tables of figures: columns with their unit, rows with what they link to, and how values read.

Pure. The one invariant: beside what is shown stands the value as the API gave it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from portal.dashboard.figures import short
from portal.language import N_
from portal.writing import milliseconds, number, percent, size

type Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of figures: its name in the answer, its heading, its unit."""

    name: str
    label: str
    unit: str = "count"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value and how it reads; ``rating`` colours it."""

    name: str
    value: Value
    text: str
    rating: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a row: what it is of, its figure, where it leads."""

    label: str
    cell: Cell
    href: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it is of, a second line below that, where it leads, its figures.

    ``parts`` are what it is made of, folded away under the words ``fold``.
    """

    label: str
    cells: tuple[Cell, ...]
    note: str = ""
    href: str = ""
    fold: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table, or the sentence that stands in its place."""

    title: str
    first: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    help: str = ""
    empty: str = N_("Nothing in this time.")
    trouble: str = ""


def cell(column: Column, value: Value, rating: str = "") -> Cell:
    """Make a cell of a column."""
    return Cell(column.name, value, shown(value, column.unit), rating)


def cells(columns: Iterable[Column], found: dict[str, Any]) -> tuple[Cell, ...]:
    """Make the cells of a row that an answer names by its columns."""
    return tuple(cell(column, found[column.name]) for column in columns)


def metric_cells(columns: Iterable[Column], metrics: list[Any]) -> tuple[Cell, ...]:
    """Make the cells of a row of ``POST /api/v2/query``: its metrics in the columns' order."""
    return tuple(cell(column, value) for column, value in zip(columns, metrics, strict=True))


def filled(
    table: Table, answer: dict[str, Any] | str, make: Callable[[dict[str, Any]], Row]
) -> Table:
    """Fill a table with the rows of an answer, or with what went wrong."""
    if isinstance(answer, str):
        return replace(table, trouble=answer)
    return replace(table, rows=tuple(map(make, answer["results"])))


def shown(value: Value, unit: str) -> str:
    """Write a value for people."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, str):
        return value
    match unit:
        case "ms":
            return milliseconds(value)
        case "score":
            return number(round(value, 3))
        case "bytes":
            return size(value)
        case "percent":
            return percent(value, 1)
        case "count":
            return number(value)
        case _:
            return short(value, unit)
