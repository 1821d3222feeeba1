"""Dead letters are kept under their site, moved once, and never vanish without a count."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from redis import Redis

from edge.buffer.accounts import read_shard
from edge.buffer.beside import BufferAwayError, open_beside
from edge.buffer.keys import ShardKeys
from edge.buffer.scripts import DEADLETTER, connect
from edge.event import encode_event
from edge.forwarder.dead_letters import Choice, DeadLetterError, DeadLetters
from edge.forwarder.lease import Lease
from edge.forwarder.shard import ShardWriter
from edge.sites import shard_of
from tests.edge.forwarder.memory_store import MemoryStore
from tests.support.factories import an_event
from tests.support.redis_server import RedisServer

SITE = 1
SHARD = shard_of(SITE)
KEYS = ShardKeys.of(SHARD)
NEWER = encode_event(an_event(site_id=SITE, path="/newer")).replace(b"[2,", b"[9,", 1)
"""An event of a format that this release does not know, but whose site can be told."""


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    with open_beside(redis_server.url) as opened:
        yield opened


def receive(redis: Redis, *bodies: bytes) -> None:
    """Append as the edge does, which counts what it received."""
    for body in bodies:
        redis.xadd(KEYS.events, {"d": body})
        redis.hincrby(KEYS.counts, f"{SITE}:received", 1)


def forward(url: str, store: MemoryStore | None = None) -> MemoryStore:
    """Let a writer do all there is."""
    store = store or MemoryStore()

    async def run() -> None:
        client = connect(url, timeout_s=10)
        lease = Lease(client, KEYS.lease, owner="one", kept_ms=60_000)
        assert await lease.take()
        writer = ShardWriter(client, store, SHARD, lease, batch_events=100)
        await writer.open(17)
        while await writer.forward():
            pass
        await client.aclose()

    asyncio.run(run())
    return store


def account(url: str) -> Counter[str]:
    """Read the site's account; it adds up, or this fails."""

    async def read() -> Counter[str]:
        client = connect(url, timeout_s=10)
        shard = await read_shard(client, SHARD, 0)
        await client.aclose()
        assert shard.difference == 0
        return Counter({name: n for name, n in shard.counts.items() if n})

    return asyncio.run(read())


def test_a_letter_stands_under_its_site_where_that_can_be_told(
    redis_server: RedisServer, redis: Redis
) -> None:
    receive(redis, NEWER, b"no json", b'["a",1,2]', b"[9,1.5,3]", b"[9,-4,3]")
    forward(redis_server.url)
    letters = DeadLetters(redis)
    assert letters.count() == {SITE: 1, 0: 4}
    assert account(redis_server.url) == {"1:received": 5, "1:dead": 1, "0:dead": 4}
    (known,) = letters.chosen(Choice(site_id=SITE))
    shown = known.as_dict()
    assert (shown["site_id"], shown["why"], shown["readable"]) == (SITE, "unreadable", False)
    assert shown["body"].startswith("[9,1,")


def test_a_newer_release_replays_what_an_older_could_not_read(
    redis_server: RedisServer, redis: Redis
) -> None:
    receive(redis, NEWER)
    store = forward(redis_server.url)
    letters = DeadLetters(redis)
    (letter,) = letters.chosen(Choice())
    with pytest.raises(DeadLetterError, match="cannot be read"):
        letters.replay(letter)
    repaired = letter.body.replace(b"[9,", b"[2,", 1)
    assert letters.replay(letter, repaired)
    assert account(redis_server.url) == {"1:received": 1}
    assert not letters.replay(letter, repaired), "sent twice"
    forward(redis_server.url, store)
    assert account(redis_server.url) == {"1:received": 1, "1:stored": 1}
    assert [row["path"] for row in store.tables["events"]] == ["/newer"]


def test_a_letter_of_unknown_site_may_be_repaired_to_one_of_its_shard(
    redis_server: RedisServer, redis: Redis
) -> None:
    receive(redis, b"no json")
    forward(redis_server.url)
    letters = DeadLetters(redis)
    (letter,) = letters.chosen(Choice(site_id=0))
    other = next(i for i in range(2, 99) if shard_of(i) != SHARD)
    with pytest.raises(DeadLetterError, match=f"not of site {other}"):
        letters.replay(letter, encode_event(an_event(site_id=other)))
    assert letters.replay(letter, encode_event(an_event(site_id=SITE)))
    forward(redis_server.url)
    assert account(redis_server.url) == {"1:received": 1, "1:stored": 1}


