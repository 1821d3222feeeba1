"""Who may do what: one table, asked by views, API, templates and commands alike.

It does not sign anybody in (``portal.accounts``) and knows no HTTP: views turn "no right" into 404
or 403. The one invariant: a right over a site comes only from a membership of the site's team or
from being a guest of that very site; being an administrator of the installation opens nobody's
numbers. ``docs/rights.md`` prints the table.
"""

from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from portal.models import Guest, Membership, Role, Site, SiteHost, Team


class Right(StrEnum):
    """One thing that can be done with a team or its sites."""

    VIEW_STATS = "view_stats"
    EDIT_SITE = "edit_site"
    ADD_SITE = "add_site"
    DELETE_SITE = "delete_site"
    MOVE_SITE = "move_site"
    SEE_TEAM = "see_team"
    MANAGE_PEOPLE = "manage_people"
    RENAME_TEAM = "rename_team"
    MANAGE_OWNERS = "manage_owners"
    DELETE_TEAM = "delete_team"
    SEE_CHANGES = "see_changes"


MEANINGS: dict[Right, str] = {
    Right.VIEW_STATS: "See a site's numbers, its edge and its events",
    Right.EDIT_SITE: "Change a site's settings and rules",
    Right.ADD_SITE: "Add sites to the team",
    Right.DELETE_SITE: "Delete a site",
    Right.MOVE_SITE: "Move a site to another team in which one may add sites",
    Right.SEE_CHANGES: "See who changed what of a site",
    Right.SEE_TEAM: "See who is in the team",
    Right.MANAGE_PEOPLE: "Invite people and guests, change their roles, remove them",
    Right.RENAME_TEAM: "Rename the team",
    Right.MANAGE_OWNERS: "Make owners, change and remove them, hand the team over",
    Right.DELETE_TEAM: "Delete the team, and keep it while it waits",
}
_OF_OWNERS = frozenset({Right.MANAGE_OWNERS, Right.DELETE_TEAM})

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: frozenset(Right) - _OF_OWNERS,
    Role.EDITOR: frozenset({Right.VIEW_STATS, Right.EDIT_SITE, Right.SEE_TEAM}),
    Role.VIEWER: frozenset({Right.VIEW_STATS, Right.SEE_TEAM}),
}
GUEST_ROLES = (Role.EDITOR, Role.VIEWER)
GUEST_RIGHTS: dict[Role, frozenset[Right]] = {
    role: RIGHTS[role] - {Right.SEE_TEAM} for role in GUEST_ROLES
}
"""What a guest may, at one site alone: the role's rights without those over the team."""


def roles_with(right: Right) -> tuple[Role, ...]:
    """List the roles that hold a right, the mightiest first."""
    return tuple(role for role in Role if right in RIGHTS[role])


def roles_given_by(rights: frozenset[Right]) -> tuple[Role, ...]:
    """List the roles that somebody with these rights may give, and take from others."""
    if Right.MANAGE_OWNERS in rights:
        return tuple(Role)
    return tuple(Role)[1:] if Right.MANAGE_PEOPLE in rights else ()


def rights_in(session: Session, user_id: int, team_id: int) -> frozenset[Right]:
    """Tell a person's rights in a team; none for who is not in it."""
    membership = session.get(Membership, (user_id, team_id))
    return RIGHTS[membership.role] if membership is not None else frozenset()


def _holds(user_id: int, right: Right) -> ColumnElement[bool]:
    teams = select(Membership.team_id).where(
        Membership.user_id == user_id, Membership.role.in_(roles_with(right))
    )
    guest_roles = [role for role in GUEST_ROLES if right in GUEST_RIGHTS[role]]
    sites = select(Guest.site_id).where(Guest.user_id == user_id, Guest.role.in_(guest_roles))
    return or_(Site.team_id.in_(teams), Site.id.in_(sites))


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
