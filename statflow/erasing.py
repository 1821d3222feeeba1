"""Carry requests for erasures from the portal's tables to the writers, and certificates back.

The portal's role does it every second, a command that waits does it as well; both may do the same
at once: to erase twice finds nothing the second time, and the certificate is of the first that took
rows. The one invariant: a request leaves no way to be forgotten, whatever is away meanwhile.
"""

from datetime import UTC, datetime
from typing import Any

from edge.buffer.beside import open_beside
from edge.forwarder.asking import Ticket, send_erasure
from edge.forwarder.erase_counts import count_now
from edge.forwarder.erasure import Erasure
from portal.data.certificates import Carried, Signer, render_statement
from portal.data.requests import (
    Chosen,
    due_requests,
    note_done,
    note_sent,
    open_requests,
)
from portal.database import Database
from portal.models import ErasureRequest, Site
from statflow import __version__
from store.client import Store

_RECORDS = """
select
    request,
    toInt64(min(toUnixTimestamp64Milli(done_at))) as done_ms,
    argMin(rows_erased, done_at) as erased,
    argMax(rows_left, done_at) as left
from erasures
where request in {keys:Array(String)}
group by request
"""


def as_erasure(
    site_id: int, chosen: Chosen, zone: str, asked_at: datetime, request: str = ""
) -> Erasure:
    """Write for the shard's writer what somebody chose."""
    return Erasure(
        site_id,
        round(asked_at.timestamp() * 1000),
        after_ms=chosen.after_ms,
        before_ms=chosen.before_ms,
        path=chosen.path,
        prop=None if chosen.prop is None else (chosen.prop, chosen.value),
        visitor=chosen.visitor,
        zone=None if chosen.is_all else zone,
        request=request or None,
    )


def count_chosen(
    store: Store, site_id: int, zone: str, chosen: Chosen, now: datetime
) -> dict[str, int]:
    """Count what would go now, by table.

    Raises:
        StoreUnavailable, StoreError: It cannot be counted.
    """
    return count_now(store, as_erasure(site_id, chosen, zone, now))


def send_due(buffer_url: str, database: Database, now: datetime) -> dict[str, Ticket]:
    """Ask the writers for what is due; gives where each message lies.

    Raises:
        BufferAwayError: Redis is away; what was not sent stays due.
    """
    with database.reading() as session:
        due = [(row.key, _erasure_of(row, session.get(Site, row.site_id), now))
               for row in due_requests(session, now)]  # fmt: skip
    sent: dict[str, Ticket] = {}
    for key, erasure in due:
        with open_beside(buffer_url) as redis:
            sent[key] = send_erasure(redis, erasure)
        with database.writing() as session:
            note_sent(session, key, now)
    return sent


def _erasure_of(row: ErasureRequest, site: Site | None, now: datetime) -> Erasure:
    """Read a request; edges took events of a site that is gone until they heard of it."""
    chosen = Chosen.read(row.chosen_secret or {})
    zone, asked_at = (site.timezone, row.asked_at) if site else ("UTC", now)
    return as_erasure(row.site_id, chosen, zone, asked_at, row.key)


def certify(store: Store, database: Database, signer: Signer) -> list[str]:
    """Write the certificates of what the writers have carried out since; gives their keys.

    Raises:
        StoreUnavailable, StoreError: The records cannot be read.
    """
    with database.reading() as session:
        waiting = {row.key: row for row in open_requests(session)}
    if not waiting:
        return []
    rows = store.query(_RECORDS, {"keys": list(waiting)})
    for key, *record in rows:
        carried = _carried(*record)
        statement = render_statement(
            waiting[key], carried, f"Statflow {__version__}", signer.public_key
        )
        with database.writing() as session:
            note_done(session, key, carried.done_at, statement, signer.sign(statement))
    return [str(key) for key, *_ in rows]


def _carried(done_ms: int, erased: Any, left: Any) -> Carried:
    at = datetime.fromtimestamp(done_ms / 1000, UTC)
    return Carried(at, dict(erased), dict(left))
