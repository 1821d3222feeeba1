import pytest

from edge.buffer.durability import SHARDS_KEY, check_durability, read_memory_ratio
from edge.buffer.scripts import connect
from tests.support.redis_server import RedisServer


async def test_a_redis_set_up_as_asked_has_no_problems(redis_server: RedisServer) -> None:
    redis = connect(redis_server.url, timeout_s=5)
    assert await check_durability(redis) == []
    assert await read_memory_ratio(redis) == 0.0
    await redis.aclose()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("no-appendfsync-on-rewrite", "yes"),
        ("maxmemory-policy", "allkeys-lru"),
    ],
)
async def test_each_weaker_setting_is_named(
    redis_server: RedisServer, name: str, value: str
) -> None:
    redis = connect(redis_server.url, timeout_s=5)
    await redis.config_set(name, value)
    (problem,) = await check_durability(redis)
    assert name in problem
    assert value in problem
    await redis.aclose()


async def test_another_number_of_shards_is_a_problem(redis_server: RedisServer) -> None:
    redis = connect(redis_server.url, timeout_s=5)
    await redis.set(SHARDS_KEY, 16)
    (problem,) = await check_durability(redis)
    assert "16 shards" in problem
    await redis.aclose()


async def test_the_memory_ratio_is_of_the_limit(redis_server: RedisServer) -> None:
    redis = connect(redis_server.url, timeout_s=5)
    await redis.config_set("maxmemory", (await redis.info("memory"))["used_memory"] * 2)
    assert 0.4 < await read_memory_ratio(redis) < 0.6
    await redis.aclose()
