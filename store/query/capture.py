"""How much of what the edge served to people the tracker confirmed, and where the rest was lost.

Two counts, no join (INGESTION 5.6): ``hits`` that could be confirmed, and first page views that
confirm one. Where a loss lies is told by what else a visitor's browser did that day: who never
fetched the script and sent nothing never ran it. What each number means is ``docs/numbers.md``. The
one invariant: the parts of ``served``, and those of ``measured``, add up to it in every row.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from store.query.captured import CONFIRMING, MEASURED, shown_to_people, silent_visitors
from store.query.fragments import Binder, Fragment
from store.query.model import QuerySite
from store.query.run import LIMITS, QueryStore

MOST_ROWS = 50


class By(StrEnum):
    """What a capture report may be broken down by."""

    NOTHING = ""
    DAY = "day"
    PAGES = "pages"
    BROWSER = "browser"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class Capture:
    """Documents served to people in one group; every number counts documents, or views of them.

    ``served`` = ``measured`` + ``cacheable`` + ``refused`` + ``untagged``; ``measured`` =
    ``confirmed`` + ``not_fetched`` + ``meta_policy`` + ``no_beacon``.
    """

    key: str
    measured: int = 0
    confirmed: int = 0
    not_fetched: int = 0
    meta_policy: int = 0
    no_beacon: int = 0
    cacheable: int = 0
    refused: int = 0
    untagged: int = 0

    @property
    def served(self) -> int:
        """All documents served to people."""
        return self.measured + self.cacheable + self.refused + self.untagged

    @property
    def lost(self) -> int:
        """Views that could have been confirmed and were not."""
        return self.measured - self.confirmed

    @property
    def rate(self) -> float | None:
        """The capture rate, 0 to 1; None where nothing was measured."""
        return self.confirmed / self.measured if self.measured else None

    @property
    def unconfirmed(self) -> int:
        """Views of people that the tracker did not report though it might have."""
        return self.lost + self.untagged


def capture_report(
    store: QueryStore, site: QuerySite, start: datetime, end: datetime, by: By = By.NOTHING
) -> list[Capture]:
    """Count what was served and confirmed from ``start`` to before ``end``, the largest first.

    Days come in their order, without empty ones; of other groups the ``MOST_ROWS`` largest.

    Raises:
        StoreUnavailable: The store is away.
        StoreError: It refuses; a limit was passed.
    """
    binder = Binder()
    sql = _statement(binder, site, start, end, by)
    rows = store.query(sql, binder.params, settings=LIMITS)
    return [_capture(*row) for row in rows]


def _capture(key: Any, *counts: int) -> Capture:
    """Fit the counts together: views and hits are counted apart and may differ by a few."""
    measured, confirmed, silent, barred, cacheable, refused, untagged = counts
    confirmed = min(confirmed, measured)
    not_fetched = min(silent, measured - confirmed)
    meta_policy = min(barred, measured - confirmed - not_fetched)
    return Capture(
        key=key.isoformat() if isinstance(key, date) else str(key),
        measured=measured,
        confirmed=confirmed,
        not_fetched=not_fetched,
        meta_policy=meta_policy,
        no_beacon=measured - confirmed - not_fetched - meta_policy,
        cacheable=cacheable,
        refused=refused,
        untagged=untagged,
    )


def _statement(binder: Binder, site: QuerySite, start: datetime, end: datetime, by: By) -> Fragment:
    """Write the one statement; ``silent`` are visitors whose browsers never ran the script."""
    where = Fragment(
        f"site_id = {binder.identity(site.id)}"
        f" and ts >= fromUnixTimestamp64Milli({binder.integer(_ms(start))})"
        f" and ts < fromUnixTimestamp64Milli({binder.integer(_ms(end))})"
    )
    key = _key(by, site.timezone)
    order = "key" if by is By.DAY else "measured + cacheable + refused + untagged desc, key"
    return Fragment(f"""
with
    silent as ({silent_visitors(where)}),
    counted as (
        select
            {key} as key,
            countIf({MEASURED}) as measured,
            0 as confirmed,
            countIf({MEASURED} and visitor in silent) as silents,
            countIf(capture = 'meta_policy' and visitor not in silent) as barred,
            countIf(capture = 'cacheable') as cacheable,
            countIf(capture = 'refused') as refused,
            countIf(capture = 'untagged') as untagged
        from hits
        where {where} and {shown_to_people("silent")}
        group by key
        union all
        select {key} as key, 0, count(), 0, 0, 0, 0, 0
        from events
        where {where} and {CONFIRMING}
        group by key
    )
select
    key,
    sum(counted.measured) as measured,
    sum(counted.confirmed) as confirmed,
    sum(counted.silents) as silents,
    sum(counted.barred) as barred,
    sum(counted.cacheable) as cacheable,
    sum(counted.refused) as refused,
    sum(counted.untagged) as untagged
from counted
group by key
having measured + cacheable + refused + untagged > 0
order by {order}
limit {3_660 if by is By.DAY else MOST_ROWS}
""")


def _key(by: By, timezone: str) -> Fragment:
    if by is By.DAY:
        # A name of the zone database, checked as the site was saved; a column cannot be one.
        return Fragment(f"toDate(ts, '{ZoneInfo(timezone).key}')")
    if by is By.PAGES:
        plain = "cutQueryStringAndFragment(path)"
        first = f"splitByChar('/', {plain})[2]"
        deeper = f"position({plain}, '/', 2) > 0"
        return Fragment(f"concat('/', {first}, if({deeper}, '/…', ''))")
    return Fragment(by.value or "''")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
