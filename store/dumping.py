"""Read all tables of a store as text, as of one moment of the events, and write them back.

A table becomes files of tab-separated lines, a month each where it has ``ts``. What can be made
again (rollups and what says of them) is left out; whoever restores gets it built anew.

As of one moment means: the visits are copied by one statement, which sees every batch of a shard
whole or not at all; the copy says how far each shard's stream had come (``cut``). Of the events and
signals only those up to there are taken, and a writer stores them before their visits, so all are
there. ``hits`` have no place in a stream: each month holds what was stored when it was read.

The one invariant: the store is only read, but for the copy, which is removed again; one that was
left behind by a process that was killed goes with the next dump.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from store.client import Store
from store.clustered import LOCAL
from store.migrate import LOCK_PREFIX, apply_migrations, migrate, read_migrations

MADE_AGAIN = frozenset({"rollups", "rollup_builds", "dirty_days", "schema_migrations"})
"""Tables that are not dumped: others give them again, or a migration does."""
COPY_PREFIX = "dump_"
FORMAT = "TabSeparated"
_POSITION = frozenset({"shard", "generation", "stream_ms", "stream_seq"})
_LONG = {"max_execution_time": 3_600}


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a dump: rows of a table, of a month (``202611``; 0: all) in ``columns``."""

    table: str
    month: int
    columns: tuple[str, ...]
    rows: int

    @property
    def name(self) -> str:
        """Name the file, without its folder."""
        return f"{self.table}-{self.month}.tsv" if self.month else f"{self.table}.tsv"


@dataclass(frozen=True, slots=True)
class Dump:
    """An open dump.

    ``difference`` is page views of visits less those of events: 0 unless somebody erased meanwhile.
    """

    store: Store
    copy: str
    pieces: tuple[Piece, ...]
    difference: int

    def lines(self, piece: Piece) -> Iterator[bytes]:
        """Read a piece as bytes of whole and partial lines."""
        columns = ", ".join(f"t.{name} as {name}" for name in piece.columns)
        source = _source(piece.table, frozenset(piece.columns), self.copy)
        sql = f"select {columns} from {source} and {{month:UInt32}} in (0, {_month(piece)})"  # noqa: S608
        yield from self.store.stream(sql, {"month": piece.month}, FORMAT)


def migrations_of(store: Store) -> dict[str, str]:
    """Read which migrations a store has had: checksum by number."""
    rows = store.query("select number, toString(checksum) from schema_migrations order by number")
    return {str(number): str(checksum) for number, checksum in rows}


@contextmanager
def open_dump(store: Store) -> Iterator[Dump]:
    """Copy the visits, and say what pieces there are to read, for a block.

    Raises:
        StoreUnavailable, StoreError: As the store says.
    """
    copy = f"{COPY_PREFIX}{secrets.token_hex(6)}"
    _remove_left_behind(store)
    try:
        store.command(
            f"create table {copy} engine = MergeTree order by (shard, generation)"  # noqa: S608
            " as select * from sessions final",
            settings=_LONG,
        )
        pieces = tuple(_pieces(store, copy))
        yield Dump(store, copy, pieces, _difference(store, copy))
    finally:
        store.command(f"drop table if exists {copy} sync")


def _pieces(store: Store, copy: str) -> Iterator[Piece]:
    for table, columns in sorted(_columns(store).items()):
        source = _source(table, frozenset(columns), copy)
        month = f"toYYYYMM(t.{_clock(columns)})" if _clock(columns) else "0"
        rows = store.query(
            f"select {month} as month, count() from {source} group by month order by month",  # noqa: S608
            settings=_LONG,
        )
        for found, count in rows:
            if count:
                yield Piece(table, int(found), columns, int(count))


def _columns(store: Store) -> dict[str, tuple[str, ...]]:
    """List the columns that each table to be dumped is filled through."""
    rows = store.query(
        "select table, groupArray(name) from (select table, name from system.columns"
        " where database = currentDatabase() and default_kind not in ('MATERIALIZED', 'ALIAS')"
        " and not startsWith(table, {lock:String}) and not startsWith(table, {copy:String})"
        " and not endsWith(table, {local:String}) order by table, position) group by table",
        {"lock": LOCK_PREFIX, "copy": COPY_PREFIX, "local": LOCAL},
    )
    return {table: tuple(names) for table, names in rows if table not in MADE_AGAIN}


def _clock(columns: tuple[str, ...]) -> str:
    return next((name for name in ("ts", "anchor") if name in columns), "")


def _month(piece: Piece) -> str:
    clock = _clock(piece.columns)
    return f"toYYYYMM(t.{clock})" if clock else "0"


def _source(table: str, columns: frozenset[str], copy: str) -> str:
    """Write FROM and WHERE of a table's rows, up to the cut where they have a place in a stream."""
    if table == "sessions":
        return f"{copy} as t where true"
    place = ""
    if columns >= _POSITION and table != "erasures":
        place = "(t.stream_ms, t.stream_seq)"
    elif table == "batches":
        place = "(t.first_ms, t.first_seq)"
    if not place:
        return f"{table} as t where true"
    cut = (
        "select shard, generation, max((last_stream_ms, last_stream_seq)) as upto"  # noqa: S608
        f" from {copy} group by shard, generation"
    )
    return (
        f"{table} as t inner join ({cut}) as cut"
        f" on t.shard = cut.shard and t.generation = cut.generation where {place} <= cut.upto"
    )


def _difference(store: Store, copy: str) -> int:
    source = _source("events", _POSITION, copy)
    ((views, seen),) = store.query(
        f"select (select sum(pageviews) from {copy}),"  # noqa: S608
        f" (select count() from {source} and t.name = 'pageview')",
        settings=_LONG,
    )
    return int(views or 0) - int(seen or 0)


def _remove_left_behind(store: Store) -> None:
    rows = store.query(
        "select name from system.tables where database = currentDatabase()"
        " and startsWith(name, {copy:String})"
        " and metadata_modification_time < now() - interval 1 day",
        {"copy": COPY_PREFIX},
    )
    for (name,) in rows:
        store.command(f"drop table if exists {name} sync")


def holds_numbers(store: Store) -> bool:
    """Tell whether a store has any row that a dump would have."""
    return any(
        store.query(f"select 1 from {table} limit 1")  # noqa: S608 - the store's own names
        for table in _columns(store)
    )


def unknown_migrations(had: dict[str, str]) -> list[str]:
    """List migrations of a dump that this release does not have, or has otherwise."""
    known = {str(migration.number): migration.checksum for migration in read_migrations()}
    return [number for number, checksum in had.items() if known.get(number) != checksum]


def empty_at(store: Store, had: dict[str, str]) -> None:
    """Remove every table of ours, and make those of a dump's migrations."""
    rows = store.query("select name from system.tables where database = currentDatabase()")
    for (name,) in rows:
        store.command(f"drop table if exists {name} sync")
    numbers = {int(number) for number in had}
    apply_migrations(store, [m for m in read_migrations() if m.number in numbers | {0}])


def finish(store: Store) -> None:
    """Bring a store that was filled up to this release."""
    migrate(store)
