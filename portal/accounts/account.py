"""The page of one's own account: address, password, language, browsers that are signed in."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from portal.accounts import messages
from portal.accounts.factors import identities_of
from portal.accounts.mailing import Topic, mail_later
from portal.accounts.notices import tell
from portal.accounts.one_time import LinkKind, make_link
from portal.accounts.passwords import is_password
from portal.accounts.people import end_session, end_sessions, is_free, sessions_of, set_password
from portal.accounts.signin import freshly, go_on, is_fresh, me
from portal.commands import CommandError, is_email, normal_email
from portal.config import here
from portal.language import LANGUAGES, N_, SOURCE, _, speaking
from portal.mail import Mail
from portal.models import User
from portal.needs import Who, needs
from portal.sessions import end_reading, reading

blueprint = Blueprint("account", __name__, url_prefix="/account")
WRONG = N_("This is not your password.")
SLOW = N_("Too many tries. Wait a little.")


class ChangePasswordForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """The password of now and the next one."""

    current = PasswordField(N_("Password now"))
    password = PasswordField(N_("New password"), [InputRequired(N_("Choose a new password."))])


class AddressForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """An address to confirm."""

    email = EmailField(N_("E-mail"), [InputRequired(N_("Type an e-mail address."))])


@blueprint.before_request
@login_required  # type: ignore[untyped-decorator] # flask_login has no types
def only_signed_in() -> None:
    """Let nobody in who has not signed in."""


def _page(
    password_form: ChangePasswordForm | None = None, address_form: AddressForm | None = None
) -> ResponseReturnValue:
    user = reading().get_one(User, me().id)
    refused = password_form is not None or address_form is not None
    page = render_template(
        "accounts/account.html",
        user=user,
        sessions=sessions_of(reading(), user.id),
        this=me().session_id,
        form=password_form or ChangePasswordForm(formdata=None),
        address_form=address_form or AddressForm(formdata=None, email=user.email),
        has_mail=here().config.send_mail is not None,
        fresh=is_fresh(),
        sso=here().config.sso,
        only_sso=here().config.only_sso,
        identities=identities_of(reading(), user.id),
        languages=LANGUAGES,
    )
    return page, 422 if refused else 200


@blueprint.get("")
@needs(Who.SIGNED_IN)
def page() -> ResponseReturnValue:
    """Show the account."""
    return _page()


def _problem(user: User, password: str) -> str:
    """Check the password of now, if there is one, as slowly as at the door."""
    if not user.password_hash:
        return ""
    now_s = here().now().timestamp()
    if here().login_by_device.take(f"account:{me().id}", now_s):
        return SLOW
    return "" if is_password(user.password_hash, password) else WRONG


@blueprint.post("/password")
@needs(Who.SIGNED_IN)
@freshly
def password() -> ResponseReturnValue:
    """Set a new password; every other browser is signed out, this one gets a new session."""
    if here().config.only_sso:
        abort(403)
    form = ChangePasswordForm()
    if not form.validate_on_submit():
        return _page(password_form=form)
    if problem := _problem(reading().get_one(User, me().id), form.current.data or ""):
        form.current.errors = [problem]
        return _page(password_form=form)
    try:
        with here().database.writing() as writing:
            user = writing.get_one(User, me().id)
            set_password(writing, user, form.password.data or "")
    except CommandError as error:
        form.password.errors = [str(error)]
        return _page(password_form=form)
    end_reading()
    go_on(user)
    tell(user.email, N_("The password was changed."))
    flash(_("The new password is set, and every other browser is signed out."), "good")
    return redirect(url_for("account.page"))


@blueprint.post("/language")
@needs(Who.SIGNED_IN)
def language() -> ResponseReturnValue:
    """Choose the language of pages and mails; the empty one is the browser's."""
    chosen = request.form.get("language", "")
    if chosen and chosen not in LANGUAGES:
        abort(400)
    with here().database.writing() as writing:
        writing.get_one(User, me().id).language = chosen
    with speaking(chosen or request.accept_languages.best_match(LANGUAGES, SOURCE)):
        flash(_("Saved."), "good")
    return redirect(url_for("account.page"))


@blueprint.post("/address")
@needs(Who.SIGNED_IN)
@freshly
def address() -> ResponseReturnValue:
    """Send a link that confirms an address, the same one or another; until then nothing changes."""
    form = AddressForm()
    if not form.validate_on_submit():
        return _page(address_form=form)
    email = normal_email(form.email.data or "")
    if not is_email(email) or here().config.send_mail is None:
        form.email.errors = [_("This is not an e-mail address that can be written to.")]
        return _page(address_form=form)
    user_id = me().id
    mail_later(Topic.ADDRESS, email, lambda to: _confirm_mail(to, user_id))
    flash(_("Look into the mail of %(email)s and open the link there.", email=email), "good")
    return redirect(url_for("account.page"))


def _confirm_mail(email: str, user_id: int) -> Mail | None:
    with here().database.writing() as writing:
        if not is_free(writing, email, except_user=user_id):
            return messages.has_account(email)
        now = here().now()
        token = make_link(writing, LinkKind.CONFIRM, email, now, user_id=user_id, mailed=True)
    return messages.confirm(email, token)


@blueprint.post("/sessions/<int:number>/end")
@needs(Who.SIGNED_IN)
def end(number: int) -> ResponseReturnValue:
    """Sign another browser out."""
    with here().database.writing() as writing:
        end_session(writing, me().id, number)
    flash(_("That browser is signed out."), "good")
    return redirect(url_for("account.page"))


@blueprint.post("/sessions/end-others")
@needs(Who.SIGNED_IN)
def end_others() -> ResponseReturnValue:
    """Sign every other browser out; this one gets a new session."""
    with here().database.writing() as writing:
        user = writing.get_one(User, me().id)
        end_sessions(writing, user)
    end_reading()
    go_on(user)
    flash(_("Every other browser is signed out."), "good")
    return redirect(url_for("account.page"))
