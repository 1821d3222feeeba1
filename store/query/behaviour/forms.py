"""Forms: how many that were begun were sent, how long fields take, and at which people leave.

A form is told by its name and its page. Rows of ``signals`` of kind ``form`` are one a form that
was begun, those of kind ``field`` one a field of it. The one invariant: submitted and abandoned add
up to begun.
"""

from datetime import datetime
from typing import Any

from store.query.behaviour.questions import (
    COMMON_KEYS,
    Reader,
    SignalQuestion,
    ratio,
    read_common,
    reader_at,
)
from store.query.model import QuerySite
from store.query.run import QueryStore

KEYS = tuple(key for key in COMMON_KEYS if key != "by")
MOST_FIELDS = 100
"""Fields of one form that an answer lists."""


def parse_form_question(payload: object, site: QuerySite) -> SignalQuestion:
    """Parse the body of ``POST /api/v2/forms``.

    Raises:
        QueryError: It is no such question.
    """
    return read_common(payload, site, KEYS)[0]


def run_forms(
    store: QueryStore, question: SignalQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Tell forms at a moment, the one begun most often first.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    reader = reader_at(store, question, site, now)
    columns = [
        "path",
        "form",
        "count() as begun",
        "countIf(label = 'submitted')",
        "uniqExact(visit_id)",
        "quantileExactOrNullIf(0.5)(value, label = 'submitted')",
        "sumMapIf([selector], [toUInt64(1)], label = 'abandoned')",
    ]
    tail = f"group by path, form order by begun desc, path, form limit {question.limit}"
    found = reader.rows(["form"], columns, tail)
    fields = _fields(reader) if found else {}
    return reader.answer([_row(row, fields.get((row[0], row[1]), [])) for row in found], {})


def _fields(reader: Reader) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """Read the fields of all forms, in the order in which they are touched."""
    columns = [
        "path",
        "form",
        "selector",
        "quantileExact(0.5)(position) as place",
        "count() as entered",
        "sum(value)",
        "countIf(times > 1)",
    ]
    tail = (
        "group by path, form, selector order by path, form, place, entered desc, selector"
        f" limit {MOST_FIELDS} by path, form"
    )
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for path, form, *rest in reader.rows(["field"], columns, tail):
        found.setdefault((path, form), []).append(tuple(rest))
    return found


def _row(row: tuple[Any, ...], fields: list[tuple[Any, ...]]) -> dict[str, Any]:
    path, form, begun, submitted, visits, median_ms, (last, counts) = row
    begun, submitted = int(begun), int(submitted)
    left_at = dict(zip(last, map(int, counts), strict=True))
    return {
        "page": str(path),
        "form": str(form),
        "begun": begun,
        "submitted": submitted,
        "abandoned": begun - submitted,
        "abandonment_rate": ratio(100 * (begun - submitted), begun, 1),
        "visits": int(visits),
        "seconds": None if median_ms is None else ratio(float(median_ms), 1000, 1),
        "fields": [_field(values, left_at) for values in fields],
    }


def _field(values: tuple[Any, ...], left_at: dict[str, int]) -> dict[str, Any]:
    name, place, entered, ms, again = values
    return {
        "field": str(name),
        "place": int(place),
        "entered": int(entered),
        "seconds": ratio(float(ms), 1000 * int(entered), 1),
        "returned": int(again),
        "left_at": left_at.get(name, 0),
    }
