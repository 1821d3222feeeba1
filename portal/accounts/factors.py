"""A person's second factors together: whether there are any, their names, their end.

The one invariant: recovery codes stand in for factors, so they go with the last one; and adding the
first factor ends every session that was begun without one.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.accounts.people import account_of, end_sessions
from portal.accounts.recovery import codes_left
from portal.commands import CommandError
from portal.language import _
from portal.models import CodeApp, Identity, Passkey, RecoveryCode, User


def remove_code_app(session: Session, user: User) -> None:
    """Take the code app away."""
    _remove(session, user, [user.code_app] if user.code_app is not None else [])


def remove_passkey(session: Session, user: User, passkey_id: int) -> Passkey | None:
    """Take a passkey of the person's away; None if there is no such."""
    row = session.get(Passkey, passkey_id)
    if row is None or row.user_id != user.id:
        return None
    _remove(session, user, [row])
    return row


def _remove(session: Session, user: User, rows: Sequence[CodeApp | Passkey]) -> None:
    for row in rows:
        session.delete(row)
    session.flush()
    session.expire(user, ["code_app", "passkeys"])
    if not user.has_factor:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def _named(session: Session, email: str) -> User:
    user = account_of(session, email)
    if user is None:
        raise CommandError("email", _("There is no account for %(email)s.", email=email))
    return user


def list_factors(session: Session, email: str) -> list[dict[str, str | int | None]]:
    """List what a person signs in with besides a password, as the command prints it.

    Raises:
        CommandError: There is no such account.
    """
    user = _named(session, email)
    rows: list[tuple[str, str, CodeApp | Passkey | Identity]] = []
    if user.code_app is not None:
        rows.append(("code app", "", user.code_app))
    rows += [("passkey", key.name, key) for key in user.passkeys]
    rows += [("single sign-on", each.issuer, each) for each in identities_of(session, user.id)]
    listed: list[dict[str, str | int | None]] = [
        {
            "kind": kind,
            "name": name,
            "since": row.created_at.isoformat(),
            "last_used": row.last_used_at.isoformat() if row.last_used_at else None,
        }
        for kind, name, row in rows
    ]
    if left := codes_left(session, user.id):
        listed.append({"kind": "recovery codes", "name": "", "left": left})
    return listed


def remove_factors(session: Session, email: str) -> int:
    """Take every second factor of a person away, for a lost phone; count them.

    Every session ends too: the phone may have one.

    Raises:
        CommandError: There is no such account.
    """
    user = _named(session, email)
    rows: list[CodeApp | Passkey] = [*user.passkeys]
    if user.code_app is not None:
        rows.append(user.code_app)
    _remove(session, user, rows)
    end_sessions(session, user)
    return len(rows)


def identities_of(session: Session, user_id: int) -> list[Identity]:
    """List a person's accounts at single sign-on providers."""
    query = select(Identity).where(Identity.user_id == user_id).order_by(Identity.id)
    return list(session.scalars(query))


def unlink(session: Session, user: User, identity_id: int) -> bool:
    """Take an identity away; not one of somebody else, and not the only way in."""
    row = session.get(Identity, identity_id)
    if row is None or row.user_id != user.id or not (user.password_hash or user.passkeys):
        return False
    session.delete(row)
    session.flush()
    return True
