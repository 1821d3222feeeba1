"""Ask a shard's writer for an erasure, through its stream.

The message takes its place among the events; carrying it out is ``edge.forwarder.erase``. It may be
sent twice: erasing again finds nothing. The one invariant: the message and its count are in the
append-only file together, so the account adds up while it waits.
"""

from typing import NamedTuple, cast

from redis import Redis

from edge.buffer.keys import ShardKeys
from edge.forwarder.erasure import CONTROL, Erasure
from edge.forwarder.visit import StreamId
from edge.sites import SHARDS, shard_of


class Ticket(NamedTuple):
    """Where a message lies."""

    shard: int
    at: StreamId


def send_erasure(redis: Redis, erasure: Erasure) -> Ticket:
    """Put an erasure into its site's stream.

    Raises:
        RedisError: Redis is away; it may have been put there.
    """
    shard = shard_of(erasure.site_id)
    keys = ShardKeys.of(shard)
    pipe = redis.pipeline(transaction=True)
    pipe.xadd(keys.events, {CONTROL: erasure.render()})
    pipe.hincrby(keys.counts, f"{erasure.site_id}:control", 1)
    at, _ = pipe.execute()
    return Ticket(shard, StreamId.parse(at))


def holds_events(redis: Redis) -> bool:
    """Tell whether any shard has events that wait, or visits that it would go on with.

    Raises:
        RedisError: Redis is away.
    """
    shards = map(ShardKeys.of, range(SHARDS))
    return any(redis.exists(keys.visits, keys.events) for keys in shards)


def is_done(redis: Redis, ticket: Ticket) -> bool:
    """Tell whether the writer has come past a message.

    Raises:
        RedisError: Redis is away.
    """
    done = cast("bytes | None", redis.get(ShardKeys.of(ticket.shard).done))
    return done is not None and StreamId.parse(done) >= ticket.at
