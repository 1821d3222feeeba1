"""Carry out an erasure in the tables, as the shard's one writer (INGESTION 5.5).

Steps, each of which may be repeated as often as the writer dies in it:
    1  count what will go, and record the plan with those numbers
    2  delete all rows of ``sessions`` of the visits touched; record that it is done
    3  write those visits anew, one +1 row each, from the events that stay
    4  delete the events, and rows of ``signals`` and ``hits`` where those have the columns; then
       imported totals of the days or pages, and the rollups of the days touched, which are marked
       before step 2 and once more here
    5  look again at what is left (``edge.forwarder.erase_counts``), a row of ``erasures`` with
       that, the marker, and the commit with the states of the open visits

In steps 1 to 3 the events are still there and say which visits are touched; step 3 is inserted
under tokens of its own and never before step 2 is recorded, so no delete of ours ever meets its
rows; that it is done is recorded too. As every older row of a touched visit is gone, no -1 is left
without its +1, and a visit that goes on keeps its version. A visit of which only engagement would
stay goes as a whole.

The one invariant: whatever dies where, the tables end as if the erased events had never been, but
for the ids and the attributes of the visits that they belonged to.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import batched
from typing import Any

from edge.event import ENGAGEMENT
from edge.forwarder.batches import Columns
from edge.forwarder.erase_counts import HOMELESS, Counts
from edge.forwarder.erasure import Erasure
from edge.forwarder.lease import Lease
from edge.forwarder.plan import Plan
from edge.forwarder.restore import (
    EVENT_COLUMNS,
    EVENT_ORDER,
    SESSION_COLUMNS,
    Rebuilt,
    from_events,
    from_sessions,
)
from edge.forwarder.visit import SESSION_FIELDS, Visit
from store.client import Store
from store.deleting import delete_rows, unfinished

log = logging.getLogger(__name__)

VISITS_AT_ONCE = 5_000
KEPT_AT_ONCE = 300
"""Ids that one question may hold: they travel in its address."""
POLL_MIN_S, POLL_MAX_S = 0.05, 2.0
_MUTATING: Mapping[str, Any] = {"mutations_sync": 1, "allow_nondeterministic_mutations": 1}
"""Replicated tables refuse subqueries in a delete unless told that they mean the same everywhere;
ours ask for tables that do not change meanwhile."""


class Phase(IntEnum):
    """What the plan of an erasure says of how far it is."""

    COUNTED = 1
    SESSIONS_DELETED = 2
    SESSIONS_REWRITTEN = 3


@dataclass(slots=True)
class Eraser:
    """One erasure, as one plan of one shard has it."""

    store: Store
    lease: Lease
    shard: int
    erasure: Erasure

    @property
    def counts(self) -> Counts:
        """What goes and what is left, by table."""
        return Counts(self.store, self.erasure)

    async def count(self, generation: int) -> int:
        """Count the events and signals of this life of the stream that will go: its account's."""
        return await self.counts.of_account(self.shard, generation)

    async def delete_sessions(self) -> None:
        """Delete every row of the visits touched (step 2)."""
        where, params = self.erasure.conditions()
        touched = "site_id = {site_id:UInt32}"
        if not self.erasure.is_reset:
            touched += f" and visit_id in (select visit_id from events where {where})"  # noqa: S608
        await self._delete("sessions", touched, params)

    async def rewrite_sessions(self, plan: Plan, kept: Mapping[int, Visit]) -> None:
        """Write the visits touched as their other events say (step 3)."""
        if self.erasure.is_reset:
            return
        where, params = self.erasure.conditions()
        last, piece = 0, 0
        while True:
            ids = await self._query(
                f"select distinct visit_id from events where {where}"  # noqa: S608
                " and visit_id > {last:UInt64} order by visit_id limit {limit:UInt32}",
                params | {"last": last, "limit": VISITS_AT_ONCE},
            )
            if not ids:
                return
            span = {"last": last, "upto": int(ids[-1][0])}
            rows = await self._query(
                f"select {EVENT_COLUMNS} from events where site_id = {{site_id:UInt32}}"  # noqa: S608
                " and visit_id > {last:UInt64} and visit_id <= {upto:UInt64}"
                f" and visit_id in (select visit_id from events where {where})"
                f" and not ({where}) order by {EVENT_ORDER}",
                params | span,
            )
            last, piece = span["upto"], piece + 1
            columns = rebuilt_columns(from_events(rows, kept))
            token = plan.token(self.shard, f"rewritten-{piece}")
            await self.lease.assure()
            await asyncio.to_thread(self.store.insert, "sessions", columns, token=token)

    async def delete_events(self) -> None:
        """Delete the events, what has no visit any more, signals and hits (step 4)."""
        _, params = self.erasure.conditions()
        for table, also in (
            ("signals", HOMELESS),
            ("hits", "false"),
            ("events", f"name = {{engagement:String}} and {HOMELESS}"),
        ):
            meant = await self.counts.meant(table)
            where = f"site_id = {{site_id:UInt32}} and (({meant}) or ({also}))"
            await self._delete(table, where, params | {"engagement": ENGAGEMENT})

    async def delete_totals(self) -> None:
        """Delete imported totals of the days and pages meant; with a reset all, and their log."""
        found = self.erasure.totals_conditions()
        if found is None:
            return
        await self._delete("imported_totals", *found)
        if self.erasure.is_reset:
            await self._delete("imports", *found)

    async def mark_days(self) -> None:
        """Mark the days touched, so that no build of them is read any more (INGESTION 5.4)."""
        where, params = self.erasure.conditions()
        touched = f"select distinct site_id, local_day from events where {where}"  # noqa: S608
        if self.erasure.is_reset:
            touched += (
                " union distinct select site_id, local_day from rollup_builds"
                " where site_id = {site_id:UInt32}"
            )
        await self._command(f"insert into dirty_days (site_id, local_day) {touched}", params)

    async def delete_rollups(self) -> None:
        """Delete the rollups of the days marked, and mark those anew: builds may have begun since.

        By then the events no longer tell the days; marks since the erasure was asked for do, with a
        day in hand for clocks that differ.
        """
        marked = (
            "from dirty_days where site_id = {site_id:UInt32}"
            " and dirty_at >= fromUnixTimestamp64Milli({asked_ms:Int64}) - interval 1 day"
        )
        params = {"site_id": self.erasure.site_id, "asked_ms": self.erasure.asked_ms}
        again = f"select distinct site_id, local_day {marked}"
        await self._command(f"insert into dirty_days (site_id, local_day) {again}", params)
        days = f"site_id = {{site_id:UInt32}} and local_day in (select local_day {marked})"
        for table in ("rollups", "rollup_builds"):
            await self._delete(table, days, params)

    async def renew(self, kept: Iterable[Visit]) -> tuple[list[Visit], list[Visit]]:
        """Tell how open visits of the site stand in ``sessions`` by now: changed, and ended."""
        mine = [visit for visit in kept if self._may_touch(visit)]
        if self.erasure.is_reset:
            return [], mine
        found: list[Visit] = []
        for some in batched(mine, KEPT_AT_ONCE):
            known = {visit.visit_id: visit for visit in some}
            rows = await self._query(
                f"select {SESSION_COLUMNS} from sessions final"  # noqa: S608
                " where site_id = {site_id:UInt32} and visit_id in {ids:Array(UInt64)}",
                {"site_id": self.erasure.site_id, "ids": list(known)},
            )
            found += from_sessions(rows, known)
        before = {visit.visit_id: visit.session() for visit in mine}
        changed = [visit for visit in found if visit.session() != before[visit.visit_id]]
        left = {visit.visit_id for visit in found}
        return changed, [visit for visit in mine if visit.visit_id not in left]

    def _may_touch(self, visit: Visit) -> bool:
        erasure = self.erasure
        return (
            visit.site_id == erasure.site_id
            and (erasure.before_ms is None or visit.start_ms < erasure.before_ms)
            and (erasure.after_ms is None or visit.last_alive_ms >= erasure.after_ms)
            and (erasure.visitor is None or visit.visitor == erasure.visitor)
        )

    async def _delete(self, table: str, where: str, params: Mapping[str, Any]) -> None:
        """Delete rows and wait until the table has no such work left; it may take long."""
        await self.lease.assure()
        await asyncio.to_thread(delete_rows, self.store, table, where, params, settings=_MUTATING)
        pause_s, told = POLL_MIN_S, ""
        while reasons := await asyncio.to_thread(unfinished, self.store, table):
            why = next(filter(None, reasons), "")
            if why != told:
                log.warning("shard %d: erasing from %s does not go on", self.shard, table)
                told = why
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_MAX_S)
            await self.lease.assure()

    async def _command(self, sql: str, params: Mapping[str, Any]) -> None:
        await self.lease.assure()
        await asyncio.to_thread(self.store.command, sql, params)

    async def _query(
        self, sql: str, params: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(self.store.query, sql, params)


def rebuilt_columns(rebuilt: list[Rebuilt]) -> Columns:
    """Make the rows of ``sessions`` for visits whose older rows are gone."""
    rows = [each.visit.session() for each in rebuilt]
    by_field = list(zip(*rows, strict=True)) or [()] * len(SESSION_FIELDS)
    columns: Columns = dict(zip(SESSION_FIELDS, by_field, strict=True))
    columns["shard"] = [each.shard for each in rebuilt]
    columns["generation"] = [each.generation for each in rebuilt]
    columns["sign"] = [1] * len(rows)
    return columns


def erased_columns(
    plan: Plan, shard: int, erasure: Erasure, events: int, left: Mapping[str, int]
) -> Columns:
    """Make the row of ``erasures``."""
    values: dict[str, Any] = {
        "site_id": erasure.site_id,
        "asked_at": erasure.asked_ms,
        "kind": "reset" if erasure.is_reset else "erase",
        "request": erasure.request or "",
        "chosen_by": erasure.chosen_by,
        "events": events,
        "rows_erased": dict(plan.rows),
        "rows_left": dict(left),
        "shard": shard,
        "generation": plan.generation,
        "stream_ms": plan.first.ms,
        "stream_seq": plan.first.seq,
    }
    return {name: [value] for name, value in values.items()}
