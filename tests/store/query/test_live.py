"""What is happening now, against a count by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from store.client import Store
from store.query.live import MINUTES, LiveEvent, latest_events, live_minutes
from tests.store.query.dataset import a_visit, store_traffic

NOW = datetime(2026, 11, 10, 15, 20, 30, tzinfo=UTC)
SITE = 936_000


def stored(store: Store, site_id: int) -> int:
    visits = [
        a_visit("UTC", "2026-11-10T15:18:10", 7, source="Google", country="FR")
        .view("/a")
        .view("/b", 20)
        .add("Buy", 65, path="/b")
        .add("engagement", 70),
        a_visit("UTC", "2026-11-10T15:18:30", 8).view("/a"),
        a_visit("UTC", "2026-11-10T14:51:00", 9).view("/first"),
        a_visit("UTC", "2026-11-10T14:50:59", 10).view("/too-early"),
        a_visit("UTC", "2026-11-10T15:20:31", 11).view("/future"),
        a_visit("UTC", "2026-11-10T15:19:00", 12, bot="seo").view("/bot"),
    ]
    store_traffic(store, site_id, [e for v in visits for e in v.events], f"live-{site_id}")
    return site_id


def test_minutes_hold_distinct_visitors_and_page_views(store: Store) -> None:
    zone = ZoneInfo("Asia/Kathmandu")  # A quarter past: minutes are the same everywhere.
    minutes = live_minutes(store, stored(store, SITE), NOW.astimezone(zone))
    assert len(minutes) == MINUTES
    told = {m.at.astimezone(UTC).strftime("%H:%M"): (m.visitors, m.pageviews) for m in minutes}
    some = {at: counts for at, counts in told.items() if counts != (0, 0)}
    assert some == {"14:51": (1, 1), "15:18": (2, 3), "15:19": (1, 0)}
    assert minutes[-1].at == NOW.replace(second=0)
    assert minutes[0].at == NOW.replace(second=0) - timedelta(minutes=MINUTES - 1)


def test_the_latest_events_come_first_and_engagement_not_at_all(store: Store) -> None:
    site_id = stored(store, SITE + 1)
    events = latest_events(store, site_id, NOW, limit=3)
    assert [event.name for event in events] == ["Buy", "pageview", "pageview"]
    at = datetime(2026, 11, 10, 15, 19, 15, tzinfo=UTC)
    assert events[0] == LiveEvent(at, "Buy", "/b", "Google", "FR")
    everything = latest_events(store, site_id, NOW)
    assert {event.path for event in everything} == {"/a", "/b", "/first", "/too-early"}


def test_a_site_where_nothing_happens_is_quiet(store: Store) -> None:
    assert {minute.visitors for minute in live_minutes(store, SITE + 2, NOW)} == {0}
    assert latest_events(store, SITE + 2, NOW) == []
