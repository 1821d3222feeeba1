"""Boring values with fixed defaults, overridden by keyword."""

from typing import Any

from edge.event import NO_SCROLL, Event
from edge.sites import Site, parse_site


def a_site(**changes: Any) -> Site:
    """A site as the snapshot would give it; ``changes`` are fields of the snapshot's schema."""
    raw = {
        "id": 1,
        "host": "shop.example",
        "upstreams": ["http://127.0.0.1:9000"],
        "public_key": "stk_test",
        "timezone": "UTC",
    }
    return parse_site(raw | changes)


def an_event(**changes: Any) -> Event:
    """A page view of the home page by one desktop visitor."""
    boring: dict[str, Any] = dict.fromkeys(Event._fields, "")
    boring |= {
        "site_id": 1,
        "ts_ms": 1_767_225_600_000,
        "local_day": 20454,
        "visitor": 1,
        "previous": 0,
        "name": "pageview",
        "interactive": True,
        "hostname": "shop.example",
        "path": "/",
        "props": {},
        "revenue_minor": 0,
        "engaged_ms": 0,
        "scroll": NO_SCROLL,
        "load_id": 0,
        "is_first": False,
        "evidence": 0,
        "channel": "Direct",
        "country": "FR",
        "browser": "Firefox",
        "os": "Linux",
        "device": "Desktop",
    }
    return Event(**(boring | changes))
