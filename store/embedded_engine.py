"""The embedded ClickHouse engine as the store process drives it: one folder, many short handles.

Every request has a chdb handle to itself, because settings, ``USE`` and results in progress belong
to a handle and a shared one runs one statement at a time (8.7 s against 0.07 s). Making one ready
costs 0.6 ms, so a read-only question leaves its handle to the next with the very same settings.
HTTP is ``embedded_http``'s. The invariant: a setting, database or failed statement of one request
is never seen by another, and a folder is open in one process only.

Memory: the engine counts towards ``memory_bytes`` as a whole and refuses (code 241) what would go
past it; one statement gets at most half. Results are streamed; only formats with a frame around
all rows (JSON, …) are built whole, up to ``WHOLE_RESULT_BYTES``.
"""

import fcntl
import os
import re
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

import chdb

from store import embedded_disk
from store.embedded_errors import ErrorCode, FaceError, read_engine_error
from store.embedded_handles import IdleHandles
from store.embedded_statement import Statement

DATABASE = "statflow"
MIN_MEMORY_BYTES = 512 * 1024 * 1024
WHOLE_RESULT_BYTES = 16 * 1024 * 1024
"""As columns in memory; numbers grow about fourfold as JSON."""
READERS = 8
WRITERS = 4
QUEUE_S = 30.0

_connect: Callable[[str], Any] = chdb.connect

_STREAMED = frozenset({"native", "tabseparated", "tsv", "csv", "rowbinary", "jsoneachrow"})
"""Formats whose blocks can be joined; the engine frames each block of the others on its own."""
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONFIG = """<clickhouse>
  <timezone>UTC</timezone>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>{marks}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <backups><allowed_path>{backups}</allowed_path></backups>
  <storage_configuration><disks><default>
    <keep_free_space_bytes>{reserve}</keep_free_space_bytes>
  </default></disks></storage_configuration>
  <merge_tree>
    <max_suspicious_broken_parts_bytes>{all_parts}</max_suspicious_broken_parts_bytes>
  </merge_tree>
</clickhouse>
"""


class StoreFolderInUse(Exception):  # noqa: N818 - names a state of the folder
    """Another process has the folder open."""


@dataclass(frozen=True, slots=True)
class Work:
    """A statement with everything that holds for this one request.

    ``before`` are the SET and USE statements its session made earlier; ``default_format`` counts
    where the statement has no FORMAT clause.
    """

    statement: Statement
    data: bytes
    params: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    default_format: str
    before: Sequence[bytes] = ()

    @property
    def format(self) -> str:
        """Name of the format of the answer."""
        return self.statement.format or self.default_format

    @property
    def alike(self) -> Hashable:
        """What a handle must have been made ready for to serve this too; None: serve it alone."""
        if self.before or not self.statement.reads or self.settings.get("readonly") != "1":
            return None
        return self.database, self.format.lower(), tuple(sorted(self.settings.items()))


