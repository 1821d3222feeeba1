"""Roll whole local days up (INGESTION 5.4); reading rollups is ``store.query.rolled``.

A day is rolled up by the very parts that a question is made of, inserted under a new build number,
and made known by one row in ``rollup_builds``, its flip, which holds the day as a whole. The one
invariant: a build is read only if it began after the last mark of its day (``store.dirty_days``),
so one that saw half an insert never is.
"""

import logging
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from typing import Any
from zoneinfo import ZoneInfo

from store.client import Store
from store.deleting import delete_rows
from store.dirty_days import RAW_DAYS
from store.query.conditions import Scope
from store.query.dimensions import DIMENSIONS
from store.query.fragments import Binder, Fragment
from store.query.metrics import Source
from store.query.model import QuerySite
from store.query.parts import Ask
from store.query.plan import Reading, raw_part, reading_of
from store.query.ranges import Period
from store.query.rolled import INGREDIENTS, is_rolled, tells_visits

log = logging.getLogger(__name__)

_AHEAD_S = 3600
"""Builders stay this far behind the clock: a writer's may differ, and what is built is marked."""
DIMENSIONS_AT_ONCE = 6
"""Built by one statement: few inserts, and not too much memory for a large site's day."""
COLUMNS = sorted({name for names in INGREDIENTS.values() for name in names})
"""The figures of a day."""
_DUE = """
select site_id, local_day from (
    select distinct site_id, local_day from sessions where local_day <= {newest:Date}
) as days
left join (
    select site_id, local_day, max(started_at) as started from rollup_builds
    where n_visits >= 0 group by site_id, local_day
) as built using (site_id, local_day)
left join (
    select site_id, local_day, max(dirty_at) as marked from dirty_days group by site_id, local_day
) as dirty using (site_id, local_day)
where built.started <= dirty.marked
order by local_day desc limit {most:UInt32}
"""


_SUPERSEDED = """
select build from rollup_builds as old
inner join (
    select site_id, local_day, max(build) as newest from rollup_builds group by site_id, local_day
) as kept using (site_id, local_day)
where build < newest and started_at < now64(3) - interval 1 hour
limit 1000
"""


def build_due(store: Store, now: datetime, most: int = 1_000) -> int:
    """Build the newest ``most`` days that have rows and no clean build; returns how many."""
    newest = (now - timedelta(seconds=_AHEAD_S)).astimezone(UTC).date() - timedelta(days=RAW_DAYS)
    due = store.query(_DUE, {"newest": str(newest), "most": most})
    for site_id, day in due:
        build_day(store, int(site_id), day)
    if due:
        _remove_superseded(store)
    return len(due)


def build_day(store: Store, site_id: int, day: date) -> None:
    """Build one day of one site."""
    build = time.time_ns()
    started = store.query("select toUnixTimestamp64Milli(now64(3))")[0][0]
    for names in batched(rolled_dimensions(), DIMENSIONS_AT_ONCE):
        sql, params = _statement(site_id, day, names, build)
        store.command(sql, params)
    sql, params = _flip(site_id, day, build, int(started))
    store.command(sql, params)


def rolled_dimensions() -> tuple[str, ...]:
    """List what days are rolled up by; the empty one is the day as a whole.

    Portals read that beside the build (``_flip``); those of the release before, which run on while
    an upgrade is under way, read it here.
    """
    return ("", *(entry.name for entry in DIMENSIONS if is_rolled(entry.name)))


def _ask(site_id: int, day: date, dimension: str) -> Ask:
    zone = ZoneInfo("UTC")
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    end = start + timedelta(days=1)
    period = Period(day, day, start, end, whole_days=True, zone=zone, now=end)
    scope = Scope(QuerySite(site_id, "", "UTC"), period, Binder(), by_clock=False)
    return Ask(scope, (dimension,) if dimension else (), (), bots=False)


def readings_of(dimension: str) -> list[Reading]:
    """Return how a dimension is ever read; what tells events apart is never read of visits."""
    ask = _ask(0, date(2026, 1, 1), dimension)
    sources = [Source.MAIN, Source.ENTERED, Source.LEFT, Source.VIEWED]
    if dimension == "event:page":
        sources.append(Source.ENGAGED)
    if not tells_visits(dimension):
        sources = [Source.MAIN]
    return list(dict.fromkeys(reading_of(source, ask) for source in sources))


def _statement(
    site_id: int, day: date, dimensions: tuple[str, ...], build: int
) -> tuple[Fragment, dict[str, Any]]:
    binder = Binder()
    selects = [
        _select(_sharing(_ask(site_id, day, name), binder), reading)
        for name in dimensions
        for reading in readings_of(name)
    ]
    columns = ", ".join(f"n_{name}" for name in COLUMNS)
    constants = f"{binder.identity(site_id)}, {binder.day(day.isoformat())}"
    sql = (
        f"insert into rollups (site_id, local_day, build, reading, dimension, value, {columns})"
        f" select {constants}, {binder.integer(build)}, reading, dimension, value, {columns}"
        f" from ({' union all '.join(selects)})"
    )
    return Fragment(sql), binder.params


def _flip(site_id: int, day: date, build: int, started_ms: int) -> tuple[Fragment, dict[str, Any]]:
    """Write the statement that makes a build known, with the day as a whole."""
    ask = _ask(site_id, day, "")
    binder = ask.scope.binder
    (reading,) = readings_of("")
    names = INGREDIENTS[reading.key]
    columns = ", ".join(f"n_{name}" for name in names)
    constants = ", ".join((
        binder.identity(site_id), binder.day(day.isoformat()), binder.integer(build),
        f"fromUnixTimestamp64Milli({binder.integer(started_ms)}, 'UTC')",
    ))  # fmt: skip
    sql = (
        f"insert into rollup_builds (site_id, local_day, build, started_at, {columns})"
        f" select {constants}, {columns} from ({raw_part(reading, ask, set(names))})"
    )
    return Fragment(sql), binder.params


def _sharing(ask: Ask, binder: Binder) -> Ask:
    return replace(ask, scope=replace(ask.scope, binder=binder))


def _select(ask: Ask, reading: Reading) -> str:
    binder = ask.scope.binder
    names = INGREDIENTS[reading.key]
    part = raw_part(reading, ask, set(names))
    value = "toString(d0)" if ask.dimensions else "''"
    dimension = ask.dimensions[0] if ask.dimensions else ""
    sums = (f"toInt64({f'n_{name}' if name in names else '0'}) as n_{name}" for name in COLUMNS)
    return (
        f"select {binder.text(reading.key)} as reading, {binder.text(dimension)} as dimension,"
        f" {value} as value, {', '.join(sums)} from ({part})"
    )


def _remove_superseded(store: Store) -> None:
    """Remove builds that nobody reads any more; an hour lets every question end that read them."""
    builds = [str(int(build)) for (build,) in store.query(_SUPERSEDED)]
    if builds:
        listed = ", ".join(builds)
        for table in ("rollups", "rollup_builds"):
            delete_rows(store, table, f"build in ({listed})")
