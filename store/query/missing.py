"""Addresses that people asked for and that are not there: documents answered with 404 or 410.

From ``hits``, so no filter on visits can hold; bots are left out as everywhere.
"""

from dataclasses import dataclass
from datetime import datetime

from store.query.fragments import Binder
from store.query.run import LIMITS, QueryStore


@dataclass(frozen=True, slots=True)
class Missing:
    """One page of the list: paths with their requests, and the sums of the whole list."""

    rows: list[tuple[str, int]]
    requests: int
    paths: int


def missing_pages(
    store: QueryStore,
    site_id: int,
    between: tuple[datetime, datetime],
    *,
    limit: int,
    offset: int = 0,
    search: str = "",
) -> Missing:
    """List them from a moment to before another, the most asked for first.

    Raises:
        StoreUnavailable: The store is away.
        StoreError: It refuses.
    """
    binder = Binder()
    start, end = (
        f"fromUnixTimestamp64Milli({binder.integer(round(moment.timestamp() * 1000))}, 'UTC')"
        for moment in between
    )
    where = (
        f"site_id = {binder.identity(site_id)} and ts >= {start} and ts < {end}"
        " and kind in ('document', 'activated') and bot = '' and method = 'GET'"
        " and status in (404, 410)"
    )
    if search:
        where += f" and positionCaseInsensitiveUTF8(path, {binder.text(search)}) > 0"
    path = "cutQueryStringAndFragment(path)"
    rows = store.query(
        f"select {path} as missing, count() as requests from hits where {where}"
        f" group by missing order by requests desc, missing"
        f" limit {binder.integer(limit)} offset {binder.integer(offset)}",
        binder.params,
        settings=LIMITS,
    )
    ((requests, paths),) = store.query(
        f"select count(), uniqExact({path}) from hits where {where}",
        binder.params,
        settings=LIMITS,
    )
    return Missing([(str(name), int(n)) for name, n in rows], int(requests), int(paths))
