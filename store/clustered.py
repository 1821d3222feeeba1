"""The schema for a ClickHouse cluster: the same statements, with replicated tables on every node.

A cluster here is one shard of several replicas, each of which has everything: what one stores the
others fetch, and any of them answers. Tables are named by macros that every server of a cluster
defines (``{shard}``, ``{replica}``). It only rewrites text; ``store.migrate`` runs it. The one
invariant: a statement that is not understood is an error and never runs as it was.
"""

import re

_CLUSTER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TABLE = re.compile(
    r"\A(?P<act>create table if not exists|alter table)\s+(?P<name>\w+)", re.IGNORECASE
)
_ENGINE = re.compile(r"^engine = (?P<family>\w*MergeTree)(?:\((?P<columns>[^)]*)\))?", re.MULTILINE)
_PLACE = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window = (\d+)")
_WEEK_S = 604_800
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


def clustered(statement: str, cluster: str) -> str:
    """Write a statement of the schema for a cluster; the same one where there is none.

    Raises:
        ClusterError: It is of a kind that is not known here.
    """
    if not cluster:
        return statement
    bare = _COMMENT.sub("", statement).strip()
    found = _TABLE.match(bare)
    if found is None:
        raise ClusterError(f"not known for a cluster: {bare.splitlines()[0]}")
    head = f"{found['act']} {found['name']} on cluster '{check_cluster(cluster)}'"
    body = bare[found.end() :]
    if found["act"].lower().startswith("create"):
        body, engines = _ENGINE.subn(_replicated, body)
        if engines != 1:
            raise ClusterError(f"table {found['name']} has no engine that can be replicated")
    name = "replicated_deduplication_window"
    window = rf"{name} = \1, {name}_seconds = {_WEEK_S}"
    return head + _WINDOW.sub(window, body)


def _replicated(engine: re.Match[str]) -> str:
    columns = f", {engine['columns']}" if engine["columns"] else ""
    return f"engine = Replicated{engine['family']}({_PLACE}{columns})"
