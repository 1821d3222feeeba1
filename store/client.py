"""The one door to ClickHouse: queries with bound parameters, and inserts that count once.

Wraps clickhouse-connect over HTTP, the same for a server and for the embedded store process. It
builds no SQL (that is ``store.query``) and knows no table. Every insert carries a deduplication
token, goes as one block and is checked against the count that comes back. The invariant: ``insert``
returns only when every row is stored, by this call or by an earlier one with the same token.

Times: ``DateTime64(3)`` columns take Unix milliseconds and ``Date`` columns days since 1970-01-01,
both as ints: several times faster than datetimes, and exact. Queries return aware datetimes.
"""

import logging
import re
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver import options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    DataError,
    OperationalError,
)
from clickhouse_connect.driver.exceptions import Error as DriverError
from clickhouse_connect.driver.insert import InsertContext

from store import tracing
from store.clustered import SETTINGS, cluster_of

# The driver imports pandas and numpy at the first insert to see whether it is given a data frame or
# an array: seconds and 60 MB for questions whose answer is no. chdb brings both, so they are there
# to be found.
options.pd = None
options.np = None

# It logs what it raises, with a trace, for each column that does not fit; callers tell it once.
logging.getLogger("clickhouse_connect.driver.transform").setLevel(logging.CRITICAL)

MAX_INSERT_ROWS = 100_000
CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 150

NO_SUCH_COLUMN = 16
UNKNOWN_TABLE = 60

_PASSING = frozenset(
    {
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: the server is going down
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY: a replica without its keeper
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT: the token makes a repeat safe
        373,  # SESSION_IS_LOCKED
        394,  # QUERY_WAS_CANCELLED: somebody stopped it, or the server is going down
        439,  # CANNOT_SCHEDULE_TASK
        999,  # KEEPER_EXCEPTION
    }
)
"""Codes that say something of the moment, not of the statement. Source: ClickHouse ErrorCodes."""

_OF_THE_DATA = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        395,  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
        407,  # DECIMAL_OVERFLOW
        469,  # VIOLATED_CONSTRAINT
    }
)
"""Codes by which an insert says that rows of it are wrong. Those that a line cut off also gives
(32, 33: the data ended too early) are left out. Source: ClickHouse ErrorCodes."""

_ONE_BLOCK: Mapping[str, Any] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    # Blocks of one request are joined up to so many rows whatever their bytes: one token, one part
    # a partition, all or nothing.
    "min_insert_block_size_rows": 1_048_449,
    "min_insert_block_size_bytes": 0,
}
_DRIVER_PREFIX = re.compile(r"^Received ClickHouse exception, code: \d+, server response: ")
_BAD_VALUE = (TypeError, ValueError, AttributeError, OverflowError, struct.error)
"""What the driver's encoders raise, as it is, for a value of the wrong kind."""
_STATUS = re.compile(r"HTTP status (\d{3})")


class StoreUnavailable(Exception):  # noqa: N818 - names a state of the store, not a mistake
    """The store cannot be reached or is overloaded; the same call may succeed later."""


