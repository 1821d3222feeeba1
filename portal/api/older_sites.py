"""``/api/v1/sites``: Plausible's Sites API, for scripts that provision sites by it.

Each request is one of ours under another name: sites and links are ``manage_views``, goals
``kept``, guests ``portal.teams``; bodies are forms or JSON. A token opens its one site and that
site's team, so a list of sites has one entry. The one invariant: no rule stands here that does not
stand there. Source: Plausible's documentation, "Site provisioning API reference".
"""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.api import manage_views, people_views
from portal.api.bodies import InvitationBody, SiteBody
from portal.api.callers import (
    PEOPLE_WRITE,
    SITES_ADMIN,
    SITES_READ,
    SITES_WRITE,
    caller,
    caller_at,
    token_with,
)
from portal.api.kept import BY_NAME, NotThereError, add_row, list_rows, remove_row
from portal.api.kept_views import blueprint as kept
from portal.api.shapes import GoalBody
from portal.commands import remove_site, rename_site
from portal.config import here
from portal.models import Site
from portal.needs import OfToken, needs
from portal.properties.known import RECENT
from portal.sessions import reading
from portal.sharing.links import Wanted, links_of, make_link
from portal.sites.fields import FieldError
from portal.sites.publishing import publish_sites
from portal.teams.invitations import open_invitations, withdraw
from portal.teams.members import guests_of, remove_guest
from store.query.goals import GoalKind
from store.query.properties import property_keys

blueprint = Blueprint("api_older_sites", __name__, url_prefix="/api/v1/sites")
GOALS = BY_NAME["goals"]
_DELETED = {"deleted": "true"}
_ALL = {"after": None, "before": None, "limit": 100}
"""Lists are short enough to come whole."""

for kind, handler in kept.error_handler_spec[None][None].items():
    blueprint.register_error_handler(kind, handler)


def _sent(name: str, *, required: bool = True) -> str:
    """Read one value of a form or of a JSON object, or of the address.

    Raises:
        FieldError: It is not there.
    """
    payload = request.get_json(silent=True)
    document = payload if isinstance(payload, dict) else {}
    value = request.form.get(name) or document.get(name) or request.args.get(name) or ""
    if not isinstance(value, str | int) or (required and not value):
        raise FieldError(name, f"{name} is missing.")
    return str(value)


@blueprint.get("")
@needs(OfToken(SITES_READ))
def sites() -> ResponseReturnValue:
    """List the token's site."""
    token = token_with(SITES_READ)
    who = caller_at(token, SITES_READ, token.site_id)
    return jsonify(sites=[_row(who.site)], meta=_ALL)


@blueprint.get("/teams")
@needs(OfToken(SITES_READ))
def teams() -> ResponseReturnValue:
    """List the team of the token's site."""
    token = token_with(SITES_READ)
    team = caller_at(token, SITES_READ, token.site_id).site.team
    return jsonify(
        teams=[{"id": str(team.id), "name": team.name, "api_available": True}], meta=_ALL
    )


def _row(site: Site) -> dict[str, Any]:
    return {"domain": site.host, "timezone": site.timezone}


@blueprint.post("")
@needs(OfToken(SITES_ADMIN))
def add() -> ResponseReturnValue:
    """Add a site; the answer has a token for it, as a token opens no other."""
    token = token_with(SITES_ADMIN)
    who = caller_at(token, SITES_ADMIN, token.site_id)
    domain = _sent("domain")
    fields = {
        "host": domain,
        "upstream": _sent("upstream", required=False),
        "timezone": _sent("timezone", required=False) or "UTC",
    }
    body = SiteBody.model_validate(fields)
    made = manage_views.add(who, body)
    return jsonify(domain=made["host"], timezone=made["timezone"], token=made["token"])


@blueprint.get("/<site>")
@needs(OfToken(SITES_READ))
def one(site: str) -> ResponseReturnValue:
    """Show a site, and the custom properties of its last 91 days."""
    who = caller(SITES_READ, site)
    found = property_keys(here().store, who.site.id, here().now() - RECENT)
    return jsonify({**_row(who.site), "custom_properties": [name for name, _ in found]})


@blueprint.put("/<site>")
@needs(OfToken(SITES_ADMIN))
def rename(site: str) -> ResponseReturnValue:
    """Give a site another name."""
    who = caller(SITES_ADMIN, site)
    domain = _sent("domain")
    with here().database.writing() as session:
        own = session.get_one(Site, who.site.id)
        rename_site(session, own, domain)
        answer = _row(own)
    publish_sites()
    return jsonify(answer)


@blueprint.delete("/<site>")
@needs(OfToken(SITES_ADMIN))
def end(site: str) -> ResponseReturnValue:
    """Delete a site."""
    who = caller(SITES_ADMIN, site)
    with here().database.writing() as session:
        remove_site(session, session.get_one(Site, who.site.id), here().now())
    publish_sites()
    return jsonify(_DELETED)


