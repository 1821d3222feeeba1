"""Ask a Redis whether it keeps what it acknowledges (INGESTION 2.1), and how full it is.

It only asks; ``edge.buffer.redis`` and ``statflow doctor`` say it aloud.
"""

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from edge.sites import SHARDS

REQUIRED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}
SHARDS_KEY = "statflow:shards"


async def check_durability(redis: Redis) -> list[str]:
    """List what lets an acknowledged event be lost or misplaced; empty if nothing does.

    Raises:
        RedisError: Redis is away.
    """
    problems = []
    for name, wanted in REQUIRED.items():
        try:
            found = await redis.config_get(name)
        except ResponseError as error:
            problems.append(f"Redis does not tell its {name} ({error})")
            continue
        value = _text(next(iter(found.values()), "")) if found else ""
        if value != wanted:
            problems.append(f"Redis has {name} {value or 'unset'}; {wanted} is needed")
    await redis.set(SHARDS_KEY, SHARDS, nx=True)
    shards = int(await redis.get(SHARDS_KEY) or SHARDS)
    if shards != SHARDS:
        problems.append(f"Redis was filled with {shards} shards; this release has {SHARDS}")
    return problems


async def read_memory_ratio(redis: Redis) -> float:
    """Return the share of ``maxmemory`` in use; 0.0 without a limit.

    Raises:
        RedisError: Redis is away.
    """
    memory = await redis.info("memory")
    limit = int(memory.get("maxmemory", 0))
    return int(memory["used_memory"]) / limit if limit else 0.0


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
