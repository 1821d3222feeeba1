"""Tables over shards, as far as one engine can be two of them: written once, read once, erased."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from edge.forwarder.asking import is_done, send_erasure
from edge.forwarder.erasure import Erasure
from store.client import Store
from store.migrate import (
    MigrationError,
    check_tables,
    migrate,
    read_migrations,
    require_tables,
)
from store.query.model import QuerySite
from store.query.parse import parse_query
from store.query.run import run_query
from store.rollup import build_due
from tests.statflow.test_erasing import append, forward
from tests.support.cluster import CLUSTER, ClusterStore, running_cluster
from tests.support.redis_server import RedisServer
from tests.support.store_process import running_store

ASKED = {"metrics": ["visitors", "visits", "pageviews"], "date_range": "all"}
NOW = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStore]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as opened:
        migrate(opened, CLUSTER)
        yield opened


@pytest.fixture
def server() -> Iterator[RedisServer]:
    opened = RedisServer().start()
    yield opened
    opened.remove()


def asked(store: Store, site_id: int, dimension: str) -> list[tuple[str, list[float]]]:
    body = ASKED | {"dimensions": [dimension]}
    site = QuerySite(site_id, "own.example", "UTC")
    result = run_query(store, parse_query(body, site), site, NOW)
    return sorted((str(row["dimensions"][0]), row["metrics"]) for row in result.results)


def test_a_column_that_is_added_later_is_read_over_all_shards(store: ClusterStore) -> None:
    assert store.cluster == CLUSTER
    assert check_tables(store) == []
    require_tables(store)
    assert migrate(store, CLUSTER) == []
    columns = (
        "select groupArray(name) from (select name from system.columns where table = {table:String}"
        " and database = currentDatabase() order by position)"
    )
    for table in ("events", "sessions", "erasures"):
        local = store.query(columns, {"table": f"{table}_local"})
        assert store.query(columns, {"table": table}) == local
    assert len(read_migrations()) == len(store.query("select * from schema_migrations_local"))


def test_a_batch_that_is_sent_again_counts_once(store: ClusterStore) -> None:
    rows = {"site_id": [905_201, 905_202, 905_201], "ts": [0, 1, 2]}
    for _ in range(2):
        assert store.insert("events", rows, token="a batch") == 3
    count = "select count() from events where site_id = {site:UInt32}"
    assert [store.query(count, {"site": site}) for site in (905_201, 905_202)] == [[(2,)], [(1,)]]


def test_events_are_forwarded_asked_for_and_erased(
    store: ClusterStore, server: RedisServer
) -> None:
    site_id = 905_203
    append(server, site_id)
    forward(server, store, site_id)
    views = [("/", [1, 1, 1]), ("/old/a", [1, 1, 1]), ("/old/b", [1, 1, 1])]
    assert asked(store, site_id, "event:page") == views
    assert asked(store, site_id, "visit:entry_page") == views
    assert build_due(store, NOW) >= 1
    assert asked(store, site_id, "event:page") == views
    with Redis.from_url(server.url) as redis:
        ticket = send_erasure(redis, Erasure(site_id, 0, path="/old/*"))
        forward(server, store, site_id)
        assert is_done(redis, ticket)
    assert asked(store, site_id, "event:page") == views[:1]
    assert asked(store, site_id, "visit:entry_page") == views[:1]
    of_site = {"site": site_id}
    told = "select rows_erased['events'], rows_left['events'] from erasures"
    assert store.query(f"{told} where site_id = {{site:UInt32}}", of_site) == [(2, 0)]


def test_tables_of_a_cluster_and_of_one_node_are_not_mixed(store: ClusterStore) -> None:
    with pytest.raises(MigrationError, match="STATFLOW_CLICKHOUSE_CLUSTER=analytics"):
        migrate(store)
    with pytest.raises(MigrationError, match="of cluster analytics, not another"):
        migrate(store, "another")
    store.use_cluster(CLUSTER)


def test_tables_of_one_node_do_not_become_those_of_a_cluster(tmp_path: Path) -> None:
    with running_store(tmp_path) as process:
        alone = Store(process.url)
        migrate(alone)
        with pytest.raises(MigrationError, match="of one node"):
            migrate(alone, CLUSTER)
        alone.close()
