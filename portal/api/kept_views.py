"""``/api/v2/sites``: the token's site, what it keeps, who is in it, and its owner's tokens.

Reading needs the scope ``sites:read``, changing ``sites:write``; what rows are is
``portal.api.kept``. The one invariant: every change is one transaction that commits as a whole.
"""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from sqlalchemy import select

from portal.api.bodies import PropertyBody
from portal.api.callers import (
    SITES_READ,
    SITES_WRITE,
    Caller,
    RefusedError,
    caller,
    caller_at,
    token_with,
)
from portal.api.errors import problem
from portal.api.kept import (
    BY_NAME,
    NotThereError,
    NotYoursError,
    Resource,
    add_row,
    change_row,
    find_row,
    list_rows,
    remove_row,
    show,
)
from portal.api.shapes import Body, TokenBody
from portal.api.views import blueprint as questions
from portal.commands import create_token
from portal.config import here
from portal.data.holds import HeldError
from portal.models import ApiToken, Membership, Site, User
from portal.needs import OfToken, needs
from portal.properties.known import Wish, properties_of, say, wishes_of
from portal.sessions import reading
from portal.sites.fields import FieldError
from portal.sites.publishing import publish_sites
from portal.teams.rights import Right, rights_in

blueprint = Blueprint("api_sites", __name__, url_prefix="/api/v2/sites")

for kind, handler in questions.error_handler_spec[None][None].items():
    blueprint.register_error_handler(kind, handler)


@blueprint.errorhandler(NotThereError)
def not_there(_: NotThereError) -> ResponseReturnValue:
    """Say that there is none."""
    return problem(404, "not_found", "There is no such thing at this site.", field="id")


@blueprint.errorhandler(NotYoursError)
def not_yours(_: NotYoursError) -> ResponseReturnValue:
    """Say that the right is lacking."""
    message = "The token's owner has no right to what belongs to the whole site or its team."
    return problem(403, "no_right", message)


@blueprint.errorhandler(HeldError)
def held(error: HeldError) -> ResponseReturnValue:
    """Say that a legal hold stands before it."""
    return problem(409, "held", str(error))


@blueprint.errorhandler(FieldError)
def wrong_field(error: FieldError) -> ResponseReturnValue:
    """Say what to send instead."""
    return problem(400, "invalid_field", str(error), field=error.field)


@blueprint.errorhandler(ValidationError)
def wrong_body(error: ValidationError) -> ResponseReturnValue:
    """Say what is wrong with a body, the first of it."""
    first = error.errors()[0]
    field = _place(first["loc"])
    message = f"{field or 'The body'}: {first['msg']}."
    allowed = first.get("ctx", {}).get("expected", "")
    listed = tuple(part.strip(" '") for part in allowed.replace(" or ", ",").split(",") if part)
    return problem(400, "invalid_field", message, field=field, allowed=listed)


