"""How much there is of a site: rows by table, with their first and last day.

It only reads. Days are UTC days of the rows' own time. The one invariant: of ``sessions`` visits
are counted, not the rows that cancel each other.
"""

from dataclasses import dataclass
from datetime import date

from store.client import Store

_STORED = """
select 'events', count(), toDate(min(ts)), toDate(max(ts)) from events
where site_id = {site:UInt32}
union all
select 'sessions', toUInt64(sum(sign)), toDate(min(anchor)), toDate(max(anchor)) from sessions
where site_id = {site:UInt32}
union all
select 'signals', count(), toDate(min(ts)), toDate(max(ts)) from signals
where site_id = {site:UInt32}
union all
select 'hits', count(), toDate(min(ts)), toDate(max(ts)) from hits
where site_id = {site:UInt32}
union all
select 'rollups', count(), min(local_day), max(local_day) from rollups
where site_id = {site:UInt32}
union all
select 'imported_totals', count(), min(local_day), max(local_day) from imported_totals
where site_id = {site:UInt32}
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of one table; ``first`` and ``last`` mean nothing where there are none."""

    table: str
    rows: int
    first: date
    last: date


def stored_rows(store: Store, site_id: int) -> list[Stored]:
    """Count a site's rows by table.

    Raises:
        StoreUnavailable, StoreError: It cannot be counted.
    """
    rows = store.query(_STORED, {"site": site_id})
    found = {str(table): Stored(str(table), int(n), a, b) for table, n, a, b in rows}
    return list(found.values())
