"""The page of a person's own API tokens: making one, seeing which are used, revoking.

What a token may do is ``portal.commands.SCOPES``, and its owner's rights at the moment of use. The
one invariant: a token's text is in the answer to the form that made it, and nowhere else, ever.
"""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import DateField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional

from portal.accounts.notices import tell
from portal.accounts.signin import is_fresh, me, prove_again
from portal.commands import create_token
from portal.config import here
from portal.language import N_, _
from portal.models import ApiToken
from portal.needs import Who, needs
from portal.sessions import end_reading, reading
from portal.sites.fields import FieldError, end_of_day
from portal.sites.publishing import publish_sites
from portal.teams.rights import Right, find_site, sites_with

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")
SCOPES = {
    "stats:read": N_("stats:read: ask for numbers"),
    "sites:read": N_("sites:read: see the site, its goals, funnels, segments and members"),
    "sites:write": N_("sites:write: change settings, links, goals, funnels, segments and tokens"),
    "sites:admin": N_("sites:admin: add sites to the team, and delete this one"),
    "people:write": N_("people:write: invite people and guests, change their roles, remove them"),
    "events:write": N_("events:write: send events for visitors, from a server"),
}


class TokenForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A new token."""

    name = StringField(N_("Name"), [InputRequired(N_("Type what it is for.")), Length(max=80)])
    host = StringField(N_("Site"), [InputRequired(N_("Choose a site."))])
    scopes = SelectMultipleField(
        N_("May"),
        [InputRequired(N_("Choose at least one."))],
        choices=SCOPES,
        default=["stats:read"],
    )
    expires_on = DateField(N_("Last day"), [Optional()])


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.route("", methods=["GET", "POST"])
@needs(Who.SIGNED_IN)
def page() -> ResponseReturnValue:
    """List the person's tokens; make one, and show it this once."""
    form = TokenForm()
    made = None
    if form.is_submitted() and not is_fresh():
        return prove_again()
    if form.validate_on_submit():
        try:
            made = _make(form)
        except FieldError as error:
            field = error.field if error.field in form else "host"
            form[field].errors = [*form[field].errors, str(error)]
        else:
            publish_sites()
            tell(me().email, N_("The API token “%(name)s” was made."), name=form.name.data or "")
            form = TokenForm(formdata=None)
            end_reading()
    query = select(ApiToken).where(ApiToken.user_id == me().id).order_by(ApiToken.id)
    shown = render_template(
        "accounts/tokens.html",
        form=form,
        made=made,
        tokens=list(reading().scalars(query.options(joinedload(ApiToken.site)))),
        sites={s.host: s.host for s in sites_with(reading(), me().id, Right.VIEW_STATS)},
        now=here().now(),
        fresh=is_fresh(),
    )
    return shown, 422 if form.errors else 200


def _make(form: TokenForm) -> str:
    host, day = form.host.data or "", form.expires_on.data
    with here().database.writing() as session:
        ends = None
        site = find_site(session, me().id, host, Right.VIEW_STATS)
        if day is not None and site is not None:
            ends = end_of_day(day, site.timezone, "expires_on")
            if ends <= here().now():
                raise FieldError("expires_on", _("That day is over."))
        return create_token(
            session,
            me().email,
            host,
            form.scopes.data or (),
            now=here().now(),
            name=form.name.data or "",
            expires_at=ends,
        )


@blueprint.post("/<int:token_id>/end")
@needs(Who.SIGNED_IN)
def end(token_id: int) -> ResponseReturnValue:
    """Revoke one of the person's own tokens; it opens nothing from this moment on."""
    person_id = me().id
    with here().database.writing() as session:
        found = session.get(ApiToken, token_id)
        if found is None or found.user_id != person_id:
            abort(404)
        session.delete(found)
    flash(publish_sites() or _("The token is revoked."), "good")
    return redirect(url_for("tokens.page"))
