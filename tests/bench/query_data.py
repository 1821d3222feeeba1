"""Ten million made-up events for ``make bench-query``: ours, and the plain shape beside them.

Both are filled by the engine itself out of a row of numbers, so that the same visits stand in our
tables and in two of the kind that Plausible has (events and sessions, no rollups). Pages and
sources are as uneven as real ones. The one invariant: the same size makes the same rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from store.client import Store
from store.migrate import migrate
from store.rollup import build_due

SITE_ID = 77
LAST_DAY = "2026-11-09"
CHUNKS = 24
VIEWS = (1, 1, 2, 3, 5, 8)
"""Page views of a visit, each as likely."""

_VISIT = """
select
    number as v,
    cityHash64(number, 1) as h,
    toDateTime64(toDate({last:String}), 3, 'UTC')
        - toIntervalDay(h % {days:UInt16}) + toIntervalSecond(cityHash64(h, 2) % 80000) as began,
    cityHash64(cityHash64(number, 3) % {people:UInt64}, toDate(began)) as visitor,
    [1, 1, 2, 3, 5, 8][1 + h % 6] as views,
    arrayMap(
        i -> '/page/' || toString(toUInt32(pow(3000., (cityHash64(h, 10 + i) % 10000) / 10000.))),
        range(views)
    ) as pages,
    if(h % 5 < 2, '', ['Google', 'Google', 'Google', 'Bing', 'ChatGPT', 'news.example',
        'letter'][1 + cityHash64(h, 4) % 7]) as source,
    if(source = '', '', 'Organic Search') as channel,
    ['FR', 'DE', 'DE', 'US', 'US', 'US', 'GB', 'JP', 'ES', 'IT'][1 + cityHash64(h, 5) % 10]
        as country,
    ['Chrome', 'Chrome', 'Safari', 'Firefox', 'Edge'][1 + cityHash64(h, 6) % 5] as browser,
    ['Windows', 'iOS', 'Android', 'Mac'][1 + cityHash64(h, 7) % 4] as os,
    ['desktop', 'mobile', 'mobile', 'tablet'][1 + cityHash64(h, 8) % 4] as device
from numbers({first:UInt64}, {count:UInt64})
"""
_ATTRIBUTES = "source, channel, country, browser, os, device"
_EVENTS = f"""
insert into events (site_id, ts, local_day, visit_id, visitor, name, interactive, hostname, path,
    scroll, stream_seq, {_ATTRIBUTES})
select 77, began + toIntervalSecond(40 * i), toDate(began), h, visitor, 'pageview', true,
    'shop.example', page, 255, i, {_ATTRIBUTES}
from (select *, arrayJoin(arrayEnumerate(pages)) - 1 as i, pages[i + 1] as page from ({_VISIT}))
"""
_SESSIONS = f"""
insert into sessions (site_id, visit_id, visitor, local_day, anchor, start_at, end_at, last_alive,
    entry_at, exit_at, duration_ms, pageviews, events, is_bounce, entry_page, exit_page,
    entry_hostname, exit_hostname, version, sign, {_ATTRIBUTES})
select 77, h, visitor, toDate(began), began, began, began + toIntervalSecond(40 * (views - 1)),
    end_at, began, end_at, 40000 * (views - 1), views, views, views = 1, pages[1], pages[-1],
    'shop.example', 'shop.example', 1, 1, {_ATTRIBUTES}
from (select *, began + toIntervalSecond(40 * (views - 1)) as end_at from ({_VISIT}))
"""
_PLAIN_TABLES = (
    """
create table plain_events (
    site_id UInt64, timestamp DateTime('UTC') codec(Delta(4), LZ4), name LowCardinality(String),
    user_id UInt64, session_id UInt64, hostname LowCardinality(String), pathname String,
    source LowCardinality(String), channel LowCardinality(String), country FixedString(2),
    browser LowCardinality(String), os LowCardinality(String), device LowCardinality(String)
) engine = MergeTree partition by toYYYYMM(timestamp)
order by (site_id, toDate(timestamp), name, user_id, timestamp)
""",
    """
