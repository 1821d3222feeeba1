"""A hundred thousand mixed events: what became of them adds up to the last one."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest

from edge.buffer.accounts import read_account
from edge.buffer.redis import RedisBuffer
from edge.collector.collect import Collector
from edge.collector.rate import RateLimits
from edge.event import Sender
from edge.forwarder.run import ForwarderConfig, run_forwarder
from edge.pipeline.agents import Agents
from edge.pipeline.geo import Geo
from edge.pipeline.salts_file import FileSalts
from edge.sites import Site
from store.client import Store
from store.migrate import migrate
from tests.support.factories import a_site
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

EVENTS = 100_000
BATCH = 50
NOON_MS = 1_767_268_800_000
FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
AGENTS = (FIREFOX, b"Googlebot/2.1 (+http://www.google.com/bot.html)", b"")
SITE = a_site(id=11)
PAGE = "https://shop.example/"
KINDS: dict[str, dict[str, Any]] = {
    "stored": {"n": "pageview", "u": PAGE},
    "hostname_not_allowed": {"n": "pageview", "u": "https://evil.example/"},
    "spam_referrer": {"n": "pageview", "u": PAGE, "r": "https://semalt.com/"},
    "too_old": {"n": "pageview", "u": PAGE, "a": 86_400_001},
    "invalid_payload": {"n": "", "u": PAGE},
    "no_visit": {"n": "engagement", "u": PAGE, "g": 900},
}
"""What becomes of an event, and one that it becomes of; engagement comes from who has no visit."""
HEADERS = {"": (), "dnt": ((b"dnt", b"1"),), "gpc": ((b"sec-gpc", b"1"),)}


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.remove()


def make_requests(rng: random.Random) -> Iterator[tuple[bytes, Sender, bool, Counter[str]]]:
    """Beacons, their senders, whether they opted out, and what will become of their events."""
    for number in range(EVENTS // BATCH):
        refusal = rng.choices(["", "dnt", "gpc", "opted_out"], [90, 4, 3, 3])[0]
        shy = rng.random() < 0.1
        kinds = ["no_visit"] if shy else [kind for kind in KINDS if kind != "no_visit"]
        chosen = rng.choices(kinds, [20, 1, 1, 1, 1][: len(kinds)], k=BATCH)
        address = ip_address(0x0A000000 + (1_000_000 if shy else 0) + rng.randrange(5_000))
        sender = Sender(
            SITE, address, rng.choice(AGENTS), dict(HEADERS.get(refusal, ())), NOON_MS + number
        )
        expected = Counter(
            kind if not refusal or kind == "invalid_payload" else refusal for kind in chosen
        )
        body = orjson.dumps({"v": 1, "e": [KINDS[kind] for kind in chosen]})
        yield body, sender, refusal == "opted_out", expected


async def send_all(redis_url: str, salts: Path) -> Counter[str]:
    """Send every request, a hundred at once, and some too large or too many at the end."""
    buffer = RedisBuffer(redis_url, producer="edge-1", deadline_s=60.0)
    await buffer.start()
    collector = Collector(
        buffer=buffer,
        salts=FileSalts(salts),
        geo=Geo(),
        agents=Agents(),
        limits=RateLimits(per_client=10_000),
    )
    expected: Counter[str] = Counter()
    waiting: list[asyncio.Task[Any]] = []
    for body, sender, opted_out, becomes in make_requests(random.Random(7)):
        expected += becomes
        waiting.append(asyncio.create_task(collector.collect(body, sender, opted_out=opted_out)))
        if len(waiting) == 100:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)
    flood = Sender(SITE, ip_address("198.51.100.9"), FIREFOX, {}, NOON_MS)
    flooding = orjson.dumps({"v": 1, "e": [KINDS["stored"]] * BATCH})
    for _ in range(210):
        await collector.collect(flooding, flood)
    expected.update({"stored": 10_000, "rate_limited": 500})
    await collector.collect(b"{", flood)
    expected["invalid_json"] += 1
    await buffer.stop()
    return expected


async def forward_all(redis_url: str, store: Store, site: Site) -> dict[str, Any]:
    """Forward until nothing waits."""
    stop = asyncio.Event()
    config = ForwarderConfig(redis_url, store, range(site.shard, site.shard + 1), "fwd")
    forwarding = asyncio.create_task(run_forwarder(config, stop))
    async with asyncio.timeout(120):
        while (account := await asyncio.to_thread(read_account, redis_url, site.id))["waiting"]:
            assert account["difference"] == 0
            await asyncio.sleep(0.2)
    stop.set()
    await forwarding
    return account


@pytest.mark.timeout(240)
async def test_a_hundred_thousand_mixed_events_add_up(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    expected = await send_all(redis_server.url, tmp_path / "salts")
    assert sum(expected.values()) == EVENTS + 10_501
    with running_store(tmp_path / "store") as process:
        store = Store(process.url)
        migrate(store)
        account = await forward_all(redis_server.url, store, SITE)
        ((rows,),) = store.query("select count() from events where site_id = 11")
        store.close()

    stored = expected.pop("stored")
    assert account["received"] == EVENTS + 10_501
    assert account["dropped"] == dict(expected)
    assert (account["stored"], rows) == (stored, stored)
    assert (account["waiting"], account["dead_letters"], account["difference"]) == (0, 0, 0)
