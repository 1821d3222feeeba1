"""Totals of days: the values that reports of other products are turned into, and how.

A table of a report is described once, as ``Table``: which columns are numbers of ours, and as what
its rows are read. Pure. The one invariant: a row's numbers go into every total that the table is
described to tell, and into no other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from store.query.dimensions import find_dimension

VISITS, EVENTS, ENGAGED, VIEWED, LEFT = (
    "visits:entry", "events", "engaged", "viewed", "visits:exit",
)  # fmt: skip
"""Readings, as ``store.query.plan`` names them."""
MOST = 2**53
_EARLIEST, _LATEST = date(2000, 1, 1), date(2099, 12, 31)

type Row = Mapping[str, str]


class Total(NamedTuple):
    """What was counted of one value of a dimension on one day; ``sums`` by ingredient."""

    day: date
    reading: str
    dimension: str
    value: str
    sums: dict[str, int]


class WrongRowError(ValueError):
    """A row tells no totals; the message says why, in words that do not repeat the row."""


@dataclass(frozen=True, slots=True)
class Tells:
    """One thing that a row tells: of which dimension, by which value, and which of its sums.

    Where ``sums`` is empty all of the table's are meant.
    """

    reading: str
    dimension: str
    value: Callable[[Row], str] = lambda _row: ""
    sums: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report.

    ``sums`` reads the ingredients of a row, ``tells`` says what they are of.
    """

    tells: tuple[Tells, ...]
    sums: Callable[[Row], dict[str, int]]


def totals_of(table: Table, row: Row, day: date) -> Iterator[Total]:
    """Make the totals of a row; what is 0 throughout, or of a place unknown, is none.

    Raises:
        WrongRowError: A number is none.
    """
    sums = table.sums(row)
    for told in table.tells:
        wanted = {n: v for n, v in sums.items() if v and (not told.sums or n in told.sums)}
        value = told.value(row)
        dimension = find_dimension(told.dimension) if told.dimension else None
        if dimension is not None and not value:
            value = dimension.missing
        if wanted and (value or dimension is None or not dimension.omit_missing):
            yield Total(day, told.reading, told.dimension, value, wanted)


def held(tables: Iterable[tuple[Table, Iterable[str]]]) -> frozenset[str]:
    """Say what an import can tell, of tables with the ingredients that each really has."""
    return frozenset(
        f"{told.reading} {told.dimension} {name}"
        for table, names in tables
        for told in table.tells
        for name in names
        if not told.sums or name in told.sums
    )


def whole(row: Row, column: str) -> int:
    """Read a number that is at least 0; an empty one is 0.

    Raises:
        WrongRowError: It is none.
    """
    return round(number(row, column))


def number(row: Row, column: str) -> float:
    """Read a number with a point, such as a rate.

    Raises:
        WrongRowError: It is none.
    """
    text = row.get(column, "").strip()
    try:
        found = float(text or 0)
    except ValueError:
        found = -1.0
    if not 0 <= found <= MOST:
        raise WrongRowError(f"{column} is no number")
    return found


def day_of(text: str) -> date:
    """Read a day, as 2026-01-31 or 20260131.

    Raises:
        WrongRowError: It is none.
    """
    text = text.strip()
    form = "%Y%m%d" if text.isdecimal() else "%Y-%m-%d"
    try:
        found = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise WrongRowError("the date is none") from None
    if not _EARLIEST <= found <= _LATEST:
        raise WrongRowError("the date is none")
    return found
