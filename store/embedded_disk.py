"""What the store does about a disk that is full: it stops before, and ends at the first cut file.

The embedded engine does not look whether a write succeeded (chdb 4.4, engine 26.9; a ClickHouse
server does): an insert whose file was cut short is answered as stored, and a merge replaces good
parts by a cut one (docs/chaos.md). But it counts such writes. So:
    before    merges and inserts leave ``RESERVE_BYTES`` of the disk alone; the engine reserves what
              it is going to write, and refuses (code 243) what would not fit
    at once   no insert is answered before that count was read, and a watch reads it every
              ``WATCH_S``; if it is not 0 the process ends, without closing the engine
    at start  the engine sets aside parts whose files are too short, and takes the parts that a cut
              one was merged of, which stay on the disk for eight minutes. Here the tokens of cut
              inserts are forgotten, or their repetition would be taken for a copy
The invariant: what was answered 200 is in whole parts.
"""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

RESERVE_BYTES = 256 * 1024 * 1024
"""What others may fill while a large merge is being written; ``doctor`` warns far above it."""
WATCH_S = 1.0
CUT_EXIT = 74
"""Exit status of a process that ends for a cut file: EX_IOERR of sysexits.h."""

_FAILED = (
    "select sum(value) from system.events where event = 'WriteBufferFromFileDescriptorWriteFailed'"
)
_BROKEN = """
select tables.data_paths[1], detached_parts.name
from system.detached_parts
join system.tables using (database, table)
where reason = 'broken-on-start'
"""
_PREFIX = "broken-on-start_"
_ADDED, _FORGOTTEN = "1", "2"

log = logging.getLogger(__name__)


class CutFiles:
    """Watches one open engine for writes that failed. Any thread may ask."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """End the process if any file was cut since it began; nothing that runs is answered."""
        with self._lock:
            failed = int(self._handle.query(_FAILED, "TSVRaw").bytes() or 0)
        if failed:
            log.critical("a file could not be written (is the disk full?): the store ends here")
            logging.shutdown()
            os._exit(CUT_EXIT)

    def close(self) -> None:
        """Watch no more; the handle may be closed then."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_S):
            self.check()


def forget_cut_inserts(handle: Any) -> bool:
    """Write off the tokens of inserts whose parts were set aside just now; tell if there are any.

    The engine must be opened anew after it did. The parts stay in ``detached`` under another name.
    """
    found = handle.query(_BROKEN, "TSVRaw").bytes().decode().splitlines()
    for folder, name in (line.split("\t") for line in found):
        part, table = name.removeprefix(_PREFIX), Path(folder)
        log.error("the part %s of %s is cut short: it is set aside", part, table.name)
        _forget(table / "deduplication_logs", part)
        _rename(table / "detached", name, f"cut_{part}")
    return bool(found)


def _forget(logs: Path, part: str) -> None:
    """Append to a table's record of tokens that a part is gone, as the engine does for a drop."""
    files = sorted(logs.glob("deduplication_log_*.txt"), key=_number)
    known: dict[str, str] = {}
    for line in _lines(files):
        what, name, token = line
        if name == part:
            known[token] = what
    gone = [token for token, what in known.items() if what == _ADDED]
    if gone:
        with files[-1].open("a") as file:
            file.writelines(f"{_FORGOTTEN}\t{part}\t{token}\n" for token in gone)


def _lines(files: Sequence[Path]) -> Iterator[list[str]]:
    for file in files:
        for line in file.read_text().splitlines():
            if len(fields := line.split("\t")) == 3:  # noqa: PLR2004 - operation, part, token.
                yield fields


def _number(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])


def _rename(detached: Path, name: str, wanted: str) -> None:
    """Rename a part that was set aside, so that a part of the same name later is another."""
    free = next(
        candidate
        for n in range(10_000)
        if not (candidate := detached / (f"{wanted}_try{n}" if n else wanted)).exists()
    )
    (detached / name).rename(free)
