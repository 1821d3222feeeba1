"""Refuse what metrics of the edge and of signals cannot be told by, before anything is planned.

Rows of ``hits`` know pages, places, browsers and bots, and no visits; rows of ``signals`` know
their visit, and no events. The one invariant: what is let through here names only columns that the
tables of its metrics have.
"""

from collections.abc import Callable

from store.query.conditions import names_in
from store.query.dimensions import (
    CAPTURE_DIMENSIONS,
    HIT_PREFIX,
    OPERATOR,
    PROPS_PREFIX,
    SERVED_DIMENSIONS,
    TIME_DIMENSIONS,
)
from store.query.metrics import BY_METRIC, EDGE_SOURCES, Source
from store.query.model import (
    Behaviour,
    Filter,
    Junction,
    Leaf,
    Metric,
    Negation,
    Operator,
    QueryError,
)
from store.query.seen import EVENTS_OWN

_SERVED = frozenset({Source.SERVED, Source.CRAWLED})


def check_outer(
    metrics: tuple[Metric, ...], dimensions: tuple[str, ...], filters: tuple[Filter, ...]
) -> None:
    """Refuse a metric that a dimension or a filter says nothing of.

    Raises:
        QueryError: With the dimensions that go together with the metric.
    """
    named = {name for name in dimensions if name not in TIME_DIMENSIONS} | names_in(filters)
    for index, metric in enumerate(metrics):
        field = f"metrics[{index}]"
        sources = _sources(metric)
        if not sources <= _SERVED:
            _refuse(metric, field, named, lambda name: not name.startswith(HIT_PREFIX))
        if sources & EDGE_SOURCES:
            _check_edge(metric, field, named, filters)
        elif Source.SEEN in sources:
            _refuse(metric, field, set(dimensions), _is_of_signals)
    if Metric.CRAWL_TO_VISIT_RATIO in metrics:
        _check_operators(filters)


def _sources(metric: Metric) -> set[Source]:
    return {source for _, source, _ in BY_METRIC[metric].needs}


def _check_edge(metric: Metric, field: str, named: set[str], filters: tuple[Filter, ...]) -> None:
    known = SERVED_DIMENSIONS
    if metric is Metric.CAPTURE_RATE:
        known = CAPTURE_DIMENSIONS
    elif metric is Metric.CRAWL_TO_VISIT_RATIO:
        known = CAPTURE_DIMENSIONS | {OPERATOR}
    _refuse(metric, field, named, known.__contains__, tuple(sorted(known)))
    if any(map(_has_behaviour, filters)):
        message = f"{metric} is of documents, which know no visits: has_done says nothing."
        raise QueryError("cannot_combine", message, field)


def _refuse(
    metric: Metric,
    field: str,
    named: set[str],
    goes: Callable[[str], bool],
    allowed: tuple[str, ...] = (),
) -> None:
    for name in sorted(named):
        if not goes(name):
            message = f"{metric} cannot be told by {name}."
            raise QueryError("cannot_combine", message, field, allowed)


def _is_of_signals(name: str) -> bool:
    return name not in EVENTS_OWN and not name.startswith(PROPS_PREFIX)


def _has_behaviour(part: Filter) -> bool:
    match part:
        case Behaviour():
            return True
        case Junction():
            return any(map(_has_behaviour, part.parts))
        case Negation():
            return _has_behaviour(part.part)
        case _:
            return False


def _check_operators(filters: tuple[Filter, ...]) -> None:
    for index, part in enumerate(filters):
        if OPERATOR not in names_in((part,)):
            continue
        if not isinstance(part, Leaf) or part.operator.positive is not Operator.IS:
            message = "crawl_to_visit_ratio takes visit:operator only as is or is_not, by itself."
            raise QueryError("cannot_combine", message, f"filters[{index}]")
