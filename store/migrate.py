"""Apply the numbered schema files to a store, once each, by one process at a time.

``store/schema/NNNN_*.sql`` are applied in order, forward only, and recorded with a checksum in
``schema_migrations``. A crash between a statement and its record is met by rule: every statement in
a file can be repeated (``if not exists``). It makes no database and changes no data. The invariant:
a file that has been applied never changes, and the tables are ``schema/snapshot.sql`` exactly.

The lock is ClickHouse's own catalogue, the same on a server and in the embedded store: whoever
migrates announces itself with a table of a name that is never used again, then looks for others. If
it sees one it withdraws and tries later; two cannot both miss each other, because creating a table
and listing tables are consistent within a server. An announcement whose time is over (its process
was killed) is dropped by whoever sees it; no name comes back, so nobody drops a living one. Times
are the server's.
"""

import hashlib
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

from store.client import Store
from store.clustered import LOCAL, check_cluster, cluster_of, clustered

LOCK_LIFE_S = 900
LOCK_WAIT_S = 60.0
LOCK_PREFIX = "migration_lock_"
MIN_WINDOW_PARTS = 10_000
MIN_WINDOW_S = 604_800
TOKEN_TABLES = ("events", "signals", "sessions", "batches", "erasures")
"""Tables that are written with deduplication tokens (INGESTION 3.5)."""

NEWER = "The store was migrated by a newer release than this one."
RUN_IT = "run statflow migrate"

_FILE = re.compile(r"(\d{4})_\w+\.sql")


class MigrationError(Exception):
    """The store cannot be migrated; the text says what an operator has to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One schema file."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The file's statements; each ends with a semicolon at the end of a line."""
        parts = re.split(r";[ \t]*(?:\n|$)", self.text)
        return [part.strip() for part in parts if _without_comments(part)]


def read_migrations() -> list[Migration]:
    """Read the schema files of this release, in order.

    Raises:
        MigrationError: Two files have one number.
    """
    found = [
        Migration(int(match.group(1)), path.name, path.read_text())
        for path in files("store").joinpath("schema").iterdir()
        if (match := _FILE.fullmatch(path.name))
    ]
    found.sort(key=lambda migration: migration.number)
    if len({migration.number for migration in found}) != len(found):
        raise MigrationError("two schema files have the same number")
    return found


def migrate(store: Store, cluster: str = "") -> list[str]:
    """Bring a store, or every node of its cluster, up to this release.

    Returns the names of the files applied now.

    Raises:
        MigrationError: An applied file has changed, or another migrate holds the lock.
        StoreUnavailable, StoreError: As the store says.
    """
    return apply_migrations(store, read_migrations(), cluster)


def apply_migrations(store: Store, migrations: list[Migration], cluster: str = "") -> list[str]:
    """Apply those of ``migrations`` that are not recorded yet, under the lock.

    The lock is of one node: whoever migrates a cluster does it through the same one.
    """
    _refuse_other_layout(store, check_cluster(cluster))
    if cluster:
        store.use_cluster(cluster)
    with _locked(store) as check_lock:
        _run(store, migrations[0], cluster, check_lock)
        applied = _read_applied(store)
        _refuse_newer(migrations, applied)
        pending = find_pending(migrations, applied)
        for migration in pending:
            _run(store, migration, cluster, check_lock)
            _record(store, migration)
    return [migration.name for migration in pending]


def _refuse_other_layout(store: Store, cluster: str) -> None:
    engine = _fetch_engines(store).get("events")
    found = cluster if engine is None else cluster_of(engine)
    if found == cluster:
        return
    if not found:
        raise MigrationError(
            "The tables are those of one node, and stay so: take the events by statflow export"
            " and import into a cluster that has no tables yet."
        )
    what = f", not {cluster}" if cluster else ""
    raise MigrationError(
        f"The tables are of cluster {found}{what}: set STATFLOW_CLICKHOUSE_CLUSTER={found}."
    )


def _run(store: Store, migration: Migration, cluster: str, check_lock: Callable[[], None]) -> None:
    for statement in migration.statements:
        for written in clustered(statement, cluster):
            check_lock()
            store.command(written)


