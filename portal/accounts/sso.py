"""What single sign-on does to accounts: whose an identity is, linking, groups.

Whether the provider's claims are true is ``portal.accounts.oidc``'s work. The one invariant: an
identity opens an account only if its person linked it while signed in, or if both sides are sure of
the same address: the provider says that it is verified, and it was confirmed here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.accounts.oidc import SingleSignOn
from portal.accounts.one_time import LinkKind
from portal.accounts.people import account_of
from portal.commands import add_person, is_email, normal_email
from portal.language import _
from portal.models import Identity, Membership, OneTimeLink, Role, Team, User
from portal.teams.members import hold_team, is_last_owner

MAX_SUBJECT = 255


class NotLetInError(Exception):
    """The person is who they say, and still has no account to enter; the message is for them."""


def person_of(
    session: Session, sso: SingleSignOn, claims: dict[str, Any], now: datetime, *, open_signup: bool
) -> User:
    """Find, link or make the account of somebody whom the provider has let in; follow their groups.

    Raises:
        NotLetInError: There is none, and none may be linked or made.
    """
    subject = _subject(claims)
    found = _identity(session, sso, subject)
    if found is None:
        user = _by_address(session, sso, claims, now, open_signup=open_signup)
        found = _add(session, sso, user, claims, now)
    found.last_used_at = now
    follow_groups(session, sso, found.user, groups_of(sso, claims))
    session.flush()
    return found.user


def link(
    session: Session, sso: SingleSignOn, user: User, claims: dict[str, Any], now: datetime
) -> None:
    """Link an identity to the account of who is signed in.

    Raises:
        NotLetInError: It opens another account already.
    """
    found = _identity(session, sso, _subject(claims))
    if found is not None and found.user_id != user.id:
        raise NotLetInError(
            _("That account of %(name)s opens another account here.", name=sso.name)
        )
    if found is None:
        _add(session, sso, user, claims, now)
    follow_groups(session, sso, user, groups_of(sso, claims))


def _subject(claims: dict[str, Any]) -> str:
    subject = str(claims["sub"])
    if len(subject) > MAX_SUBJECT:
        raise NotLetInError(_("The provider calls you by too long a name."))
    return subject


def _identity(session: Session, sso: SingleSignOn, subject: str) -> Identity | None:
    query = select(Identity).where(Identity.issuer == sso.issuer, Identity.subject == subject)
    return session.scalar(query)


def _add(
    session: Session, sso: SingleSignOn, user: User, claims: dict[str, Any], now: datetime
) -> Identity:
    email = normal_email(str(claims.get("email") or ""))[:254]
    row = Identity(
        user_id=user.id, issuer=sso.issuer, subject=_subject(claims), email=email, created_at=now
    )
    session.add(row)
    session.flush()
    return row


def _by_address(
    session: Session, sso: SingleSignOn, claims: dict[str, Any], now: datetime, *, open_signup: bool
) -> User:
    email = normal_email(str(claims.get("email") or ""))
    # Only the JSON value: a text such as "false" is true as well.
    if claims.get("email_verified") is not True or not is_email(email):
        raise NotLetInError(
            _("%(name)s does not say that your e-mail address is verified.", name=sso.name)
        )
    user = account_of(session, email)
    if user is not None and user.confirmed_at is None:
        raise NotLetInError(_how_to_link(sso, email))
    if user is not None:
        return user
    if not open_signup and not _is_expected(session, sso, claims, email, now):
        raise NotLetInError(_("There is no account for %(email)s. Ask to be invited.", email=email))
    user = add_person(session, email, now)
    user.confirmed_at = now
    return user


def _how_to_link(sso: SingleSignOn, email: str) -> str:
    """Say what to do where nobody has shown yet that the account's address is theirs."""
    if sso.only:
        return _(
            "The account for %(email)s here was never confirmed. Whoever runs this "
            "installation can do that: statflow user confirm %(email)s",
            email=email,
        )
    return _(
        "There is an account for %(email)s here whose address was never confirmed. "
        "Sign in to it with its password, and link %(name)s on the page Account.",
        email=email,
        name=sso.name,
    )


def _is_expected(
    session: Session, sso: SingleSignOn, claims: dict[str, Any], email: str, now: datetime
) -> bool:
    """Tell whether somebody new was invited, or is in a group that a team takes in."""
    invited = exists().where(
        OneTimeLink.kind == LinkKind.INVITE.value,
        OneTimeLink.email == email,
        OneTimeLink.expires_at > now,
    )
    groups = groups_of(sso, claims)
    return bool(session.scalar(select(invited))) or any(r.group in groups for r in sso.roles)


def groups_of(sso: SingleSignOn, claims: dict[str, Any]) -> frozenset[str]:
    """Read the groups that a person is in; some providers write a single one as a text."""
    told = claims.get(sso.groups_claim)
    rows = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    return frozenset(row for row in rows if isinstance(row, str))


def follow_groups(session: Session, sso: SingleSignOn, user: User, groups: frozenset[str]) -> None:
    """Give the roles that the groups stand for, and take back those that they stood for.

    A role given by hand is left alone, and so is a team's last owner. A team that is not there is
    passed over.
    """
    wanted: dict[str, Role] = {}
    for row in sso.roles:
        if row.group in groups:
            before = wanted.get(row.team, Role.VIEWER)
            wanted[row.team] = min(before, row.role, key=list(Role).index)
    teams = {t.name: t.id for t in session.scalars(select(Team).where(Team.name.in_(wanted)))}
    roles = {teams[name]: role for name, role in wanted.items() if name in teams}
    mine = select(Membership).where(Membership.user_id == user.id, Membership.by_group)
    given = session.scalars(mine.with_only_columns(Membership.team_id))
    for team_id in sorted({*given, *roles}):
        hold_team(session, team_id)
    for team_id, role in roles.items():
        _give(session, user.id, team_id, role)
    for member in list(session.scalars(mine, execution_options={"populate_existing": True})):
        if member.team_id not in roles and not is_last_owner(session, member):
            session.delete(member)
    session.flush()


def _give(session: Session, user_id: int, team_id: int, role: Role) -> None:
    member = session.get(Membership, (user_id, team_id), populate_existing=True)
    if member is None:
        session.add(Membership(user_id=user_id, team_id=team_id, role=role, by_group=True))
    elif member.by_group and member.role != role and not is_last_owner(session, member):
        member.role = role
