"""Web vitals: percentiles, and how many views were good, need work, or are poor.

Thresholds are those of web-vitals (https://web.dev/articles/vitals): good up to the first, poor
above the second. The one invariant: good, needs work and poor add up to the count.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.query.behaviour.questions import (
    COMMON_KEYS,
    By,
    Reader,
    SignalQuestion,
    read_common,
    reader_at,
)
from store.query.model import QueryError, QuerySite
from store.query.run import QueryStore

KEYS = (*COMMON_KEYS, "vital")
GROUPS = (By.PAGE, By.WIDTH, By.ELEMENT)
THRESHOLDS: dict[str, tuple[float, float]] = {
    "LCP": (2500, 4000),
    "INP": (200, 500),
    "CLS": (0.1, 0.25),
    "FCP": (1800, 3000),
    "TTFB": (800, 1800),
}
"""Units: milliseconds; CLS is a score."""
LEVELS = {"p50": 0.5, "p75": 0.75, "p95": 0.95}


@dataclass(frozen=True, slots=True)
class VitalQuestion:
    """Vitals over a range; ``vital`` is one of them, or empty for all."""

    signals: SignalQuestion
    vital: str = ""


def parse_vital_question(payload: object, site: QuerySite) -> VitalQuestion:
    """Parse the body of ``POST /api/v2/vitals``.

    Raises:
        QueryError: It is no such question.
    """
    signals, body = read_common(payload, site, KEYS, GROUPS)
    vital = body.get("vital", "")
    if not isinstance(vital, str) or (vital and vital not in THRESHOLDS):
        allowed = tuple(THRESHOLDS)
        message = f"vital is one of {', '.join(allowed)}."
        raise QueryError("unknown_word", message, "vital", allowed)
    return VitalQuestion(signals, vital)


def run_vitals(
    store: QueryStore, question: VitalQuestion, site: QuerySite, now: datetime
) -> dict[str, Any]:
    """Tell vitals at a moment, the rows with the most poor views first.

    Raises:
        QueryError: It costs too much, or a regular expression does not compile.
    """
    reader = reader_at(store, question.signals, site, now)
    goods, poors = (
        ", ".join(f"'{name}', {pair[place]}" for name, pair in THRESHOLDS.items())
        for place in (0, 1)
    )
    columns = [
        *question.signals.keys,
        "label",
        *(f"quantileExact({level})(value)" for level in LEVELS.values()),
        "count() as n",
        f"countIf(value <= caseWithExpression(label, {goods}, 0)) as n_good",
        f"countIf(value > caseWithExpression(label, {poors}, 0)) as n_poor",
    ]
    keys = ", ".join([*question.signals.keys, "label"])
    known = f"and label = '{question.vital}' " if question.vital else ""
    tail = (
        f"{known}group by {keys} order by n_poor desc, n desc, {keys}"
        f" limit {question.signals.limit}"
    )
    results = [_row(reader, row) for row in reader.rows(["vital"], columns, tail)]
    if not question.signals.by:
        results.sort(key=lambda row: list(THRESHOLDS).index(row["vital"]))
    meta = {"thresholds": {name: list(pair) for name, pair in THRESHOLDS.items()}}
    return reader.answer(results, meta, vital=question.vital or None)


def _row(reader: Reader, row: tuple[Any, ...]) -> dict[str, Any]:
    label, *levels, count, good, poor = row[len(reader.question.by) :]
    shown = {name: _shown(label, value) for name, value in zip(LEVELS, levels, strict=True)}
    return {
        **reader.keyed(row),
        "vital": str(label),
        **shown,
        "count": int(count),
        "good": int(good),
        "needs_work": int(count) - int(good) - int(poor),
        "poor": int(poor),
        "rating": rating(label, levels[1]),
    }


def rating(label: str, value: float) -> str:
    """Say what a value is: ``good``, ``needs_work`` or ``poor``."""
    good, poor = THRESHOLDS[label]
    return "good" if value <= good else "poor" if value > poor else "needs_work"


def _shown(label: str, value: float) -> float | int:
    """Write whole milliseconds, or a score with 3 decimals."""
    return int(value * 1000 + 0.5) / 1000 if label == "CLS" else int(value + 0.5)
