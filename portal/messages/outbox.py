"""The outbox: what is to be sent, what is being sent, and what became of it.

A row stands for one message to one recipient. It is *claimed* in a transaction of its own before
anything leaves, and *ended* after; what a crash leaves claimed is called interrupted and never sent
again. A way that says plainly that nothing arrived is tried again later, from the same row. The one
invariant: between two claims of a row stands a plain "not taken" of the other side, so nothing is
sent twice; the price is that what a crash interrupts may be missing (docs/adr/0036).

Rows are no decision of anybody, so the record of changes leaves them out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.recording import UNAUDITED
from portal.database import Database
from portal.language import N_
from portal.messages.message import Message, as_json
from portal.models import Delivery, Lease, Recipient

RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000)
"""Pauses between tries. Source: the Standard Webhooks specification, "Retry schedule"."""
LONGEST_SENDING = timedelta(minutes=10)
"""No sending takes so long: what is claimed for longer was interrupted."""
KEPT = timedelta(days=90)
LEASE = "messages"
LEASE_FOR = timedelta(seconds=60)


class State(StrEnum):
    """Where a row is on its way."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try.

    ``state`` WAITING asks for another; ``after_s`` is then the least that the other side asks for.
    """

    state: State
    said: str = ""
    after_s: int = 0


def hold_lease(database: Database, owner: str, now: datetime) -> bool:
    """Become or stay the one that sends; False while another is."""
    told = {"owner": owner, "until": now + LEASE_FOR}
    mine = (Lease.name == LEASE, or_(Lease.owner == owner, Lease.until <= now))
    try:
        with database.writing() as session:
            if _changed(session, update(Lease).where(*mine).values(told)):
                return True
            if session.get(Lease, LEASE) is not None:
                return False
            session.execute(insert(Lease).values(name=LEASE, **told))
    except IntegrityError:  # Another one was first, between our two questions.
        return False
    return True


def let_go(database: Database, owner: str) -> None:
    """Give the lease back, so that the next one need not wait."""
    with database.writing() as session:
        mine = (Lease.name == LEASE, Lease.owner == owner)
        session.execute(delete(Lease).where(*mine), execution_options=UNAUDITED)


def put(
    session: Session, key: str, message: Message, recipients: Sequence[Recipient], now: datetime
) -> list[int]:
    """Put a message into the outbox for those who have not got it; ``key`` names it for ever.

    Returns the new rows' ids.
    """
    ids = [recipient.id for recipient in recipients]
    known = select(Delivery.recipient_id).where(
        Delivery.message == key, Delivery.recipient_id.in_(ids)
    )
    have = set(session.scalars(known))
    content = as_json(message)
    return [
        cast("int", session.scalars(_row(key, message, content, recipient, now)).one())
        for recipient in recipients
        if recipient.id not in have
    ]


def _row(
    key: str, message: Message, content: dict[str, Any], recipient: Recipient, now: datetime
) -> Any:
    return (
        insert(Delivery)
        .values(
            site_id=recipient.site_id,
            recipient_id=recipient.id,
            sent_to=recipient.address,
            message=key,
            title=message.title[:200],
            content=content,
            state=State.WAITING.value,
            attempts=0,
            due_at=now,
            said="",
            created_at=now,
        )
        .returning(Delivery.id)
    )


def due_now(session: Session, now: datetime, limit: int) -> list[int]:
    """List rows that may be sent now, the oldest first."""
    query = select(Delivery.id).where(Delivery.state == State.WAITING, Delivery.due_at <= now)
    return list(session.scalars(query.order_by(Delivery.due_at, Delivery.id).limit(limit)))


def count_waiting(session: Session) -> int:
    """Count the rows that are still to be sent."""
    query = select(func.count()).select_from(Delivery).where(Delivery.state == State.WAITING)
    return session.scalar(query) or 0


def claim(database: Database, delivery_id: int, now: datetime) -> bool:
    """Take a row to send it; False if it is not there to be taken."""
    with database.writing() as session:
        free = (Delivery.id == delivery_id, Delivery.state == State.WAITING)
        taken = {
            "state": State.CLAIMED.value,
            "attempts": Delivery.attempts + 1,
            "claimed_at": now,
        }
        return _changed(session, update(Delivery).where(*free).values(taken)) == 1


def end_claim(database: Database, delivery_id: int, outcome: Outcome, now: datetime) -> State:
    """Write down what became of a claimed row; the last try that fails is a failure."""
    with database.writing() as session:
        row = session.get_one(Delivery, delivery_id)
        state, told = outcome.state, {"said": outcome.said[:300]}
        if state is State.WAITING and row.attempts > len(RETRY_AFTER_S):
            state = State.FAILED
        if state is State.WAITING:
            pause_s = max(RETRY_AFTER_S[row.attempts - 1], outcome.after_s)
            values: dict[str, Any] = {**told, "due_at": now + timedelta(seconds=pause_s)}
        else:
            values = {**told, "ended_at": now}
        changed = update(Delivery).where(Delivery.id == delivery_id)
        session.execute(changed.values(state=state.value, **values), execution_options=UNAUDITED)
    return state


def tidy(database: Database, now: datetime) -> None:
    """Name what was interrupted, and forget what is old."""
    stuck = (Delivery.state == State.CLAIMED, Delivery.claimed_at <= now - LONGEST_SENDING)
    told = {
        "state": State.UNKNOWN.value,
        "ended_at": now,
        "said": N_("Interrupted while it was sent: it may have arrived, and is not sent again."),
    }
    with database.writing() as session:
        _changed(session, update(Delivery).where(*stuck).values(told))
        old = delete(Delivery).where(Delivery.created_at <= now - KEPT)
        session.execute(old, execution_options=UNAUDITED)


def _changed(session: Session, statement: Any) -> int:
    done = session.execute(statement, execution_options=UNAUDITED)
    return cast("CursorResult[Any]", done).rowcount


def sent_lately(session: Session, site_id: int, limit: int = 50) -> list[Delivery]:
    """List what a site sent, the newest first."""
    query = select(Delivery).where(Delivery.site_id == site_id)
    return list(session.scalars(query.order_by(Delivery.id.desc()).limit(limit)))
