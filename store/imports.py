"""The log of a site's imports: begun, added, removed; and how one is removed with its rows.

Rows of events are written by ``edge.importer``, rows of totals by ``statflow.totals``; questions
read totals in ``store.query.imported``. The one invariant: an import is known by one row of the log
and hidden by one, so nobody ever reads half of it, whatever dies in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from store.client import Store
from store.deleting import delete_rows
from store.dirty_days import mark_dirty

IMPORT_SHARD = 255
"""Stands for imports where live rows name their shard."""
_EPOCH = date(1970, 1, 1)
_DELETING = {"mutations_sync": 1}
_LOG = """
select import_id, any(kind), any(format), any(file), max(first_day), max(last_day), max(row_count),
    min(at), toBool(countIf(act = 'added') > 0), toBool(countIf(act = 'removed') > 0)
from imports where site_id = {site_id:UInt32}
group by import_id order by min(at), import_id
"""


class Kind(StrEnum):
    """What an import is made of."""

    EVENTS = "events"
    TOTALS = "totals"


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a site; ``first`` and ``last`` are local days, ``rows`` events or totals.

    ``complete`` says that it was finished, ``removed`` that its rows are gone or going.
    """

    site_id: int
    id: int
    kind: Kind
    format: str
    file: str
    first: date
    last: date
    rows: int
    at: datetime
    complete: bool
    removed: bool = False

    @property
    def name(self) -> str:
        """Write the id as people are told it."""
        return f"{self.id:016x}"


def list_imports(store: Store, site_id: int) -> list[Import]:
    """List a site's imports that were not removed, the oldest first.

    Raises:
        StoreUnavailable, StoreError: They cannot be read.
    """
    return [found for found in _every_import(store, site_id) if not found.removed]


def find_import(store: Store, site_id: int, name: str) -> Import | None:
    """Find one by its name, removed or not."""
    every = _every_import(store, site_id)
    return next((found for found in every if found.name == name.lower()), None)


def _every_import(store: Store, site_id: int) -> list[Import]:
    rows = store.query(_LOG, {"site_id": site_id})
    return [Import(site_id, number, Kind(kind), *known) for number, kind, *known in rows]


def count_removed(store: Store, site_id: int, digest: str) -> int:
    """Count how often imports of a file with this digest were removed: its epoch."""
    sql = (
        "select uniqExact(import_id) from imports"
        " where site_id = {site_id:UInt32} and digest = {digest:String} and act = 'removed'"
    )
    return int(store.query(sql, {"site_id": site_id, "digest": digest})[0][0])


def is_added(store: Store, site_id: int, digest: str) -> int | None:
    """Return the id of the import that brought a file in and is still there."""
    sql = (
        "select import_id from imports"
        " where site_id = {site_id:UInt32} and digest = {digest:String} group by import_id"
        " having countIf(act = 'added') > 0 and countIf(act = 'removed') = 0"
    )
    rows = store.query(sql, {"site_id": site_id, "digest": digest})
    return int(rows[0][0]) if rows else None


def note_import(
    store: Store, act: str, found: Import, digest: str, holds: Iterable[str] = ()
) -> None:
    """Write one row of the log; the same act of the same import is noted once."""
    row: dict[str, Any] = {
        "site_id": found.site_id,
        "import_id": found.id,
        "act": act,
        "kind": found.kind.value,
        "format": found.format,
        "file": found.file,
        "digest": digest,
        "first_day": (found.first - _EPOCH).days,
        "last_day": (found.last - _EPOCH).days,
        "row_count": found.rows,
        "holds": sorted(holds),
    }
    columns = {name: [value] for name, value in row.items()}
    store.insert("imports", columns, token=f"import-{found.site_id}-{found.name}-{act}")


def remove_import(store: Store, found: Import) -> None:
    """Remove an import: hide it at once, then delete its rows. May be repeated.

    Raises:
        StoreUnavailable, StoreError: Not done; the same call goes on from here.
    """
    params = {"site_id": found.site_id, "import_id": found.id}
    digest = str(store.query(_DIGEST, params)[0][0])
    note_import(store, "removed", found, digest)
    if found.kind is Kind.TOTALS:
        _delete(store, "imported_totals", "import_id = {import_id:UInt64}", params)
        return
    params["shard"] = IMPORT_SHARD
    days = {(found.site_id, (day - _EPOCH).days) for (day,) in store.query(_TOUCHED, params) if day}
    mark_dirty(store, days)
    for table in ("events", "signals", "sessions"):
        _delete(store, table, _OWN, params)
    mark_dirty(store, days)
    delete_rows(store, "batches", _OWN, params, settings=_DELETING)


_DIGEST = """
select any(digest) from imports
where site_id = {site_id:UInt32} and import_id = {import_id:UInt64}
"""
_OWN = "shard = {shard:UInt8} and generation = {import_id:UInt64}"
_TOUCHED = f"select distinct local_day from events where site_id = {{site_id:UInt32}} and {_OWN}"  # noqa: S608


def _delete(store: Store, table: str, condition: str, params: dict[str, Any]) -> None:
    where = f"site_id = {{site_id:UInt32}} and {condition}"
    delete_rows(store, table, where, params, settings=_DELETING)
