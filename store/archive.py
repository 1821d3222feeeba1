"""Write whole days of a site as sums that name nobody: a Parquet file that may be kept for good.

A row is the sum of one local day by one value of one dimension, in the figures that rollups have
(``docs/data.md`` lists the columns). No visitor number, no visit, no time of day, no property and
no pair of dimensions is in it. The one invariant: a value is named only where at least ``k``
visitors of that day share it; all others of its dimension are one row.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from store.client import Store
from store.query.conditions import Scope
from store.query.fragments import Binder
from store.query.model import QuerySite
from store.query.parts import Ask
from store.query.plan import Reading, raw_part
from store.query.ranges import Period
from store.query.rolled import INGREDIENTS
from store.rollup import COLUMNS, readings_of, rolled_dimensions

FEW = "(too few visitors)"
"""What stands for all values that fewer than ``k`` visitors of a day share."""
LEAST_K = 2
_DAYS = """
select toYYYYMM(local_day) as month, min(local_day), max(local_day) from sessions
where site_id = {site:UInt32} and local_day <= {last:Date}
group by month order by month
"""


def months_until(store: Store, site_id: int, last: date) -> list[tuple[date, date]]:
    """List the first and last day with visits of each month, up to a day.

    Raises:
        StoreUnavailable, StoreError: They cannot be read.
    """
    rows = store.query(_DAYS, {"site": site_id, "last": last.isoformat()})
    return [(first, final) for _, first, final in rows]


def archive_days(store: Store, site_id: int, first: date, last: date, k: int) -> Iterator[bytes]:
    """Sum days up and give the bytes of a Parquet file, as they come.

    Raises:
        ValueError: ``k`` is too small to hide anybody.
        StoreUnavailable, StoreError: It cannot be read.
    """
    if k < LEAST_K:
        raise ValueError(f"at least {LEAST_K} visitors must share what is named")
    binder = Binder()
    parts = [
        _select(_ask(site_id, first, last, name, binder), name, reading)
        for name in rolled_dimensions()
        for reading in readings_of(name)
    ]
    named = f"dimension = '' or shared >= {binder.integer(k)}"
    sums = ", ".join(f"sum(n_{name}) as {name}" for name in COLUMNS)
    sql = (
        f"select toDate(day) as local_day, dimension, reading,"  # noqa: S608 - values are bound
        f" if({named}, value, {binder.text(FEW)}) as value, {sums}"
        " from (select *, max(n_visitors) over (partition by day, dimension, value) as shared"
        f" from ({' union all '.join(parts)}))"
        " group by local_day, dimension, reading, value"
        " order by local_day, dimension, reading, value"
    )
    return store.stream(sql, binder.params, "Parquet")


def _ask(site_id: int, first: date, last: date, dimension: str, binder: Binder) -> Ask:
    zone = ZoneInfo("UTC")
    start = datetime.combine(first, datetime.min.time(), zone)
    end = datetime.combine(last + timedelta(days=1), datetime.min.time(), zone)
    period = Period(first, last, start, end, whole_days=True, zone=zone, now=end)
    scope = Scope(QuerySite(site_id, "", "UTC"), period, binder, by_clock=False)
    return Ask(scope, ("time:day", *([dimension] if dimension else [])), (), bots=False)


def _select(ask: Ask, dimension: str, reading: Reading) -> str:
    binder = ask.scope.binder
    names = INGREDIENTS[reading.key]
    part = raw_part(reading, ask, set(names))
    sums = (f"toInt64({f'n_{name}' if name in names else '0'}) as n_{name}" for name in COLUMNS)
    value = "toString(d1)" if dimension else "''"
    return (
        f"select toString(d0) as day, {binder.text(dimension)} as dimension,"  # noqa: S608
        f" {binder.text(reading.key)} as reading, {value} as value, {', '.join(sums)} from ({part})"
    )
