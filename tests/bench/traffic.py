"""Encoded events as the edge appends them: some sites, many visitors, believable attributes."""

import time
from collections.abc import Iterator
from random import Random

from redis import Redis

from edge.buffer.keys import FIELD, ShardKeys
from edge.event import Event, encode_event
from edge.sites import shard_of

SITES = tuple(range(1, 9))
EVENTS_A_VISIT = 5
WINDOW_S = 600
_DAY_MS = 86_400_000
_SOURCES = ("", "", "Google", "Bing", "news.example", "ChatGPT")
_BROWSERS = (("Chrome", "141"), ("Safari", "18"), ("Firefox", "143"), ("Edge", "141"))
_SYSTEMS = (("Windows", "10"), ("Mac", "14"), ("iOS", "18"), ("Android", "15"), ("Linux", ""))
_COUNTRIES = ("DE", "FR", "US", "GB", "IN", "BR", "")


def make_events(count: int, seed: int = 1, *, per_second: float = 20.0) -> Iterator[Event]:
    """Make the latest events in order of time, so many a second; a visit has about five.

    They end now, as live traffic does: what changes a day that is over also marks it.
    """
    rng = Random(seed)
    start_ms = time.time_ns() // 1_000_000 - round(count * 1000 / per_second)
    # The visitors of ten minutes are others than those of the ten before, so visits end.
    window = max(int(per_second * WINDOW_S), EVENTS_A_VISIT)
    at_once = window // EVENTS_A_VISIT
    for i in range(count):
        visitor = i // window * at_once + rng.randrange(at_once)
        yield _event(rng, visitor, start_ms + round(i * 1000 / per_second))


def _event(rng: Random, visitor: int, ts_ms: int) -> Event:
    of_visitor = Random(visitor)
    browser, version = of_visitor.choice(_BROWSERS)
    system, system_version = of_visitor.choice(_SYSTEMS)
    name = rng.choices(("pageview", "engagement", "Signup"), (60, 35, 5))[0]
    is_engagement = name == "engagement"
    return Event(
        site_id=SITES[visitor % len(SITES)],
        ts_ms=ts_ms,
        local_day=ts_ms // _DAY_MS,
        visitor=of_visitor.getrandbits(64) | 1,
        previous=0,
        name=name,
        interactive=True,
        hostname="shop.example",
        path=f"/products/{rng.randrange(400)}",
        props={"plan": "pro"} if name == "Signup" else {},
        revenue_minor=0,
        currency="",
        engaged_ms=rng.randrange(30_000) if is_engagement else 0,
        scroll=rng.randrange(101) if is_engagement else 255,
        load_id=rng.getrandbits(63),
        is_first=name == "pageview",
        referrer="https://www.google.com/" if of_visitor.random() < 0.5 else "",
        source=of_visitor.choice(_SOURCES),
        channel="Organic Search",
        utm_source="",
        utm_medium="",
        utm_campaign=of_visitor.choice(("", "", "", "summer")),
        utm_content="",
        utm_term="",
        click_id="",
        country=of_visitor.choice(_COUNTRIES),
        region="",
        city="",
        browser=browser,
        browser_version=version,
        os=system,
        os_version=system_version,
        device="Desktop",
        screen="lg",
        language=of_visitor.choice(("de", "en", "fr")),
        bot="",
        operator="",
        evidence=0,
    )


def fill_streams(url: str, count: int) -> None:
    """Append made events to the streams of their shards, as they would wait for a forwarder."""
    with Redis.from_url(url) as redis:
        pipe = redis.pipeline(transaction=False)
        for i, event in enumerate(make_events(count)):
            stream = ShardKeys.of(shard_of(event.site_id)).events
            pipe.xadd(stream, {FIELD: encode_event(event)})
            if i % 2_000 == 1_999:
                pipe.execute()
        pipe.execute()
