"""Remember answers for as long as the tables are what they were (DESIGN 8).

An answer is found again by its statement, the statement's parameters and the version of the data:
a sum over the names of all parts of all tables. Every insert, erasure and merge changes it. The
version is asked for once a second, not by every request, so that what many questions ask first
(which days are rolled up, what was imported) is asked once for all cards of a page, also where
something changes all the time. The one invariant: an answer is at most ``FRESH_S`` older than the
tables, and is given only to who asks the very same statement, which names the site. Of a cluster
one replica of each shard is asked; others differ for a moment.
"""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import Any, Protocol

from cachetools import LRUCache

from store.client import StoreError
from store.clustered import everywhere
from store.query.run import LIMITS, QueryStore

CELLS = 500_000
"""How many values all remembered answers hold together; some 50 MB."""
FRESH_S = 1.0

_VERSION = (
    "select groupBitXor(sipHash64(table, name)), count() from {parts}"
    " where active and database = currentDatabase()"
)

type Rows = list[tuple[Any, ...]]
type _Key = tuple[Any, ...]
type _Version = tuple[Any, ...]


class ChangingStore(QueryStore, Protocol):
    """A store that tells whose tables it asks."""

    @property
    def cluster(self) -> str:
        """The cluster whose tables these are; empty: one node."""


class Answers:
    """Answers of one process, the least used forgotten first. Threads may share it.

    ``fresh_s`` is for how long a version of the data is taken to be the present one.
    """

    def __init__(
        self,
        cells: int = CELLS,
        *,
        fresh_s: float = FRESH_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._found: LRUCache[_Key, Rows] = LRUCache(cells, getsizeof=_cells)
        self._lock = Lock()
        self._fresh_s = fresh_s
        self._clock = clock
        self._version: tuple[float, _Version] | None = None

    def find(self, key: _Key) -> Rows | None:
        """Return an answer that is remembered."""
        with self._lock:
            return self._found.get(key)

    def keep(self, key: _Key, rows: Rows) -> None:
        """Remember an answer, unless it is larger than all that may be kept."""
        if _cells(rows) <= self._found.maxsize:
            with self._lock:
                self._found[key] = rows

    def version(self, ask: Callable[[], _Version]) -> _Version:
        """Return the version of the data, asked for where the known one is too old."""
        began, known = self._clock(), self._version
        if known is None or began - known[0] >= self._fresh_s:
            known = self._version = (began, ask())
        return known[1]


class Remembering:
    """A store asked on behalf of one request, which sees one version of the data throughout."""

    def __init__(self, store: ChangingStore, answers: Answers) -> None:
        self._store = store
        self._answers = answers
        self._version: _Version | None = None

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Rows:
        """Return the rows of a statement, which may be an earlier answer; see ``Store.query``."""
        key = (self._data_version(), sql, json.dumps(params, sort_keys=True, default=str))
        if key[0] == ():
            return self._store.query(sql, params, settings=settings)
        rows = self._answers.find(key)
        if rows is None:
            rows = self._store.query(sql, params, settings=settings)
            self._answers.keep(key, rows)
        return list(rows)

    def _data_version(self) -> _Version:
        """Return one version throughout; () where the store tells none, so nothing is kept."""
        if self._version is None:
            self._version = self._answers.version(self._ask_version)
        return self._version

    def _ask_version(self) -> _Version:
        try:
            parts = everywhere(self._store.cluster, "system.parts")
            return self._store.query(_VERSION.format(parts=parts), settings=LIMITS)[0]
        except StoreError:
            return ()


def _cells(rows: Rows) -> int:
    return 1 + sum(map(len, rows))
