"""Forwarders that come, go and die share the shards, and nothing is written twice."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from edge.forwarder.sharing import share_out
from edge.sites import shard_of
from tests.edge.forwarder.memory_store import MemoryStore
from tests.edge.forwarder.test_run import append, running, until
from tests.support.redis_server import RedisServer

ALL = range(64)


@pytest.mark.parametrize(
    ("served", "held"),
    [
        ({"a": ALL}, [64]),
        ({"a": ALL, "b": ALL}, [32, 32]),
        ({"a": ALL, "b": ALL, "c": ALL}, [22, 22, 20]),
        ({"a": range(32), "b": range(32), "c": range(32, 64)}, [32, 16, 16]),
        ({"a": ALL, "b": range(32)}, [48, 16]),
        ({"a": ALL, "b": range(1)}, [63, 1]),
    ],
)
def test_each_has_its_part_and_no_shard_is_nobodys(
    served: Mapping[str, range], held: list[int]
) -> None:
    shares = share_out(served)
    assert sorted(shares) == list(ALL)
    assert all(shard in served[owner] for shard, owner in shares.items())
    assert sorted(Counter(shares.values()).values(), reverse=True) == pytest.approx(held, abs=1)


def test_who_comes_moves_few_shards_of_the_others() -> None:
    three, four = (dict.fromkeys(names, ALL) for names in ("abc", "abcd"))
    before, after = share_out(three), share_out(four)
    moved = [shard for shard in ALL if before[shard] != after[shard]]
    assert len(moved) <= 24


async def test_two_share_and_one_that_is_left_has_all(redis_server: RedisServer) -> None:
    store = MemoryStore()
    options = {"shards": ALL, "lease_s": 3.0}
    sites = range(1, 41)
    used = {shard_of(site_id) for site_id in sites}
    async with running(redis_server, store, **options) as one:

        def held_by_one() -> int:
            return sum(state.is_ours for state in one.states.values())

        await until(lambda: held_by_one() == len(ALL))
        async with running(redis_server, store, owner="two", **options) as two:
            await until(
                lambda: sum(state.is_ours for state in two.states.values()) == len(ALL) // 2
            )
            assert held_by_one() == len(ALL) // 2
            for n in range(5):
                for site_id in sites:
                    append(redis_server, 1, site_id=site_id, first=n)
                await asyncio.sleep(0)
            await until(lambda: len(store.tables["events"]) == 5 * len(sites))
            assert not any(one.check().values())
            assert not any(two.check().values())
        await until(lambda: held_by_one() == len(ALL))
        for site_id in sites:
            append(redis_server, 1, site_id=site_id, first=5)
        await until(lambda: len(store.tables["events"]) == 6 * len(sites))
    rows = Counter((row["site_id"], row["path"]) for row in store.tables["events"])
    assert set(rows.values()) == {1}
    assert {row["shard"] for row in store.tables["events"]} == used
