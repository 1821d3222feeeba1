"""Read all accounts as lines of JSON, as of one moment, and write them back.

It works on every database that the portal does, so what was read from one can be written to
another. Sessions and one-time links are left out: to bring them back would let somebody in whom
their owner has thrown out since; so are uploads, as their files are not in it. The one invariant:
what is written back replaces everything in one transaction, so that whatever happens there is the
old or the new, whole.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import batched
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    Connection,
    Date,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    func,
    insert,
    select,
    text,
)

from portal.data.requests import ask_orphans
from portal.database import Database, revisions
from portal.models import Base, Site, User

LEFT_OUT = frozenset({"user_sessions", "one_time_links", "uploads"})
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AccountsDump:
    """An open dump: the schema's revision, the tables in order, the highest ids ever given."""

    connection: Connection
    revision: str
    tables: tuple[str, ...]
    last_ids: Mapping[str, int]

    def lines(self, name: str) -> Iterator[bytes]:
        """Read a table, one row a line."""
        table = Base.metadata.tables[name]
        query = select(table).order_by(*table.primary_key.columns)
        for row in self.connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
            values = {column: _plain(value) for column, value in row._asdict().items()}
            yield orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@contextmanager
def open_dump(database: Database) -> Iterator[AccountsDump]:
    """Open one transaction that sees one moment, for a block; the database is at its newest."""
    with database.one_moment() as connection:
        tables = [t.name for t in Base.metadata.sorted_tables if t.name not in LEFT_OUT]
        yield AccountsDump(connection, revisions()[-1], tuple(tables), _last_ids(connection))


def _last_ids(connection: Connection) -> dict[str, int]:
    """Tell the highest id that each numbered table ever gave, as far as the database knows."""
    found = {}
    for table in Base.metadata.sorted_tables:
        if "id" not in table.c or table.name in LEFT_OUT:
            continue
        highest = connection.scalar(select(func.max(table.c.id))) or 0
        found[table.name] = max(highest, _given(connection, table.name))
    return {name: number for name, number in found.items() if number}


def _given(connection: Connection, name: str) -> int:
    if connection.dialect.name == "postgresql":
        query = text("select pg_sequence_last_value(pg_get_serial_sequence(:name, 'id')::regclass)")
        return int(connection.scalar(query, {"name": name}) or 0)
    query = text("select seq from sqlite_sequence where name = :name")
    return int(connection.scalar(query, {"name": name}) or 0)


def load(
    database: Database,
    revision: str,
    last_ids: Mapping[str, int],
    read: Callable[[str], Iterable[bytes]],
    names: Iterable[str],
) -> None:
    """Replace all accounts by a dump; ``read`` gives the lines of a table."""
    with database.replacing(revision) as connection:
        metadata = MetaData()
        metadata.reflect(connection, resolve_fks=False)
        _keep_nothing_as_null(metadata)
        for name in names:
            table = metadata.tables[name]
            for lines in batched(read(name), _ROWS_AT_ONCE):
                rows = [_row(table, orjson.loads(line)) for line in lines]
                connection.execute(insert(table), rows)
        for name, number in last_ids.items():
            _give_from(connection, name, number)


def _keep_nothing_as_null(metadata: MetaData) -> None:
    """Let None be SQL's NULL in a JSON column that may have none, as our models do."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=bool(column.nullable))


def _row(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    return {name: _typed(table.c[name].type, value) for name, value in values.items()}


def _typed(kind: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return base64.b64decode(value) if isinstance(kind, LargeBinary) else value


def _give_from(connection: Connection, name: str, number: int) -> None:
    """Let the next row of a table get a higher id than any that was ever given."""
    given = {"name": name, "number": number}
    if connection.dialect.name == "postgresql":
        query = text("select setval(pg_get_serial_sequence(:name, 'id'), :number)")
        connection.execute(query, given)
        return
    # SQLite counts so only for tables made with AUTOINCREMENT; the others use what is free.
    numbered = text("select sql like '%AUTOINCREMENT%' from sqlite_master where name = :name")
    if connection.scalar(numbered, {"name": name}):
        connection.execute(text("delete from sqlite_sequence where name = :name"), given)
        connection.execute(text("insert into sqlite_sequence values (:name, :number)"), given)


def what_is_here(database: Database) -> list[str]:
    """Name what a restore would replace."""
    with database.reading() as session:
        kinds = {"accounts": select(User.id), "sites": select(Site.id)}
        return [name for name, ids in kinds.items() if session.scalar(ids.limit(1))]


def mark_orphans(database: Database, site_ids: set[int], now: datetime) -> list[int]:
    """Let the numbers of sites that are not here be erased; return which those are."""
    with database.writing() as session:
        orphans = sorted(site_ids - set(session.scalars(select(Site.id))))
        for site_id in orphans:
            ask_orphans(session, site_id, now)
    return orphans
