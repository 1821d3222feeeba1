"""The schema for a cluster: every statement of it, read by the engine. No cluster is run here."""

import re

import pytest

from store.client import Store
from store.clustered import ClusterError, check_cluster, clustered
from store.migrate import check_window, read_migrations

STATEMENTS = [
    (migration.name, statement)
    for migration in read_migrations()
    for statement in migration.statements
]
CREATING = [pair for pair in STATEMENTS if "create table" in pair[1]]


def test_without_a_cluster_nothing_changes() -> None:
    assert [clustered(statement, "") for _, statement in STATEMENTS] == [[s] for _, s in STATEMENTS]


@pytest.mark.parametrize(("name", "statement"), STATEMENTS)
def test_the_engine_reads_every_statement(store: Store, name: str, statement: str) -> None:
    """Its parser, that is: what a cluster would do with it is not shown."""
    for written in clustered(statement, "analytics"):
        tree = "\n".join(row[0] for row in store.query(f"explain ast {written}"))
        assert "CreateQuery" in tree or "AlterQuery" in tree, name
        ((formatted,),) = store.query("select formatQuery({sql:String})", {"sql": written})
        assert "ON CLUSTER analytics" in formatted.replace("'", ""), name


@pytest.mark.parametrize(("name", "statement"), CREATING)
def test_every_table_is_replicated_and_keeps_its_promises(name: str, statement: str) -> None:
    written, over = clustered(statement, "analytics")
    engine = re.search(r"^engine = (.*)", written, re.MULTILINE)
    assert engine is not None
    assert engine[1].startswith("Replicated"), name
    assert "non_replicated" not in written
    assert re.search(
        r"\bas (\w+_local)\nengine = Distributed\('analytics', .*, '\1', (\w+)\)", over
    )
    if "non_replicated_deduplication_window" in statement:
        defaults = {"replicated_deduplication_window": 1}
        assert check_window(name, written[written.index("Replicated") :], defaults) == []
    ours = re.sub(r"[^\n]*engine = [^\n]*|\bsettings [^\n]*", "", written.partition("(")[2])
    plain = re.sub(r"--[^\n]*\n", "", statement)
    theirs = re.sub(r"[^\n]*engine = [^\n]*|\bsettings [^\n]*", "", plain.partition("(")[2])
    assert ours == theirs, "columns and keys are those of one node"


def test_columns_of_an_engine_stay() -> None:
    (sessions,) = [s for name, s in CREATING if name == "0002_sessions.sql"]
    written, over = clustered(sessions, "c")
    assert over.endswith("'sessions_local', site_id)")
    assert "ReplicatedVersionedCollapsingMergeTree('/clickhouse/tables/{shard}/" in written
    assert "'{replica}', sign, version)" in written


@pytest.mark.parametrize(
    "statement", ["drop table events", "create table if not exists t (a Int8)\nengine = Memory"]
)
def test_what_is_not_known_is_an_error(statement: str) -> None:
    with pytest.raises(ClusterError):
        clustered(statement, "c")


@pytest.mark.parametrize("name", ["a b", "a'; drop table events; --", "é", "x" * 65])
def test_a_name_cannot_be_anything(name: str) -> None:
    with pytest.raises(ClusterError):
        check_cluster(name)
    with pytest.raises(ClusterError):
        clustered(STATEMENTS[0][1], name)
