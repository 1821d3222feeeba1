"""``POST /api/v2/query``: the Stats API's form of one question about one site.

What a question means is ``store.query``. The one invariant: the site asked about is the token's
own, and the token's owner holds the right at this moment.
"""

from datetime import timedelta

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import update

from portal.api.errors import problem
from portal.commands import SCOPES, find_token
from portal.config import here
from portal.models import ApiToken, Site
from portal.sessions import end_reading, reading
from portal.sites.access import query_site
from portal.teams.rights import find_site
from store.client import StoreError, StoreUnavailable
from store.query.model import QueryError
from store.query.parse import parse_query
from store.query.run import run_query

blueprint = Blueprint("api", __name__, url_prefix="/api")

STATS_READ = "stats:read"
_USED_AT_STEP = timedelta(minutes=1)
_REALM = {"WWW-Authenticate": 'Bearer realm="statflow"'}


class _RefusedError(Exception):
    """The request ends here, with this answer."""

    def __init__(self, answer: ResponseReturnValue) -> None:
        super().__init__()
        self.answer = answer


@blueprint.errorhandler(_RefusedError)
def refused(error: _RefusedError) -> ResponseReturnValue:
    """Answer what a check refused."""
    return error.answer


@blueprint.post("/v2/query")
def query() -> ResponseReturnValue:
    """Answer one question."""
    token = _token(STATS_READ)
    wait_s = here().api_limit.take(str(token.id), here().now().timestamp())
    if wait_s:
        message = f"This token may ask {here().config.api_per_hour} times an hour."
        return problem(429, "rate_limited", message, headers={"Retry-After": str(wait_s)})
    payload = request.get_json(force=True, silent=True)
    if not isinstance(payload, dict):
        return problem(400, "invalid_json", "The body must be a JSON object.")
    site = _site(token, payload.get("site_id"))
    asked = query_site(site)
    _note_use(token)
    end_reading()
    try:
        question = parse_query(payload, asked)
        result = run_query(here().store, question, asked, here().now())
    except QueryError as error:
        return problem(400, error.code, error.message, field=error.field, allowed=error.allowed)
    except StoreUnavailable:
        message = "The store does not answer at the moment. Try again."
        return problem(503, "store_unavailable", message, headers={"Retry-After": "5"})
    except StoreError as error:
        g.store_error = error
        return problem(503, "query_failed", "The store could not answer this question.")
    return jsonify(results=result.results, meta=result.meta, query=result.query)


def _token(scope: str) -> ApiToken:
    """Find the caller's token, or refuse."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        message = "Send a token in the header: Authorization: Bearer TOKEN."
        raise _RefusedError(problem(401, "no_token", message, headers=_REALM))
    token = find_token(reading(), text.strip())
    if token is None:
        raise _RefusedError(problem(401, "unknown_token", "No such token.", headers=_REALM))
    if scope not in token.scopes:
        message = f"The token lacks the scope {scope}."
        raise _RefusedError(problem(403, "missing_scope", message, allowed=tuple(token.scopes)))
    return token


def _site(token: ApiToken, name: object) -> Site:
    """Find the site by host or id, if it is the token's and still its owner's; else refuse."""
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        message = "site_id must be the site's host or id."
        raise _RefusedError(problem(400, "invalid_site_id", message, field="site_id"))
    site = find_site(reading(), token.user_id, str(name), SCOPES[STATS_READ])
    if site is None or site.id != token.site_id:
        message = "The token opens no such site."
        raise _RefusedError(problem(404, "site_not_found", message, field="site_id"))
    return site


def _note_use(token: ApiToken) -> None:
    """Remember when the token was last used, to the minute, so that asking seldom writes."""
    now = here().now()
    if token.last_used_at is not None and now - token.last_used_at < _USED_AT_STEP:
        return
    with here().database.writing() as session:
        session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))
