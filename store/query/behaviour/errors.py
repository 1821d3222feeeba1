"""Errors that nobody caught, one row for each that is the same in type, message, file and line."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from store.query.behaviour.questions import (
    COMMON_KEYS,
    Reader,
    SignalQuestion,
    read_common,
    reader_at,
)
from store.query.bodies import read_word
from store.query.model import QuerySite
from store.query.run import QueryStore

KEYS = (*(key for key in COMMON_KEYS if key != "by"), "order")
MOST_LISTED = 10
"""Pages and browsers that a row lists."""


class Order(StrEnum):
    """What ranks errors, the most or the latest first."""

    COUNT = "count"
    VISITS = "visits"
    FIRST_SEEN = "first_seen"
    LAST_SEEN = "last_seen"


@dataclass(frozen=True, slots=True)
class ErrorQuestion:
    """Errors over a range."""

    signals: SignalQuestion
    order: Order = Order.COUNT


def parse_error_question(payload: object, site: QuerySite) -> ErrorQuestion:
    """Parse the body of ``POST /api/v2/errors``.

    Raises:
        QueryError: It is no such question.
    """
    signals, body = read_common(payload, site, KEYS)
    return ErrorQuestion(signals, read_word(body.get("order", Order.COUNT), "order", Order))


def run_errors(
    store: QueryStore, question: ErrorQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Group errors at a moment; first and last seen are those of the range.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    reader = reader_at(store, question.signals, site, now)
    columns = [
        "label",
        "message",
        "file",
        "line",
        "count() as n_count",
        "uniqExact(visit_id) as n_visits",
        "uniqExact(path)",
        f"arraySlice(arraySort(groupUniqArray(path)), 1, {MOST_LISTED})",
        f"arraySlice(arraySort(groupUniqArray(browser)), 1, {MOST_LISTED})",
        "toUnixTimestamp64Milli(min(ts)) as n_first_seen",
        "toUnixTimestamp64Milli(max(ts)) as n_last_seen",
    ]
    tail = (
        f"group by label, message, file, line"
        f" order by n_{question.order} desc, label, message, file, line"
        f" limit {question.signals.limit}"
    )
    results = [_row(reader, row) for row in reader.rows(["error"], columns, tail)]
    whole = ["count()", "uniqExact(visit_id)", "uniqExact(label, message, file, line)"]
    ((count, visits, groups),) = reader.rows(["error"], whole)
    meta = {"count": int(count), "visits": int(visits), "groups": int(groups)}
    return reader.answer(results, meta, order=question.order)


def _row(reader: Reader, row: tuple[Any, ...]) -> dict[str, Any]:
    label, message, file, line, count, visits, pages, listed, browsers, first, last = row
    return {
        "type": str(label),
        "message": str(message),
        "file": str(file),
        "line": int(line),
        "count": int(count),
        "visits": int(visits),
        "pages": int(pages),
        "seen_on": [str(path) for path in listed],
        "browsers": [str(name) or "(not set)" for name in browsers],
        "first_seen": _moment(reader, first),
        "last_seen": _moment(reader, last),
    }


def _moment(reader: Reader, unix_ms: int) -> str:
    moment = datetime.fromtimestamp(int(unix_ms) / 1000, reader.period.zone)
    return moment.isoformat(timespec="seconds")
