"""Invitations: into a team with a role, or to a single site as a guest.

Mail is the views' business. The one invariant: an invitation is for one address, and only the
account of that address can take it.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from portal.accounts.one_time import LinkKind, make_link, spend_link
from portal.commands import CommandError, add_user, is_email
from portal.language import N_, _
from portal.models import Guest, Membership, OneTimeLink, Role, Site, Team, User
from portal.teams.rights import GUEST_ROLES

WRONG_ACCOUNT = N_("This invitation is for another address.")


def invite(  # noqa: PLR0913 - keyword-only past the first three
    session: Session,
    team: Team,
    email: str,
    role: Role,
    *,
    now: datetime,
    site_id: int | None = None,
    mailed: bool = False,
) -> str:
    """Invite an address and return the link's token, shown this once.

    Raises:
        CommandError: The address is none, or the site or role cannot be given to a guest.
    """
    if not is_email(email):
        raise CommandError("email", _("%(email)r is not an e-mail address.", email=email))
    if site_id is not None:
        site = session.get(Site, site_id)
        if site is None or site.team_id != team.id:
            raise CommandError("place", _("Choose the team or one of its sites."))
        if role not in GUEST_ROLES:
            raise CommandError("role", _("A guest of one site is an editor or a viewer."))
    return make_link(
        session,
        LinkKind.INVITE,
        email,
        now,
        team_id=team.id,
        site_id=site_id,
        role=role,
        mailed=mailed,
    )


def place_of(link: OneTimeLink) -> str:
    """Say what an invitation is to."""
    team = link.team.name if link.team else ""
    return link.site.host if link.site else _("the team %(team)s", team=team)


def open_invitations(session: Session, team_id: int, now: datetime) -> list[OneTimeLink]:
    """List the invitations of a team that nobody has taken yet."""
    query = select(OneTimeLink).options(joinedload(OneTimeLink.site))
    return list(
        session.scalars(
            query.where(OneTimeLink.team_id == team_id, OneTimeLink.expires_at > now).order_by(
                OneTimeLink.email, OneTimeLink.id
            )
        )
    )


def withdraw(session: Session, team_id: int, link_id: int) -> None:
    """Void an invitation of a team."""
    session.execute(
        delete(OneTimeLink).where(OneTimeLink.id == link_id, OneTimeLink.team_id == team_id)
    )


def join(session: Session, token: str, user: User, now: datetime) -> OneTimeLink:
    """Spend an invitation: its person is in. Who is in already keeps the mightier role.

    Raises:
        CommandError: It does not work (any more), or is for another address.
    """
    link = spend_link(session, LinkKind.INVITE, token, now)
    if link.email != user.email:
        raise CommandError("token", WRONG_ACCOUNT)
    _let_in(session, link, user)
    return link


def _let_in(session: Session, link: OneTimeLink, user: User) -> None:
    role = Role(link.role or Role.VIEWER)
    if link.site_id is not None:
        _put_guest(session, user.id, link.site_id, role)
    elif link.team_id is not None:
        _put_member(session, user.id, link.team_id, role)
    session.flush()


def _put_guest(session: Session, user_id: int, site_id: int, role: Role) -> None:
    guest = session.get(Guest, (user_id, site_id))
    if guest is None:
        session.add(Guest(user_id=user_id, site_id=site_id, role=role))
    else:
        guest.role = _mightier(guest.role, role)


def _put_member(session: Session, user_id: int, team_id: int, role: Role) -> None:
    member = session.get(Membership, (user_id, team_id))
    if member is None:
        session.add(Membership(user_id=user_id, team_id=team_id, role=role))
    else:
        member.role = _mightier(member.role, role)


def _mightier(one: Role, other: Role) -> Role:
    return min(one, other, key=list(Role).index)


def join_as_new(session: Session, token: str, password: str, now: datetime) -> User:
    """Make the account that an invitation is for, and spend the invitation.

    Raises:
        CommandError: It does not work, there is an account, or the password is too weak.
    """
    link = spend_link(session, LinkKind.INVITE, token, now)
    user = add_user(session, link.email, password, now=now)
    if link.mailed:
        user.confirmed_at = now
    _let_in(session, link, user)
    return user
