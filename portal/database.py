"""The portal's database: engine, transactions and migrations, on SQLite and on PostgreSQL.

It knows nothing of the tables' meaning; every transaction that may write is watched by the record
of changes (``portal.audit.recording``). The one invariant: on SQLite every transaction that may
write takes the write lock at its start, so that processes beside each other (a command next to a
running portal) wait for one another instead of failing in the middle.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, create_engine, event, make_url, text
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from portal.audit.actors import COMMAND, Actor
from portal.audit.recording import watch

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_TIMEOUT_MS = 15_000
_MIGRATION_LOCK = 5_417_032_519_011
"""Key of PostgreSQL's advisory lock; any number that nobody else uses."""


class ReadOnlyError(Exception):
    """This portal only reads; the message says so to a person."""


class DatabaseAwayError(Exception):
    """The accounts database does not answer; the message says so to a person."""


class DatabaseNewerError(Exception):
    """A newer release has migrated the accounts database; the message says so to a person."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Database:
    """One engine for a process, and the two kinds of transaction; ``acting`` tells who writes.

    With ``read_only`` nothing is ever written, as beside a replica that could not take it.
    """

    def __init__(
        self,
        url: str,
        acting: Callable[[], Actor] = lambda: COMMAND,
        now: Callable[[], datetime] = _utc_now,
        *,
        read_only: bool = False,
    ) -> None:
        self.engine = _open(make_url(url), read_only=read_only)
        self.read_only = read_only
        self._acting = acting
        self._now = now

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads; whatever it changed is thrown away."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that commits when the block ends well.

        Raises:
            ReadOnlyError: This process only reads.
        """
        if self.read_only:
            raise ReadOnlyError("This portal only shows; nothing can be changed here.")
        engine = self.engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session:
            watch(session, self._acting, self._now)
            with session.begin():
                yield session

    @contextmanager
    def one_moment(self) -> Iterator[Connection]:
        """Open a transaction that only reads, and sees one moment however long it lasts."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self.engine.execution_options(**level).connect() as connection:
            yield connection

    def migrate(self, revision: str = "head") -> None:
        """Bring the tables to a revision; processes that start together take turns.

        Raises:
            DatabaseAwayError: The server does not answer.
            DatabaseNewerError: The tables are of a revision that this release does not have.
        """
        with self._migrating() as connection, _told_of_newer():
            config = _alembic_config(connection)
            if revision == "base" or revision.startswith("-"):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)

    @contextmanager
    def replacing(self, revision: str) -> Iterator[Connection]:
        """Replace all tables by those of a revision, which the block fills; then upgrade them.

        It is one transaction: until the block has ended well, nobody sees any of it.
        """
        with self._migrating() as connection:
            old = MetaData()
            old.reflect(connection)
            old.drop_all(connection)
            config = _alembic_config(connection)
            command.upgrade(config, revision)
            yield connection
            command.upgrade(config, "head")

    @contextmanager
    def _migrating(self) -> Iterator[Connection]:
        self._meet()
        with self.engine.execution_options(writes=True).begin() as connection:
            if not self.is_sqlite:
                connection.execute(
                    text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                )
            yield connection

    def _meet(self) -> None:
        """Connect once, so that a server that is away is one sentence.

        Raises:
            DatabaseAwayError: It is.
        """
        try:
            self.engine.connect().close()
        except OperationalError as error:
            why = str(error.orig).strip().partition("\n")[0]
            raise DatabaseAwayError(f"the accounts database does not answer: {why}") from None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of ours, and no server's."""
        return self.engine.dialect.name == "sqlite"

    def revision(self) -> str:
        """Tell the revision of the tables; empty where there are none.

        Raises:
            DatabaseAwayError: The server does not answer.
        """
        self._meet()
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""

    def ping(self) -> bool:
        """Tell whether the database answers."""
        with self.engine.connect() as connection:
            return connection.execute(text("select 1")).scalar() == 1

    def close(self) -> None:
        """Give every pooled connection back."""
        self.engine.dispose()


def revisions() -> list[str]:
    """List the revisions that this release knows, the oldest first."""
    script = ScriptDirectory(str(MIGRATIONS))
    return [step.revision for step in script.walk_revisions()][::-1]


def _alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _told_of_newer() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise DatabaseNewerError(
            "The accounts database was migrated by a newer release than this one."
            " Install that release; nothing was changed."
        ) from None


def _open(url: URL, *, read_only: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        options = {"options": "-c default_transaction_read_only=on"} if read_only else {}
        return create_engine(url, pool_pre_ping=True, connect_args=options)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _only_query if read_only else _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(raw: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Set the pragmas, and leave BEGIN to us: the driver's own comes too late for the lock."""
    del entry
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
    _use_wal(cursor)
    cursor.execute("pragma synchronous = normal")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _only_query(raw: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Refuse every write; the journal stays as whoever writes has set it."""
    del entry
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("pragma query_only = on")
    cursor.close()


def _use_wal(cursor: DBAPICursor) -> None:
    """Switch to the write-ahead log; the busy timeout does not hold for it, so ask again."""
    deadline = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")
