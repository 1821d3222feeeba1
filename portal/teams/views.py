"""Pages of teams: mine, one team's people and guests, its name, its end.

What is refused and why is ``portal.teams.members``' and ``portal.teams.invitations``' word. The one
invariant: a team one is not in is not there, and every change asks the table of rights first.
"""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from sqlalchemy.orm import Session

from portal.accounts import messages
from portal.accounts.mailing import Topic, mail_wait_s, writing_to
from portal.accounts.signin import freshly, lead, me
from portal.commands import CommandError
from portal.config import here
from portal.language import N_, _
from portal.models import Role, Site, Team
from portal.needs import Who, declared_right, needs
from portal.sessions import end_reading, reading
from portal.sites.access import site_or_stop
from portal.sites.fields import FieldError
from portal.teams import members
from portal.teams.forms import InviteForm, NameForm
from portal.teams.invitations import invite, open_invitations, withdraw
from portal.teams.rights import (
    GUEST_ROLES,
    RIGHTS,
    Right,
    rights_in,
    roles_given_by,
    teams_that_wait,
    teams_with,
)

blueprint = Blueprint("teams", __name__)
SLOW = N_("Too many invitations. Wait %(seconds)s seconds, then try again.")


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def team_or_stop(team_id: int) -> Team:
    """Find a team; 404 if the person is not in it, 403 if the right that the route needs lacks."""
    rights = rights_in(reading(), me().id, team_id)
    if Right.SEE_TEAM not in rights:
        if team_id in {team.id for team in teams_that_wait(reading(), me().id)}:
            abort(lead(url_for("factors.page")))
        abort(404)
    if declared_right() not in rights:
        abort(403)
    return reading().get_one(Team, team_id)


@blueprint.route("/teams", methods=["GET", "POST"])
@needs(Who.SIGNED_IN)
def index() -> ResponseReturnValue:
    """List the person's teams, and make one."""
    form = NameForm()
    if form.validate_on_submit():
        try:
            with here().database.writing() as writing:
                team = members.add_team(writing, form.name.data or "", me().id, here().now())
        except CommandError as error:
            form.name.errors = [str(error)]
        else:
            flash(_("The team %(name)s is made, and you own it.", name=team.name), "good")
            return redirect(url_for("teams.page", team_id=team.id))
    mine = members.teams_of(reading(), me().id)
    waiting = teams_that_wait(reading(), me().id)
    page = render_template("teams/index.html", memberships=mine, form=form, waiting=waiting)
    return page, 422 if form.errors else 200


@blueprint.get("/teams/<int:team_id>")
@needs(Right.SEE_TEAM)
def page(team_id: int) -> ResponseReturnValue:
    """Show a team."""
    return _show(team_or_stop(team_id)), 200


def _show(team: Team, form: InviteForm | None = None, link: str = "") -> str:
    session, rights = reading(), rights_in(reading(), me().id, team.id)
    manages = Right.MANAGE_PEOPLE in rights
    guests = members.guests_of(session, team.id) if manages else []
    return render_template(
        "teams/page.html",
        team=team,
        rights=rights,
        manages=manages,
        Right=Right,
        given=roles_given_by(rights),
        guest_roles=GUEST_ROLES,
        members=members.members_of(session, team.id),
        guests=guests,
        invitations=open_invitations(session, team.id, here().now()) if manages else [],
        sites=sorted(team.sites, key=lambda site: site.host),
        form=form or InviteForm(formdata=None),
        link=link,
        has_mail=here().config.send_mail is not None,
        my_id=me().id,
        table={role: RIGHTS[role] for role in Role},
    )


