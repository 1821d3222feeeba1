"""Ask a Redis whether it keeps what it acknowledges (INGESTION 2.1), and how full it is.

It only asks; ``edge.buffer.redis`` and ``statflow doctor`` say it aloud.
"""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ResponseError

from edge.buffer.opening import as_cluster
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
            found = await _settings(redis, name)
        except ResponseError as error:
            problems.append(f"Redis does not tell its {name} ({error})")
            continue
        others = {_text(next(iter(each.values()), "")) for each in found} - {wanted}
        problems += [
            f"Redis has {name} {value or 'unset'}; {wanted} is needed" for value in sorted(others)
        ]
    await redis.set(SHARDS_KEY, SHARDS, nx=True)
    shards = int(await redis.get(SHARDS_KEY) or SHARDS)
    if shards != SHARDS:
        problems.append(f"Redis was filled with {shards} shards; this release has {SHARDS}")
    return problems


async def _settings(redis: Redis, name: str) -> list[dict[Any, Any]]:
    """Ask a Redis, or each node of a cluster, replicas too, for a setting."""
    if (cluster := as_cluster(redis)) is None:
        return [await redis.config_get(name)]
    found: Any = await cluster.config_get(name, target_nodes=RedisCluster.ALL_NODES)
    return list(found.values())


async def read_memory_ratio(redis: Redis) -> float:
    """Return the share of ``maxmemory`` in use, of the fullest primary; 0.0 without a limit.

    Raises:
        RedisError: Redis is away.
    """
    ratios = []
    for memory in await _everywhere(redis, "memory"):
        limit = int(memory.get("maxmemory", 0))
        ratios.append(int(memory["used_memory"]) / limit if limit else 0.0)
    return max(ratios, default=0.0)


async def _everywhere(redis: Redis, section: str) -> list[dict[str, Any]]:
    """Ask a Redis, or each primary of a cluster, about itself."""
    if (cluster := as_cluster(redis)) is None:
        return [await redis.info(section)]
    found: Any = await cluster.info(section, target_nodes=RedisCluster.PRIMARIES)
    return list(found.values())


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
