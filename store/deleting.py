"""Delete rows: on one node, or in the tables of every shard of a cluster.

Where a cluster is, a condition is asked of the shard's own tables, which have all rows of a site.
Replicas first fetch what they lack, so that they delete the same. The one invariant: nothing is
taken for deleted before ``unfinished`` tells of nothing.
"""

import re
from collections.abc import Mapping
from typing import Any

from store.client import Store
from store.clustered import LOCAL, everywhere

_FROM = re.compile(r"\bfrom (\w+)")


def delete_rows(
    store: Store,
    table: str,
    where: str,
    params: Mapping[str, Any] | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Begin to delete rows; ``where`` may ask other tables.

    Raises:
        StoreUnavailable, StoreError: As the store says.
    """
    cluster = store.cluster
    if not cluster:
        store.command(f"alter table {table} delete where {where}", params, settings=settings)
        return
    for asked in sorted({table, *_FROM.findall(where)}):
        store.command(f"system sync replica on cluster '{cluster}' {asked}{LOCAL}")
    local = _FROM.sub(rf"from \1{LOCAL}", where)
    store.command(
        f"alter table {table}{LOCAL} on cluster '{cluster}' delete where {local}",
        params,
        settings=settings,
    )


def unfinished(store: Store, table: str) -> list[str]:
    """Tell why each deletion of a table that is under way has failed so far; empty: not yet.

    Raises:
        StoreUnavailable, StoreError: As the store says.
    """
    cluster = store.cluster
    rows = store.query(
        "select latest_fail_reason"  # noqa: S608 - a checked name.
        f" from {everywhere(cluster, 'system.mutations', replicas=True)}"
        " where database = currentDatabase() and table = {table:String} and not is_done",
        {"table": f"{table}{LOCAL}" if cluster else table},
    )
    return [str(reason) for (reason,) in rows]
