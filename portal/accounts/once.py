"""What works once: challenges, steps of signing in, states of single sign-on.

Each carries its own end; until then a spent one is remembered, in the database, so that several
processes know of it. The one invariant: of two who come with the same, one is let through.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.recording import UNAUDITED
from portal.commands import hash_secret
from portal.models import SpentNonce

LIFETIME = timedelta(minutes=10)
"""How long anything of this kind may be under way."""


def spend(session: Session, nonce: str, now: datetime) -> bool:
    """Take a nonce out of use; false if it was spent already."""
    session.execute(
        delete(SpentNonce).where(SpentNonce.expires_at < now), execution_options=UNAUDITED
    )
    # Twice the lifetime: it must not be forgotten before what carries it is too old.
    values = {"nonce_hash": hash_secret(nonce), "expires_at": now + 2 * LIFETIME}
    try:
        with session.begin_nested():
            session.execute(insert(SpentNonce).values(values))
    except IntegrityError:
        return False
    return True