@blueprint.post("/teams/<int:team_id>/invitations")
@needs(Right.MANAGE_PEOPLE)
def invitations(team_id: int) -> ResponseReturnValue:
    """Invite somebody: by mail, or by a link that is shown this once."""
    team = team_or_stop(team_id)
    form = InviteForm()
    if not form.validate_on_submit():
        return _show(team, form), 422
    role = form.chosen_role()
    if role not in roles_given_by(rights_in(reading(), me().id, team_id)):
        abort(403)
    send, email = here().config.send_mail, (form.email.data or "").strip().lower()
    if send is not None and (wait_s := mail_wait_s(me().id, Topic.INVITATION, email)):
        form.email.errors = [_(SLOW, seconds=wait_s)]
        return _show(team, form), 429
    try:
        with here().database.writing() as writing:
            token = invite(
                writing,
                team,
                email,
                role,
                now=here().now(),
                site_id=form.site_id(),
                mailed=send is not None,
            )
    except FieldError as error:
        field = error.field if error.field in form else "email"
        form[field].errors = [str(error)]
        return _show(team, form), 422
    if send is None:
        end_reading()
        team = team_or_stop(team_id)
        return _show(team, link=messages.invitation_address(token)), 200
    with writing_to(email):
        mail = messages.invitation(email, _place(team, form.site_id()), _(role.value), token)
    here().background.put(lambda: send(mail))
    flash(_("The invitation is on its way to %(email)s.", email=email), "good")
    return redirect(url_for("teams.page", team_id=team_id))


def _place(team: Team, site_id: int | None) -> str:
    site = reading().get(Site, site_id) if site_id is not None else None
    return site.host if site is not None else _("the team %(name)s", name=team.name)


def _change(team_id: int, done: str, do: Callable[[Session], object]) -> ResponseReturnValue:
    """Change a team if the right is there, say how it went, and go back to its page."""
    team_or_stop(team_id)
    try:
        with here().database.writing() as writing:
            members.hold_team(writing, team_id)
            if declared_right() not in rights_in(writing, me().id, team_id):
                abort(403)  # It was taken away a moment ago.
            do(writing)
    except FieldError as error:
        flash(str(error), "bad")
    else:
        flash(done, "good")
    still_in = Right.SEE_TEAM in _fresh_rights(team_id)
    return redirect(url_for("teams.page", team_id=team_id) if still_in else url_for("teams.index"))


def _fresh_rights(team_id: int) -> frozenset[Right]:
    with here().database.reading() as session:
        return rights_in(session, me().id, team_id)


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        return abort(400)


@blueprint.post("/teams/<int:team_id>/invitations/<int:number>/withdraw")
@needs(Right.MANAGE_PEOPLE)
def withdraw_invitation(team_id: int, number: int) -> ResponseReturnValue:
    """Void an invitation."""
    return _change(
        team_id,
        _("The invitation no longer works."),
        lambda writing: withdraw(writing, team_id, number),
    )


@blueprint.post("/teams/<int:team_id>/members/<int:user_id>/role")
@needs(Right.MANAGE_PEOPLE)
def role(team_id: int, user_id: int) -> ResponseReturnValue:
    """Give a member another role."""
    wanted = _role()

    def do(writing: Session) -> None:
        by = rights_in(writing, me().id, team_id)
        members.change_role(writing, team_id, user_id, wanted, by)

    return _change(team_id, _("The role is changed."), do)


@blueprint.post("/teams/<int:team_id>/members/<int:user_id>/remove")
@needs(Right.MANAGE_PEOPLE)
def remove(team_id: int, user_id: int) -> ResponseReturnValue:
    """Take a member out."""

    def do(writing: Session) -> None:
        by = rights_in(writing, me().id, team_id)
        members.remove_member(writing, team_id, user_id, by)

    return _change(team_id, _("The person is no longer in the team."), do)


@blueprint.post("/teams/<int:team_id>/members/<int:user_id>/owner")
@needs(Right.MANAGE_OWNERS)
@freshly
def hand_over(team_id: int, user_id: int) -> ResponseReturnValue:
    """Hand the team over to a member."""
    return _change(
        team_id,
        _("The team is handed over; you stay as an admin."),
        lambda writing: members.hand_over(writing, team_id, me().id, user_id),
    )