@dataclass(slots=True)
class Tally:
    """Rows and bytes so far; complete once the pieces of an answer are all taken."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0


class Engine:
    """One open folder. Every method may be called by any thread."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock_folder(folder)
        memory_bytes = max(memory_bytes, MIN_MEMORY_BYTES)
        self._path = f"{folder / 'engine'}?config-file={_write_config(folder, memory_bytes)}"
        self._base = {
            "async_insert": "0",
            "max_execution_time": "120",
            "max_memory_usage": str(memory_bytes // 2),
        }
        self._readers = threading.BoundedSemaphore(READERS)
        self._writers = threading.BoundedSemaphore(WRITERS)
        self._handles = IdleHandles(lambda: _connect(self._path), READERS)
        # The engine lives as long as a handle is open, so this one stays.
        self._root = _connect(self._path)
        if embedded_disk.forget_cut_inserts(self._root):
            self._root.close()
            self._root = _connect(self._path)
        self._cut_files = embedded_disk.CutFiles(self._root)
        self._root.query(f"create database if not exists {DATABASE}")
        self.version = self._root.query("select version()", "TSVRaw").bytes().decode().strip()

    def run(self, work: Work, tally: Tally) -> Iterator[bytes]:
        """Run a statement; the pieces are the bytes of its answer.

        The statement holds a place and a handle until the iterator ends or is closed. Writers and
        readers queue apart, so slow reports never hold up an insert.

        Raises:
            FaceError: The engine refused, a limit was passed, or no place came free in time.
        """
        if work.statement.changes and work.settings.get("readonly", "0") not in {"0", "false"}:
            # The engine checks most statements itself, but lets SYSTEM and KILL through.
            raise FaceError(ErrorCode.READONLY, "Cannot execute query in readonly mode")
        with self._place(self._readers if work.statement.reads else self._writers):
            try:
                with self._handles.lend(work.alike, partial(_prepare, self._base, work)) as handle:
                    yield from _run(handle, work, tally)
                if not work.statement.reads:
                    self._cut_files.check()
            except FaceError:
                raise
            except Exception as error:
                raise read_engine_error(error) from error

    def cancel_all(self) -> None:
        """Ask every running statement to stop; each ends with an error (code 394)."""
        self._root.query("kill query where query_id != queryID() async")

    def close(self) -> None:
        """Close the folder. Statements must have ended; the caller waits for them."""
        self._handles.close()
        self._cut_files.close()
        self._root.close()
        os.close(self._lock)

    @staticmethod
    @contextmanager
    def _place(places: threading.BoundedSemaphore) -> Iterator[None]:
        if not places.acquire(timeout=QUEUE_S):
            message = f"No place came free within {QUEUE_S:.0f} s"
            raise FaceError(ErrorCode.TOO_MANY_SIMULTANEOUS_QUERIES, message)
        try:
            yield
        finally:
            places.release()


def _lock_folder(folder: Path) -> int:
    """Take the folder's lock, which the kernel gives back however the process ends."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        message = f"The store in {folder} is already open in process {owner}."
        raise StoreFolderInUse(message) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _write_config(folder: Path, memory_bytes: int) -> Path:
    config = folder / "engine.xml"
    config.write_text(
        _CONFIG.format(
            memory=memory_bytes,
            marks=min(memory_bytes // 16, 256 * 1024 * 1024),
            backups=escape(str(folder / "backups")),
            reserve=embedded_disk.RESERVE_BYTES,
            # A cut part may be as large as a table; what it was merged of is at hand.
            all_parts=2**62,
        )
    )
    return config


def _prepare(base: Mapping[str, str], work: Work, handle: Any) -> None:
    """Give a fresh handle the request's database, its session's settings and its own.

    Without a session that is two statements, which is half of what a small question costs. Once
    ``readonly`` is set, the engine itself lets nobody change anything.
    """
    settings = dict(work.settings)
    if work.statement.answers and work.format.lower() not in _STREAMED:
        settings.setdefault("max_result_bytes", str(WHOLE_RESULT_BYTES))
        settings.setdefault("result_overflow_mode", "throw")
    if work.before:
        _set(handle, base)
        handle.query(f"use {_quote_name(DATABASE)}")
    for earlier in work.before:
        handle.query(earlier)
    if work.database or not work.before:
        handle.query(f"use {_quote_name(work.database or DATABASE)}")
    _set(handle, settings if work.before else {**base, **settings})


def _set(handle: Any, settings: Mapping[str, str]) -> None:
    for name in settings:
        if not _SETTING.fullmatch(name):
            raise FaceError(ErrorCode.UNKNOWN_SETTING, f"Unknown setting {name!r}")
    if settings:
        pairs = (f"{name} = {_quote_text(value)}" for name, value in settings.items())
        handle.query("set " + ", ".join(pairs))


def _quote_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quote_name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _run(handle: Any, work: Work, tally: Tally) -> Iterator[bytes]:
    if work.statement.data_at is not None:
        return _insert(handle, work, tally)
    if work.statement.reads and work.format.lower() in _STREAMED:
        return _stream(handle, work, tally)
    return _whole(handle, work, tally)


def _insert(handle: Any, work: Work, tally: Tally) -> Iterator[bytes]:
    """Let the engine read the data from a file in memory: a broken tail stores nothing.

    Its streaming inserter is no way: what fails behind the parser (a constraint, too many
    partitions, no memory, a full disk) it answers with the count of the rows, and stores none.
    """
    if not work.data:
        raise FaceError(ErrorCode.BAD_ARGUMENTS, "The INSERT carries no data")
    statement = work.statement
    with _file_in_memory() as file:
        file.write(work.data)
        file.flush()
        file.seek(0)
        source = f" from infile '/dev/fd/{file.fileno()}' compression 'none' "
        sql = b"".join(
            (
                statement.head[: statement.source_at],
                source.encode(),
                statement.head[statement.source_at :],
                f" format {statement.format}".encode(),
            )
        )
        result = handle.query(sql, "Null")
    tally.written_rows, tally.written_bytes = result.rows_written(), result.bytes_written()
    yield from ()


def _file_in_memory() -> IO[bytes]:
    """Make a file without a name: of memory where the system knows such, else a temporary one."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("insert"), "w+b")
    return tempfile.TemporaryFile()


def _stream(handle: Any, work: Work, tally: Tally) -> Iterator[bytes]:
    try:
        stream = handle.send_query(work.statement.head, work.format, params=dict(work.params))
    except Exception as error:
        # SHOW, DESCRIBE and their like have an answer but cannot be streamed.
        if "Streaming query is not supported" not in str(error):
            raise
        yield from _whole(handle, work, tally)
        return
    try:
        for piece in stream:
            data = piece.bytes()
            tally.read_rows = max(tally.read_rows, piece.storage_rows_read())
            tally.read_bytes = max(tally.read_bytes, piece.storage_bytes_read())
            tally.result_rows += piece.rows_read()
            tally.result_bytes += len(data)
            yield data
    finally:
        stream.close()


def _whole(handle: Any, work: Work, tally: Tally) -> Iterator[bytes]:
    result = handle.query(work.statement.head, work.format, params=dict(work.params))
    tally.read_rows, tally.read_bytes = result.storage_rows_read(), result.storage_bytes_read()
    tally.written_rows, tally.written_bytes = result.rows_written(), result.bytes_written()
    data = result.bytes()
    tally.result_rows, tally.result_bytes = result.rows_read(), len(data)
    if data:
        yield data
