"""What is done to a team and its people: roles, leaving, handing over, ending.

Each takes a session whose transaction the caller opened, the rights of who acts, and refuses what
those do not cover. The one invariant: a team has an owner for as long as it has anybody, also when
two people change it at once: they take turns at the team's row (``hold_team``).
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.commands import DEFAULT_TEAM, CommandError, remove_site
from portal.data.holds import in_force, refuse_held
from portal.language import N_, _
from portal.models import Guest, LegalHold, Membership, Role, Site, Team, User
from portal.teams.rights import GUEST_ROLES, RIGHTS, Right, roles_given_by

WAITING = timedelta(days=7)
MAX_NAME = 80
LAST_OWNER = N_("A team needs an owner: make somebody else one first.")
NOT_YOURS = N_("Only an owner can do that.")


def read_team_name(session: Session, text: str, except_team: int = 0) -> str:
    """Read the name of a team.

    Raises:
        CommandError: It is empty, too long, or another team's.
    """
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME:
        raise CommandError(
            "name", _("Type a name of at most %(max_name)s characters.", max_name=MAX_NAME)
        )
    taken = exists().where(func.lower(Team.name) == name.lower(), Team.id != except_team)
    if session.scalar(select(taken)):
        raise CommandError("name", _("There is a team of this name already."))
    return name


def add_team(session: Session, name: str, owner_id: int, now: datetime) -> Team:
    """Make a team; who makes it owns it.

    Raises:
        CommandError: The name is not good.
    """
    team = Team(name=read_team_name(session, name), created_at=now)
    session.add(team)
    session.flush()
    session.add(Membership(team_id=team.id, user_id=owner_id, role=Role.OWNER))
    session.flush()
    return team


def rename_team(session: Session, team: Team, name: str) -> None:
    """Rename a team; commands name the first one, which keeps its name.

    Raises:
        CommandError: The name is not good, or the team is the first one.
    """
    if team.name == DEFAULT_TEAM:
        raise CommandError(
            "name",
            _(
                "The team %(default_team)s keeps its name: commands use it.",
                default_team=DEFAULT_TEAM,
            ),
        )
    team.name = read_team_name(session, name, except_team=team.id)


def need_factor(session: Session, team: Team, owner_id: int, *, needed: bool) -> list[str]:
    """Ask everybody of a team for a second factor, or no longer; list who has none yet.

    Guests of its sites are asked as well.

    Raises:
        CommandError: The owner who asks has none.
    """
    if needed and not session.get_one(User, owner_id).has_factor:
        raise CommandError("factor", _("Set up a second factor of your own first."))
    team.needs_factor = needed
    if not needed:
        return []
    people = [row.user for row in members_of(session, team.id)]
    people += [row.user for row in guests_of(session, team.id)]
    return sorted({user.email for user in people if not user.has_factor})


def teams_of(session: Session, user_id: int) -> list[Membership]:
    """List a person's memberships, by the team's name."""
    query = select(Membership).join(Team).options(joinedload(Membership.team))
    return list(session.scalars(query.where(Membership.user_id == user_id).order_by(Team.name)))


def members_of(session: Session, team_id: int) -> list[Membership]:
    """List the people of a team by address."""
    query = (
        select(Membership)
        .join(User)
        .options(
            joinedload(Membership.user).options(
                joinedload(User.code_app), selectinload(User.passkeys)
            )
        )
    )
    return list(session.scalars(query.where(Membership.team_id == team_id).order_by(User.email)))


def guests_of(session: Session, team_id: int) -> list[Guest]:
    """List the guests of a team's sites by address and site."""
    query = select(Guest).join(Site).join(User)
    query = query.options(joinedload(Guest.user), joinedload(Guest.site))
    return list(
        session.scalars(query.where(Site.team_id == team_id).order_by(User.email, Site.host))
    )


def hold_team(session: Session, team_id: int) -> None:
    """Keep others from changing a team's people until the transaction ends.

    What is to be believed of them has to be read after this. SQLite knows one writer only.
    """
    session.execute(select(Team.id).where(Team.id == team_id).with_for_update())


def change_role(
    session: Session, team_id: int, user_id: int, role: Role, by: frozenset[Right]
) -> None:
    """Give a member another role.

    Raises:
        CommandError: There is no such member, too little right, or nobody would own the team.
    """
    member = _member(session, team_id, user_id, by)
    if role not in roles_given_by(by):
        raise CommandError("role", NOT_YOURS)
    if role != Role.OWNER:
        _refuse_last_owner(session, member)
    member.role = role