def find_pending(migrations: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """Return what is not applied yet; ``applied`` is checksum by number.

    Raises:
        MigrationError: An applied file is not what it was.
    """
    for migration in migrations:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            message = (
                f"{migration.name} has changed since it was applied."
                " Restore the file, and put the change in a new one."
            )
            raise MigrationError(message)
    return [migration for migration in migrations if migration.number not in applied]


def require_tables(store: Store) -> None:
    """Refuse to serve from a store whose tables are not those of this release.

    Raises:
        MigrationError: They are older or newer, or not there.
        StoreUnavailable, StoreError: As the store says.
    """
    migrations = read_migrations()
    applied = _read_applied(store) if "schema_migrations" in _fetch_engines(store) else {}
    _refuse_newer(migrations, applied)
    if pending := find_pending(migrations, applied):
        names = ", ".join(migration.name for migration in pending)
        raise MigrationError(f"The store is of an older release ({names} not applied): {RUN_IT}.")


def _refuse_newer(migrations: list[Migration], applied: dict[int, str]) -> None:
    if max(applied, default=0) > migrations[-1].number:
        raise MigrationError(f"{NEWER} Install that release; nothing was changed.")


def check_tables(store: Store) -> list[str]:
    """Return what is wrong with a store's tables, one sentence each; empty if nothing is.

    Checks the migrations and the deduplication windows: too short a window and a batch that is
    sent again is counted again.
    """
    engines = _fetch_engines(store)
    if "schema_migrations" not in engines:
        return ["The store has no schema yet: run statflow migrate."]
    defaults = _fetch_defaults(store)
    problems = _check_migrations(read_migrations(), _read_applied(store))
    for table in TOKEN_TABLES:
        if table not in engines:
            problems.append(f"Table {table} is missing: run statflow migrate.")
        else:
            # A table over a cluster has no window; those that it stands before have.
            engine = engines.get(f"{table}{LOCAL}", engines[table])
            problems += check_window(table, engine, defaults)
    return problems


def check_window(table: str, engine_full: str, defaults: dict[str, int]) -> list[str]:
    """Judge one table's deduplication window by its engine clause and the server's defaults."""
    if engine_full.startswith(("Replicated", "Shared")):
        wanted = {
            "replicated_deduplication_window": MIN_WINDOW_PARTS,
            "replicated_deduplication_window_seconds": MIN_WINDOW_S,
        }
    else:
        wanted = {"non_replicated_deduplication_window": MIN_WINDOW_PARTS}
    problems = []
    for name, least in wanted.items():
        found = re.search(rf"\b{name} = (\d+)", engine_full)
        value = int(found.group(1)) if found else defaults.get(name, 0)
        if value < least:
            problems.append(f"Table {table}: {name} is {value}, it must be at least {least}.")
    return problems


def render_schema(store: Store) -> str:
    """Write the store's tables as SQL, in order of name: the form of ``schema/snapshot.sql``."""
    rows = store.query(
        "select formatQuery(create_table_query) from system.tables"
        " where database = currentDatabase() and not startsWith(name, {lock:String})"
        " order by name",
        {"lock": LOCK_PREFIX},
    )
    database = store.query("select currentDatabase()")[0][0]
    return "\n".join(f"{text.replace(f'TABLE {database}.', 'TABLE ', 1)};\n" for (text,) in rows)


def _check_migrations(migrations: list[Migration], applied: dict[int, str]) -> list[str]:
    try:
        pending = find_pending(migrations, applied)
    except MigrationError as error:
        return [str(error)]
    problems = [f"{migration.name} is not applied: run statflow migrate." for migration in pending]
    newest = max((migration.number for migration in migrations), default=0)
    if max(applied, default=0) > newest:
        problems.append(NEWER)
    return problems


def _read_applied(store: Store) -> dict[int, str]:
    rows = store.query("select number, toString(checksum) from schema_migrations")
    return {int(number): str(checksum) for number, checksum in rows}


def _record(store: Store, migration: Migration) -> None:
    columns: dict[str, list[int] | list[str]] = {
        "number": [migration.number],
        "name": [migration.name],
        "checksum": [migration.checksum],
    }
    store.insert("schema_migrations", columns, token=f"migration-{migration.name}")


def _fetch_engines(store: Store) -> dict[str, str]:
    sql = "select name, engine_full from system.tables where database = currentDatabase()"
    return {str(name): str(engine) for name, engine in store.query(sql)}


def _fetch_defaults(store: Store) -> dict[str, int]:
    names = "name like '%deduplication_window%'"
    sql = (
        f"select name, value from system.merge_tree_settings where {names}"  # noqa: S608 - constant
        f" union all select name, value from system.replicated_merge_tree_settings where {names}"
    )
    return {name: int(value) for name, value in store.query(sql) if value.isdecimal()}


@contextmanager
def _locked(store: Store) -> Iterator[Callable[[], None]]:
    """Hold the lock for a block; what is yielded raises once the lock has run out."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        name = f"{LOCK_PREFIX}{secrets.token_hex(8)}"
        until = time.monotonic() + LOCK_LIFE_S
        _announce(store, name)
        if not _others(store, name):
            break
        _withdraw(store, name)
        if time.monotonic() > deadline:
            raise MigrationError("another migrate is running; try again when it has ended")
        time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - keeps two waiters out of step

    def check_lock() -> None:
        if time.monotonic() > until:
            raise MigrationError(f"the migration took longer than {LOCK_LIFE_S} s; run it again")

    try:
        yield check_lock
    finally:
        _withdraw(store, name)


def _announce(store: Store, name: str) -> None:
    expires_at = store.query("select toUnixTimestamp(now())")[0][0] + LOCK_LIFE_S
    store.command(f"create table {name} (held UInt8) engine = Memory comment '{expires_at}'")


def _others(store: Store, own: str) -> list[str]:
    """Return the living announcements of others; drop the dead ones."""
    rows = store.query(
        "select name, toUInt64OrZero(comment) < toUnixTimestamp(now()) from system.tables"
        " where database = currentDatabase() and startsWith(name, {lock:String})"
        " and name != {own:String}",
        {"lock": LOCK_PREFIX, "own": own},
    )
    for name, is_over in rows:
        if is_over:
            _withdraw(store, name)
    return [name for name, is_over in rows if not is_over]


def _withdraw(store: Store, name: str) -> None:
    store.command(f"drop table if exists {name} sync")


def _without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text).strip()
