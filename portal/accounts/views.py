"""Pages of accounts: sign in, sign out, first-run set-up, and the theme switch."""

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from portal.accounts.guessing import password_wait_s
from portal.accounts.halfway import enter
from portal.accounts.links import safe_path
from portal.accounts.passkeys import ask_to_sign_in
from portal.accounts.passwords import is_password
from portal.accounts.people import end_session
from portal.accounts.signin import LOCKED, Way, me, sign_in
from portal.commands import consume_setup_link, has_users, is_setup_link, normal_email
from portal.config import here
from portal.language import N_, _
from portal.models import User
from portal.needs import Who, needs
from portal.sessions import reading
from portal.sites.fields import FieldError

blueprint = Blueprint("accounts", __name__)

WRONG = N_("E-mail or password is wrong.")
SLOW = N_("Too many tries. Wait %(seconds)s seconds, then try again.")
THEMES = ("system", "light", "dark")


class LoginForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """E-mail and password."""

    email = EmailField(N_("E-mail"), [InputRequired(N_("Type your e-mail address."))])
    password = PasswordField(N_("Password"), [InputRequired(N_("Type your password."))])


@blueprint.route("/login", methods=["GET", "POST"])
@needs(Who.ANYBODY)
def login() -> ResponseReturnValue:
    """Sign in; which of the two was wrong is not said."""
    target = safe_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    form = LoginForm()
    if here().config.only_sso and request.method == "POST":
        abort(403)
    if not form.validate_on_submit():
        return _door(form, target)
    email = normal_email(form.email.data or "")
    if wait_s := password_wait_s(email):
        return _door(form, target, _(SLOW, seconds=wait_s)), 429
    user = reading().scalar(select(User).where(User.email == email))
    password_hash = user.password_hash if user is not None else None
    if not is_password(password_hash, form.password.data or "") or user is None:
        return _door(form, target, WRONG), 401
    if user.disabled:
        return _door(form, target, LOCKED), 403
    return enter(user.id, Way.PASSWORD, target)


def _door(form: LoginForm, target: str, problem: str = "") -> str:
    config = here().config
    return render_template(
        "accounts/login.html",
        form=form,
        problem=problem,
        target=target,
        first=not has_users(reading()),
        sso=config.sso,
        left_sso=config.sso is not None and request.args.get("left") == "sso",
        only_sso=config.only_sso,
        asked=None if config.only_sso else ask_to_sign_in(),
    )


@blueprint.post("/logout")
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
@needs(Who.SIGNED_IN)
def logout() -> ResponseReturnValue:
    """Sign out; the session ends on our side as well."""
    way = me().way
    with here().database.writing() as writing:
        end_session(writing, me().id, me().session_id)
    logout_user()
    session.clear()
    # A form may lead to no other host (the policy's form-action), so the door offers the link.
    response = redirect(url_for("accounts.login", left="sso" if way == Way.SSO else None))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.route("/setup", methods=["GET", "POST"])
@needs(Who.LINK_HOLDER)
def setup() -> ResponseReturnValue:
    """Make the first administrator; opens only with the one-time link."""
    token = request.values.get("token", "")
    if not is_setup_link(reading(), token):
        return render_template("accounts/setup_closed.html", first=not has_users(reading())), 403
    form = LoginForm()
    if form.validate_on_submit():
        try:
            with here().database.writing() as writing:
                user = consume_setup_link(
                    writing, token, form.email.data or "", form.password.data or ""
                )
        except FieldError as error:
            field = error.field if error.field in form else "email"
            form[field].errors = [str(error)]
        else:
            sign_in(user, Way.PASSWORD, proved_at=here().now())
            flash(_("Welcome. Add the first site to see who comes."), "good")
            return redirect(url_for("sites.index"))
    return render_template("accounts/setup.html", form=form, token=token)


def theme_cookie() -> str:
    """Name the cookie of the theme."""
    return "__Host-theme" if here().config.public_url.startswith("https:") else "theme"


@blueprint.post("/theme")
@needs(Who.ANYBODY)
def theme() -> ResponseReturnValue:
    """Keep the chosen theme in a cookie, so that the first paint is right."""
    chosen = request.form.get("theme", "")
    response = redirect(safe_path(request.form.get("next")))
    if chosen in THEMES:
        https = here().config.public_url.startswith("https:")
        response.set_cookie(
            theme_cookie(), chosen, 31_536_000, httponly=True, samesite="Lax", secure=https
        )
    return response
