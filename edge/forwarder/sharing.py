"""How the forwarders that live share the shards: evenly, and without asking each other.

Each says in one key of Redis that it lives and which shards it serves, and reads who else does;
from that all of them reckon the same share. Who comes or leaves moves few shards besides its own.
A share only says who should try: who may write is decided by the lease alone, so two that see
different lists for a moment cost a pause and nothing else.

The one invariant: every shard that somebody serves is somebody's.
"""

from collections.abc import Mapping
from fractions import Fraction
from hashlib import blake2b
from math import ceil

from redis.asyncio import Redis

from edge.buffer.scripts import FORWARDERS, run_script

KEY = "statflow:forwarders"


class Sharing:
    """One forwarder's sign of life, and its share by those of all.

    Args:
        owner: Its name, as in its leases.
        shards: What it serves.
        kept_ms: How long after its last sign it counts as gone.
    """

    def __init__(self, redis: Redis, owner: str, shards: range, *, kept_ms: int) -> None:
        self.mine = frozenset(shards)
        """The shards that are this one's to write; all that it serves until it knows of others."""
        self._redis = redis
        self._owner = owner
        self._word = f"{owner} {shards.start}-{shards.stop - 1}"
        self._kept_ms = kept_ms

    async def show(self) -> None:
        """Say that it lives, and reckon its share anew.

        Raises:
            RedisError: Redis is away; the share stays as it was.
        """
        words = await run_script(self._redis, FORWARDERS, [KEY], [self._word, self._kept_ms])
        served = dict(_read(word) for word in words)
        shares = share_out(served)
        self.mine = frozenset(shard for shard, who in shares.items() if who == self._owner)

    async def leave(self) -> None:
        """Say that it leaves, so that the others need not wait."""
        await run_script(self._redis, FORWARDERS, [KEY], [self._word, 0])


def _read(word: bytes) -> tuple[str, range]:
    owner, _, served = word.decode().partition(" ")
    first, _, last = served.partition("-")
    return owner, range(int(first), int(last) + 1)


def share_out(served: Mapping[str, range]) -> dict[int, str]:
    """Give each shard that is served to one of those who serve it.

    Each takes as many as are its part, rounded up; a shard goes to whom a hash of both ranks first
    among those that have room.
    """
    servers: dict[int, list[str]] = {}
    for owner, shards in served.items():
        for shard in shards:
            servers.setdefault(shard, []).append(owner)
    room = {
        owner: ceil(sum(Fraction(1, len(servers[shard])) for shard in shards))
        for owner, shards in served.items()
    }
    shares = {}
    for shard in sorted(servers, key=lambda shard: (len(servers[shard]), shard)):
        ranked = sorted(servers[shard], key=lambda owner: _rank(owner, shard))
        chosen = next((owner for owner in ranked if room[owner] > 0), ranked[0])
        room[chosen] -= 1
        shares[shard] = chosen
    return shares


def _rank(owner: str, shard: int) -> bytes:
    return blake2b(f"{owner} {shard}".encode(), digest_size=8).digest()
