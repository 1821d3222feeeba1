"""What all questions to ``signals`` have in common: range, filters, width class, groups, limit.

A filter is that of ``POST /api/v2/query``; on what only events have it asks whether the visit
contains such an event (``store.query.seen``). The one invariant: every answer is of one site's
rows, read within the limits of ``store.query.run``.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from store.query.bodies import read_list, read_object, read_whole, read_word
from store.query.conditions import Scope, shows_bots
from store.query.fragments import Binder, Fragment, all_of
from store.query.model import DateRange, Filter, QueryError, QuerySite
from store.query.parse import parse_date_range
from store.query.parse_filters import parse_filters
from store.query.parts import Ask
from store.query.plan import Statement
from store.query.ranges import Period
from store.query.run import QueryStore, ask_store, moments_of, resolve_at
from store.query.seen import signal_limits

COMMON_KEYS = ("site_id", "date_range", "filters", "width", "by", "limit")
MAX_LIMIT = 1_000
WIDTH_CLASSES = ("Mobile", "Tablet", "Laptop", "Desktop")


class By(StrEnum):
    """What rows may be told by."""

    PAGE = "page"
    ELEMENT = "element"
    WIDTH = "width"


_COLUMNS = {By.PAGE: "path", By.ELEMENT: "selector", By.WIDTH: "width_class"}


@dataclass(frozen=True, slots=True)
class SignalQuestion:
    """The common part of a question; ``width`` is one class of viewports, or empty for all."""

    date_range: DateRange
    filters: tuple[Filter, ...] = ()
    width: str = ""
    by: tuple[By, ...] = ()
    limit: int = 100

    @property
    def keys(self) -> list[str]:
        """Return the columns by which rows are told."""
        return [_COLUMNS[by] for by in self.by]


def read_common(
    payload: object,
    site: QuerySite,
    keys: tuple[str, ...],
    allowed: tuple[By, ...] = (),
    usual: tuple[By, ...] = (),
) -> tuple[SignalQuestion, dict[str, Any]]:
    """Read the common part of a body; gives the whole body too.

    ``allowed`` are the groups that this question knows, ``usual`` those where none are named.

    Raises:
        QueryError: It is no such question.
    """
    body = read_object(payload, "", keys)
    if "date_range" not in body:
        raise QueryError("missing", "The query needs date_range.", "date_range")
    question = SignalQuestion(
        parse_date_range(body["date_range"], ZoneInfo(site.timezone), "date_range"),
        parse_filters(body.get("filters", []), site),
        _width(body.get("width", "")),
        _groups(body.get("by", list(usual)), allowed),
        read_whole(body.get("limit", 100), "limit", 1, MAX_LIMIT),
    )
    return question, body


def _width(value: object) -> str:
    if value not in {"", *WIDTH_CLASSES} or not isinstance(value, str):
        message = f"width is one of {', '.join(WIDTH_CLASSES)}."
        raise QueryError("unknown_word", message, "width", WIDTH_CLASSES)
    return value


def _groups(value: object, allowed: tuple[By, ...]) -> tuple[By, ...]:
    found = []
    for index, entry in enumerate(read_list(value, "by")):
        by = read_word(entry, f"by[{index}]", By)
        if by not in allowed:
            message = f"This is not told by {by}."
            raise QueryError("cannot_combine", message, f"by[{index}]", allowed)
        if by in found:
            raise QueryError("duplicate", f"by names {by} twice.", f"by[{index}]")
        found.append(by)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads signals of one site and period for one question."""

    store: QueryStore
    question: SignalQuestion
    site: QuerySite
    period: Period

    def rows(self, kinds: list[str], columns: list[str], tail: str = "") -> list[tuple[Any, ...]]:
        """Select columns of the kinds asked for; ``tail`` follows the conditions."""
        statement = self.statement(kinds, columns, tail)
        return ask_store(self.store, statement, self.question.filters)

    def statement(self, kinds: list[str], columns: list[str], tail: str) -> Statement:
        """Write such a select."""
        scope = Scope(self.site, self.period, Binder(), by_clock=not self.period.whole_days)
        filters = self.question.filters
        ask = Ask(scope, (), filters, shows_bots(filters, ()))
        where = signal_limits(ask, kinds)
        if self.question.width:
            where.append(Fragment(f"width_class = {scope.binder.text(self.question.width)}"))
        text = f"select {', '.join(columns)} from signals where {all_of(where)} {tail}"
        return Statement(Fragment(text), scope.binder.params)

    def grouped(self, order: str, having: str = "") -> str:
        """Write what follows the conditions where rows are told by the question's groups."""
        keys = ", ".join(self.question.keys)
        if not keys:
            return ""
        having = f" having {having}" if having else ""
        return f"group by {keys}{having} order by {order}, {keys} limit {self.question.limit}"

    def keyed(self, row: tuple[Any, ...]) -> dict[str, str]:
        """Name the first values of a row by the question's groups."""
        return {by.value: str(value) for by, value in zip(self.question.by, row, strict=False)}

    def answer(
        self, results: list[dict[str, Any]], meta: dict[str, Any], **echo: Any
    ) -> dict[str, Any]:
        """Write an answer as every question of the API has it."""
        query = {
            "site_id": self.site.host,
            "date_range": moments_of(self.period),
            "width": self.question.width or None,
            "by": [by.value for by in self.question.by],
            "limit": self.question.limit,
            **echo,
        }
        return {"results": results, "meta": meta, "query": query}


def reader_at(
    store: QueryStore, question: SignalQuestion, site: QuerySite, now: datetime
) -> Reader:
    """Resolve a question's range at a moment."""
    return Reader(store, question, site, resolve_at(store, question.date_range, site, now))


def ratio(above: float, below: float, digits: int = 0) -> float | int:
    """Divide and round half away from zero; 0 where there is nothing to divide by."""
    if not below:
        return 0
    exact = Decimal(above) / Decimal(below)
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return float(rounded) if digits else int(rounded)
