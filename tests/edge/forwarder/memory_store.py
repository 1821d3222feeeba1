"""A store in memory that keeps a token's promise, and dies or fails where a test wants it to."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from store.client import DataRefused, Store

type Rows = list[dict[str, Any]]


class Crash(BaseException):
    """The writer's process ends here."""


class MemoryStore(Store):
    """Takes each token once, and checks that a repeat brings exactly the same rows."""

    def __init__(self) -> None:
        super().__init__("http://nobody:nothing@127.0.0.1:1/nowhere")
        self.tables: dict[str, Rows] = {
            name: [] for name in ("events", "signals", "sessions", "batches", "dirty_days")
        }
        self.tokens: dict[str, Mapping[str, Sequence[Any]]] = {}
        self.repeats = 0
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _row: False
        """Which rows of ``events`` are poison: they and all that come with them are refused."""
        self.refusals = 0
        self.failures: dict[str, BaseException] = {}
        """What to raise, once, at ``before events``, ``after sessions`` and the like."""
        self.skips: Counter[str] = Counter()
        """How often a step is passed before its failure."""

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], *, token: str) -> int:
        self._fail(f"before {table}")
        columns = {name: list(values) for name, values in columns.items()}
        if not any(columns.values()):
            self._fail(f"after {table}")
            return 0
        if token in self.tokens:
            assert self.tokens[token] == columns, "a repeated plan made other rows"
            self.repeats += 1
        else:
            names = list(columns)
            values = zip(*columns.values(), strict=True)
            rows = [dict(zip(names, row, strict=True)) for row in values]
            if table == "events" and any(map(self.refuses, rows)):
                self.refusals += 1
                raise DataRefused(469, "a constraint is violated")
            self.tokens[token] = columns
            self.tables[table] += rows
        self._fail(f"after {table}")
        return len(next(iter(columns.values())))

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,  # noqa: ARG002 - the face of Store.
    ) -> list[tuple[Any, ...]]:
        if sql.startswith("select count() from events where"):
            return [(self._count_held(params or {}),)]
        if sql.startswith("select max("):
            return [(0,)]  # No visits of an earlier life are found here.
        assert sql.startswith("select count() from batches where")
        wanted = {k: v for k, v in (params or {}).items() if not k.endswith("_rows")}
        rows = self.tables["batches"]
        return [(sum(all(row[k] == v for k, v in wanted.items()) for row in rows),)]

    def _count_held(self, span: Mapping[str, Any]) -> int:
        first, last = ((span[f"{end}_ms"], span[f"{end}_seq"]) for end in ("first", "last"))
        return sum(
            first <= (row["stream_ms"], row["stream_seq"]) <= last
            and row["generation"] == span["generation"]
            for row in self.tables["events"]
        )

    def sessions_left(self) -> Rows:
        """Collapse the pairs; what is left must be one row a visit."""
        left: dict[tuple[int, int], dict[str, Any]] = {}
        for row in self.tables["sessions"]:
            key = (row["visit_id"], row["version"])
            plain = {name: value for name, value in row.items() if name != "sign"}
            if row["sign"] == 1:
                assert key not in left
                left[key] = plain
            else:
                assert left.pop(key) == plain
        assert len({visit_id for visit_id, _ in left}) == len(left)
        ours = ("version", "shard", "generation")
        rows = [{k: v for k, v in row.items() if k not in ours} for row in left.values()]
        return sorted(rows, key=lambda row: str(row["visit_id"]))

    def _fail(self, where: str) -> None:
        if where in self.failures and self.skips[where] > 0:
            self.skips[where] -= 1
            return
        failure = self.failures.pop(where, None)
        if failure is not None:
            raise failure