class StoreError(Exception):
    """The statement or its data is wrong; the same call will fail again.

    ``code`` is ClickHouse's, 0 where there is none.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class DataRefused(StoreError):  # noqa: N818 - names what became of the rows.
    """Rows of an insert are wrong, and none was stored; without those rows it would be taken."""


class Store:
    """A ClickHouse database by URL: ``http://user:secret@127.0.0.1:8123/database``.

    Construction does no I/O. Any thread may call it; each gets a client of its own at first use.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a store's URL is http://user:secret@host:port/database")
        self._options: dict[str, Any] = {
            "interface": parts.scheme,
            "host": parts.hostname,
            "port": parts.port or (8443 if parts.scheme == "https" else 8123),
            "username": unquote(parts.username or "default"),
            "password": unquote(parts.password or ""),
            "database": unquote(parts.path.strip("/")) or "default",
            "autogenerate_session_id": False,
            "tz_mode": "aware",
            "compress": parts.hostname not in {"127.0.0.1", "::1", "localhost"},
            "connect_timeout": CONNECT_TIMEOUT_S,
            "send_receive_timeout": ANSWER_TIMEOUT_S,
            "show_clickhouse_errors": "scrub",
        }
        self._cluster: str | None = None
        self._own = threading.local()
        self._types: dict[str, dict[str, ClickHouseType]] = {}

    @property
    def cluster(self) -> str:
        """The cluster whose tables these are, as they say themselves; empty: one node."""
        if self._cluster is None:
            with _told_apart():
                self._client()
        return self._cluster or ""

    def use_cluster(self, name: str) -> None:
        """Ask and write as a cluster needs it, whose tables may not be there yet."""
        self._cluster = name
        self.close()

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run a SELECT and return all of its rows.

        ``params`` are bound by the server to ``{name:Type}`` in ``sql``.

        Raises:
            StoreUnavailable: Try again later.
            StoreError: The statement is wrong, or passed a limit.
        """
        with _told_apart():
            result = self._client().query(
                sql, parameters=dict(params or {}), settings=dict(settings or {})
            )
            return cast("list[tuple[Any, ...]]", list(result.result_rows))

    def stream(
        self, sql: str, params: Mapping[str, Any] | None, form: str, *, piece_bytes: int = 1 << 18
    ) -> Iterator[bytes]:
        """Run a SELECT and give its rows as bytes of a format of ClickHouse's, as they come.

        Raises:
            StoreUnavailable: Try again later.
            StoreError: The statement is wrong, or passed a limit.
        """
        with _told_apart():
            answer: Any = self._client().raw_stream(sql, parameters=dict(params or {}), fmt=form)
            try:
                while piece := answer.read(piece_bytes):
                    yield piece
            finally:  # Who reads no further must not leave the rest for the next question.
                answer.close()

    def command(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a statement without rows, or with a single value, which is returned.

        Raises:
            StoreUnavailable: Try again later.
            StoreError: The statement is wrong, or passed a limit.
        """
        with _told_apart():
            return self._client().command(
                sql, parameters=dict(params or {}), settings=dict(settings or {})
            )

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], *, token: str) -> int:
        """Store rows given by column, exactly once for each ``token``; return how many were sent.

        Columns left out take their default. Values: ints for integers, Unix milliseconds for
        ``DateTime64(3)``, days since 1970-01-01 for ``Date``, bool or 0/1 for ``Bool``, ``str`` for
        strings, LowCardinality or not, ``dict[str, str]`` for ``Map(String, String)``. One column
        is of one type throughout: ints and datetimes in one column are an error.

        The engine counts the rows it took in before it looks at the token, so a repeat answers the
        full count, as measured in process and as ClickHouse issue 60423 says of a server; one that
        counted afterwards would answer 0 for a block it knew. Anything between is a partial write
        and an error.

        Raises:
            StoreUnavailable: Outcome unknown or nothing stored; repeat it with the same token.
            DataRefused: A row does not fit its table.
            StoreError: The table is not as expected, or fewer rows were taken than sent.
        """
        rows = _count_rows(columns)
        if rows == 0:
            return 0
        with (
            tracing.span("store.insert", table=table, rows=rows),
            _told_apart(inserting=True),
        ):
            client, types = self._client(), self._column_types(table, list(columns))
            try:
                context = client.create_insert_context(
                    table,
                    list(columns),
                    column_types=types,
                    column_oriented=True,
                    settings={**_ONE_BLOCK, "insert_deduplication_token": token},
                    data=list(columns.values()),
                )
                written = _send(client, context)
            except DatabaseError:
                self._types.pop(table, None)
                raise
            except _BAD_VALUE as error:
                message = f"{table}: a value does not fit its column: {error}"
                raise DataRefused(0, message) from error
        return self._counted(table, rows, written)

    def insert_lines(self, table: str, columns: Sequence[str], body: bytes, *, token: str) -> int:
        """Store rows written as ClickHouse's TabSeparated, as ``insert`` does; return how many.

        Raises:
            StoreUnavailable: Outcome unknown or nothing stored; repeat it with the same token.
            StoreError: A row does not fit its table, or fewer rows were taken than sent.
        """
        rows = body.count(b"\n")
        settings = {
            **_ONE_BLOCK,
            "insert_deduplication_token": token,
            "input_format_parallel_parsing": 0,
        }
        with _told_apart(inserting=True):
            summary = self._client().raw_insert(
                table, list(columns), body, settings=settings, fmt="TabSeparated"
            )
        return self._counted(table, rows, summary.summary.get("written_rows"))

    def _counted(self, table: str, rows: int, written: str | None) -> int:
        """Compare what was sent with what the answer says; a cluster counts its own shard twice."""
        most = 2 * rows if self._cluster else rows
        if written is None or (int(written) and not rows <= int(written) <= most):
            raise StoreError(0, f"{table}: {rows} rows sent, {written or 'no count'} written")
        return rows

    def ping(self) -> bool:
        """Whether the store answers; never raises."""
        try:
            with _told_apart():
                return self._client().ping()
        except (StoreUnavailable, StoreError):
            return False

    def close(self) -> None:
        """Close the calling thread's connections. The store can be used again."""
        client: Client | None = self._own.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def _client(self) -> Client:
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = clickhouse_connect.get_client(**self._options)
            if self._cluster is None:
                self._cluster = _find_cluster(client)
            if self._cluster:
                for name, value in SETTINGS.items():
                    client.set_client_setting(name, value)
            self._own.client = client
        return client

    def _column_types(self, table: str, names: Sequence[str]) -> list[ClickHouseType]:
        """Return the columns' types, asked for once a table and forgotten when an insert fails."""
        known = self._types.get(table)
        if known is None:
            rows = self.query(
                "select name, type from system.columns"
                " where database = currentDatabase() and table = {table:String}",
                {"table": table},
            )
            if not rows:
                raise StoreError(UNKNOWN_TABLE, f"There is no table {table}")
            known = self._types[table] = {name: get_from_name(kind) for name, kind in rows}
        unknown = [name for name in names if name not in known]
        if unknown:
            self._types.pop(table, None)
            raise StoreError(NO_SUCH_COLUMN, f"{table} has no column {', '.join(unknown)}")
        return [known[name] for name in names]


