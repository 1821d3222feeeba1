"""Who calls the API: a token, its owner, and the one site it opens.

The one invariant: the site is the token's own, and the token's owner holds the right that the scope
stands for at this moment; whatever else was asked for is not there.
"""

from dataclasses import dataclass
from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy import update

from portal.api.errors import problem
from portal.audit.actors import note_token_owner
from portal.audit.recording import UNAUDITED
from portal.commands import SCOPES, find_token
from portal.config import here
from portal.models import ApiToken, Site
from portal.sessions import reading
from portal.sites.access import query_site, query_site_with_funnels
from portal.teams.rights import find_site, waits_for_factor
from store.query.model import QuerySite

STATS_READ = "stats:read"
SITES_READ = "sites:read"
SITES_WRITE = "sites:write"
SITES_ADMIN = "sites:admin"
PEOPLE_WRITE = "people:write"
_USED_AT_STEP = timedelta(minutes=1)
_REALM = {"WWW-Authenticate": 'Bearer realm="statflow"'}


class RefusedError(Exception):
    """The request ends here, with this answer."""

    def __init__(self, answer: ResponseReturnValue) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Caller:
    """A token's owner, at the site that the token opens."""

    token_id: int
    user_id: int
    scopes: tuple[str, ...]
    site: Site

    def query_site(self, *, funnels: bool = False) -> QuerySite:
        """Give the site as the query engine asks about it, perhaps with its saved funnels."""
        known = query_site_with_funnels if funnels else query_site
        return known(self.site, self.user_id)


def caller(scope: str, name: object, field: str = "site_id") -> Caller:
    """Find who calls; ``name`` is the site's host or id, ``field`` where it stood.

    Raises:
        RefusedError: No token, too little right, too many requests, or no such site.
    """
    return caller_at(token_with(scope), scope, name, field)


def caller_at(token: ApiToken, scope: str, name: object, field: str = "site_id") -> Caller:
    """Find the site that a token with a scope opens.

    Raises:
        RefusedError: It opens no site of that name.
    """
    site = _site(token, scope, name, field)
    _note_use(token)
    return Caller(token.id, token.user_id, tuple(token.scopes), site)


def token_with(scope: str) -> ApiToken:
    """Find the caller's token, which must have a scope and requests left.

    Raises:
        RefusedError: It has not, or there is none.
    """
    token = _token()
    note_token_owner(token.user.email)
    if scope not in token.scopes:
        message = f"The token lacks the scope {scope}."
        raise RefusedError(problem(403, "missing_scope", message, allowed=tuple(token.scopes)))
    wait_s = here().api_limit.take(str(token.id), here().now().timestamp())
    if wait_s:
        message = f"This token may ask {here().config.api_per_hour} times an hour."
        headers = {"Retry-After": str(wait_s)}
        raise RefusedError(problem(429, "rate_limited", message, headers=headers))
    return token


def _token() -> ApiToken:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        message = "Send a token in the header: Authorization: Bearer TOKEN."
        raise RefusedError(problem(401, "no_token", message, headers=_REALM))
    token = find_token(reading(), text.strip(), here().now())
    if token is None:
        raise RefusedError(problem(401, "unknown_token", "No such token.", headers=_REALM))
    return token


def _site(token: ApiToken, scope: str, name: object, field: str) -> Site:
    """Find the site by host or id, if it is the token's and still its owner's; else refuse."""
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        message = f"{field} must be the site's host or id."
        raise RefusedError(problem(400, "invalid_site_id", message, field=field))
    site = find_site(reading(), token.user_id, str(name), SCOPES[scope])
    if site is None and waits_for_factor(reading(), token.user_id, str(name)):
        message = "The site's team asks for a second factor, and the token's owner has none."
        raise RefusedError(problem(403, "second_factor_needed", message))
    if site is None or site.id != token.site_id:
        message = "The token opens no such site."
        raise RefusedError(problem(404, "site_not_found", message, field=field))
    return site


def _note_use(token: ApiToken) -> None:
    """Remember when the token was last used, to the minute, so that asking seldom writes."""
    now = here().now()
    if token.last_used_at is not None and now - token.last_used_at < _USED_AT_STEP:
        return
    if here().database.read_only:
        return
    with here().database.writing() as session:
        session.execute(
            update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now),
            execution_options=UNAUDITED,
        )
