"""Pages of who comes in: an invitation's link, and open sign-up where the operator allows it."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from portal.accounts import messages
from portal.accounts.mailing import Topic, mail_later
from portal.accounts.one_time import LinkKind, find_link, make_link, spend_link
from portal.accounts.people import account_of, is_free
from portal.accounts.signin import Way, me, sign_in
from portal.commands import CommandError, add_user, is_email, normal_email
from portal.config import here
from portal.language import N_, _
from portal.mail import Mail
from portal.models import OneTimeLink, User
from portal.needs import Who, needs
from portal.sessions import reading
from portal.teams.invitations import join, join_as_new, place_of

blueprint = Blueprint("joining", __name__)
HAS_ACCOUNT = N_("There is an account for this address: sign in to join.")


class PasswordForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A new password."""

    password = PasswordField(N_("Password"), [InputRequired(N_("Choose a password."))])


class EmailForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """An address."""

    email = EmailField(N_("E-mail"), [InputRequired(N_("Type your e-mail address."))])


@blueprint.route("/invitations/<token>", methods=["GET", "POST"])
@needs(Who.LINK_HOLDER)
def invitation(token: str) -> ResponseReturnValue:
    """Take an invitation: as who is signed in, or with a new account."""
    link = find_link(reading(), LinkKind.INVITE, token, here().now())
    if link is None:
        return render_template("accounts/link_closed.html"), 404
    if current_user.is_authenticated:
        return _join(token, link)
    if here().config.only_sso:
        return render_template("accounts/invitation_sso.html", link=link, place=place_of(link))
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            with here().database.writing() as writing:
                user = join_as_new(writing, token, form.password.data or "", here().now())
        except CommandError as error:
            form.password.errors = [_plain(error)]
        else:
            sign_in(user, Way.PASSWORD, proved_at=here().now())
            flash(_("Welcome to %(place_of)s.", place_of=place_of(link)), "good")
            return redirect(url_for("sites.index"))
    page = render_template(
        "accounts/invitation.html",
        form=form,
        link=link,
        place=place_of(link),
        sso=here().config.sso,
    )
    return page, 422 if form.errors else 200


def _plain(error: CommandError) -> str:
    return HAS_ACCOUNT if error.field == "email" else str(error)


def _join(token: str, link: OneTimeLink) -> ResponseReturnValue:
    place = place_of(link)
    if link.email != me().email:
        return render_template("accounts/invitation_other.html", link=link, place=place), 403
    if request.method == "GET":
        return render_template("accounts/invitation_join.html", link=link, place=place)
    with here().database.writing() as writing:
        join(writing, token, writing.get_one(User, me().id), here().now())
    flash(_("You are in: %(place)s.", place=place), "good")
    return redirect(url_for("sites.index"))


@blueprint.route("/signup", methods=["GET", "POST"])
@needs(Who.ANYBODY)
def signup() -> ResponseReturnValue:
    """Ask for an account; whether there is one for the address is told by mail alone."""
    config = here().config
    if not config.open_signup or config.send_mail is None or config.only_sso:
        abort(404)
    form = EmailForm()
    if form.validate_on_submit():
        email = normal_email(form.email.data or "")
        if is_email(email):
            mail_later(Topic.SIGN_UP, email, _sign_up_mail)
            return render_template("accounts/look_in_mail.html", email=email)
        form.email.errors = [_("This is not an e-mail address.")]
    page = render_template("accounts/signup.html", form=form)
    return page, 422 if form.errors else 200


def _sign_up_mail(email: str) -> Mail | None:
    with here().database.writing() as writing:
        if not is_free(writing, email):
            return messages.has_account(email)
        token = make_link(writing, LinkKind.SIGN_UP, email, here().now(), mailed=True)
    return messages.sign_up(email, token)


@blueprint.route("/signup/<token>", methods=["GET", "POST"])
@needs(Who.LINK_HOLDER)
def finish_signup(token: str) -> ResponseReturnValue:
    """Make the account; whoever has the link has the address."""
    link = find_link(reading(), LinkKind.SIGN_UP, token, here().now())
    taken = link is not None and account_of(reading(), link.email) is not None
    if link is None or taken or here().config.only_sso:
        return render_template("accounts/link_closed.html"), 404
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            user = _make_account(token, form.password.data or "")
        except CommandError as error:
            form.password.errors = [str(error)]
        else:
            sign_in(user, Way.PASSWORD, proved_at=here().now())
            flash(_("Welcome. Make a team, then add its first site."), "good")
            return redirect(url_for("teams.index"))
    page = render_template("accounts/choose_password.html", form=form, email=link.email, new=True)
    return page, 422 if form.errors else 200


def _make_account(token: str, password: str) -> User:
    now = here().now()
    with here().database.writing() as writing:
        link = spend_link(writing, LinkKind.SIGN_UP, token, now)
        user = add_user(writing, link.email, password, now=now)
        user.confirmed_at = now
    return user
