"""The page that asks a signed-in person who they are once more, before they change the account.

Showing that again is signing in again: with all steps that the account asks for, and into a new
session. The one invariant: nobody gets from here into another account.
"""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from portal.accounts.factors import identities_of
from portal.accounts.halfway import enter
from portal.accounts.links import safe_path
from portal.accounts.passkeys import ask_to_sign_in
from portal.accounts.passwords import is_password
from portal.accounts.signin import Way, is_fresh, me
from portal.config import here
from portal.language import N_
from portal.models import User
from portal.needs import Who, needs
from portal.sessions import reading

blueprint = Blueprint("again", __name__, url_prefix="/account/again")
WRONG = N_("This is not your password.")
SLOW = N_("Too many tries. Wait a little.")


class AgainForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """The password, once more."""

    password = PasswordField(N_("Password"), [InputRequired(N_("Type your password."))])


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


@blueprint.route("", methods=["GET", "POST"])
@needs(Who.SIGNED_IN)
def page() -> ResponseReturnValue:
    """Ask for what signing in asks for."""
    target = safe_path(request.args.get("next"), "/account")
    if is_fresh():
        return redirect(target)
    form = AgainForm()
    user = reading().get_one(User, me().id)
    if not form.validate_on_submit():
        return _page(user, form, target), 422 if form.errors else 200
    if problem := _problem(user, form.password.data or ""):
        form.password.errors = [problem]
        return _page(user, form, target), 401
    return enter(user.id, Way.PASSWORD, target)


def _problem(user: User, password: str) -> str:
    """Check the person's password, as slowly as at the door."""
    if here().login_by_device.take(f"account:{user.id}", here().now().timestamp()):
        return SLOW
    fits = is_password(user.password_hash, password) and not here().config.only_sso
    return "" if fits else WRONG


def _page(user: User, form: AgainForm, target: str) -> str:
    config = here().config
    return render_template(
        "accounts/again.html",
        form=form,
        user=user,
        target=target,
        asks_password=bool(user.password_hash) and not config.only_sso,
        asked=None if config.only_sso or not user.passkeys else ask_to_sign_in(user),
        sso=config.sso if config.sso and identities_of(reading(), user.id) else None,
    )
