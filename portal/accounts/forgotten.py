"""Pages of links by mail: a new password, a confirmed address.

The one invariant: what they answer says nothing about whether an account exists.
"""

from functools import partial

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm

from portal.accounts import messages
from portal.accounts.halfway import enter
from portal.accounts.joining import EmailForm, PasswordForm
from portal.accounts.mailing import Topic, mail_later, writing_to
from portal.accounts.notices import tell
from portal.accounts.one_time import LinkKind, find_link, make_link
from portal.accounts.people import account_of, confirm_address, reset_password
from portal.accounts.signin import Way, me
from portal.commands import CommandError, normal_email
from portal.config import here
from portal.language import N_, _
from portal.mail import Mail
from portal.models import User
from portal.needs import Who, needs
from portal.sessions import reading

blueprint = Blueprint("forgotten", __name__)


@blueprint.route("/forgot", methods=["GET", "POST"])
@needs(Who.ANYBODY)
def forgot() -> ResponseReturnValue:
    """Ask for a link to set a new password."""
    form = EmailForm()
    if here().config.only_sso:
        abort(404)
    if here().config.send_mail is None:
        return render_template("accounts/forgot_without_mail.html")
    if form.validate_on_submit():
        email = normal_email(form.email.data or "")
        mail_later(Topic.RESET, email, _reset_mail)
        return render_template("accounts/look_in_mail.html", email=email)
    return render_template("accounts/forgot.html", form=form), 422 if form.errors else 200


def _reset_mail(email: str) -> Mail | None:
    with here().database.writing() as writing:
        user = account_of(writing, email)
        if user is None:
            return None
        now = here().now()
        token = make_link(writing, LinkKind.RESET, email, now, user_id=user.id, mailed=True)
    return messages.reset(email, token)


@blueprint.route("/reset/<token>", methods=["GET", "POST"])
@needs(Who.LINK_HOLDER)
def reset(token: str) -> ResponseReturnValue:
    """Set a new password; every session of before ends."""
    link = find_link(reading(), LinkKind.RESET, token, here().now())
    # Where only single sign-on opens accounts, the operator's own link is the way back.
    if link is None or (here().config.only_sso and link.mailed):
        return render_template("accounts/link_closed.html"), 404
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            with here().database.writing() as writing:
                user = reset_password(writing, token, form.password.data or "", here().now())
        except CommandError as error:
            form.password.errors = [str(error)]
        else:
            tell(user.email, N_("The password was changed."))
            answer = enter(user.id, Way.PASSWORD, url_for("sites.index"))
            flash(_("The new password is set, and every other browser is signed out."), "good")
            return answer
    page = render_template("accounts/choose_password.html", form=form, email=link.email, new=False)
    return page, 422 if form.errors else 200


@blueprint.route("/confirm/<token>", methods=["GET", "POST"])
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
@needs(Who.SIGNED_IN)
def confirm(token: str) -> ResponseReturnValue:
    """Confirm an address; a click, so that programs that follow links in mail confirm nothing.

    Only in the account that asked: else somebody could ask for the address of another, who gives it
    to a stranger's account with one click.
    """
    link = find_link(reading(), LinkKind.CONFIRM, token, here().now())
    if link is None or link.user_id != me().id:
        return render_template("accounts/link_closed.html"), 404
    form = FlaskForm()
    if not form.validate_on_submit():
        return render_template("accounts/confirm.html", link=link)
    before = reading().get_one(User, link.user_id).email
    try:
        with here().database.writing() as writing:
            confirm_address(writing, token, here().now())
    except CommandError:
        return render_template("accounts/link_closed.html"), 404
    send = here().config.send_mail
    if send is not None and before != link.email:
        with writing_to(before):
            mail = messages.address_changed(before)
        here().background.put(partial(send, mail))
    flash(_("Your address is confirmed."), "good")
    return redirect(url_for("account.page"))
