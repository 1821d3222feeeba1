"""Legal holds: until a day, nothing of a site goes, whoever asks.

A hold has a reason and an end, and can be lifted before; who set and lifted it is in the record of
changes. Whatever erases asks here first: the retention period, a page, a command, the deletion of a
site, an import or a team. The one invariant: while a hold is in force, ``refuse_held`` refuses.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from portal.audit.actors import acting
from portal.language import _
from portal.models import LegalHold, Site
from portal.sites.fields import FieldError

MOST_YEARS = 10
MAX_REASON = 300


class HeldError(FieldError):
    """The site's numbers are held; the message says until when and why."""


def in_force(now: datetime) -> ColumnElement[bool]:
    """Say in SQL which holds are in force."""
    return and_(LegalHold.lifted_at.is_(None), LegalHold.until > now)


def hold_of(session: Session, site_id: int, now: datetime) -> LegalHold | None:
    """Find the hold in force that lasts longest."""
    query = select(LegalHold).where(LegalHold.site_id == site_id, in_force(now))
    return session.scalars(query.order_by(LegalHold.until.desc(), LegalHold.id)).first()


def holds_of(session: Session, site_id: int) -> list[LegalHold]:
    """List all holds there ever were, the newest first."""
    query = select(LegalHold).where(LegalHold.site_id == site_id)
    return list(session.scalars(query.order_by(LegalHold.id.desc())))


def held_sites(session: Session, now: datetime) -> set[int]:
    """List the sites that are held."""
    return set(session.scalars(select(LegalHold.site_id).where(in_force(now))))


def last_day_of(hold: LegalHold, zone: str) -> date:
    """Tell the last day of a hold by a site's clock."""
    return (hold.until - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date()


def refuse_held(session: Session, site_id: int, now: datetime) -> None:
    """Refuse to go on where a site is held.

    Raises:
        HeldError: It is.
    """
    hold = hold_of(session, site_id, now)
    if hold is None:
        return
    last = last_day_of(hold, session.get_one(Site, site_id).timezone)
    told = {"day": last.isoformat(), "reason": hold.reason, "who": hold.set_by}
    if not hold.set_by:
        raise HeldError(
            "hold",
            _(
                "Nothing of this site may be erased up to %(day)s: a legal hold was set "
                "(%(reason)s). Lift the hold first.",
                **told,
            ),
        )
    raise HeldError(
        "hold",
        _(
            "Nothing of this site may be erased up to %(day)s: a legal hold was set by %(who)s "
            "(%(reason)s). Lift the hold first.",
            **told,
        ),
    )


def set_hold(session: Session, site: Site, last: date, reason: str, now: datetime) -> LegalHold:
    """Hold a site's numbers through a day of the site.

    Raises:
        FieldError: The day is not to come, or too far away, or there is no reason.
    """
    said = " ".join(reason.split())
    if not said:
        raise FieldError("reason", _("Say why: whoever is refused by the hold reads it."))
    if len(said) > MAX_REASON:
        raise FieldError("reason", _("At most %(max_reason)s characters.", max_reason=MAX_REASON))
    zone = ZoneInfo(site.timezone)
    today = now.astimezone(zone).date()
    if not today <= last <= today + timedelta(days=366 * MOST_YEARS):
        raise FieldError(
            "until",
            _("Type a day from today to %(most_years)s years ahead.", most_years=MOST_YEARS),
        )
    until = datetime.combine(last + timedelta(days=1), datetime.min.time(), zone)
    hold = LegalHold(
        site_id=site.id, reason=said, set_by=acting().who, set_at=now, until=until, lifted_by=""
    )
    session.add(hold)
    session.flush()
    return hold


def lift_hold(session: Session, site_id: int, number: int, now: datetime) -> None:
    """Lift a hold that is in force.

    Raises:
        FieldError: The site has no such hold, or it is over.
    """
    named = select(LegalHold).where(LegalHold.site_id == site_id, LegalHold.id == number)
    hold = session.scalar(named.where(in_force(now)))
    if hold is None:
        raise FieldError("hold", _("There is no such hold in force."))
    hold.lifted_at, hold.lifted_by = now, acting().who
    session.flush()
