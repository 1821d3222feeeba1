"""What is done to one account: its password, its sessions, its address.

Each takes a session whose transaction the caller opened. The one invariant: a new password ends
every session and voids every link by which the account could still be changed.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session, joinedload

from portal.accounts.one_time import LinkKind, spend_link
from portal.accounts.passwords import hash_password, password_problem
from portal.audit.recording import UNAUDITED
from portal.commands import CommandError, hash_secret, is_email, normal_email
from portal.language import _
from portal.models import OneTimeLink, User, UserSession

IDLE = timedelta(days=30)
SSO_LASTS = timedelta(days=1)
SEEN_STEP = timedelta(minutes=10)


def account_of(session: Session, email: str) -> User | None:
    """Find an account by its address."""
    return session.scalar(select(User).where(User.email == normal_email(email)))


def language_of(session: Session, email: str) -> str:
    """Tell in which language the account of an address is written to; empty if it says nothing."""
    query = select(User.language).where(User.email == normal_email(email))
    return session.scalar(query) or ""


def begin_session(
    session: Session,
    user_id: int,
    device: str,
    now: datetime,
    *,
    way: str,
    proved_at: datetime | None,
) -> str:
    """Begin a session of a browser and return its key; sessions left alone too long go."""
    session.execute(
        delete(UserSession).where(UserSession.seen_at < now - IDLE), execution_options=UNAUDITED
    )
    key = secrets.token_urlsafe(24)
    row = {"user_id": user_id, "device": device, "created_at": now, "seen_at": now}
    row |= {"key_hash": hash_secret(key), "way": way, "proved_at": proved_at}
    session.execute(insert(UserSession).values(row))
    return key


def find_session(session: Session, user_id: int, key: str, now: datetime) -> UserSession | None:
    """Find a session by its key, unless it was left alone too long.

    One that the single sign-on began lasts a day at most: then the provider is asked again, so that
    whoever lost the account there loses it here.
    """
    query = select(UserSession).options(joinedload(UserSession.user))
    return session.scalar(
        query.where(
            UserSession.user_id == user_id,
            UserSession.key_hash == hash_secret(key),
            UserSession.seen_at >= now - IDLE,
            or_(UserSession.way != "sso", UserSession.created_at >= now - SSO_LASTS),
        )
    )


def note_seen(session: Session, session_id: int, now: datetime) -> None:
    """Remember that a session was used."""
    session.execute(
        update(UserSession).where(UserSession.id == session_id).values(seen_at=now),
        execution_options=UNAUDITED,
    )


def sessions_of(session: Session, user_id: int) -> list[UserSession]:
    """List a person's sessions, the newest use first."""
    query = select(UserSession).where(UserSession.user_id == user_id)
    return list(session.scalars(query.order_by(UserSession.seen_at.desc(), UserSession.id.desc())))


def end_session(session: Session, user_id: int, session_id: int) -> None:
    """End one session of a person; somebody else's stays."""
    session.execute(
        delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id)
    )


def end_sessions(session: Session, user: User) -> None:
    """End all sessions of a person."""
    user.session_key = secrets.token_urlsafe(24)
    session.execute(delete(UserSession).where(UserSession.user_id == user.id))
    session.flush()


def set_password(session: Session, user: User, password: str) -> None:
    """Set a new password, and end what the old one had begun.

    Raises:
        CommandError: The password is too weak.
    """
    if problem := password_problem(password, user.email):
        raise CommandError("password", problem)
    user.password_hash, user.wrong_codes = hash_password(password), 0
    session.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user.id))
    end_sessions(session, user)


def count_wrong_code(session: Session, user_id: int) -> None:
    """Count a wrong code at the second step; two at once count twice."""
    counted = update(User).where(User.id == user_id).values(wrong_codes=User.wrong_codes + 1)
    session.execute(counted, execution_options=UNAUDITED)


def forget_wrong_codes(session: Session, user_id: int) -> None:
    """Begin to count anew: the person has shown that they have the factor."""
    mine = update(User).where(User.id == user_id, User.wrong_codes > 0)
    session.execute(mine.values(wrong_codes=0), execution_options=UNAUDITED)


def reset_password(session: Session, token: str, password: str, now: datetime) -> User:
    """Spend a reset link on a new password; who has it by mail has confirmed the address.

    Raises:
        CommandError: The link does not work (any more), or the password is too weak.
    """
    link = spend_link(session, LinkKind.RESET, token, now)
    user = session.get_one(User, link.user_id)
    set_password(session, user, password)
    if link.mailed and link.email == user.email:
        user.confirmed_at = user.confirmed_at or now
    return user


def confirm_address(session: Session, token: str, now: datetime) -> User:
    """Spend a confirmation link: its address is the account's from now on.

    Raises:
        CommandError: The link does not work (any more), or the address is taken by now.
    """
    link = spend_link(session, LinkKind.CONFIRM, token, now)
    user = session.get_one(User, link.user_id)
    if not is_free(session, link.email, except_user=user.id):
        raise CommandError("token", _("This address belongs to another account by now."))
    user.email, user.confirmed_at = link.email, now
    session.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user.id))
    session.flush()
    return user


def is_free(session: Session, email: str, except_user: int = 0) -> bool:
    """Tell whether no (other) account has an address."""
    taken = exists().where(User.email == normal_email(email), User.id != except_user)
    return is_email(email) and not session.scalar(select(taken))