@blueprint.post("/teams/<int:team_id>/guests/<int:user_id>/<int:site_id>/remove")
@needs(Right.MANAGE_PEOPLE)
def remove_guest(team_id: int, user_id: int, site_id: int) -> ResponseReturnValue:
    """Take a guest away from a site."""
    return _change(
        team_id,
        _("The guest no longer sees the site."),
        lambda writing: members.remove_guest(writing, team_id, user_id, site_id),
    )


@blueprint.post("/teams/<int:team_id>/guests/<int:user_id>/<int:site_id>/role")
@needs(Right.MANAGE_PEOPLE)
def guest_role(team_id: int, user_id: int, site_id: int) -> ResponseReturnValue:
    """Give a guest another role."""
    wanted = _role()
    return _change(
        team_id,
        _("The role is changed."),
        lambda writing: members.change_guest(writing, team_id, user_id, site_id, wanted),
    )


@blueprint.post("/teams/<int:team_id>/leave")
@needs(Right.SEE_TEAM)
def leave(team_id: int) -> ResponseReturnValue:
    """Leave a team."""
    return _change(
        team_id,
        _("You are no longer in the team."),
        lambda writing: members.leave(writing, team_id, me().id),
    )


@blueprint.post("/teams/<int:team_id>/name")
@needs(Right.RENAME_TEAM)
def rename(team_id: int) -> ResponseReturnValue:
    """Rename a team."""
    name = request.form.get("name", "")
    return _change(
        team_id,
        _("The team is renamed."),
        lambda writing: members.rename_team(writing, writing.get_one(Team, team_id), name),
    )


@blueprint.post("/teams/<int:team_id>/factor")
@needs(Right.NEED_FACTOR)
@freshly
def factor(team_id: int) -> ResponseReturnValue:
    """Ask everybody of the team for a second factor, or no longer; who has none is told."""
    needed, told = request.form.get("needed") == "on", list[str]()

    def do(writing: Session) -> None:
        team = writing.get_one(Team, team_id)
        told.extend(members.need_factor(writing, team, me().id, needed=needed))

    done = (
        _("The team asks for a second factor now.")
        if needed
        else _("The team no longer asks for a second factor.")
    )
    answer = _change(team_id, done, do)
    send, name = here().config.send_mail, reading().get_one(Team, team_id).name
    if send is not None:
        for email in told:
            with writing_to(email):
                mail = messages.team_needs_factor(email, name)
            here().background.put(partial(send, mail))
    return answer


@blueprint.post("/teams/<int:team_id>/delete")
@needs(Right.DELETE_TEAM)
def delete(team_id: int) -> ResponseReturnValue:
    """Let a team end after the waiting period, if its name was typed."""
    typed, now = request.form.get("name", ""), here().now()
    return _change(
        team_id,
        _("The team and its sites go in seven days. Until then you can keep it."),
        lambda writing: members.end_team(writing, writing.get_one(Team, team_id), typed, now),
    )


@blueprint.post("/teams/<int:team_id>/keep")
@needs(Right.DELETE_TEAM)
def keep(team_id: int) -> ResponseReturnValue:
    """Keep a team that waits for its end."""

    def do(writing: Session) -> None:
        writing.get_one(Team, team_id).ends_at = None

    return _change(team_id, _("The team stays."), do)


@blueprint.post("/sites/<host>/move")
@needs(Right.MOVE_SITE)
def move(host: str) -> ResponseReturnValue:
    """Move a site to another team of the person's."""
    site = site_or_stop(host)
    targets = {team.id: team for team in teams_with(reading(), me().id, Right.ADD_SITE)}
    team = targets.get(request.form.get("team", 0, type=int))
    if team is None:
        abort(404)
    with here().database.writing() as writing:
        members.move_site(writing, writing.get_one(Site, site.id), team)
    flash(
        _(
            "%(host)s belongs to the team %(name)s now; its guests are gone.",
            host=site.host,
            name=team.name,
        ),
        "good",
    )
    return redirect(url_for("sites.index"))