def _place(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@blueprint.get("")
@needs(OfToken(SITES_READ))
def sites() -> ResponseReturnValue:
    """List the sites that the token opens: its one."""
    token = token_with(SITES_READ)
    who = caller_at(token, SITES_READ, token.site_id)
    return jsonify(sites=[site_row(who.site)])


@blueprint.get("/<site>")
@needs(OfToken(SITES_READ))
def one_site(site: str) -> ResponseReturnValue:
    """Show a site."""
    return jsonify(site_row(caller(SITES_READ, site).site))


def site_row(site: Site) -> dict[str, Any]:
    """Write what everybody who sees a site may know of it."""
    return {
        "id": site.id,
        "host": site.host,
        "aliases": site.aliases,
        "timezone": site.timezone,
        "currency": site.currency,
        "mode": site.mode,
        "salt_period": site.salt_period,
        "public": site.public,
        "created_at": site.created_at.isoformat(timespec="seconds"),
    }


@blueprint.get("/<site>/members")
@needs(OfToken(SITES_READ, Right.SEE_TEAM))
def members(site: str) -> ResponseReturnValue:
    """List who is in the site's team, and as what; a guest of the site is not to know."""
    who = caller(SITES_READ, site)
    if Right.SEE_TEAM not in rights_in(reading(), who.user_id, who.site.team_id):
        raise NotYoursError
    query = select(User.id, User.email, Membership.role).join(Membership)
    rows = reading().execute(query.where(Membership.team_id == who.site.team_id).order_by(User.id))
    return jsonify(members=[{"id": i, "email": email, "role": role} for i, email, role in rows])


@blueprint.get("/<site>/properties")
@needs(OfToken(SITES_READ))
def properties(site: str) -> ResponseReturnValue:
    """List the custom properties that events of the last 91 days had."""
    who = caller(SITES_READ, site)
    wishes = wishes_of(reading(), who.site.id)
    found = properties_of(here().questions(), who.site.id, wishes, here().now())
    return jsonify(
        properties=[
            {"name": row.key, "events": row.events, "label": row.label, "listed": row.is_listed}
            for row in found
        ]
    )


@blueprint.put("/<site>/properties")
@needs(OfToken(SITES_WRITE))
def say_property(site: str) -> ResponseReturnValue:
    """Say how a custom property is shown."""
    who = caller(SITES_WRITE, site)
    body = PropertyBody.model_validate(read_body())
    with here().database.writing() as session:
        say(session, who.site.id, body.name, Wish(body.label, body.listed))
    return jsonify(body.model_dump())


@blueprint.get("/<site>/tokens")
@needs(OfToken(SITES_READ))
def tokens(site: str) -> ResponseReturnValue:
    """List the caller's own tokens for a site; their texts are not kept."""
    who = caller(SITES_READ, site)
    query = select(ApiToken).where(ApiToken.user_id == who.user_id, ApiToken.site_id == who.site.id)
    rows = reading().scalars(query.order_by(ApiToken.id))
    return jsonify(tokens=[_token_row(row) for row in rows])


def _token_row(row: ApiToken) -> dict[str, Any]:
    used = row.last_used_at
    return {
        "id": row.id,
        "scopes": row.scopes,
        "created_at": row.created_at.isoformat(timespec="seconds"),
        "last_used_at": used.isoformat(timespec="seconds") if used else None,
    }


@blueprint.post("/<site>/tokens")
@needs(OfToken(SITES_WRITE))
def new_token(site: str) -> ResponseReturnValue:
    """Make a token with some of this one's scopes; its text is shown this once."""
    who = caller(SITES_WRITE, site)
    body = TokenBody.model_validate(read_body())
    if not set(body.scopes) <= set(who.scopes):
        message = "A token gives away only scopes that it has."
        return problem(403, "missing_scope", message, field="scopes", allowed=who.scopes)
    with here().database.writing() as session:
        owner = session.get_one(User, who.user_id)
        ends = session.get_one(ApiToken, who.token_id).expires_at
        site_name, scopes = who.site.host, body.scopes
        text = create_token(
            session, owner.email, site_name, scopes, now=here().now(), expires_at=ends
        )
    publish_sites()
    return jsonify(token=text), 201


@blueprint.delete("/<site>/tokens/<int:row_id>")
@needs(OfToken(SITES_WRITE))
def end_token(site: str, row_id: int) -> ResponseReturnValue:
    """End one of the caller's own tokens."""
    who = caller(SITES_WRITE, site)
    with here().database.writing() as session:
        row = session.get(ApiToken, row_id)
        if row is None or row.user_id != who.user_id or row.site_id != who.site.id:
            raise NotThereError
        session.delete(row)
    publish_sites()  # The edges know tokens for events, and must forget this one.
    return "", 204


@blueprint.get("/<site>/<any(goals, funnels, segments, annotations):kept>")
@needs(OfToken(SITES_READ))
def listed(site: str, kept: str) -> ResponseReturnValue:
    """List what a site keeps of a kind."""
    who = caller(SITES_READ, site)
    return jsonify({kept: list_rows(reading(), BY_NAME[kept], who)})


@blueprint.post("/<site>/<any(goals, funnels, segments, annotations):kept>")
@needs(OfToken(SITES_WRITE))
def added(site: str, kept: str) -> ResponseReturnValue:
    """Add one."""
    who, resource, body = _change(site, kept)
    with here().database.writing() as session:
        return jsonify(add_row(session, resource, who, body)), 201


@blueprint.get("/<site>/<any(goals, funnels, segments, annotations):kept>/<int:row_id>")
@needs(OfToken(SITES_READ))
def shown(site: str, kept: str, row_id: int) -> ResponseReturnValue:
    """Show one."""
    who = caller(SITES_READ, site)
    resource = BY_NAME[kept]
    return jsonify(show(resource, find_row(reading(), resource, who, row_id)))


@blueprint.put("/<site>/<any(goals, funnels, segments, annotations):kept>/<int:row_id>")
@needs(OfToken(SITES_WRITE))
def changed(site: str, kept: str, row_id: int) -> ResponseReturnValue:
    """Replace one."""
    who, resource, body = _change(site, kept)
    with here().database.writing() as session:
        return jsonify(change_row(session, resource, who, row_id, body))


@blueprint.delete("/<site>/<any(goals, funnels, segments, annotations):kept>/<int:row_id>")
@needs(OfToken(SITES_WRITE))
def removed(site: str, kept: str, row_id: int) -> ResponseReturnValue:
    """Remove one."""
    who = _writer(site, BY_NAME[kept])
    with here().database.writing() as session:
        remove_row(session, BY_NAME[kept], who, row_id)
    return "", 204


def _change(site: str, kept: str) -> tuple[Caller, Resource, Body]:
    resource = BY_NAME[kept]
    who = _writer(site, resource)
    return who, resource, resource.body.model_validate(read_body())


def _writer(site: str, resource: Resource) -> Caller:
    """Find who changes something; one's own rows only need the right to see the site."""
    token = token_with(SITES_WRITE)
    return caller_at(token, SITES_READ if resource.owned else SITES_WRITE, site)


def read_body() -> Any:
    """Read the body, an object.

    Raises:
        RefusedError: It is none.
    """
    payload = request.get_json(force=True, silent=True)
    if not isinstance(payload, dict):
        raise RefusedError(problem(400, "invalid_json", "The body must be a JSON object."))
    return payload
