"""Who may do what: one table, asked by views, API, templates and commands alike.

It does not sign anybody in (``portal.accounts``) and knows no HTTP: views turn "no right" into 404
or 403. The one invariant: a right over a site comes only from a membership of the site's team or
from being a guest of that very site; being an administrator of the installation opens nobody's
numbers. A team that asks for a second factor is closed to who has none, whatever their role, and so
are its sites to guests. ``docs/rights.md`` prints the table.
"""

from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, selectinload

from portal.language import N_
from portal.models import CodeApp, Guest, Membership, Passkey, Role, Site, SiteHost, Team, User


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
    NEED_FACTOR = "need_factor"
    MANAGE_OWNERS = "manage_owners"
    DELETE_TEAM = "delete_team"
    SEE_CHANGES = "see_changes"
    ERASE_DATA = "erase_data"
    DOWNLOAD_EVENTS = "download_events"


MEANINGS: dict[Right, str] = {
    Right.VIEW_STATS: N_("See a site's numbers, its edge and its events"),
    Right.EDIT_SITE: N_("Change a site's settings and rules"),
    Right.ADD_SITE: N_("Add sites to the team"),
    Right.DELETE_SITE: N_("Delete a site"),
    Right.MOVE_SITE: N_("Move a site to another team in which one may add sites"),
    Right.SEE_CHANGES: N_("See who changed what of a site"),
    Right.ERASE_DATA: N_("Erase numbers of a site, see certificates, hold it from being erased"),
    Right.DOWNLOAD_EVENTS: N_("Download a site's raw events"),
    Right.SEE_TEAM: N_("See who is in the team"),
    Right.MANAGE_PEOPLE: N_("Invite people and guests, change their roles, remove them"),
    Right.RENAME_TEAM: N_("Rename the team"),
    Right.NEED_FACTOR: N_("Ask everybody of the team for a second factor, or no longer"),
    Right.MANAGE_OWNERS: N_("Make owners, change and remove them, hand the team over"),
    Right.DELETE_TEAM: N_("Delete the team, and keep it while it waits"),
}
_OF_OWNERS = frozenset({Right.NEED_FACTOR, Right.MANAGE_OWNERS, Right.DELETE_TEAM})

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: frozenset(Right) - _OF_OWNERS,
    Role.EDITOR: frozenset({Right.VIEW_STATS, Right.EDIT_SITE, Right.SEE_TEAM}),
    Role.VIEWER: frozenset({Right.VIEW_STATS, Right.SEE_TEAM}),
}
GUEST_ROLES = (Role.EDITOR, Role.VIEWER)
ROLE_NAMES = (N_("owner"), N_("admin"), N_("editor"), N_("viewer"))
"""Roles as people read them; each is its own value."""
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
    """Tell a person's rights in a team; none for who is not in it, or lacks the factor it asks."""
    query = select(Membership.role).join(Team).where(_member(user_id), Team.id == team_id)
    role = session.scalar(query.where(_is_open(user_id)))
    return RIGHTS[role] if role is not None else frozenset()


def _member(user_id: int) -> ColumnElement[bool]:
    return Membership.user_id == user_id


def _is_open(user_id: int) -> ColumnElement[bool]:
    """Say in SQL whether a team is open to a person: it asks for no factor, or they have one."""
    has_app = exists().where(CodeApp.user_id == user_id)
    has_passkey = exists().where(Passkey.user_id == user_id)
    return or_(Team.needs_factor.is_(False), has_app, has_passkey)


def _in_sites(user_id: int, right: Right, team_is: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say in SQL over which sites of such teams a person holds a right, or would hold it."""
    roles, guest_roles = roles_with(right), [r for r in GUEST_ROLES if right in GUEST_RIGHTS[r]]
    teams = select(Membership.team_id).where(_member(user_id), Membership.role.in_(roles))
    sites = select(Guest.site_id).where(Guest.user_id == user_id, Guest.role.in_(guest_roles))
    of_team = Site.team_id.in_(select(Team.id).where(team_is))
    return and_(or_(Site.team_id.in_(teams), Site.id.in_(sites)), of_team)


def _holds(user_id: int, right: Right) -> ColumnElement[bool]:
    return _in_sites(user_id, right, _is_open(user_id))


def _named(name: str) -> ColumnElement[bool]:
    """Say in SQL which sites a name is of: host, alias or id."""
    named = Site.id.in_(select(SiteHost.site_id).where(SiteHost.host == name.lower()))
    if name.isascii() and name.isdecimal() and len(name) < 10:  # noqa: PLR2004 - fits 32 bits
        return or_(named, Site.id == int(name))
    return named


def sites_with(session: Session, user_id: int, right: Right) -> list[Site]:
    """List the sites over which the user holds a right, by host."""
    query = select(Site).where(_holds(user_id, right)).order_by(Site.host)
    return list(session.scalars(query.options(selectinload(Site.hosts))))


def find_site(session: Session, user_id: int, name: str, right: Right) -> Site | None:
    """Find a site by host, alias or id, if the user holds the right over it.

    A site that does not exist and one that is not the user's are the same answer.
    """
    query = select(Site).where(_holds(user_id, right), _named(name))
    return session.scalars(query.order_by(Site.id).options(selectinload(Site.hosts))).first()


def teams_with(session: Session, user_id: int, right: Right) -> list[Team]:
    """List the teams in which the user holds a right, the oldest first."""
    query = (
        select(Team)
        .join(Membership)
        .where(_member(user_id), Membership.role.in_(roles_with(right)), _is_open(user_id))
    )
    return list(session.scalars(query.order_by(Team.id)))


def waits_for_factor(session: Session, user_id: int, name: str) -> bool:
    """Tell whether a site would be seen by the person, if they had a second factor."""
    seen = _in_sites(user_id, Right.VIEW_STATS, ~_is_open(user_id))
    return session.scalar(select(Site.id).where(seen, _named(name)).limit(1)) is not None


def teams_that_wait(session: Session, user_id: int) -> list[Team]:
    """List the teams of the person, or of sites they are a guest of, that ask for a factor."""
    sites = select(Site.team_id).join(Guest).where(Guest.user_id == user_id)
    teams = select(Membership.team_id).where(_member(user_id))
    query = select(Team).where(or_(Team.id.in_(teams), Team.id.in_(sites)), ~_is_open(user_id))
    return list(session.scalars(query.order_by(Team.name)))


def may_write_events(user: User, site: Site) -> bool:
    """Tell of loaded rows whether a person may send events of a site, for the edges' list."""
    held = [RIGHTS[m.role] for m in user.memberships if m.team_id == site.team_id]
    held += [GUEST_RIGHTS[guest.role] for guest in site.guests if guest.user_id == user.id]
    is_open = user.has_factor or not site.team.needs_factor
    return is_open and any(Right.EDIT_SITE in rights for rights in held)
