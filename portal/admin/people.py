"""Everybody who has an account, and what an administrator may do to one.

Each takes a session whose transaction the caller opened. The one invariant: the installation keeps
an administrator who can sign in, and nobody takes their own rights away by mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from portal.accounts.people import end_sessions
from portal.commands import CommandError
from portal.language import N_, _
from portal.models import Membership, Site, SiteHost, Team, User, UserSession

PAGE_ROWS = 50
OWN = N_("Ask another administrator: nobody does this to their own account.")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page, and whether there are more."""

    rows: Sequence[Any]
    number: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One row of the list of people."""

    user: User
    teams: int
    sessions: int
    seen_at: datetime | None


def _paged(session: Session, query: Select[*tuple[Any, ...]], page: int) -> Page:
    rows = session.execute(query.limit(PAGE_ROWS + 1).offset(page * PAGE_ROWS)).all()
    return Page(rows[:PAGE_ROWS], page, len(rows) > PAGE_ROWS)


def _like(column: ColumnElement[str] | Any, text: str) -> list[ColumnElement[bool]]:
    return [column.icontains(text, autoescape=True)] if text else []


def find_people(session: Session, text: str, page: int) -> Page:
    """List people by address, those whose address holds a text."""
    teams = select(func.count()).where(Membership.user_id == User.id).scalar_subquery()
    mine = UserSession.user_id == User.id
    sessions = select(func.count()).select_from(UserSession).where(mine).scalar_subquery()
    seen = select(func.max(UserSession.seen_at)).where(mine).scalar_subquery()
    query = select(User, teams, sessions, seen).where(*_like(User.email, text)).order_by(User.email)
    found = _paged(session, query, page)
    return Page([Person(*row) for row in found.rows], page, found.has_more)


def find_teams(session: Session, text: str, page: int) -> Page:
    """List teams by name, with how many people and sites they have."""
    people = select(func.count()).where(Membership.team_id == Team.id).scalar_subquery()
    sites = select(func.count()).select_from(Site).where(Site.team_id == Team.id).scalar_subquery()
    query = select(Team, people, sites).where(*_like(Team.name, text)).order_by(Team.name)
    return _paged(session, query, page)


def find_sites(session: Session, text: str, page: int) -> Page:
    """List sites by host, those one of whose names holds a text."""
    query = select(Site, Team).join(Team).order_by(Site.host)
    if text:
        named = select(SiteHost.site_id).where(*_like(SiteHost.host, text))
        query = query.where(or_(Site.id.in_(named), *_like(Team.name, text)))
    return _paged(session, query, page)


def set_disabled(session: Session, user_id: int, by: int, *, disabled: bool) -> User:
    """Lock an account, which ends its sessions, or unlock it.

    Raises:
        CommandError: It is one's own.
    """
    user = _other(session, user_id, by)
    user.disabled = disabled
    if disabled:
        end_sessions(session, user)
    session.flush()
    return user


def set_admin(session: Session, user_id: int, by: int, *, admin: bool) -> User:
    """Make somebody an administrator of the installation, or no longer.

    Raises:
        CommandError: It is one's own account, or a locked one.
    """
    user = _other(session, user_id, by)
    if admin and user.disabled:
        raise CommandError(
            "user", _("%(email)s is locked: unlock the account first.", email=user.email)
        )
    user.is_admin = admin
    session.flush()
    return user


def end_all_sessions(session: Session, user_id: int, by: int) -> User:
    """Sign somebody out everywhere.

    Raises:
        CommandError: It is one's own account, which has a page for that.
    """
    user = _other(session, user_id, by)
    end_sessions(session, user)
    return user


def _other(session: Session, user_id: int, by: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise CommandError("user", _("There is no such account any more."))
    if user.id == by:
        raise CommandError("user", OWN)
    return user
