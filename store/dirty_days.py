"""Mark days whose rows change after they may have been rolled up (INGESTION 5.4).

A writer marks such a day before it changes it and again after, before it says that it is done: a
build that began before the last mark is never read, so neither one that saw half an insert nor a
crash in between can show. The one invariant: every day that may be built is marked when it changes
(``store.rollup`` stays an hour further behind the clock than this).
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from store.client import Store

RAW_DAYS = 2
"""The last days, by UTC, that are never rolled up: in no zone are they long over."""

_DAY_S = 86_400


def touched_days(
    tables: Iterable[Mapping[str, Sequence[Any]]], now_s: float
) -> set[tuple[int, int]]:
    """Return the (site, day since 1970) of rows that may lie in a day that is built."""
    newest = int(now_s // _DAY_S) - RAW_DAYS
    return {
        (int(site), int(day))
        for columns in tables
        if "local_day" in columns
        for site, day in set(zip(columns["site_id"], columns["local_day"], strict=True))
        if int(day) <= newest
    }


def mark_dirty(store: Store, days: set[tuple[int, int]]) -> None:
    """Mark days, so that no build of them that began before now is read."""
    if days:
        rows = sorted(days)
        columns = {"site_id": [site for site, _ in rows], "local_day": [day for _, day in rows]}
        store.insert("dirty_days", columns, token=f"dirty-{secrets.token_hex(8)}")
