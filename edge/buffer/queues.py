"""How much waits in every shard of the buffer, and for how long, for who operates it.

It only reads. The one invariant: one question to Redis, however many shards there are.
"""

from dataclasses import dataclass

from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.buffer.opening import time_ms
from edge.sites import SHARDS


@dataclass(frozen=True, slots=True)
class ShardQueue:
    """One shard that holds or held something; ``oldest_ms`` is Unix time, None where none waits.

    ``writer`` is the owner of a lease that has not run out.
    """

    shard: int
    waiting: int
    oldest_ms: int | None
    dead_letters: int
    hits: int
    writer: str


def read_queues(redis: Redis) -> list[ShardQueue]:
    """Read all shards at about one moment.

    Raises:
        RedisError: Redis is away.
    """
    now_ms = time_ms(redis)
    pipe = redis.pipeline(transaction=False)
    for keys in map(ShardKeys.of, range(SHARDS)):
        pipe.xlen(keys.events)
        pipe.xrange(keys.events, count=1)
        pipe.xlen(keys.dead)
        pipe.xlen(keys.hits)
        pipe.hmget(keys.lease, "owner", "until")
        pipe.exists(keys.counts)
    answers = pipe.execute()
    rows = [answers[i : i + 6] for i in range(0, len(answers), 6)]
    return [
        ShardQueue(
            shard=shard,
            waiting=waiting,
            oldest_ms=int(first[0][0].partition(b"-")[0]) if first else None,
            dead_letters=dead,
            hits=hits,
            writer=owner.decode() if owner and int(until) > now_ms else "",
        )
        for shard, (waiting, first, dead, hits, (owner, until), known) in enumerate(rows)
        if known or waiting or dead or hits
    ]
