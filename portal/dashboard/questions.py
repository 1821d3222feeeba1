"""The dashboard's questions to the store, in the API's own form.

The same parser and planner answer the API, so a number on screen is what the API says. The one
invariant: the site comes from the caller's rights, as ``QuerySite``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.dashboard.cards import MISSING, PROPERTIES, Tab
from portal.dashboard.filters import query_name
from portal.dashboard.state import State
from store.query.model import QuerySite, Result
from store.query.parse import parse_query
from store.query.run import QueryStore, run_query

ROWS = 9
PAGE_ROWS = 100
DETAILS: tuple[str, ...] = (
    *("visitors", "visits", "pageviews", "bounce_rate", "visit_duration"),
    *("engaged_time", "engagement_rate"),
)
_BY_NAME: dict[str, tuple[str, ...]] = {
    "page": (
        *("visitors", "pageviews", "entrances", "bounce_rate"),
        *("time_on_page", "scroll_depth", "exit_rate"),
    ),
    "exit_page": (*DETAILS, "exit_rate"),
    "event": ("visitors", "events"),
}
"""Columns of lists that are told by an event, or of a page."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks about one site at one moment; ``lock`` are filters that hold for every question."""

    store: QueryStore
    site: QuerySite
    now: datetime
    lock: tuple[Any, ...] = ()

    def ask(self, payload: dict[str, Any]) -> Result:
        """Ask one question.

        Raises:
            QueryError: It cannot be answered.
            StoreUnavailable: The store does not answer.
            StoreError: The store refuses.
        """
        locked = payload | {"filters": [*self.lock, *payload.get("filters", ())]}
        return run_query(self.store, parse_query(locked, self.site), self.site, self.now)


def headline(state: State) -> dict[str, Any]:
    """Ask for all headline figures."""
    return _compared(state) | {"metrics": list(state.figures)}


def series(state: State) -> dict[str, Any]:
    """Ask for all headline figures in time, and for the one that the graph shows."""
    asked = {"metrics": list(state.graphed), "dimensions": [f"time:{state.interval}"]}
    return _compared(state) | asked


def rows(state: State, tab: Tab, metrics: tuple[str, ...], limit: int = ROWS) -> dict[str, Any]:
    """Ask for the first rows of a card's list."""
    return _list(state, tab, metrics) | {"pagination": {"limit": limit, "offset": 0}}


def details_metrics(tab: Tab) -> tuple[str, ...]:
    """List the columns of a list's details; an event's list has no visits to average."""
    if tab.kind in {MISSING, PROPERTIES}:
        return tab.metrics
    return _BY_NAME.get(tab.dimension, DETAILS)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a list's details: its columns, the one it is sorted by (``-``: upwards)."""

    metrics: tuple[str, ...]
    order: str
    search: str = ""
    page: int = 0


def details(state: State, tab: Tab, sheet: Sheet) -> dict[str, Any]:
    """Ask for one page of everything in a list."""
    asked = _list(state, tab, sheet.metrics)
    order, search, page = sheet.order, sheet.search, sheet.page
    pagination = {"limit": PAGE_ROWS, "offset": page * PAGE_ROWS}
    if search:
        found = ["contains", query_name(tab.dimension), [search], {"case_sensitive": False}]
        asked["filters"] = [*asked["filters"], found]
    direction = "asc" if order.startswith("-") else "desc"
    return asked | {
        "order_by": [[order.removeprefix("-"), direction], [query_name(tab.dimension), "asc"]],
        "pagination": pagination,
        "include": asked["include"] | {"total_rows": True},
    }


def ever() -> dict[str, Any]:
    """Ask whether there ever was a visit."""
    return {"metrics": ["visits"], "date_range": "all", "include": {"imports": True}}


def _list(state: State, tab: Tab, metrics: tuple[str, ...]) -> dict[str, Any]:
    name = query_name(tab.dimension)
    base = _with_imports(state)
    own = [[operator, name, [value]] for operator, value in tab.only]
    gone = [["is", "hit:status", ["404", "410"]]] if tab.kind == MISSING else []
    return base | {
        "metrics": list(metrics),
        "dimensions": [name],
        "filters": [*base["filters"], *own, *gone],
        "order_by": [[metrics[0], "desc"], [name, "asc"]],
    }


def base_question(state: State) -> dict[str, Any]:
    """Ask about the days and filters of the view."""
    return {
        "date_range": [state.days.first.isoformat(), state.days.last.isoformat()],
        "filters": [chip.clause() for chip in state.chips],
    }


def _with_imports(state: State) -> dict[str, Any]:
    """Ask for imported totals too, as only ``POST /api/v2/query`` can, unless they are left out."""
    return base_question(state) | {"include": {"imports": True} if state.imports else {}}


def _compared(state: State) -> dict[str, Any]:
    """Ask for the state's days and for those they are compared with."""
    base, asked = _with_imports(state), state.compared
    compared = {"comparisons": asked} if asked else {}
    return base | {"include": base["include"] | compared}
