"""A disk that is full, by a limit on the size of files: the engine meets the same failed writes."""

import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from store.client import Store, StoreUnavailable
from store.embedded_disk import CUT_EXIT, RESERVE_BYTES, forget_cut_inserts
from tests.support.store_process import SECRET, StoreProcess, running_store

ROOT = Path(__file__).parents[2]
ROOM_BYTES = 60_000
TABLE = (
    "create table t (b UInt32, n UInt32, text String) engine = MergeTree order by (b, n)"
    " settings non_replicated_deduplication_window = 1000"
)


def rows(batch: int, count: int) -> dict[str, list[Any]]:
    """Some 40 bytes a row that no codec makes smaller; the same for the same batch."""
    drawn = random.Random(batch)
    text = [drawn.randbytes(30).hex() for _ in range(count)]
    return {"b": [batch] * count, "n": list(range(count)), "text": text}


@contextmanager
def without_room(process: StoreProcess) -> Iterator[None]:
    """Let no file of the store grow past ``ROOM_BYTES``."""
    of_process = psutil.Process(process.process.pid)
    of_process.rlimit(psutil.RLIMIT_FSIZE, (ROOM_BYTES, resource.RLIM_INFINITY))
    yield
    with suppress(psutil.NoSuchProcess):
        of_process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def insert_made(store: Store, batch: int, count: int, token: str) -> None:
    """Let the engine make the rows: what is sent lies in a file itself, which the limit is for."""
    made = f"select {batch}, number, hex(sipHash128(number)) from numbers({count})"
    store.command(f"insert into t {made}", settings={"insert_deduplication_token": token})


def ends(process: StoreProcess) -> int:
    """Wait until it has ended by itself; gives its status."""
    process.process.wait(60)
    return process.kill()


def stored(store: Store) -> list[tuple[int, int]]:
    """Count the rows of each batch, after every part was read whole."""
    assert store.command("check table t settings check_query_single_value_result = 1") == 1
    store.query("select sum(cityHash64(*)) from t")
    return [(b, n) for b, n in store.query("select b, uniqExact(n) from t group by b order by b")]


def test_an_insert_that_was_cut_is_not_answered_and_its_repetition_counts(tmp_path: Path) -> None:
    with running_store(tmp_path) as process:
        store = Store(process.url)
        store.command(TABLE)
        store.insert("t", rows(1, 500), token="one")
        with without_room(process), pytest.raises(StoreUnavailable):
            insert_made(store, 2, 5_000, "two")
        assert ends(process) == CUT_EXIT
    for _ in range(2):  # The second start finds nothing to mend, and harms nothing.
        with running_store(tmp_path) as process:
            store = Store(process.url)
            store.insert("t", rows(1, 500), token="one")
            insert_made(store, 2, 5_000, "two")
            assert stored(store) == [(1, 500), (2, 5_000)]
            set_aside = store.query("select name from system.detached_parts")
            assert [name for (name,) in set_aside] == ["cut_all_2_2_0"]


def test_a_merge_that_was_cut_costs_no_row(tmp_path: Path) -> None:
    with running_store(tmp_path) as process:
        store = Store(process.url)
        store.command(TABLE)
        for batch in range(4):
            store.insert("t", rows(batch, 500), token=str(batch))
        with without_room(process):
            with pytest.raises(StoreUnavailable):
                store.command("optimize table t final")
            assert ends(process) == CUT_EXIT
    with running_store(tmp_path) as process:
        store = Store(process.url)
        for batch in range(4):
            store.insert("t", rows(batch, 500), token=str(batch))
        assert stored(store) == [(batch, 500) for batch in range(4)]
        store.command("optimize table t final")
        assert stored(store) == [(batch, 500) for batch in range(4)]


def test_a_merge_in_the_background_is_watched(tmp_path: Path) -> None:
    """Nobody asks for anything: the engine merges small parts by itself, some seconds later."""
    with running_store(tmp_path) as process:
        store = Store(process.url)
        store.command(TABLE)
        store.command("system stop merges t")
        for batch in range(20):
            store.insert("t", rows(batch, 500), token=str(batch))
        with without_room(process):
            with suppress(StoreUnavailable):
                store.command("system start merges t")
            assert ends(process) == CUT_EXIT
    with running_store(tmp_path) as process:
        assert stored(Store(process.url)) == [(batch, 500) for batch in range(20)]


def test_some_of_the_disk_is_left_alone(store: Store, tmp_path: Path) -> None:
    assert store.query("select keep_free_space from system.disks") == [(RESERVE_BYTES,)]
    program = (
        "import sys, store.embedded_disk; from pathlib import Path;"
        f"store.embedded_disk.RESERVE_BYTES = {2**60}; from store.embedded import serve;"
        f"serve(Path(sys.argv[1]), port=0, secret='{SECRET}', ready=lambda p: print(p, flush=True))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            full = Store(f"http://statflow:{SECRET}@127.0.0.1:{port}/statflow")
            full.command(TABLE)
            with pytest.raises(StoreUnavailable, match="not enough space"):
                full.insert("t", rows(1, 10), token="one")
            assert full.query("select count() from t") == [(0,)]
        finally:
            process.terminate()
        assert process.wait(30) == 0


class OneBrokenPart:
    """Answers as an engine that has set a part aside."""

    def __init__(self, table: Path, name: str) -> None:
        self._answer = f"{table}/\t{name}\n".encode()

    def query(self, *_: str) -> "OneBrokenPart":
        return self

    def bytes(self) -> bytes:
        return self._answer


def test_only_the_tokens_of_the_cut_part_are_forgotten(tmp_path: Path) -> None:
    logs, detached = tmp_path / "deduplication_logs", tmp_path / "detached"
    logs.mkdir()
    first, last = (logs / f"deduplication_log_{n}.txt" for n in (9, 10))
    first.write_text("1\ta_1_1_0\tx\n1\ta_2_2_0\tgone\n2\ta_2_2_0\tgone\n1\ta_2_2_0\ty\n")
    last.write_text("1\ta_3_3_0\tz\n1\ta_2_2_0\tw\n")
    for name in ("broken-on-start_a_2_2_0", "cut_a_2_2_0"):
        (detached / name).mkdir(parents=True)
    assert forget_cut_inserts(OneBrokenPart(tmp_path, "broken-on-start_a_2_2_0"))
    assert first.read_text().count("\n") == 4
    assert last.read_text().splitlines()[2:] == ["2\ta_2_2_0\ty", "2\ta_2_2_0\tw"]
    assert {path.name for path in detached.iterdir()} == {"cut_a_2_2_0", "cut_a_2_2_0_try1"}
