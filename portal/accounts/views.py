"""Pages of accounts: sign in, sign out, first-run set-up, and the theme switch."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from portal.accounts.devices import known_device, network
from portal.accounts.links import safe_path
from portal.accounts.passwords import is_password
from portal.accounts.people import end_session
from portal.accounts.signin import me, sign_in
from portal.commands import consume_setup_link, has_users, is_setup_link, normal_email
from portal.config import here
from portal.models import User
from portal.sessions import reading
from portal.sites.fields import FieldError

blueprint = Blueprint("accounts", __name__)

WRONG = "E-mail or password is wrong."
SLOW = "Too many tries. Wait {seconds} seconds, then try again."
LOCKED = "An administrator has locked this account."
THEMES = ("system", "light", "dark")


class LoginForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """E-mail and password."""

    email = EmailField("E-mail", [InputRequired("Type your e-mail address.")])
    password = PasswordField("Password", [InputRequired("Type your password.")])


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Sign in; which of the two was wrong is not said."""
    target = safe_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template(
            "accounts/login.html", form=form, problem=None, first=not has_users(reading())
        )
    email = normal_email(form.email.data or "")
    if wait_s := _wait_s(email):
        problem = SLOW.format(seconds=wait_s)
        return render_template("accounts/login.html", form=form, problem=problem, first=False), 429
    user = reading().scalar(select(User).where(User.email == email))
    if (
        not is_password(user.password_hash if user else None, form.password.data or "")
        or user is None
    ):
        return render_template("accounts/login.html", form=form, problem=WRONG, first=False), 401
    if user.disabled:
        return render_template("accounts/login.html", form=form, problem=LOCKED, first=False), 403
    sign_in(user)
    return redirect(target)


def _wait_s(email: str) -> int:
    """Count a try; a browser known to the account is counted apart from everybody else's."""
    now_s = here().now().timestamp()
    if device := known_device(email):
        return here().login_by_device.take(device, now_s)
    by_network = here().login_by_network.take(network(), now_s)
    return by_network or here().login_by_email.take(email, now_s)


@blueprint.post("/logout")
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def logout() -> ResponseReturnValue:
    """Sign out; the session ends on our side as well."""
    with here().database.writing() as writing:
        end_session(writing, me().id, me().session_id)
    logout_user()
    session.clear()
    return redirect(url_for("accounts.login"))


@blueprint.route("/setup", methods=["GET", "POST"])
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
            sign_in(user)
            flash("Welcome. Add the first site to see who comes.", "good")
            return redirect(url_for("sites.index"))
    return render_template("accounts/setup.html", form=form, token=token)


@blueprint.post("/theme")
def theme() -> ResponseReturnValue:
    """Keep the chosen theme in a cookie, so that the first paint is right."""
    chosen = request.form.get("theme", "")
    response = redirect(safe_path(request.form.get("next")))
    if chosen in THEMES:
        https = here().config.public_url.startswith("https:")
        response.set_cookie(
            "theme", chosen, max_age=31_536_000, httponly=True, samesite="Lax", secure=https
        )
    return response
