"""Links that work once: made, found, spent.

What a link does is its caller's business. The one invariant: of a link only its hash is kept, and
it opens nothing after its time or its first use.
"""

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from portal.audit.recording import UNAUDITED
from portal.commands import CommandError, hash_secret, normal_email
from portal.language import N_, _
from portal.models import OneTimeLink, User

USED = N_("This link has been used, replaced, or is too old. Ask for a new one.")


class LinkKind(StrEnum):
    """What a link is good for."""

    INVITE = "invite"
    RESET = "reset"
    CONFIRM = "confirm"
    SIGN_UP = "sign_up"


LIFETIMES: dict[LinkKind, timedelta] = {
    LinkKind.INVITE: timedelta(days=7),
    LinkKind.RESET: timedelta(hours=1),
    LinkKind.CONFIRM: timedelta(days=1),
    LinkKind.SIGN_UP: timedelta(days=1),
}


def make_link(session: Session, kind: LinkKind, email: str, now: datetime, **about: Any) -> str:
    """Make a link and return its token, shown this once; the same link made earlier is void.

    ``about`` are further columns of ``OneTimeLink``; with team and site they say which is the same.
    """
    address = normal_email(email)
    same = [
        OneTimeLink.kind == kind.value,
        OneTimeLink.email == address,
        OneTimeLink.team_id == about.get("team_id"),
        OneTimeLink.site_id == about.get("site_id"),
    ]
    void = or_(and_(*same), OneTimeLink.expires_at < now)
    session.execute(delete(OneTimeLink).where(void), execution_options=UNAUDITED)
    token = secrets.token_urlsafe(32)
    link = OneTimeLink(
        kind=kind.value,
        token_hash=hash_secret(token),
        email=address,
        created_at=now,
        expires_at=now + LIFETIMES[kind],
        **about,
    )
    session.add(link)
    session.flush()
    return token


def find_link(session: Session, kind: LinkKind, token: str, now: datetime) -> OneTimeLink | None:
    """Find a link that still works."""
    query = select(OneTimeLink).where(
        OneTimeLink.kind == kind.value,
        OneTimeLink.token_hash == hash_secret(token),
        OneTimeLink.expires_at > now,
    )
    return session.scalar(query)


def spend_link(session: Session, kind: LinkKind, token: str, now: datetime) -> OneTimeLink:
    """Take a link out of use and give what it said.

    Raises:
        CommandError: It does not work (any more), or somebody was faster.
    """
    link = find_link(session, kind, token, now)
    if link is None:
        raise CommandError("token", USED)
    session.expunge(link)
    taken = delete(OneTimeLink).where(OneTimeLink.id == link.id).returning(OneTimeLink.id)
    if session.scalar(taken) is None:
        raise CommandError("token", USED)
    return link


def reset_path(session: Session, email: str, now: datetime | None = None) -> str:
    """Make a link to set a new password, for the operator to pass on; return its path.

    Raises:
        CommandError: There is no such account.
    """
    user = session.scalar(select(User).where(User.email == normal_email(email)))
    if user is None:
        raise CommandError("email", _("There is no account for %(email)s.", email=email))
    now = now or datetime.now(UTC)
    return f"/reset/{make_link(session, LinkKind.RESET, user.email, now, user_id=user.id)}"
