"""What alerts look at: one number of the last minutes or hours, and how much it stands on.

Each function asks one statement for one site from ``start`` to before ``end``. People only: bots
are left out. Definitions are those of ``docs/reports.md``; what is too much or too little is the
portal's ``alerts``. All raise StoreUnavailable and StoreError.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.query.run import LIMITS, QueryStore
from store.query.seen import LAST_TOLD

_WHEN = (
    "site_id = {site:UInt32} and bot = ''"
    " and ts >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')"
    " and ts < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
)
_DOCUMENTS = f"{_WHEN} and kind in ('document', 'activated')"


@dataclass(frozen=True, slots=True)
class Window:
    """A site and a stretch of time."""

    site_id: int
    start: datetime
    end: datetime


def count_visitors(store: QueryStore, window: Window) -> int:
    """Count the visitors with an event, engagement excepted."""
    where = f"{_WHEN} and name != 'engagement'"
    return int(_ask(store, f"select uniqExact(visitor) from events where {where}", window)[0][0])


def failed_documents(store: QueryStore, window: Window) -> tuple[int, int]:
    """Count documents that were answered with a status from 500 on, and all documents."""
    sql = f"select countIf(status >= 500), count() from hits where {_DOCUMENTS}"
    failed, served = _ask(store, sql, window)[0]
    return int(failed), int(served)


def missing_documents(store: QueryStore, window: Window) -> list[tuple[str, int]]:
    """List the pages that were answered 404 or 410, with how often, the most first."""
    sql = (
        "select cutQueryStringAndFragment(path) as page, count() as times from hits"
        f" where {_DOCUMENTS} and status in (404, 410)"
        " group by page order by times desc, page limit 1000"
    )
    return [(str(page), int(times)) for page, times in _ask(store, sql, window)]


def visitors_with_errors(store: QueryStore, window: Window) -> tuple[int, int]:
    """Count the visitors who met an error of a script that nobody caught, and all visitors."""
    met = f"select uniqExact(visitor) from signals where kind = 'error' and {_WHEN}"
    came = f"select uniqExact(visitor) from events where name != 'engagement' and {_WHEN}"
    failed, visitors = _ask(store, f"select ({met}), ({came})", window)[0]
    return int(failed), int(visitors)


def slow_paint(store: QueryStore, window: Window) -> tuple[float, int]:
    """Give the 75th percentile of the Largest Contentful Paint in milliseconds, and of how many."""
    paints = f"from signals where kind = 'vital' and label = 'LCP' and {_WHEN}"
    told = (
        f"select value {paints} and position = 0 union all"
        f" select argMax(value, {LAST_TOLD}) {paints} and position != 0 group by visit_id, position"
    )
    sql = f"select quantileExact(0.75)(value), count() from ({told})"
    value, views = _ask(store, sql, window)[0]
    return float(value) if views else 0.0, int(views)


def _ask(store: QueryStore, sql: str, window: Window) -> list[tuple[Any, ...]]:
    params = {
        "site": window.site_id,
        "start": round(window.start.timestamp() * 1000),
        "end": round(window.end.timestamp() * 1000),
    }
    return store.query(sql, params, settings=LIMITS)
