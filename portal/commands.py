"""What the command line and the views do to accounts and sites, as plain functions.

Each takes a session whose transaction the caller opened (``Database.writing``) and leaves
publishing to the edges to the caller as well. The one invariant: every change of an account or a
site is one of these functions, so that the command line and the portal refuse the same things in
the same words.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.passwords import hash_password, password_problem
from portal.audit.actors import Via, acting
from portal.config import here
from portal.data.requests import ask_end
from portal.models import ApiToken, Membership, Role, Setting, Site, SiteHost, Team, User
from portal.sites.fields import FieldError, read_host, read_timezone, read_upstream
from portal.sites.payload import site_payload, sites_payload
from portal.sites.upstreams import put_upstreams
from portal.teams.rights import Right, find_site

__all__ = [
    "CommandError",
    "SiteExistsError",
    "add_person",
    "add_site",
    "add_user",
    "confirm_person",
    "consume_setup_link",
    "create_token",
    "ensure_default_team",
    "find_token",
    "has_users",
    "hash_secret",
    "is_email",
    "is_setup_link",
    "list_sites",
    "normal_email",
    "remove_site",
    "rename_site",
    "setup_link",
    "site_named",
    "site_payload",
    "site_row",
    "sites_payload",
    "update_aliases",
]

DEFAULT_TEAM = "Default"
SCOPES: dict[str, Right] = {
    "stats:read": Right.VIEW_STATS,
    "events:write": Right.EDIT_SITE,
    "sites:read": Right.VIEW_STATS,
    "sites:write": Right.EDIT_SITE,
    "sites:admin": Right.DELETE_SITE,
    "people:write": Right.MANAGE_PEOPLE,
}
"""What a token may be good for → the right its owner must hold, now and whenever it is used."""

_SETUP_LINK = "setup_link_hash"
_EMAIL = re.compile(r"[^@\s<>(),;:\\\"\[\]]{1,64}@[^@\s<>(),;:\\\"\[\]]{1,189}")


class CommandError(FieldError):
    """What was asked for cannot be done; ``field`` names the value to change."""


class SiteExistsError(CommandError):
    """A name of the site belongs to a site already."""


def ensure_default_team(session: Session, now: datetime | None = None) -> Team:
    """Find the team that exists from the start, or make it; others may do the same just now."""
    named = select(Team).where(Team.name == DEFAULT_TEAM)
    team = session.scalar(named)
    if team is not None:
        return team
    try:
        with session.begin_nested():
            team = Team(name=DEFAULT_TEAM, created_at=now or _now())
            session.add(team)
    except IntegrityError:
        return session.scalars(named).one()
    return team


def normal_email(text: str) -> str:
    """Bring an e-mail address to the form accounts are found by."""
    return text.strip().lower()


def is_email(text: str) -> bool:
    """Tell whether a text can be an e-mail address."""
    return _EMAIL.fullmatch(normal_email(text)) is not None


def add_user(
    session: Session, email: str, password: str, *, admin: bool = False, now: datetime | None = None
) -> User:
    """Add an account; an administrator also becomes an owner of the default team.

    Raises:
        CommandError: The address is wrong or taken, or the password is too weak.
    """
    address = normal_email(email)
    if is_email(address) and (problem := password_problem(password, address)):
        raise CommandError("password", problem)
    user = add_person(session, address, now or _now())
    user.password_hash, user.is_admin = hash_password(password), admin
    team = ensure_default_team(session, now)
    if admin:
        user.memberships.append(Membership(team=team, role=Role.OWNER))
    session.flush()
    return user


def add_person(session: Session, email: str, now: datetime) -> User:
    """Add an account that no password opens.

    Raises:
        CommandError: The address is wrong or taken.
    """
    address = normal_email(email)
    if not is_email(address):
        raise CommandError("email", f"{email!r} is not an e-mail address.")
    if session.scalar(select(exists().where(User.email == address))):
        raise CommandError("email", f"There is an account for {address} already.")
    user = User(
        email=address, password_hash="", session_key=secrets.token_urlsafe(24), created_at=now
    )
    session.add(user)
    session.flush()
    return user


def confirm_person(session: Session, email: str, now: datetime | None = None) -> None:
    """Say, as the operator, that an account's address is its person's.

    Raises:
        CommandError: There is no such account.
    """
    user = session.scalar(select(User).where(User.email == normal_email(email)))
    if user is None:
        raise CommandError("email", f"There is no account for {email}.")
    user.confirmed_at = user.confirmed_at or now or _now()


def add_site(  # noqa: PLR0913 - keyword-only past the first three
    session: Session,
    host: str,
    upstream: str,
    *,
    timezone: str = "UTC",
    team: str = DEFAULT_TEAM,
    aliases: Iterable[str] = (),
    now: datetime | None = None,
) -> Site:
    """Add a site to a team; its names must be nobody else's.

    Without an upstream the edge serves no page of it and takes its events alone.

    Raises:
        FieldError: A field is wrong, a name is taken, or there is no such team.
    """
    names = list(
        dict.fromkeys([read_host(host), *(read_host(name, "aliases") for name in aliases)])
    )
    _refuse_taken(session, names)
    _refuse_own(names, "host")
    site = Site(
        team=_team_named(session, team, now),
        host=names[0],
        public_key=f"stk_{secrets.token_urlsafe(18)}",
        created_at=now or _now(),
        timezone=read_timezone(timezone),
        hosts=[SiteHost(host=name, position=i) for i, name in enumerate(names)],
    )
    put_upstreams(site, [read_upstream(upstream)] if upstream.strip() else [], "upstream")
    session.add(site)
    session.flush()
    return site


def put_site(session: Session, host: str, upstream: str, *, aliases: Iterable[str] = ()) -> Site:
    """Add a site, or point the one that is there at another upstream.

    Raises:
        FieldError: A field is wrong, or a name belongs to another site.
    """
    site = session.scalar(select(Site).where(Site.host == read_host(host)))
    if site is None:
        return add_site(session, host, upstream, aliases=aliases)
    put_upstreams(site, [read_upstream(upstream)])
    return site


def site_named(session: Session, name: str) -> Site:
    """Find a site by one of its names.

    Raises:
        CommandError: There is none.
    """
    row = session.get(SiteHost, read_host(name))
    if row is None:
        raise CommandError("host", f"There is no site {name}.")
    return row.site


def update_aliases(session: Session, site: Site, aliases: Iterable[str]) -> None:
    """Replace the site's further names.

    Raises:
        FieldError: A name is wrong or belongs to another site.
    """
    names = list(dict.fromkeys([site.host, *(read_host(name, "aliases") for name in aliases)]))
    _refuse_taken(session, names, except_site=site.id)
    kept = {row.host: row for row in site.hosts}
    _refuse_own([name for name in names if name not in kept], "aliases")
    site.hosts = [kept.get(name) or SiteHost(host=name) for name in names]
    for position, row in enumerate(site.hosts):
        row.position = position
    session.flush()


def _refuse_own(names: list[str], field: str) -> None:
    """Keep people from giving a site a name of the portal's or of the edge's own."""
    if acting().via is Via.COMMAND:
        return
    own = next((name for name in names if name in here().config.own_hosts), None)
    if own is not None:
        raise CommandError(field, f"{own} is a name of this installation, and no site's.")


def rename_site(session: Session, site: Site, host: str) -> None:
    """Give a site another name; the one it had goes on as an alias.

    Raises:
        FieldError: The name is wrong or belongs to another site.
    """
    name = read_host(host)
    _refuse_taken(session, [name], except_site=site.id)
    former = [site.host, *site.aliases]
    site.host = name
    update_aliases(session, site, [alias for alias in former if alias != name])


def _refuse_taken(session: Session, names: list[str], except_site: int = 0) -> None:
    query = select(SiteHost.host).where(SiteHost.host.in_(names), SiteHost.site_id != except_site)
    taken = session.scalars(query.order_by(SiteHost.host)).first()
    if taken is not None:
        field = "host" if taken == names[0] else "aliases"
        raise SiteExistsError(field, f"{taken} belongs to a site already.")


def _team_named(session: Session, name: str, now: datetime | None) -> Team:
    if name == DEFAULT_TEAM:
        return ensure_default_team(session, now)
    team = session.scalar(select(Team).where(Team.name == name))
    if team is None:
        raise CommandError("team", f"There is no team {name!r}.")
    return team


def site_row(site: Site) -> dict[str, Any]:
    """Write a site as the commands print it."""
    return {
        "id": site.id,
        "host": site.host,
        "public_key": site.public_key,
        "upstream": next(iter(site.upstreams), ""),
        "timezone": site.timezone,
    }


def list_sites(session: Session) -> list[dict[str, Any]]:
    """List every site of the installation by host, as the commands print it."""
    return [site_row(site) for site in session.scalars(select(Site).order_by(Site.host))]


def remove_site(session: Session, site: Site, now: datetime | None = None) -> str:
    """Remove a site with its names, tokens and numbers; its id is not given again.

    Returns the key of the request under which its numbers go, and of its certificate.

    Raises:
        HeldError: The site is under a legal hold.
    """
    asked = ask_end(session, site, now or _now())
    session.delete(site)
    session.flush()
    return asked.key


def create_token(  # noqa: PLR0913 - keyword-only past the first four
    session: Session,
    email: str,
    host: str,
    scopes: Iterable[str],
    *,
    now: datetime | None = None,
    name: str = "",
    expires_at: datetime | None = None,
) -> str:
    """Make a token of a person for one site; the returned text is shown this once.

    Raises:
        CommandError: No such account, site or scope, or no right to what the scope opens.
    """
    user = session.scalar(select(User).where(User.email == normal_email(email)))
    if user is None:
        raise CommandError("email", f"There is no account for {email}.")
    wanted = list(dict.fromkeys(scope.strip() for scope in scopes if scope.strip()))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise CommandError("scopes", f"Scopes are {', '.join(SCOPES)}; got {unknown or 'none'}.")
    if expires_at is not None and "events:write" in wanted:
        message = "A token for events has no last day: the edges know it. Revoke it instead."
        raise CommandError("expires_on", message)
    found = {scope: find_site(session, user.id, host, SCOPES[scope]) for scope in wanted}
    site = found[wanted[0]]
    refused = [scope for scope in wanted if found[scope] is None]
    if site is None or refused:
        raise CommandError("host", f"{email} has no right to {', '.join(refused)} of {host}.")
    token = f"sft_{secrets.token_urlsafe(32)}"
    session.add(
        ApiToken(
            user_id=user.id,
            site_id=site.id,
            token_hash=hash_secret(token),
            scopes=wanted,
            name=name.strip()[:80],
            expires_at=expires_at,
            created_at=now or _now(),
        )
    )
    session.flush()
    return token


def find_token(session: Session, token: str, now: datetime | None = None) -> ApiToken | None:
    """Find a token by its text; one past its last moment, or of a locked account, is none."""
    found = session.scalar(select(ApiToken).where(ApiToken.token_hash == hash_secret(token)))
    if found is None or found.user.disabled:
        return None
    is_over = found.expires_at is not None and found.expires_at <= (now or _now())
    return None if is_over else found


def setup_link(session: Session) -> str | None:
    """Make the one-time link of the first-run page, or None once there is an account.

    Returns the path with its token; a link made earlier stops working.
    """
    if has_users(session):
        return None
    token = secrets.token_urlsafe(24)
    session.merge(Setting(name=_SETUP_LINK, value=hash_secret(token)))
    session.flush()
    return f"/setup?token={token}"


def is_setup_link(session: Session, token: str) -> bool:
    """Tell whether the first-run page opens with this token."""
    setting = session.get(Setting, _SETUP_LINK)
    if setting is None or has_users(session):
        return False
    return secrets.compare_digest(str(setting.value), hash_secret(token))


def consume_setup_link(session: Session, token: str, email: str, password: str) -> User:
    """Make the first administrator, and spend the link.

    Raises:
        CommandError: The link is not good (any more), or the account is refused.
    """
    if not is_setup_link(session, token):
        raise CommandError("token", "This set-up link has been used or replaced.")
    user = add_user(session, email, password, admin=True)
    session.delete(session.get_one(Setting, _SETUP_LINK))
    session.flush()
    return user


def hash_secret(secret: str) -> str:
    """Hash a random secret for storage; being random, it needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def has_users(session: Session) -> bool:
    """Tell whether anybody has an account."""
    return bool(session.scalar(select(func.count()).select_from(User)))


def _now() -> datetime:
    return datetime.now(UTC)
