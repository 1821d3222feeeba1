"""Who may do what: one table, asked by views, API, templates and commands alike.

It does not sign anybody in (``portal.accounts``) and knows no HTTP: views turn "no right" into 404
or 403. The one invariant: a right over a site comes only from a membership of the site's team;
being an administrator of the installation opens nobody's numbers.
"""

from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from portal.models import Membership, Role, Site, SiteHost, Team


class Right(StrEnum):
    """One thing that can be done with a team's sites."""

    VIEW_STATS = "view_stats"
    EDIT_SITE = "edit_site"
    ADD_SITE = "add_site"
    DELETE_SITE = "delete_site"
    SEE_CHANGES = "see_changes"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: frozenset(Right),
    Role.EDITOR: frozenset({Right.VIEW_STATS, Right.EDIT_SITE}),
    Role.VIEWER: frozenset({Right.VIEW_STATS}),
}


def roles_with(right: Right) -> tuple[Role, ...]:
    """List the roles that hold a right, the mightiest first."""
    return tuple(role for role in Role if right in RIGHTS[role])


def _holds(user_id: int, right: Right) -> ColumnElement[bool]:
    teams = select(Membership.team_id).where(
        Membership.user_id == user_id, Membership.role.in_(roles_with(right))
    )
    return Site.team_id.in_(teams)


def sites_with(session: Session, user_id: int, right: Right) -> list[Site]:
    """List the sites over which the user holds a right, by host."""
    query = select(Site).where(_holds(user_id, right)).order_by(Site.host)
    return list(session.scalars(query.options(selectinload(Site.hosts))))


def find_site(session: Session, user_id: int, name: str, right: Right) -> Site | None:
    """Find a site by host, alias or id, if the user holds the right over it.

    A site that does not exist and one that is not the user's are the same answer.
    """
    aliases = select(SiteHost.site_id).where(SiteHost.host == name.lower())
    named: list[ColumnElement[bool]] = [Site.id.in_(aliases)]
    if name.isascii() and name.isdecimal() and len(name) < 10:  # noqa: PLR2004 - fits 32 bits
        named.append(Site.id == int(name))
    query = select(Site).where(_holds(user_id, right), or_(*named))
    return session.scalars(query.order_by(Site.id).options(selectinload(Site.hosts))).first()


def teams_with(session: Session, user_id: int, right: Right) -> list[Team]:
    """List the teams in which the user holds a right, the oldest first."""
    query = (
        select(Team)
        .join(Membership)
        .where(Membership.user_id == user_id, Membership.role.in_(roles_with(right)))
    )
    return list(session.scalars(query.order_by(Team.id)))
