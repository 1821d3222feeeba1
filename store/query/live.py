"""What is happening now: visitors and page views minute by minute, and the latest events.

By the clock, bots and engagement left out, as the count of current visitors (``store.query.run``).
Nothing here tells which events belong together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from store.query.run import LIMITS, QueryStore

MINUTES = 30


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute, by its beginning; the last one is not over."""

    at: datetime
    visitors: int
    pageviews: int


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event that came; what is not known is empty."""

    at: datetime
    name: str
    path: str
    source: str
    country: str


def live_minutes(store: QueryStore, site_id: int, now: datetime) -> list[Minute]:
    """Count the last ``MINUTES`` minutes, empty ones included, the oldest first.

    Raises:
        StoreUnavailable: The store is away.
        StoreError: It refuses.
    """
    last = now.replace(second=0, microsecond=0)
    begins = [last - timedelta(minutes=back) for back in reversed(range(MINUTES))]
    sql = (
        "select toUnixTimestamp(toStartOfMinute(ts)) as minute, uniqExact(visitor),"
        f" countIf(name = 'pageview') from events where {_WHERE} group by minute"
    )
    rows = store.query(sql, _params(site_id, begins[0], now), settings=LIMITS)
    found = {int(minute): (int(visitors), int(views)) for minute, visitors, views in rows}
    return [Minute(at, *found.get(round(at.timestamp()), (0, 0))) for at in begins]


def latest_events(
    store: QueryStore, site_id: int, now: datetime, limit: int = 20
) -> list[LiveEvent]:
    """List the events of the last ``MINUTES`` minutes, the latest first.

    Raises:
        StoreUnavailable: The store is away.
        StoreError: It refuses.
    """
    sql = (
        "select toUnixTimestamp64Milli(ts), name, path, source, country from events"
        f" where {_WHERE} order by ts desc, stream_ms desc, stream_seq desc"
        " limit {most:UInt32}"
    )
    params = _params(site_id, now - timedelta(minutes=MINUTES), now) | {"most": limit}
    return [
        LiveEvent(
            datetime.fromtimestamp(int(ms) / 1000, now.tzinfo),
            str(name),
            str(path),
            str(source),
            str(country),
        )
        for ms, name, path, source, country in store.query(sql, params, settings=LIMITS)
    ]


_WHERE = (
    "site_id = {site:UInt32} and bot = '' and name != 'engagement'"
    " and ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
    " and ts <= fromUnixTimestamp64Milli({now:Int64}, 'UTC')"
)


def _params(site_id: int, since: datetime, now: datetime) -> dict[str, int]:
    moments = {"since": since, "now": now}
    return {"site": site_id} | {k: round(v.timestamp() * 1000) for k, v in moments.items()}