@blueprint.put("/shared-links")
@needs(OfToken(SITES_WRITE))
def shared_link() -> ResponseReturnValue:
    """Find a shared link by its name, or make it."""
    who = caller(SITES_WRITE, _sent("site_id"))
    name = _sent("name")
    with here().database.writing() as session:
        own = session.get_one(Site, who.site.id)
        found = next((link for link in links_of(session, own.id) if link.name == name), None)
        link = found or make_link(session, own, Wanted(name=name), here().now())
        return jsonify(name=link.name, url=manage_views.address_of(link))


@blueprint.get("/goals")
@needs(OfToken(SITES_READ))
def goals() -> ResponseReturnValue:
    """List goals."""
    who = caller(SITES_READ, _sent("site_id"))
    return jsonify(goals=[_goal(row) for row in list_rows(reading(), GOALS, who)], meta=_ALL)


def _goal(row: dict[str, Any]) -> dict[str, Any]:
    is_event = row["kind"] == GoalKind.EVENT
    return {
        "id": str(row["id"]),
        "goal_type": "event" if is_event else "page",
        "display_name": row["name"],
        "event_name": row["target"] if is_event else None,
        "page_path": None if is_event else row["target"],
    }


@blueprint.put("/goals")
@needs(OfToken(SITES_WRITE))
def add_goal() -> ResponseReturnValue:
    """Find a goal by type and value, or add it."""
    who = caller(SITES_WRITE, _sent("site_id"))
    wanted = _sent("goal_type")
    if wanted not in {"event", "page"}:
        raise FieldError("goal_type", "goal_type is event or page.")
    target = _sent("event_name" if wanted == "event" else "page_path")
    fields = {"kind": wanted, "target": target, "name": _sent("display_name", required=False)}
    body = GoalBody.model_validate(fields)
    with here().database.writing() as session:
        same = (
            row
            for row in list_rows(session, GOALS, who)
            if (row["kind"], row["target"], row["props"]) == (wanted, target, {})
        )
        row = next(same, None) or add_row(session, GOALS, who, body)
        return jsonify({"domain": who.site.host, **_goal(row)})


@blueprint.delete("/goals/<int:row_id>")
@needs(OfToken(SITES_WRITE))
def end_goal(row_id: int) -> ResponseReturnValue:
    """Remove a goal."""
    who = caller(SITES_WRITE, _sent("site_id"))
    with here().database.writing() as session:
        remove_row(session, GOALS, who, row_id)
    return jsonify(_DELETED)


@blueprint.get("/guests")
@needs(OfToken(PEOPLE_WRITE))
def guests() -> ResponseReturnValue:
    """List guests, and who is invited to be one."""
    who = caller(PEOPLE_WRITE, _sent("site_id"))
    return jsonify(guests=_guests(reading(), who.site), meta=_ALL)


def _guests(session: Session, site: Site) -> list[dict[str, Any]]:
    there = [g for g in guests_of(session, site.team_id) if g.site_id == site.id]
    asked = open_invitations(session, site.team_id, here().now())
    invited = [link for link in asked if link.site_id == site.id]
    return [
        *({"email": g.user.email, "role": g.role, "accepted": True} for g in there),
        *({"email": i.email, "role": i.role, "accepted": False} for i in invited),
    ]


@blueprint.put("/guests")
@needs(OfToken(PEOPLE_WRITE))
def add_guest() -> ResponseReturnValue:
    """Find a guest by address, or invite them."""
    who = caller(PEOPLE_WRITE, _sent("site_id"))
    email = _sent("email").strip().lower()
    body = InvitationBody.model_validate({"email": email, "role": _sent("role"), "guest": True})
    known = next((g for g in _guests(reading(), who.site) if g["email"] == email), None)
    if known is None:
        people_views.send_invitation(who, body)
        known = {"email": email, "role": body.role, "accepted": False}
    return jsonify(known)


@blueprint.delete("/guests/<email>")
@needs(OfToken(PEOPLE_WRITE))
def end_guest(email: str) -> ResponseReturnValue:
    """Take a guest away, or void the invitation."""
    token = token_with(PEOPLE_WRITE)
    who = caller_at(token, PEOPLE_WRITE, token.site_id)
    address = email.strip().lower()
    with here().database.writing() as session:
        own = session.get_one(Site, who.site.id)
        if address not in {guest["email"] for guest in _guests(session, own)}:
            raise NotThereError
        for guest in guests_of(session, own.team_id):
            if guest.site_id == own.id and guest.user.email == address:
                remove_guest(session, own.team_id, guest.user_id, own.id)
        for link in open_invitations(session, own.team_id, here().now()):
            if link.site_id == own.id and link.email == address:
                withdraw(session, own.team_id, link.id)
    return jsonify(_DELETED)
