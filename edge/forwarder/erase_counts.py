"""Count what an erasure means in each table: before it, and after it, when none may be left.

It only reads. Words: of ``sessions`` visits are counted, before an erasure those touched, which
either go or are counted anew, and after it those without an event. The one invariant: a table that
lacks a column of the conditions is in neither answer as anything but 0.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.event import ENGAGEMENT
from edge.forwarder.erasure import Erasure
from store.client import Store

HOMELESS = "visit_id not in (select visit_id from sessions where site_id = {site_id:UInt32})"
"""Rows of visits that are no more."""
_OF_SITE = "site_id = {site_id:UInt32}"
_WHOLE = ("hits", "rollups", "imported_totals", "imports")
"""Tables besides those of visits that a reset empties."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one erasure means, in the tables as they are now."""

    store: Store
    erasure: Erasure

    async def of_account(self, shard: int, generation: int) -> int:
        """Count the events and signals of one life of a stream that will go."""
        found = 0
        for table in ("events", "signals"):
            found += await self._count(
                f"select count() from {table} where {await self._goes(table)}"  # noqa: S608
                " and shard = {shard:UInt8} and generation = {generation:UInt64}",
                {"shard": shard, "generation": generation},
            )
        return found

    async def before(self) -> dict[str, int]:
        """Count what will go, by table; 0 where nothing will."""
        where = self.erasure.conditions()[0]
        found = {
            "events": await self._count(
                f"select count() from events where {await self._goes('events')}"  # noqa: S608
            ),
            "sessions": await self._visits_touched(where),
            "signals": await self._count(
                f"select count() from signals where {await self._goes('signals')}"  # noqa: S608
            ),
            "hits": await self._count(
                f"select count() from hits where {await self.meant('hits')}"  # noqa: S608
            ),
            "rollups": await self._rollups(where),
        }
        return found | await self._totals()

    async def after(self) -> dict[str, int]:
        """Count what is still there of it, by table: all 0, or the erasure is not complete.

        Rollups of days that were only touched are made anew from what stays, so they are looked for
        after a reset alone.
        """
        if self.erasure.is_reset:
            tables = ("events", "sessions", "signals", *_WHOLE)
            return {
                table: await self._count(f"select count() from {table} where {_OF_SITE}")  # noqa: S608
                for table in tables
            }
        found = {
            table: await self._count(
                f"select count() from {table} where {await self.meant(table)}"  # noqa: S608
            )
            for table in ("events", "signals", "hits")
        }
        found["sessions"] = await self._count(
            f"select uniqExact(visit_id) from sessions where {_OF_SITE} and visit_id not in"  # noqa: S608
            f" (select visit_id from events where {_OF_SITE})"
        )
        return found | await self._totals()

    async def meant(self, table: str) -> str:
        """Write the conditions for a table; rows of one that lacks a column are not meant."""
        rows = await self._query(
            "select name from system.columns"
            " where database = currentDatabase() and table = {table:String}",
            {"table": table},
        )
        has_all = self.erasure.columns <= {name for (name,) in rows}
        return self.erasure.conditions()[0] if has_all else "false"

    async def _goes(self, table: str) -> str:
        """Write which rows of events or signals go: those meant, and of visits that then go."""
        where, _ = self.erasure.conditions()
        gone = (
            f"select visit_id from events where {_OF_SITE} and visit_id in"  # noqa: S608
            f" (select visit_id from events where {where}) group by visit_id"
            f" having countIf(name != {{engagement:String}} and not ({where})) = 0"
        )
        return f"{_OF_SITE} and (({await self.meant(table)}) or visit_id in ({gone}))"

    async def _visits_touched(self, where: str) -> int:
        table, limit = ("sessions", _OF_SITE) if self.erasure.is_reset else ("events", where)
        return await self._count(f"select uniqExact(visit_id) from {table} where {limit}")  # noqa: S608

    async def _rollups(self, where: str) -> int:
        of_events = f" and local_day in (select local_day from events where {where})"  # noqa: S608
        days = "" if self.erasure.is_reset else of_events
        return await self._count(f"select count() from rollups where {_OF_SITE}{days}")  # noqa: S608

    async def _totals(self) -> dict[str, int]:
        found = self.erasure.totals_conditions()
        if found is None:
            return {"imported_totals": 0}
        tables = ("imported_totals", "imports") if self.erasure.is_reset else ("imported_totals",)
        return {
            table: await self._count(f"select count() from {table} where {found[0]}", found[1])  # noqa: S608
            for table in tables
        }

    async def _count(self, sql: str, more: Mapping[str, Any] | None = None) -> int:
        params = self.erasure.conditions()[1] | {"engagement": ENGAGEMENT} | dict(more or {})
        return int((await self._query(sql, params))[0][0])

    async def _query(self, sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(self.store.query, sql, params)


def count_now(store: Store, erasure: Erasure) -> dict[str, int]:
    """Count what an erasure would take now, by table; for who only asks.

    Raises:
        StoreUnavailable, StoreError: It cannot be counted.
    """
    return asyncio.run(Counts(store, erasure).before())