create table plain_sessions (
    site_id UInt64, session_id UInt64, user_id UInt64, start DateTime('UTC') codec(Delta(4), LZ4),
    timestamp DateTime('UTC') codec(Delta(4), LZ4), is_bounce UInt8, duration UInt32,
    pageviews Int32, events Int32, entry_page String, exit_page String,
    source LowCardinality(String), channel LowCardinality(String), country FixedString(2),
    browser LowCardinality(String), os LowCardinality(String), device LowCardinality(String),
    sign Int8, version UInt8
) engine = VersionedCollapsingMergeTree(sign, version) partition by toYYYYMM(start)
order by (site_id, toDate(start), user_id, session_id)
""",
)
_PLAIN_EVENTS = f"""
insert into plain_events
select site_id, ts, name, visitor, visit_id, hostname, path, {_ATTRIBUTES}
from events where site_id = 77 and local_day = {{day:Date}}
"""
_PLAIN_SESSIONS = f"""
insert into plain_sessions
select site_id, visit_id, visitor, start_at, end_at, is_bounce, intDiv(duration_ms, 1000),
    pageviews, events, entry_page, exit_page, {_ATTRIBUTES}, sign, version
from sessions where site_id = 77 and local_day = {{day:Date}}
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: ``events`` over ``days``."""

    events: int
    days: int

    @property
    def visits(self) -> int:
        """Visits that make up so many events."""
        return self.events * len(VIEWS) // sum(VIEWS)


def fill(store: Store, size: Size, say: Callable[[str], None]) -> int:
    """Fill the tables, unless they are full; returns how many events there are."""
    migrate(store)
    if _count(store) < size.events * 0.98:
        for table in ("events", "sessions", "rollups", "rollup_builds", "dirty_days"):
            store.command(f"truncate table {table}")
        _fill_ours(store, size, say)
    tables = {str(name) for (name,) in store.query("show tables")}
    if "plain_events" not in tables or not store.query("select count() from plain_events")[0][0]:
        _fill_plain(store, size, say)
    for table in ("events", "sessions", "plain_events", "plain_sessions"):
        _merge(store, table, say)
    say("rolling days up")
    while build_due(store, datetime(2030, 1, 1, tzinfo=UTC), 10):
        pass
    return _count(store)


def _count(store: Store) -> int:
    sql = "select count() from events where site_id = {site:UInt32}"
    return int(store.query(sql, {"site": SITE_ID})[0][0])


def _fill_ours(store: Store, size: Size, say: Callable[[str], None]) -> None:
    each = -(-size.visits // CHUNKS)
    for chunk in range(CHUNKS):
        say(f"making events: {chunk} of {CHUNKS}")
        params = {
            "last": LAST_DAY, "days": size.days, "people": size.visits // 2,
            "first": chunk * each, "count": max(0, min(each, size.visits - chunk * each)),
        }  # fmt: skip
        store.command(_EVENTS, params)
        store.command(_SESSIONS, params)


def _merge(store: Store, table: str, say: Callable[[str], None]) -> None:
    """Leave one part a month, one after another: a month is merged within the client's patience."""
    parts = (
        "select distinct partition from system.parts"
        " where active and database = currentDatabase() and table = {table:String}"
    )
    for (month,) in store.query(parts, {"table": table}):
        say(f"merging {table}: {month}")
        sql = f"optimize table {table} partition {int(month)} final"
        store.command(sql, settings={"optimize_skip_merged_partitions": 1})


def _fill_plain(store: Store, size: Size, say: Callable[[str], None]) -> None:
    for sql in _PLAIN_TABLES:
        store.command(sql.replace("create table", "create table if not exists", 1))
    days = store.query(
        "select distinct local_day from events where site_id = {site:UInt32}", {"site": SITE_ID}
    )
    for place, (day,) in enumerate(days):
        say(f"the plain shape: day {place} of {size.days}")
        store.command(_PLAIN_EVENTS, {"day": str(day)})
        store.command(_PLAIN_SESSIONS, {"day": str(day)})
