"""What was asked to be erased, from the asking to the certificate.

A request is written in the transaction of whoever asks; the composer sends what is due to the
writer of the site's shard (``statflow.erasing``), and later, once the writer's record is there,
writes the certificate. The one invariant: what was chosen stands here in full only until then;
afterwards no value of a property and no visitor's number is kept.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from portal.audit.actors import acting
from portal.audit.recording import UNAUDITED
from portal.data.holds import refuse_held
from portal.models import ErasureRequest, Site

EDGES_FOLLOW = timedelta(seconds=10)
"""How long edges may go on to take events of a site that was deleted (they need two seconds)."""
MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows of a site; without any condition all of it.

    ``path`` is a pattern with ``*``; ``prop`` a property's name, ``value`` its value, None for any;
    ``visitor`` the number that the opt-out page shows. Times are Unix milliseconds, ``after_ms`` is
    included, ``before_ms`` is not.
    """

    after_ms: int | None = None
    before_ms: int | None = None
    path: str | None = None
    prop: str | None = None
    value: str | None = None
    visitor: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether everything of the site goes."""
        return all(value is None for value in asdict(self).values())

    def told(self) -> dict[str, Any]:
        """Say by what was chosen, without what may be what somebody wants forgotten."""
        hidden = {"value": "not kept", "visitor": "not kept"}
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: hidden.get(name, value) for name, value in given.items()}

    def full(self) -> dict[str, Any]:
        """Write all of it, for the writer. A visitor's number passes what JSON can hold."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return given | ({"visitor": str(self.visitor)} if self.visitor is not None else {})

    @classmethod
    def read(cls, full: dict[str, Any]) -> "Chosen":
        """Read what ``full`` wrote."""
        visitor = full.get("visitor")
        return cls(**{**full, "visitor": None if visitor is None else int(visitor)})


def ask_erasure(
    session: Session, site: Site, chosen: Chosen, now: datetime, *, reason: str = ""
) -> ErasureRequest:
    """Ask for rows of a site to be erased.

    Raises:
        HeldError: The site is under a legal hold.
    """
    refuse_held(session, site.id, now)
    return _ask(session, site.id, chosen, now, now, site=site, reason=reason)


def ask_end(session: Session, site: Site, now: datetime) -> ErasureRequest:
    """Ask for everything of a site that is about to go, once no edge takes more of it.

    Raises:
        HeldError: The site is under a legal hold.
    """
    refuse_held(session, site.id, now)
    return _ask(session, site.id, Chosen(), now, now + EDGES_FOLLOW, site=site)


def ask_gone(
    session: Session, site_id: int, chosen: Chosen, now: datetime, *, reason: str = ""
) -> ErasureRequest:
    """Ask for rows under a number that belongs to no site any more."""
    return _ask(session, site_id, chosen, now, now, reason=reason)


def ask_orphans(session: Session, site_id: int, now: datetime) -> ErasureRequest:
    """Ask for everything of a site that is missing in what was restored."""
    return _ask(session, site_id, Chosen(), now, now + EDGES_FOLLOW)


def _ask(  # noqa: PLR0913 - keyword-only past the first five
    session: Session,
    site_id: int,
    chosen: Chosen,
    now: datetime,
    due_at: datetime,
    *,
    site: Site | None = None,
    reason: str = "",
) -> ErasureRequest:
    actor = acting()
    request = ErasureRequest(
        key=secrets.token_hex(16),
        site_id=site_id,
        team_id=site.team_id if site else None,
        host=site.host if site else "",
        reason=" ".join(reason.split())[:MAX_REASON],
        asked_by=actor.who,
        via=actor.via.value,
        asked_at=now,
        due_at=due_at,
        chosen=chosen.told(),
        chosen_secret=chosen.full(),
        statement="",
        signature="",
    )
    session.add(request)
    session.flush()
    return request


def due_requests(session: Session, now: datetime) -> list[ErasureRequest]:
    """List what is to be sent to the writers now, the oldest first."""
    query = select(ErasureRequest).where(
        ErasureRequest.sent_at.is_(None), ErasureRequest.due_at <= now
    )
    return list(session.scalars(query.order_by(ErasureRequest.asked_at)))


def open_requests(session: Session) -> list[ErasureRequest]:
    """List what was sent and has no certificate yet."""
    query = select(ErasureRequest).where(
        ErasureRequest.sent_at.is_not(None), ErasureRequest.done_at.is_(None)
    )
    return list(session.scalars(query.order_by(ErasureRequest.sent_at)))


def note_sent(session: Session, key: str, now: datetime) -> None:
    """Note that the writer has been asked; nobody decided it, so it is no change to record."""
    named = update(ErasureRequest).where(ErasureRequest.key == key)
    session.execute(named.values(sent_at=now), execution_options=UNAUDITED)


def note_done(session: Session, key: str, done_at: datetime, statement: str, sign: str) -> None:
    """Keep the certificate, and forget what only the writer had to know."""
    named = update(ErasureRequest).where(ErasureRequest.key == key)
    values = {"done_at": done_at, "statement": statement, "signature": sign}
    session.execute(named.values(**values, chosen_secret=None), execution_options=UNAUDITED)


def requests_of(session: Session, site_id: int) -> list[ErasureRequest]:
    """List what was asked for of one site, the newest first."""
    query = select(ErasureRequest).where(ErasureRequest.site_id == site_id)
    return list(session.scalars(query.order_by(ErasureRequest.asked_at.desc())))


def requests_of_all(
    session: Session, site_ids: set[int], team_ids: set[int], *, whole: bool, most: int
) -> list[ErasureRequest]:
    """List what was asked for of sites, and of teams' sites that are no more; or all of it."""
    query = select(ErasureRequest).order_by(ErasureRequest.asked_at.desc()).limit(most)
    if not whole:
        gone = ErasureRequest.site_id.not_in(select(Site.id))
        of_teams = ErasureRequest.team_id.in_(team_ids) & gone
        query = query.where(or_(ErasureRequest.site_id.in_(site_ids), of_teams))
    return list(session.scalars(query))