def remove_member(session: Session, team_id: int, user_id: int, by: frozenset[Right]) -> None:
    """Take a member out of a team.

    Raises:
        CommandError: There is no such member, too little right, or nobody would own the team.
    """
    member = _member(session, team_id, user_id, by)
    _refuse_last_owner(session, member)
    session.delete(member)
    session.flush()


def leave(session: Session, team_id: int, user_id: int) -> None:
    """Leave a team; whatever one's role.

    Raises:
        CommandError: One is not in it, or nobody would own it.
    """
    remove_member(session, team_id, user_id, RIGHTS[Role.OWNER])


def hand_over(session: Session, team_id: int, from_id: int, to_id: int) -> None:
    """Make a member the owner in one's own place; one stays as an admin.

    Raises:
        CommandError: One of them is not in the team, or one does not own it.
    """
    giver = _member(session, team_id, from_id, RIGHTS[Role.OWNER])
    taker = _member(session, team_id, to_id, RIGHTS[Role.OWNER])
    if giver.role != Role.OWNER or giver is taker:
        raise CommandError("role", NOT_YOURS)
    taker.role, giver.role = Role.OWNER, Role.ADMIN


def remove_guest(session: Session, team_id: int, user_id: int, site_id: int) -> None:
    """Take a guest away from a site of the team."""
    of_team = select(Site.id).where(Site.team_id == team_id)
    session.execute(
        delete(Guest).where(
            Guest.user_id == user_id, Guest.site_id == site_id, Guest.site_id.in_(of_team)
        )
    )


def change_guest(session: Session, team_id: int, user_id: int, site_id: int, role: Role) -> None:
    """Give a guest another role.

    Raises:
        CommandError: There is no such guest, or guests cannot have the role.
    """
    guest = session.get(Guest, (user_id, site_id))
    if guest is None or guest.site.team_id != team_id or role not in GUEST_ROLES:
        raise CommandError("role", _("There is no such guest."))
    guest.role = role


def _member(session: Session, team_id: int, user_id: int, by: frozenset[Right]) -> Membership:
    """Find a member whom somebody with these rights may change; owners only by owners."""
    hold_team(session, team_id)
    member = session.get(Membership, (user_id, team_id), populate_existing=True)
    if member is None:
        raise CommandError("member", _("This person is not in the team."))
    if member.role not in roles_given_by(by):
        raise CommandError("member", NOT_YOURS)
    return member


def _refuse_last_owner(session: Session, member: Membership) -> None:
    if is_last_owner(session, member):
        raise CommandError("member", LAST_OWNER)


def is_last_owner(session: Session, member: Membership) -> bool:
    """Tell whether a team that is held would have no owner without this member."""
    if member.role != Role.OWNER:
        return False
    owners = select(func.count()).where(
        Membership.team_id == member.team_id, Membership.role == Role.OWNER
    )
    return session.scalar(owners) == 1


def end_team(session: Session, team: Team, typed: str, now: datetime) -> None:
    """Let a team end after the waiting period, if its name was typed.

    Raises:
        CommandError: The name differs, or it is the first team.
        HeldError: A site of it is under a legal hold.
    """
    if team.name == DEFAULT_TEAM:
        raise CommandError(
            "name",
            _("The team %(default_team)s stays: commands use it.", default_team=DEFAULT_TEAM),
        )
    for site in team.sites:
        refuse_held(session, site.id, now)
    if " ".join(typed.split()) != team.name:
        raise CommandError(
            "name", _("Nothing was deleted: type %(name)s to delete it.", name=team.name)
        )
    team.ends_at = team.ends_at or now + WAITING


def _due_teams(now: datetime) -> Select[Team]:
    """Say which teams' waiting period is over; one with a site under a legal hold waits on."""
    held = select(Site.team_id).join(LegalHold).where(in_force(now))
    return select(Team).where(Team.ends_at <= now, Team.id.not_in(held))


def has_due_teams(session: Session, now: datetime) -> bool:
    """Tell whether a team's waiting period is over."""
    return session.scalar(_due_teams(now).limit(1)) is not None


def end_due_teams(session: Session, now: datetime) -> list[str]:
    """End the teams whose waiting period is over, with their sites; list their names."""
    due = list(session.scalars(_due_teams(now)))
    for team in due:
        for site in list(team.sites):
            remove_site(session, site, now)
        session.delete(team)
    session.flush()
    return [team.name for team in due]


def move_site(session: Session, site: Site, team: Team) -> None:
    """Move a site to another team; its guests were the old team's and go."""
    site.team_id = team.id
    session.execute(delete(Guest).where(Guest.site_id == site.id))
    session.flush()
