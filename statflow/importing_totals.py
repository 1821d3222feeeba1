"""Import totals of days: read an export twice, to check it whole and to write it in chunks.

What rows mean is ``statflow.formats``, who reads totals ``store.query.imported``. A day that
another import of totals covers is left out, so no two tell of the same day. The one invariant: the
same file makes the same chunks, so one that was interrupted goes on, and one that is in changes
nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import file_digest
from itertools import batched
from pathlib import Path
from typing import Any, Protocol

from edge.importer import ImportFileError, count_resets, import_number
from edge.sites import Site
from statflow.formats.totals import Total
from store.client import Store
from store.imports import (
    Import,
    Kind,
    count_removed,
    is_added,
    list_imports,
    note_import,
)
from store.query.rolled import INGREDIENTS

CHUNK_ROWS = 50_000
_MOST_HELD = 200_000
_EPOCH = date(1970, 1, 1)
_COLUMNS = sorted({name for names in INGREDIENTS.values() for name in names})
_FIRST_OWN = "select minOrNull(local_day) from sessions where site_id = {site_id:UInt32}"

type Ranges = list[tuple[date, date]]


class Reader(Protocol):
    """Reads one export; ``holds`` is what it can tell, once it was read."""

    @property
    def holds(self) -> frozenset[str]:
        """What its totals can tell."""

    def read(self, file: Path, skipped: Counter[str]) -> Iterator[Total]:
        """Give its totals, counting what is left out by why."""


@dataclass(frozen=True, slots=True)
class _Checked:
    first: date
    last: date
    rows: int
    holds: frozenset[str]
    skipped: Counter[str]


def import_totals(  # noqa: PLR0913 - keyword-only past the first three
    store: Store,
    site: Site,
    file: Path,
    *,
    form: str,
    make_reader: Callable[[], Reader],
    dry_run: bool,
    progress: Callable[[int], None] = lambda _rows: None,
) -> dict[str, Any]:
    """Import a file of totals; returns what was done, or would be.

    Raises:
        ImportFileError: It holds nothing to import.
        NoExportError: It is no such export.
        StoreUnavailable: ClickHouse is away; run it again later, it goes on from here.
    """
    with file.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
    known = is_added(store, site.id, digest)
    covered = [
        (other.first, other.last)
        for other in list_imports(store, site.id)
        if other.kind is Kind.TOTALS and other.complete and other.id != known
    ]
    checked = _check(make_reader(), file, covered)
    number = known if known is not None else _number(store, site.id, digest, covered)
    found = Import(
        site.id, number, Kind.TOTALS, form, file.name, checked.first, checked.last, checked.rows,
        datetime.now(UTC), complete=False,
    )  # fmt: skip
    answer = _answer(store, found, checked)
    if dry_run:
        return {"dry_run": True, **answer, "present": known is not None}
    if known is None:
        note_import(store, "begun", found, digest)
        reader = make_reader()
        totals = _summed(_uncovered(reader.read(file, Counter()), covered, Counter()))
        _write(store, found, totals, progress)
        note_import(store, "added", found, digest, checked.holds)
    return {"import": found.name, **answer, "present": known is not None}


def _number(store: Store, site_id: int, digest: str, covered: Ranges) -> int:
    epoch = count_removed(store, site_id, digest)
    days = ",".join(f"{first}-{last}" for first, last in sorted(covered))
    name = f"totals:{digest}:{epoch}:{days}"
    return import_number(site_id, name, count_resets(store, site_id))


def _check(reader: Reader, file: Path, covered: Ranges) -> _Checked:
    skipped: Counter[str] = Counter()
    days: set[date] = set()
    rows = 0
    for total in _summed(_uncovered(reader.read(file, skipped), covered, skipped)):
        days.add(total.day)
        rows += 1
    if not days:
        why = ", ".join(f"{reason} ({n})" for reason, n in skipped.most_common(5))
        raise ImportFileError(f"{file.name} holds nothing to import{f': {why}' if why else ''}")
    return _Checked(min(days), max(days), rows, reader.holds, skipped)


def _uncovered(totals: Iterable[Total], covered: Ranges, skipped: Counter[str]) -> Iterator[Total]:
    for total in totals:
        if any(first <= total.day <= last for first, last in covered):
            skipped["totals of days that another import covers"] += 1
        else:
            yield total


def _summed(totals: Iterable[Total]) -> Iterator[Total]:
    """Add up totals of the same value as long as they are of one day."""
    held: dict[tuple[str, str, str], Counter[str]] = {}
    day: date | None = None
    for total in totals:
        if day is not None and (total.day != day or len(held) >= _MOST_HELD):
            yield from _given(day, held)
            held = {}
        day = total.day
        key = (total.reading, total.dimension, total.value)
        held.setdefault(key, Counter()).update(total.sums)
    if day is not None:
        yield from _given(day, held)


def _given(day: date, held: dict[tuple[str, str, str], Counter[str]]) -> Iterator[Total]:
    return (Total(day, *key, dict(sums)) for key, sums in held.items())


def _write(
    store: Store, found: Import, totals: Iterable[Total], progress: Callable[[int], None]
) -> None:
    rows = 0
    for place, chunk in enumerate(batched(totals, CHUNK_ROWS)):
        columns: dict[str, list[Any]] = {
            "site_id": [found.site_id] * len(chunk),
            "import_id": [found.id] * len(chunk),
            "local_day": [(total.day - _EPOCH).days for total in chunk],
            "reading": [total.reading for total in chunk],
            "dimension": [total.dimension for total in chunk],
            "value": [total.value for total in chunk],
        }
        for name in _COLUMNS:
            columns[f"n_{name}"] = [total.sums.get(name, 0) for total in chunk]
        store.insert("imported_totals", columns, token=f"totals-{found.name}-{place}")
        rows += len(chunk)
        progress(rows)


def _answer(store: Store, found: Import, checked: _Checked) -> dict[str, Any]:
    """Tell what is in a file, and until which day it is read."""
    own = store.query(_FIRST_OWN, {"site_id": found.site_id})[0][0]
    return {
        "kind": found.kind.value,
        "totals": checked.rows,
        "first": str(checked.first),
        "last": str(checked.last),
        "read_before": str(own) if isinstance(own, date) else None,
        "skipped": dict(checked.skipped),
    }