def _find_cluster(client: Client) -> str | None:
    """Tell of which cluster the tables are; None where there are none yet."""
    rows = client.query(
        "select engine_full from system.tables"
        " where database = currentDatabase() and name = 'events'"
    ).result_rows
    return cluster_of(str(rows[0][0])) if rows else None


def _send(client: Client, context: InsertContext) -> str | None:
    """Insert what the context holds, and take it away from there; return the count told."""
    try:
        written: str | None = client.data_insert(context).summary.get("written_rows")
    finally:
        # A context holds a method of its own: a cycle, and in it all rows until a collection.
        vars(context).clear()
    return written


def _count_rows(columns: Mapping[str, Sequence[Any]]) -> int:
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1:
        raise StoreError(0, f"The columns differ in length: {sorted(counts)}")
    rows = counts.pop()
    if rows > MAX_INSERT_ROWS:
        raise StoreError(0, f"{rows} rows are more than one block of {MAX_INSERT_ROWS}")
    return rows


@contextmanager
def _told_apart(*, inserting: bool = False) -> Iterator[None]:
    """Turn the driver's exceptions into the kinds a caller must tell apart."""
    try:
        yield
    except (ClickHouseError, DriverError) as error:
        code = getattr(error, "code", None)
        message = _DRIVER_PREFIX.sub("", str(error))
        if code in _PASSING or (code is None and _is_transport_trouble(error)):
            raise StoreUnavailable(message) from error
        is_of_the_data = code in _OF_THE_DATA or isinstance(error, DataError)
        kind = DataRefused if inserting and is_of_the_data else StoreError
        raise kind(code or 0, message) from error


def _is_transport_trouble(error: Exception) -> bool:
    """Whether an error without ClickHouse's code came from the line, a proxy or a dying server."""
    found = _STATUS.search(str(error))
    return isinstance(error, OperationalError) or (found is not None and found.group(1) >= "500")
