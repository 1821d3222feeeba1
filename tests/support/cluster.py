"""What a cluster of two shards is without a second server: one engine that plays both.

The engine has a cluster of two shards that are itself; the second is given no rows. So statements
are planned and written as over shards, and a question that asks a shard too many counts twice.
There is no keeper: ``on cluster`` and ``Replicated`` are taken out of what is run. Not shown: the
network, replicas, rows on two shards.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from store.client import Store
from tests.support.store_process import running_store

CLUSTER = "analytics"
_SHARD = (
    "<shard><weight>{weight}</weight><internal_replication>true</internal_replication>"
    "<replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
)
_CONFIG = (
    f"<clickhouse><tcp_port>9000</tcp_port><remote_servers><{CLUSTER}>"
    f"{_SHARD.format(weight=1)}{_SHARD.format(weight=0)}"
    f"</{CLUSTER}></remote_servers></clickhouse>"
)


class ClusterStore(Store):
    """A store whose statements lose what only a keeper can do."""

    def command(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Any:
        if sql.startswith("system sync replica"):
            return None
        sql = sql.replace(f" on cluster '{CLUSTER}'", "")
        sql = re.sub(r"Replicated(\w+)\('[^']*', '[^']*'(?:, )?", r"\1(", sql)
        sql = re.sub(r" (replicated_deduplication_window =)", r" non_\1", sql)
        sql = re.sub(r", replicated_deduplication_window_seconds = \d+", "", sql)
        return super().command(sql, params, settings=settings)


@contextmanager
def running_cluster(folder: Path) -> Iterator[ClusterStore]:
    """Run a store process that is a cluster to itself, for the time of a block; without tables."""
    merged = folder / "engine.d"
    merged.mkdir(parents=True)
    (merged / "cluster.xml").write_text(_CONFIG)
    with running_store(folder) as process:
        store = ClusterStore(process.url)
        yield store
        store.close()
