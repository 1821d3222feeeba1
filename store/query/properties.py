"""Which custom properties a site's events have: for lists to choose from."""

from datetime import datetime

from store.query.run import LIMITS, QueryStore

MAX_KEYS = 300


def property_keys(store: QueryStore, site_id: int, since: datetime) -> list[tuple[str, int]]:
    """List the keys of custom properties since a moment with their events, the commonest first."""
    sql = (
        "select arrayJoin(mapKeys(props)) as key, count() as events from events"
        " where site_id = {site:UInt32}"
        " and ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
        " and name != 'engagement' and bot = ''"
        " group by key order by events desc, key limit {most:UInt32}"
    )
    params = {"site": site_id, "since": round(since.timestamp() * 1000), "most": MAX_KEYS}
    return [(str(key), int(n)) for key, n in store.query(sql, params, settings=LIMITS)]