def test_another_site_s_event_does_not_take_a_letter_s_place(
    redis_server: RedisServer, redis: Redis
) -> None:
    receive(redis, NEWER)
    forward(redis_server.url)
    letters = DeadLetters(redis)
    (letter,) = letters.chosen(Choice())
    mate = next(i for i in range(2, 9_999) if shard_of(i) == SHARD)
    with pytest.raises(DeadLetterError, match="not of site"):
        letters.replay(letter, encode_event(an_event(site_id=mate)))


def test_a_discarded_letter_is_a_drop_with_a_reason(
    redis_server: RedisServer, redis: Redis
) -> None:
    receive(redis, NEWER, b"no json")
    forward(redis_server.url)
    letters = DeadLetters(redis)
    for letter in letters.chosen(Choice()):
        assert letters.discard(letter)
        assert not letters.discard(letter)
    assert account(redis_server.url) == {
        "1:received": 2,
        "1:dropped:dead_letter_discarded": 1,
        "0:dropped:dead_letter_discarded": 1,
    }


def test_a_killed_command_leaves_the_rest_as_they_were(
    redis_server: RedisServer, redis: Redis
) -> None:
    receive(redis, *[NEWER] * 5)
    forward(redis_server.url)
    letters = DeadLetters(redis)
    for _ in range(2):
        letters.discard(next(iter(letters.chosen(Choice()))))
        counts = account(redis_server.url)
        assert sum(counts.values()) == 2 * counts["1:received"] == 10
    assert letters.count() == {SITE: 3}


def test_what_a_full_stream_pushes_out_is_counted(
    redis_server: RedisServer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.forwarder.checkpoint.DEAD_LETTERS_MAX", 3)
    receive(redis, NEWER, b"no json", NEWER, NEWER)
    forward(redis_server.url)
    receive(redis, b"no json")
    forward(redis_server.url)
    assert account(redis_server.url) == {
        "1:received": 5,
        "1:dead": 2,
        "0:dead": 1,
        "1:dropped:dead_letter_pushed_out": 1,
        "0:dropped:dead_letter_pushed_out": 1,
    }
    assert DeadLetters(redis).count() == {SITE: 2, 0: 1}


def test_letters_of_the_first_releases_can_be_worked_too(
    redis_server: RedisServer, redis: Redis
) -> None:
    redis.xadd(KEYS.dead, {"id": "1-0", "size": 7, "d": ""})
    redis.hset(KEYS.counts, mapping={f"{SITE}:received": 1, "0:dropped:unreadable": 1})
    letters = DeadLetters(redis)
    (letter,) = letters.chosen(Choice())
    assert letters.discard(letter)
    assert account(redis_server.url) == {
        "1:received": 1,
        "0:dropped:dead_letter_discarded": 1,
    }


def test_letters_are_chosen_by_shard_and_by_name(redis_server: RedisServer, redis: Redis) -> None:
    receive(redis, NEWER, NEWER)
    forward(redis_server.url)
    letters = DeadLetters(redis)
    first, second = letters.chosen(Choice(shard=SHARD))
    assert list(letters.chosen(Choice(names=frozenset({second.name})))) == [second]
    assert list(letters.chosen(Choice(shard=(SHARD + 1) % 64))) == []
    assert first.name < second.name
    for wrong in ("", "7", "64:1-1", "7:1", "7:a-b"):
        with pytest.raises(DeadLetterError, match="is no id"):
            list(letters.chosen(Choice(names=frozenset({wrong}))))


def test_a_redis_that_is_away_ends_in_a_sentence() -> None:
    with pytest.raises(BufferAwayError, match="statflow up"):  # noqa: SIM117 - the error crosses both
        with open_beside("unix:///nowhere/s") as redis:
            DeadLetters(redis).count()


def test_the_script_is_known_by_its_source(redis: Redis) -> None:
    assert redis.script_load(DEADLETTER.source) == DEADLETTER.digest
