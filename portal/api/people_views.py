"""``/api/v2/sites/<site>``, its people: members of the team, guests of the site, invitations.

The rules are those of the portal's forms (``portal.teams``). The one invariant: nobody gives or
takes a role that the token's owner could not give on the team's page.
"""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.accounts import messages
from portal.accounts.mailing import Topic, mail_wait_s, writing_to
from portal.api.bodies import InvitationBody, RoleBody
from portal.api.callers import PEOPLE_WRITE, Caller, RefusedError, caller
from portal.api.errors import problem
from portal.api.kept import NotThereError, NotYoursError
from portal.api.kept_views import blueprint as kept
from portal.api.kept_views import read_body
from portal.config import here
from portal.language import _
from portal.models import Guest, Membership, OneTimeLink, Role, Site
from portal.needs import OfToken, needs
from portal.sessions import reading
from portal.teams import members
from portal.teams.invitations import invite, open_invitations, withdraw
from portal.teams.rights import Right, rights_in, roles_given_by

blueprint = Blueprint("api_people", __name__, url_prefix="/api/v2/sites/<site>")

for kind, handler in kept.error_handler_spec[None][None].items():
    blueprint.register_error_handler(kind, handler)


def _rights(session: Session, who: Caller) -> frozenset[Right]:
    return rights_in(session, who.user_id, who.site.team_id)


@blueprint.put("/members/<int:row_id>")
@needs(OfToken(PEOPLE_WRITE))
def change_member(site: str, row_id: int) -> ResponseReturnValue:
    """Give a member of the team another role."""
    who = caller(PEOPLE_WRITE, site)
    role = RoleBody.model_validate(read_body()).role
    with here().database.writing() as session:
        row = _member(session, who, row_id)
        members.change_role(session, who.site.team_id, row.user_id, role, _rights(session, who))
        return jsonify(id=row.user_id, email=row.user.email, role=row.role)


@blueprint.delete("/members/<int:row_id>")
@needs(OfToken(PEOPLE_WRITE))
def end_member(site: str, row_id: int) -> ResponseReturnValue:
    """Take a member out of the team."""
    who = caller(PEOPLE_WRITE, site)
    with here().database.writing() as session:
        row = _member(session, who, row_id)
        members.remove_member(session, who.site.team_id, row.user_id, _rights(session, who))
    return "", 204


def _member(session: Session, who: Caller, row_id: int) -> Membership:
    members.hold_team(session, who.site.team_id)
    found = session.get(Membership, (row_id, who.site.team_id))
    if found is None:
        raise NotThereError
    return found


@blueprint.get("/guests")
@needs(OfToken(PEOPLE_WRITE))
def guests(site: str) -> ResponseReturnValue:
    """List the guests of this site."""
    who = caller(PEOPLE_WRITE, site)
    rows = members.guests_of(reading(), who.site.team_id)
    return jsonify(guests=[_guest_row(row) for row in rows if row.site_id == who.site.id])


@blueprint.put("/guests/<int:row_id>")
@needs(OfToken(PEOPLE_WRITE))
def change_guest(site: str, row_id: int) -> ResponseReturnValue:
    """Give a guest another role."""
    who = caller(PEOPLE_WRITE, site)
    role = RoleBody.model_validate(read_body()).role
    with here().database.writing() as session:
        row = _guest(session, who, row_id)
        members.change_guest(session, who.site.team_id, row.user_id, who.site.id, role)
        return jsonify(_guest_row(row))


@blueprint.delete("/guests/<int:row_id>")
@needs(OfToken(PEOPLE_WRITE))
def end_guest(site: str, row_id: int) -> ResponseReturnValue:
    """Take a guest away from this site."""
    who = caller(PEOPLE_WRITE, site)
    with here().database.writing() as session:
        row = _guest(session, who, row_id)
        members.remove_guest(session, who.site.team_id, row.user_id, who.site.id)
    return "", 204


def _guest(session: Session, who: Caller, row_id: int) -> Guest:
    found = session.get(Guest, (row_id, who.site.id))
    if found is None:
        raise NotThereError
    return found


def _guest_row(row: Guest) -> dict[str, Any]:
    return {"id": row.user_id, "email": row.user.email, "role": row.role}


@blueprint.get("/invitations")
@needs(OfToken(PEOPLE_WRITE))
def invitations(site: str) -> ResponseReturnValue:
    """List the invitations into the team and to this site that nobody has taken yet."""
    who = caller(PEOPLE_WRITE, site)
    rows = open_invitations(reading(), who.site.team_id, here().now())
    shown = [_invitation_row(row) for row in rows if row.site_id in {None, who.site.id}]
    return jsonify(invitations=shown)


@blueprint.post("/invitations")
@needs(OfToken(PEOPLE_WRITE))
def add_invitation(site: str) -> ResponseReturnValue:
    """Invite somebody: by mail, or by a link that is in this answer alone."""
    who = caller(PEOPLE_WRITE, site)
    return jsonify(send_invitation(who, InvitationBody.model_validate(read_body()))), 201


def send_invitation(who: Caller, body: InvitationBody) -> dict[str, Any]:
    """Invite somebody; without mail the answer has the link.

    Raises:
        FieldError: The address or the role is wrong.
        NotYoursError: The token's owner may not give this role.
        RefusedError: They have sent too many.
    """
    send, email = here().config.send_mail, body.email.strip().lower()
    with here().database.writing() as session:
        if body.role not in roles_given_by(_rights(session, who)):
            raise NotYoursError
        if send is not None and (wait_s := mail_wait_s(who.user_id, Topic.INVITATION, email)):
            headers = {"Retry-After": str(wait_s)}
            message = "Too many invitations were sent. Wait a little."
            raise RefusedError(problem(429, "rate_limited", message, headers=headers))
        own = session.get_one(Site, who.site.id)
        place = own.host if body.guest else f"the team {own.team.name}"
        token = invite(
            session,
            own.team,
            email,
            body.role,
            now=here().now(),
            site_id=own.id if body.guest else None,
            mailed=send is not None,
        )
        rows = open_invitations(session, own.team_id, here().now())
        answer = _invitation_row(max((row for row in rows if row.email == email), key=_number))
    if send is None:
        return answer | {"link": messages.invitation_address(token)}
    with writing_to(email):
        mail = messages.invitation(email, place, _(body.role.value), token)
    here().background.put(lambda: send(mail))
    return answer | {"link": None}


def _number(row: OneTimeLink) -> int:
    return row.id


@blueprint.delete("/invitations/<int:row_id>")
@needs(OfToken(PEOPLE_WRITE))
def end_invitation(site: str, row_id: int) -> ResponseReturnValue:
    """Void an invitation."""
    who = caller(PEOPLE_WRITE, site)
    with here().database.writing() as session:
        rows = open_invitations(session, who.site.team_id, here().now())
        here_too = {row.id for row in rows if row.site_id in {None, who.site.id}}
        if row_id not in here_too:
            raise NotThereError
        withdraw(session, who.site.team_id, row_id)
    return "", 204


def _invitation_row(row: OneTimeLink) -> dict[str, Any]:
    return {
        "id": row.id,
        "email": row.email,
        "role": row.role or Role.VIEWER,
        "guest": row.site_id is not None,
        "expires_at": row.expires_at.isoformat(timespec="seconds"),
    }
