"""Numbers of deleted sites that are still to be erased.

Deleting a site writes one mark in the same transaction; whoever composes the portal asks for the
erasure of what is due and takes the mark off (``statflow.role_portal``). The one invariant: once a
site is gone, its numbers go too, whatever is away at that moment.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Setting

PREFIX = "erase_site:"
EDGES_FOLLOW = timedelta(seconds=10)
"""How long edges may go on to take events of a site that was deleted (they need two seconds)."""


def mark_for_erasure(session: Session, site_id: int, now: datetime) -> None:
    """Note that a site's numbers are to go, once no edge takes more of them."""
    due_at = (now + EDGES_FOLLOW).timestamp()
    session.merge(Setting(name=f"{PREFIX}{site_id}", value=due_at))


def due_erasures(session: Session, now: datetime) -> list[int]:
    """List the sites whose numbers are to go now."""
    marks = session.scalars(select(Setting).where(Setting.name.startswith(PREFIX)))
    due = [mark for mark in marks if mark.value <= now.timestamp()]
    return sorted(int(mark.name.removeprefix(PREFIX)) for mark in due)


def forget_erasure(session: Session, site_id: int) -> None:
    """Take the mark off: the erasure was asked for."""
    mark = session.get(Setting, f"{PREFIX}{site_id}")
    if mark is not None:
        session.delete(mark)
