"""The schema for a ClickHouse cluster: the same statements, for shards of replicas.

Each table becomes two: ``events_local``, replicated within its shard and named by macros that every
server defines (``{shard}``, ``{replica}``), and ``events``, which is ``Distributed`` over them. So
everybody reads and writes the names of one node. All rows of a site are on one shard: what asks for
visits of events needs no other (``SETTINGS`` make each shard ask itself). It only rewrites text;
``store.migrate`` runs it, ``store.deleting`` deletes. The one invariant: a statement that is not
understood is an error and never runs as it was.
"""

import re
from collections.abc import Mapping
from typing import Any

LOCAL = "_local"
"""What the name of a table has behind it that holds rows of one shard."""
SETTINGS: Mapping[str, Any] = {
    # An insert returns when each shard has its rows, under the token of the whole.
    "distributed_foreground_insert": 1,
    # A site's rows are on one shard, so each shard's answer to a question within one is its own.
    "distributed_product_mode": "local",
    "optimize_skip_unused_shards": 1,
    # What is skipped is not trusted further: sums of several shards are always added up.
    "optimize_distributed_group_by_sharding_key": 0,
    # Who writes reads at the same replica as long as there is one: it has what was written.
    "load_balancing": "in_order",
    # A SELECT that is stored goes the way of an INSERT.
    "parallel_distributed_insert_select": 0,
}
"""Settings of every statement over tables of a cluster."""
_KEYS = {"batches": "shard", "schema_migrations": "number"}
"""By which column rows are given to shards, where they are of no site."""
_CLUSTER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TABLE = re.compile(
    r"\A(?P<act>create table if not exists|alter table)\s+(?P<name>\w+)", re.IGNORECASE
)
_ENGINE = re.compile(r"^engine = (?P<family>\w*MergeTree)(?:\((?P<columns>[^)]*)\))?", re.MULTILINE)
_PLACE = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window = (\d+)")
_WEEK_S = 604_800
_DISTRIBUTED = re.compile(r"Distributed\('([^']+)'")
_COMMENT = re.compile(r"--[^\n]*\n?")


class ClusterError(ValueError):
    """A name or a statement cannot be used for a cluster; the message says which."""


def check_cluster(name: str) -> str:
    """Check a cluster's name, which cannot be bound in a statement.

    Raises:
        ClusterError: It has other characters than names of clusters have.
    """
    if name and not _CLUSTER.fullmatch(name):
        raise ClusterError(f"{name!r} is no name of a cluster: letters, digits, _ . and - only")
    return name


def clustered(statement: str, cluster: str) -> list[str]:
    """Write a statement of the schema for a cluster; as it is where there is none.

    Raises:
        ClusterError: It is of a kind that is not known here.
    """
    if not cluster:
        return [statement]
    bare = _COMMENT.sub("", statement).strip()
    found = _TABLE.match(bare)
    if found is None:
        raise ClusterError(f"not known for a cluster: {bare.splitlines()[0]}")
    table = found["name"]
    on = f"on cluster '{check_cluster(cluster)}'"
    head = f"{found['act']} {table}{LOCAL} {on}"
    body = bare[found.end() :]
    is_new = found["act"].lower().startswith("create")
    if is_new:
        body, engines = _ENGINE.subn(_replicated, body)
        if engines != 1:
            raise ClusterError(f"table {found['name']} has no engine that can be replicated")
    name = "replicated_deduplication_window"
    window = rf"{name} = \1, {name}_seconds = {_WEEK_S}"
    # What is Distributed has the columns of what it stands before, so it is made anew with them.
    act = "create table if not exists" if is_new else "create or replace table"
    over = f"'{cluster}', currentDatabase(), '{table}{LOCAL}', {_KEYS.get(table, 'site_id')}"
    return [
        head + _WINDOW.sub(window, body),
        f"{act} {table} {on} as {table}{LOCAL}\nengine = Distributed({over})",
    ]


def cluster_of(engine_full: str) -> str:
    """Read of which cluster a table is, by its engine; empty: of none."""
    found = _DISTRIBUTED.match(engine_full)
    return found[1] if found else ""


def everywhere(cluster: str, table: str, *, replicas: bool = False) -> str:
    """Write from where a table of ``system`` is read for all shards, or for all replicas."""
    if not cluster:
        return table
    return f"{'clusterAllReplicas' if replicas else 'cluster'}('{check_cluster(cluster)}', {table})"


def _replicated(engine: re.Match[str]) -> str:
    columns = f", {engine['columns']}" if engine["columns"] else ""
    return f"engine = Replicated{engine['family']}({_PLACE}{columns})"
