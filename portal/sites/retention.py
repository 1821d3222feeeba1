"""For how long a site's numbers are kept, and what of them is due to go.

A site says it in days (``Site.retention_days``, 0: for good). Once a UTC day whoever composes the
portal asks for the erasure of what is older, the same way as a person does by hand
(``statflow.role_portal``). The one invariant: what is younger than that by the site's own days is
never touched.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from portal.audit.recording import UNAUDITED
from portal.data.holds import held_sites
from portal.models import AuditEntry, Setting, Site

_ROUND = "retention_round"


@dataclass(frozen=True, slots=True)
class Outdated:
    """What lies before a moment, of one site."""

    site_id: int
    zone: str
    before: datetime


def is_round_due(session: Session, now: datetime) -> bool:
    """Tell whether nobody has asked today."""
    done = session.get(Setting, _ROUND)
    return done is None or done.value != _day(now)


def end_round(session: Session, now: datetime) -> None:
    """Note that all was asked for today; nobody decided it, so it is no change to record."""
    named = delete(Setting).where(Setting.name == _ROUND)
    session.execute(named, execution_options=UNAUDITED)
    session.execute(insert(Setting).values(name=_ROUND, value=_day(now)))


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def outdated(session: Session, now: datetime) -> list[Outdated]:
    """List what is to go of each site that keeps numbers for a time: whole days of its own.

    A site under a legal hold keeps all of it; what has grown old meanwhile goes in the first round
    after its end.
    """
    query = select(Site.id, Site.timezone, Site.retention_days).where(Site.retention_days > 0)
    held = held_sites(session, now)
    return [
        Outdated(site_id, zone, oldest_kept(now, zone, days))
        for site_id, zone, days in session.execute(query.order_by(Site.id))
        if site_id not in held
    ]


def oldest_kept(now: datetime, zone: str, days: int) -> datetime:
    """Give the midnight at which the oldest day that is kept begins; today is the last of them."""
    today = now.astimezone(ZoneInfo(zone)).date()
    first = today - timedelta(days=days - 1)
    return datetime.combine(first, datetime.min.time(), ZoneInfo(zone))


def forget_changes(session: Session, now: datetime, days: int) -> None:
    """Remove entries of the record of changes that are older than so many days; 0 keeps all."""
    if days:
        session.execute(
            delete(AuditEntry).where(AuditEntry.at < now - timedelta(days=days)),
            execution_options=UNAUDITED,
        )
